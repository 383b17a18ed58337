"""The queries a field-service frontend makes: each is read off an index, under row-level security, for any tenant."""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from graphql import OperationDefinitionNode, parse, validate
from sqlalchemy import text
from uuid_utils.compat import uuid7

from beltstack.domain.access import Actor, ActorKind, Role
from beltstack.domain.ids import Noun, public_id
from beltstack.planner.arguments import TENANT
from beltstack.planner.collect import Document, collect
from beltstack.planner.plans import Plan
from beltstack.planner.roots import plan_query
from beltstack.schema.queries import ROOTS
from beltstack.schema.types import REGISTRY
from beltstack.store.database import Database, DatabaseRole
from tests.api import the_schema
from tests.planner.filled import ROWS, TENANTS, a_filled_database
from tests.store.test_migrations import as_owner

BIG = {"customer", "site", "equipment", "work_order", "visit", "assignment", "invoice"}


def an_id(noun: Noun, kind: str, number: int) -> str:
    return public_id(noun, UUID(f"00000000-0000-7000-8000-{kind}{number:011}"))


CUSTOMER, SITE = an_id(Noun.CUSTOMER, "1", 7), an_id(Noun.SITE, "2", 7)
TECHNICIAN = an_id(Noun.TECHNICIAN, "4", 7)
DAY = '{ between: { from: "2020-02-01T00:00:00Z", to: "2020-02-02T00:00:00Z" } }'
BY_START = "orderBy: { field: PLANNED_START, direction: ASC }"

FRONTEND = {
    "the board of a day": f"visits(where: {{ plannedStart: {DAY} }}, {BY_START}) {{ nodes {{ id workOrder {{ title "
    "customer { name } site { name } } assignments { technician { name } } } }",
    "what is planned next": f"visits(first: 20, {BY_START}) {{ nodes {{ id }} }}",
    "my visits of a day": f'visits(where: {{ technicianId: {{ eq: "{TECHNICIAN}" }}, plannedStart: {DAY} }}, '
    f"{BY_START}) {{ nodes {{ id }} }}",
    "my visits": f'visits(where: {{ technicianId: {{ eq: "{TECHNICIAN}" }} }}) {{ nodes {{ id }} }}',
    "unbilled work": "workOrders(where: { state: { eq: COMPLETED }, billingState: { eq: UNBILLED } }) { nodes { id } }",
    "how much is unbilled": "workOrders(where: { billingState: { eq: UNBILLED } }) { totalCount }",
    "completed work": "workOrders(where: { state: { eq: COMPLETED } }) { nodes { id } }",
    "the newest work": "workOrders(first: 50) { nodes { id } }",
    "a customer's history": f'customer(id: "{CUSTOMER}") {{ workOrders {{ totalCount nodes {{ id }} }} }}',
    "the same as a filter": f'workOrders(where: {{ customerId: {{ eq: "{CUSTOMER}" }} }}) {{ nodes {{ id }} }}',
    "a site's equipment": f'site(id: "{SITE}") {{ equipment {{ nodes {{ id }} }} }}',
    "customers by name": "customers(orderBy: { field: NAME, direction: ASC }) { nodes { id } }",
    "customers whose names begin so": 'customers(where: { name: { startsWith: "c39" } }) { nodes { id } }',
    "a search of customers": 'customers(search: "c399") { nodes { id } }',
    "a search of work orders": 'workOrders(search: "WO-399") { nodes { id } }',
    "a work order by its number": 'workOrders(where: { number: { eq: "WO-77" } }) { nodes { id } }',
    "equipment by its serial": 'equipmentList(where: { serial: { eq: "SN77" } }) { nodes { id } }',
    "what is owed": "invoices(where: { state: { eq: ISSUED } }) { nodes { id } }",
    "what is overdue": 'invoices(where: { dueOn: { lt: "2020-03-01" } }, '
    "orderBy: { field: DUE_ON, direction: ASC }) { nodes { id } }",
    "an invoice by its number": 'invoices(where: { number: { eq: "inv-77" } }) { nodes { id } }',
}


@pytest.fixture(scope="module")
def filled_url(server_url: str) -> Iterator[str]:
    with a_filled_database(server_url) as url:
        yield url


def planned(query: str) -> tuple[Plan, dict[str, Any]]:
    document = parse(f"{{ {query} }}")
    assert validate(the_schema()._schema, document) == []
    (operation,) = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    variables = {TENANT: TENANTS[0]}
    asked = collect([operation.selection_set], Document({}, variables), frozenset({"Query"}))
    actor = Actor(tenant_id=TENANTS[0], kind=ActorKind.USER, id=uuid7(), roles=frozenset({Role.OWNER}))
    plan = plan_query(REGISTRY, ROOTS, actor, asked)
    return plan, plan.values(variables)


def nodes_of(plan: Any) -> Iterator[dict[str, Any]]:
    if isinstance(plan, dict):
        if "Node Type" in plan:
            yield plan
        for value in plan.values():
            yield from nodes_of(value)
    elif isinstance(plan, list):
        for value in plan:
            yield from nodes_of(value)


def whole_tables(plan: Any) -> set[str]:
    """The big tables that are read from end to end, or whose whole tenant is."""
    found = set()
    for node in nodes_of(plan):
        table = node.get("Relation Name")
        is_whole = node["Node Type"] == "Seq Scan" or node.get("Rows Removed by Filter", 0) > ROWS // 2
        if table in BIG and is_whole:
            found.add(str(table))
    return found


@pytest.mark.parametrize("name", FRONTEND)
async def test_a_frontend_s_query_reads_no_big_table_whole(filled_url: str, name: str) -> None:
    plan, values = planned(FRONTEND[name])
    database = Database(filled_url)
    try:
        async with database.transaction(TENANTS[0]) as connection:
            assert plan.statement is not None
            answer = (await connection.execute(plan.statement, values)).scalar_one()
            compiled = text(f"explain (analyze, format json) {numbered(plan)}")
            named = {f"v{place}": value for place, value in enumerate(plan.wired(values), start=1)}
            explained = (await connection.execute(compiled, named)).scalar_one()
    finally:
        await database.close()
    assert '"id"' in answer or '"totalCount":40' in answer, answer
    assert whole_tables(explained) == set(), json.dumps(explained, indent=1, default=str)


def numbered(plan: Plan) -> str:
    """The statement's text with named parameters instead of `$n`."""
    return re.sub(r"\$(\d+)", r":v\1", plan.text.replace(":", r"\:"))


async def test_a_search_function_answers_nothing_without_a_tenant_and_nobody_else_may_ask(filled_url: str) -> None:
    asked = "found_in_customer('c:*', '{}', null, null)"
    with as_owner(filled_url) as connection:
        assert connection.execute(text(f"select count(*) from {asked}")).scalar_one() == 0
        rights = "select has_function_privilege(:role, 'found_in_customer(tsquery, tsquery[], uuid, int)', 'execute')"
        may = {
            role: connection.execute(text(rights), {"role": role.value}).scalar_one()
            for role in (DatabaseRole.APP, DatabaseRole.ENGINE)
        }
    assert may == {DatabaseRole.APP: True, DatabaseRole.ENGINE: False}
