"""The gate for the planner: whatever is asked, it answers what the slow reference answers."""

import itertools
import json
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse

from beltstack.commands.asking import Asked
from beltstack.domain.access import Actor, ActorKind, Role
from beltstack.domain.ids import TenantId
from beltstack.plugins.runtime import PluginHost
from beltstack.schema.context import Context
from beltstack.schema.documents import Operation
from beltstack.schema.execution import Executor
from beltstack.schema.limits import Cost
from beltstack.store.database import Database, DatabaseRole
from beltstack.store.sealing import Sealer
from tests.api import the_schema
from tests.conftest import a_company
from tests.planner.documents import Request, Stock, a_request
from tests.planner.reference import PREFIXES, Reference, reference_schema, rows_of
from tests.planner.shelves import DAYS, INSTANTS, TEXTS, full_tenant, store

DOCUMENTS = int(os.environ.get("BELTSTACK_DOCUMENTS", "300"))
SEED = int(os.environ.get("BELTSTACK_SEED", "0"))
TOO_MANY = json.dumps(["1"] * 251)
ROLES = {
    Role.OWNER: {"is_admin": True, "sees_costs": True},
    Role.TECHNICIAN: {"is_admin": False, "sees_costs": False},
    Role.VIEWER: {"is_admin": False, "sees_costs": False},
}


@dataclass(frozen=True)
class Bench:
    """Two tenants; who asks and a reference for each role of each. `slow` has indexes and policies off."""

    executor: Executor
    slow: Database
    tenants: tuple[tuple[Stock, Mapping[Role, tuple[Context, Reference]]], ...]


@pytest.fixture(scope="module")
async def slow(database: Database) -> AsyncIterator[Database]:
    """One connection that no index and no policy helps: what is sorted, and whose it is, the statement has to say."""
    slow = Database(database.url.render_as_string(hide_password=False), pool_size=1)
    settings = {"enable_indexscan": "off", "enable_indexonlyscan": "off", "enable_bitmapscan": "off"}
    for name, value in (settings | {"role": DatabaseRole.OWNER}).items():
        await slow.reads.fetch("select set_config($1, $2, $3::boolean)", [name, value, False], tenant_id=None)
    yield slow
    await slow.close()


@pytest.fixture(scope="module")
async def bench(database: Database, slow: Database, sealer: Sealer) -> Bench:
    """Half of the tenants' ids are the same, the others are of one of them alone; documents name them all."""
    companies = [await a_company(database, PluginHost([]), sealer) for _ in range(2)]
    tenants = [one.tenant.id for one in companies]
    for seed, tenant in enumerate(tenants):
        await store(database, tenant, full_tenant(tenant, seed=seed + 1))
    callers = [
        {role: (context_of(tenant, role, database, sealer), Reference(tenant, rows, **ROLES[role])) for role in ROLES}
        for tenant, rows in [(tenant, await rows_of(database, tenant)) for tenant in tenants]
    ]
    owners = [one[Role.OWNER][1] for one in callers]
    ids = {kind: [one for owner in owners for one in owner.ids(kind)] for kind in PREFIXES}
    instants, days = [one.isoformat() for one in INSTANTS], [one.isoformat() for one in DAYS]
    stocks = [Stock(ids, owner.cursors(), (*TEXTS, "no\0text"), instants, days) for owner in owners]
    return Bench(Executor(the_schema()), slow, tuple(zip(stocks, callers, strict=True)))


def context_of(tenant_id: TenantId, role: Role, database: Database, sealer: Sealer) -> Context:
    actor = Actor(tenant_id, ActorKind.APP, tenant_id, frozenset({role}))
    now = datetime(2026, 3, 2, tzinfo=UTC)
    return Context(Asked(actor=actor, now=now, database=database, host=PluginHost([]), sealer=sealer))


