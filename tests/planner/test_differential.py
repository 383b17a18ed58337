"""The gate for the planner: whatever is asked, it answers what the slow reference answers."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from beltstack.domain.access import Role
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer
from tests.api import Api
from tests.conftest import a_company
from tests.planner.documents import Request, Stock, a_request
from tests.planner.reference import PREFIXES, Reference, cursor, reference_schema, rows_of, snake
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
    """One tenant, a caller and a reference for each role."""

    stock: Stock
    callers: Mapping[Role, tuple[Api, Reference]]


@pytest.fixture(scope="module")
async def bench(database: Database, sealer: Sealer) -> Bench:
    """Beside it stands another tenant whose rows have the same ids."""
    company, other = [await a_company(database, PluginHost([]), sealer) for _ in range(2)]
    for seed, one in enumerate((company, other)):
        await store(database, one.tenant.id, full_tenant(one.tenant.id, seed=seed))
    rows = await rows_of(database, company.tenant.id)
    callers = {
        role: (await company.as_role(role), Reference(company.tenant.id, rows, **rights)) for role, rights in ROLES.items()
    }
    reference = callers[Role.OWNER][1]
    ids = [one for kind in PREFIXES for one in reference.ids(kind)]
    cursors = [cursor(row["id"]) for kind in PREFIXES for row in rows[snake(kind)]]
    return Bench(Stock(ids, cursors), callers)


async def test_the_planner_answers_what_the_reference_answers(bench: Bench) -> None:
    full = 0
    for number in range(DOCUMENTS):
        role = (Role.OWNER, Role.OWNER, Role.TECHNICIAN, Role.VIEWER)[number % 4]
        request = a_request(reference_schema(), bench.stock, seed=SEED + number)
        full += await compared(*bench.callers[role], request, f"seed {SEED + number} as {role}")
    # Documents whose answer is nothing would agree about nothing.
    assert full > DOCUMENTS / 2


async def compared(api: Api, reference: Reference, request: Request, which: str) -> bool:
    """Whether there was something to compare."""
    body = {"query": request.document, "variables": request.variables, "operationName": request.operation}
    response = await api.post(body)
    answered = json.loads(response.text, parse_float=Decimal)
    data, messages = reference.answer(request.document, request.variables, request.operation)
    told = [error["message"] for error in answered.get("errors", ())]
    assert "data" in answered, f"{which}: {told}\n{request}"
    assert answered["data"] == data, f"{which}: {told}\n{request}\n{first_difference(answered['data'], data)}"
    if data is None:
        assert {error["extensions"]["code"] for error in answered["errors"]} == {"FORBIDDEN"}
    else:
        # The planner tells of a hidden field once, and also where no row would have shown it.
        assert set(messages) <= set(told), f"{which}: {told} {messages}\n{request}"
    assert told == [] or not reference.sees_costs, f"{which}: {told}\n{request}"
    return len(response.text) > 100


def first_difference(left: Any, right: Any, path: str = "data") -> str:
    if isinstance(left, dict) and isinstance(right, dict) and left.keys() == right.keys():
        return next((first_difference(left[key], right[key], f"{path}.{key}") for key in left if left[key] != right[key]), "")
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        return next(
            (first_difference(*pair, f"{path}[{at}]") for at, pair in enumerate(zip(left, right, strict=True)) if pair[0] != pair[1]),
            "",
        )  # fmt: skip
    return f"{path}: planner {str(left)[:500]}, reference {str(right)[:500]}"
