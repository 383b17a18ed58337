"""The gate for the planner: whatever is asked, it answers what the slow reference answers."""

import itertools
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse

from beltstack.commands.asking import Asked
from beltstack.domain.access import Actor, ActorKind, Role
from beltstack.plugins.runtime import PluginHost
from beltstack.schema.context import Context
from beltstack.schema.documents import Operation
from beltstack.schema.execution import Executor
from beltstack.schema.limits import Cost
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer
from tests.api import the_schema
from tests.conftest import a_company
from tests.planner.documents import Request, Stock, a_request
from tests.planner.reference import PREFIXES, Reference, reference_schema, rows_of
from tests.planner.shelves import full_tenant, store

DOCUMENTS = int(os.environ.get("BELTSTACK_DOCUMENTS", "300"))
SEED = int(os.environ.get("BELTSTACK_SEED", "0"))
ROLES = {
    Role.OWNER: {"is_admin": True, "sees_costs": True},
    Role.TECHNICIAN: {"is_admin": False, "sees_costs": False},
    Role.VIEWER: {"is_admin": False, "sees_costs": False},
}


@dataclass(frozen=True)
class Bench:
    """One tenant; who asks and a reference for each role."""

    executor: Executor
    stock: Stock
    callers: Mapping[Role, tuple[Context, Reference]]


@pytest.fixture(scope="module")
async def bench(database: Database, sealer: Sealer) -> Bench:
    """Beside it stands another tenant whose rows have the same ids."""
    company, other = [await a_company(database, PluginHost([]), sealer) for _ in range(2)]
    for seed, one in enumerate((company, other)):
        await store(database, one.tenant.id, full_tenant(one.tenant.id, seed=seed))
    rows = await rows_of(database, company.tenant.id)

    def context_of(role: Role) -> Context:
        actor = Actor(company.tenant.id, ActorKind.APP, company.tenant.id, frozenset({role}))
        now = datetime(2026, 3, 2, tzinfo=UTC)
        return Context(Asked(actor=actor, now=now, database=database, host=PluginHost([]), sealer=sealer))

    callers = {role: (context_of(role), Reference(company.tenant.id, rows, **rights)) for role, rights in ROLES.items()}
    reference = callers[Role.OWNER][1]
    ids = {kind: reference.ids(kind) for kind in PREFIXES}
    return Bench(Executor(the_schema()), Stock(ids, reference.cursors()), callers)


async def test_the_planner_answers_what_the_reference_answers(bench: Bench) -> None:
    full = 0
    for number in range(DOCUMENTS):
        role = (Role.OWNER, Role.OWNER, Role.TECHNICIAN, Role.VIEWER)[number % 4]
        request = a_request(reference_schema(), bench.stock, seed=SEED + number)
        which = f"seed {SEED + number} as {role}"
        full += await compared(bench.executor, *bench.callers[role], request, which)
    # Documents whose answer is nothing would agree about nothing.
    assert full > DOCUMENTS / 2


async def compared(executor: Executor, context: Context, reference: Reference, request: Request, which: str) -> bool:
    """Whether there was something to compare."""
    outcome = await executor.execute(operation_of(request), request.variables, context)
    told = [error["message"] for error in outcome.errors]
    data, messages = reference.answer(request.document, request.variables, request.operation)
    answered = json.loads(outcome.data, parse_float=Decimal)
    assert answered == data, f"{which}: {told}\n{request}\n{first_difference(answered, data)}"
    assert list(answered or ()) == list(data or ()), f"{which}: the keys stand in another order"
    if data is None:
        assert {error["extensions"]["code"] for error in outcome.errors} == {"FORBIDDEN"}
    else:
        # The planner tells of a hidden field once, and also where no row would have shown it.
        assert set(messages) <= set(told), f"{which}: {told} {messages}\n{request}"
    assert told == [] or not reference.sees_costs, f"{which}: {told}\n{request}"
    return len(outcome.data) > 100


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
    return f"{path}: planner {str(left)[:500]}, reference {str(right)[:500]}"