async def test_the_planner_answers_what_the_reference_answers(bench: Bench) -> None:
    full = 0
    for seed in range(SEED, SEED + DOCUMENTS):
        role = (Role.OWNER, Role.OWNER, Role.TECHNICIAN, Role.VIEWER)[seed % 4]
        stock, callers = bench.tenants[seed // 4 % 2]
        request = a_request(reference_schema(), stock, seed=seed)
        context, reference = callers[role]
        full += await compared(bench.executor, context, reference, request, f"seed {seed} as {role}")
        once_more = role if seed % 3 else Role.VIEWER if role is Role.OWNER else Role.OWNER
        if request.other_variables or once_more is not role:
            # The plan is there already, mostly: nothing of who asked before, and with which values, may be in it.
            context, reference = callers[once_more]
            elsewhere = replace(context, asked=replace(context.asked, database=bench.slow))
            again = replace(request, variables=request.other_variables)
            await compared(bench.executor, elsewhere, reference, again, f"seed {seed} once more, as {once_more}")
    # Documents whose answer is nothing would agree about nothing.
    assert full > DOCUMENTS / 3


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("first: 0", "BAD_PAGE"),
        ("first: 1, last: 1", "BAD_PAGE"),
        ('after: "x"', "BAD_CURSOR"),
        (f"where: {{number: {{in: {TOO_MANY}}}}}", "BAD_FILTER"),
        (f"where: {{or: {{not: {{number: {{in: {TOO_MANY}}}}}}}}}", "BAD_FILTER"),
    ],
)
async def test_a_refusal_deep_inside_has_its_code_and_takes_the_whole_answer(
    bench: Bench, arguments: str, code: str
) -> None:
    stock, callers = bench.tenants[0]
    context, _ = callers[Role.VIEWER]
    page = f"workOrders({arguments}) {{ nodes {{ id }} }}"
    for document in (
        f"{{ customers {{ nodes {{ name sites {{ edges {{ node {{ {page} }} }} }} }} }} }}",
        f'{{ tenant {{ id }} node(id: "{stock.ids["Customer"][0]}") {{ ... on Customer {{ {page} }} }} }}',
    ):
        outcome = await bench.executor.execute(operation_of(Request(document, {}, None, {})), {}, context)
        assert (outcome.data, [error["extensions"]["code"] for error in outcome.errors]) == ("null", [code])


async def compared(executor: Executor, context: Context, reference: Reference, request: Request, which: str) -> bool:
    """Whether there was something to compare."""
    outcome = await executor.execute(operation_of(request), request.variables, context)
    told = {(error["extensions"]["code"], error["message"]) for error in outcome.errors}
    data, expected = reference.answer(request.document, request.variables, request.operation)
    # Numbers as they are written: 1.0 is not 1.00.
    answered = json.loads(outcome.data, parse_float=lambda text: [text], parse_int=lambda text: [text])
    wanted = as_written(data)
    where = f"{which}: told {told}, expected {expected}\n{request}\n"
    assert json.dumps(answered) == json.dumps(wanted), where + first_difference(answered, wanted)
    codes, wanted_codes = {code for code, _ in told}, {code for code, _ in expected}
    if data is None:
        # The first of several refusals is the whole answer.
        assert codes, where
        assert codes <= wanted_codes, where
    else:
        # The planner tells of a hidden field once, and also where no row would have shown it.
        assert expected <= told, where
        assert codes <= {"FORBIDDEN_FIELD"}, where
        assert not told or not reference.sees_costs, where
    return len(outcome.data) > 100


def as_written(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_written(one) for key, one in value.items()}
    if isinstance(value, list):
        return [as_written(one) for one in value]
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return value
    return [
        format(Decimal(repr(value)) if isinstance(value, float) else value, "f" if not isinstance(value, int) else "d")
    ]


def operation_of(request: Request) -> Operation:
    """Past the limits: what they refuse has to be right, too."""
    document = parse(request.document)
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    chosen = [one for one in operations if request.operation in {None, one.name and one.name.value}]
    return Operation(request.document, document, chosen[0], Cost(0))


def first_difference(left: Any, right: Any, path: str = "data") -> str:
    pairs: Iterable[tuple[Any, Any, Any]] = ()
    if isinstance(left, dict) and isinstance(right, dict) and left.keys() == right.keys():
        pairs = ((key, left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        pairs = zip(itertools.count(), left, right, strict=False)
    for key, ours, theirs in pairs:
        if ours != theirs:
            return first_difference(ours, theirs, f"{path}.{key}")
    return f"first difference at {path}: planner {str(left)[:500]}, reference {str(right)[:500]}"
