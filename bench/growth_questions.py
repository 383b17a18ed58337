"""What a frontend asks of a company, and about what: the questions are the same for every size."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from bench.growth_ground import Grown

SUBJECTS = 40
"""Of each question: enough that no question has all its rows in the processor's cache, few enough to stay in memory."""
VISITS_OF_A_DAY = 3
Subject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """A GraphQL document; `subjects` names what its variables are picked from."""

    name: str
    query: str
    subjects: str = "nothing"
    may_grow: bool = False
    """Its work is in proportion to what it counts; no goal is set."""


_BOARD = "{ id state planned { start end } workOrder { id title customer { name } site { name } } \
assignments { state technician { name } } }"
_WORK = "id number title state priority createdAt customer { id name phone } site { id name }"
_PAGE = "nodes { id number title state } pageInfo { endCursor hasNextPage }"
QUESTIONS = (
    Question(
        "board of a day, first 10",
        "query($from: DateTime!, $to: DateTime!) { visits(first: 10, where: {plannedStart: {between: "
        f"{{from: $from, to: $to}}}}}}, orderBy: {{field: PLANNED_START, direction: ASC}}) {{ nodes {_BOARD} }} }}",
        "technician's day",
    ),
    Question(
        "my visits of a day",
        "query($technician: ID!, $from: DateTime!, $to: DateTime!) { visits(where: {technicianId: {eq: $technician},"
        " plannedStart: {between: {from: $from, to: $to}}}, orderBy: {field: PLANNED_START, direction: ASC})"
        f" {{ nodes {_BOARD} }} }}",
        "technician's day",
    ),
    Question(
        "unbilled work",
        "{ workOrders(where: {state: {eq: COMPLETED}, billingState: {eq: UNBILLED}}, first: 50)"
        f" {{ nodes {{ {_WORK} }} }} }}",
    ),
    Question(
        "a customer's history",
        f"query($id: ID!) {{ customer(id: $id) {{ name workOrders(first: 20) {{ nodes {{ {_WORK} }} }} }} }}",
        "customer",
    ),
    Question(
        "a site's equipment",
        "query($id: ID!) { site(id: $id) { name equipment { nodes { id name serial status } } } }",
        "site",
    ),
    Question(
        "customers by the beginning of their name",
        "query($begin: String!) { customers(first: 20, where: {name: {startsWith: $begin}},"
        " orderBy: {field: NAME, direction: ASC}) { nodes { id name phone } } }",
        "beginning of a name",
    ),
    Question(
        "search of customers",
        "query($words: String!) { customers(search: $words, first: 20) { nodes { id name phone } } }",
        "customer's words",
    ),
    Question(
        "search of work orders",
        f"query($words: String!) {{ workOrders(search: $words, first: 20) {{ nodes {{ {_WORK} }} }} }}",
        "work order's words",
    ),
    Question(
        "a work order by id",
        f"query($id: ID!) {{ workOrder(id: $id) {{ {_WORK}"
        " visits { id state assignments { technician { name } } }"
        " lineItems { id description quantity net { amount } } } }",
        "work order",
    ),
    Question(
        "customers with open counts",
        "query($after: String!) { customers(first: 50, after: $after) { nodes { id name phone"
        " workOrders(where: {state: {in: [OPEN, SCHEDULED, IN_PROGRESS, ON_HOLD]}}) { totalCount } } } }",
        "place among customers",
    ),
    Question("work orders, first page", f"{{ workOrders(first: 50) {{ {_PAGE} }} }}"),
    Question(
        "work orders, a page in the middle",
        f"query($after: String!) {{ workOrders(first: 50, after: $after) {{ {_PAGE} }} }}",
        "place among work orders",
    ),
    Question(
        "work orders, last page by its cursor",
        f"query($after: String!) {{ workOrders(first: 50, after: $after) {{ {_PAGE} }} }}",
        "place before the last page",
    ),
    Question("work orders, last page by `last`", f"{{ workOrders(last: 50) {{ {_PAGE} }} }}"),
    Question("totalCount of work orders", "{ workOrders(first: 1) { totalCount } }", may_grow=True),
    Question(
        "search for what every work order says",
        f"{{ workOrders(search: \"cooling\", first: 20) {{ nodes {{ {_WORK} }} }} }}",
    ),
)  # fmt: skip


