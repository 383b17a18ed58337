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
from beltstack.domain.ids import Noun, TenantId, public_id
from beltstack.planner.arguments import TENANT
from beltstack.planner.collect import Document, collect
from beltstack.planner.plans import Plan
from beltstack.planner.roots import plan_query
from beltstack.schema.queries import ROOTS
from beltstack.schema.types import REGISTRY
from beltstack.store.database import Database, DatabaseRole
from beltstack.store.migrate import migrate
from tests.api import the_schema
from tests.conftest import fresh_database
from tests.store.test_migrations import as_owner

ROWS = 4000
BIG = {"customer", "site", "equipment", "work_order", "visit", "assignment", "invoice"}

FILL = """
insert into tenant (id, slug, name, currency, timezone) values (:tenant, :slug, 'North Air', 'USD', 'UTC');
insert into customer (tenant_id, id, kind, name, name_key, search)
  select :tenant, pg_temp.id('1', n), 'RESIDENTIAL', 'c' || n, 'c' || n,
    (quote_literal(:tenant) || ' ' || right(:tenant, 8) || 'c' || n)::tsvector
  from generate_series(1, :rows) n;
insert into site (tenant_id, id, customer_id, name, timezone)
  select :tenant, pg_temp.id('2', n), pg_temp.id('1', n), 's', 'UTC' from generate_series(1, :rows) n;
insert into equipment (tenant_id, id, site_id, name, serial_key, status)
  select :tenant, pg_temp.id('3', n), pg_temp.id('2', n), 'e', 'sn' || n, 'OPERATIONAL'
  from generate_series(1, :rows) n;
insert into technician (tenant_id, id, name, kind)
  select :tenant, pg_temp.id('4', n), 't', 'EMPLOYEE' from generate_series(1, 40) n;
insert into work_order (tenant_id, id, number, number_key, title, customer_id, site_id, source, priority, state,
    billing_state, currency, search)
  select :tenant, pg_temp.id('5', n), 'WO-' || n, 'wo-' || n, 't', pg_temp.id('1', n / 4 + 1),
    pg_temp.id('2', n / 4 + 1), 'CALL', 'NORMAL', case when n % 50 = 0 then 'COMPLETED' else 'CLOSED' end,
    case when n % 100 = 0 then 'UNBILLED' else 'BILLED' end, 'USD',
    (quote_literal(:tenant) || ' ' || right(:tenant, 8) || 'wo:1 ' || right(:tenant, 8) || n || ':2')::tsvector
  from generate_series(1, :rows) n;
insert into visit (tenant_id, id, work_order_id, sequence, kind, timezone, planned_start, planned_end, planned_order,
    state)
  select :tenant, pg_temp.id('6', n), pg_temp.id('5', n), 1, 'SERVICE', 'UTC', at, at + interval '1 hour', at,
    'SCHEDULED'
  from generate_series(1, :rows) n, lateral (select timestamptz '2020-01-01 00:00:00Z' + n * interval '1 hour' as at) a;
insert into assignment (tenant_id, id, visit_id, technician_id, position, role, state)
  select :tenant, pg_temp.id('7', n), pg_temp.id('6', n), pg_temp.id('4', n % 40 + 1), 0, 'LEAD', 'ASSIGNED'
  from generate_series(1, :rows) n;
insert into invoice (tenant_id, id, work_order_id, customer_id, site_id, number, number_key, state, revision, currency,
    tax_mode, tax_rounding, subtotal, tax, total, terms_days, drafted_at, due_on, due_order)
  select :tenant, pg_temp.id('8', n), pg_temp.id('5', n), pg_temp.id('1', n), pg_temp.id('2', n), 'INV-' || n,
    'inv-' || n,
    case when n % 50 = 0 then 'ISSUED' else 'PAID' end, 1, 'USD', 'EXCLUSIVE', 'PER_LINE', 1, 0, 1, 30, now(), at, at
  from generate_series(1, :rows) n, lateral (select date '2020-01-01' + n as at) a
"""
# The same number names the same row of a table; made of a text, for the tests to name it, too.
ID = """create function pg_temp.id(kind text, n int) returns uuid language sql immutable as
    $$ select ('00000000-0000-7000-8000-' || kind || lpad(n::text, 11, '0'))::uuid $$"""


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
TENANTS = (TenantId(uuid7()), TenantId(uuid7()))


@pytest.fixture(scope="module")
def filled_url(server_url: str) -> Iterator[str]:
    """A database of its own with a few thousand rows of two tenants, analysed."""
    with fresh_database(server_url) as url:
        migrate(url)
        with as_owner(url) as connection:
            connection.execute(text(ID))
            for tenant in TENANTS:
                for statement in FILL.split(";\n"):
                    literal = statement.replace(":tenant", f"'{tenant}'").replace(":slug", f"'{tenant}'")
                    connection.exec_driver_sql(re.sub(":rows", str(ROWS), literal).replace("%", "%%"))
            connection.execute(text("analyze"))
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


@pytest.mark.parametrize("table", ["customer", "work_order"])
def test_a_search_looks_into_its_index_as_the_owner_of_the_tables_does(filled_url: str, table: str) -> None:
    """The planner shows a function as one node: what it does inside is asked for by itself."""
    with as_owner(filled_url) as connection:
        connection.execute(text("select set_config('app.tenant', :tenant, true)"), {"tenant": str(TENANTS[0])})
        asked = f"select prosrc, proconfig from pg_proc where proname = 'found_in_{table}'"
        body, settings = connection.execute(text(asked)).one()
        for setting in settings:
            connection.exec_driver_sql(f"set local {setting}")
        connection.exec_driver_sql(f"prepare asked (tsquery) as {body.replace('asked', '$1')}")
        connection.execute(text("set local plan_cache_mode = force_generic_plan"))
        explained = connection.exec_driver_sql("explain (format json) execute asked ('''399'':*')").scalar_one()
    used = {node.get("Index Name") for node in nodes_of(explained)}
    assert f"{table}_search_idx" in used
    assert whole_tables(explained) == set()


async def test_a_search_function_answers_nothing_without_a_tenant_and_nobody_else_may_ask(filled_url: str) -> None:
    with as_owner(filled_url) as connection:
        assert connection.execute(text("select count(*) from found_in_customer('c:*')")).scalar_one() == 0
        rights = "select has_function_privilege(:role, 'found_in_customer(tsquery)', 'execute')"
        may = {
            role: connection.execute(text(rights), {"role": role.value}).scalar_one()
            for role in (DatabaseRole.APP, DatabaseRole.ENGINE)
        }
    assert may == {DatabaseRole.APP: True, DatabaseRole.ENGINE: False}