def subjects_of(grown: Grown) -> dict[str, tuple[Subject, ...]]:
    """By the name of what is picked, variables for the questions; spread over the whole company."""
    with psycopg.connect(grown.ground.admin_url, options="-c search_path=beltstack") as connection:
        values = {"tenant": grown.company.tenant_id, "many": SUBJECTS, "visits": VISITS_OF_A_DAY}
        picked = {name: tuple(_rows(connection, statement, values)) for name, statement in _PICKS.items()}
    return {"nothing": ({},)} | picked


def free_work_orders(grown: Grown) -> tuple[str, ...]:
    """Public ids of open work orders, for transitions."""
    with psycopg.connect(grown.ground.admin_url, options="-c search_path=beltstack") as connection:
        found = connection.execute(_FREE, {"tenant": grown.company.tenant_id, "many": SUBJECTS})
        return tuple(f"wo_{row[0]}" for row in found)


def _rows(connection: psycopg.Connection, statement: str, values: dict[str, Any]) -> Iterator[Subject]:
    cursor = connection.execute(statement.encode(), values)
    names = [column.name for column in cursor.description or ()]
    for row in cursor:
        yield {name: _public(name, value) for name, value in zip(names, row, strict=True)}


def _public(name: str, value: Any) -> Any:
    return value.isoformat() if name in {"from", "to"} else value


# Spread over the newer half, so that the last word, a number, begins no other number of the company.
def _spread(table: str, columns: str) -> str:
    return f"""
        select {columns} from (
            select id, {"number" if table == "work_order" else "name"}, row_number() over (order by id desc) as place,
                   count(*) over () / 2 as half
            from {table} where tenant_id = %(tenant)s) row
        where place <= half and place %% (half / %(many)s) = 0 order by place limit %(many)s
    """


_PICKS = {
    "technician's day": """
        select 'tech_' || technician_id as technician, lower(during) as "from", ends as "to"
        from (select *, row_number() over () as nth from (
                select technician_id, during, row_number() over w as place, count(*) over (partition by technician_id)
                       as of_all, lead(lower(during), %(visits)s) over w as ends
                from assignment
                where tenant_id = %(tenant)s and state <> 'REMOVED' and technician_id in (
                    select id from technician where tenant_id = %(tenant)s order by id limit %(many)s)
                window w as (partition by technician_id order by lower(during))) visit
              where place = of_all / 4 and ends is not null) picked
    """,
    "customer": _spread("customer", "'cust_' || id as id"),
    "site": _spread("site", "'site_' || id as id"),
    "work order": _spread("work_order", "'wo_' || id as id"),
    "customer's words": _spread("customer", "name as words"),
    "work order's words": _spread("work_order", "number as words"),
    "beginning of a name": """
        select left(name_key, strpos(name_key, ' ') + 3) as begin from (
            select distinct on (left(name_key, strpos(name_key, ' ') + 3)) name_key from customer
            where tenant_id = %(tenant)s) one limit %(many)s
    """,
}
# The server tells where in its list a record stands: the pages behind it start there.
CURSORS = {
    "place among work orders": (
        "query($words: String!) { workOrders(where: {number: {eq: $words}}) { pageInfo { endCursor } } }",
        "work order's words",
    ),
    "place before the last page": (
        'query { workOrders(where: {number: {eq: "WO-51"}}) { pageInfo { endCursor } } }',
        "nothing",
    ),
    "place among customers": (
        "query($words: String!) { customers(where: {name: {eq: $words}}) { pageInfo { endCursor } } }",
        "customer's words",
    ),
}
_FREE = "select id from work_order where tenant_id = %(tenant)s and state = 'OPEN' order by id desc limit %(many)s"
