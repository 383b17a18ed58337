"""Every hostile request is refused by its code, before a plan is made, and costs next to nothing."""

import time

import httpx
import pytest

from beltstack.schema.execution import Executor
from tests import api as callers
from tests.api import Company, the_schema
from tests.schema.hostile import CUSTOMERS, GRAPHQL, HOSTILE, JSON, Hostile

# The goal is 50 ms on a quiet machine, and `python -m bench hostile` looks for that; here neighbours are busy.
CPU_SECONDS = 0.15
TRIES = 3


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> Executor:
    """Without anything that was asked before."""
    executor = Executor(the_schema())
    monkeypatch.setattr(callers, "the_executor", lambda: executor)
    return executor


def test_there_are_many_and_no_two_alike() -> None:
    assert len(HOSTILE) > 100
    assert len({one.name for one in HOSTILE}) == len({one.content + str(one.headers).encode() for one in HOSTILE})
    assert len({one.name for one in HOSTILE}) == len(HOSTILE)


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
async def test_a_hostile_request_is_refused_by_its_code(
    shared_company: Company, executor: Executor, hostile: Hostile
) -> None:
    took_seconds = []
    for _ in range(TRIES):
        executor.documents = type(executor.documents)(executor.documents.schema)
        began = time.process_time()
        response = await sent(shared_company, hostile)
        took_seconds.append(time.process_time() - began)
        answer = response.json()
        assert response.status_code == hostile.status, answer
        assert {error["extensions"]["code"] for error in answer["errors"]} == {hostile.code}
        assert answer.get("data") is None
    # A page is looked at where it is read: a plan is made then, and nothing is asked of the database.
    assert len(executor.plans) <= (hostile.status == 200)
    assert min(took_seconds) < CPU_SECONDS


async def sent(company: Company, hostile: Hostile) -> httpx.Response:
    headers = {"Content-Type": JSON, "Accept": GRAPHQL, **hostile.headers}
    return await company.owner.post(content=hostile.content, headers=headers)


ORDERED = """query ($order: CustomerOrder, $after: String) {
    customers(first: 1, after: $after, orderBy: $order) { nodes { name } pageInfo { endCursor } } }"""


async def test_a_cursor_of_another_order_is_refused(company: Company) -> None:
    for name in ("Ada", "Ben"):
        await company.owner.do("customerCreate", "customer { id }", name=name)
    by_name = {"field": "NAME", "direction": "ASC"}
    cursor = (await company.owner.ask(ORDERED, order=by_name))["customers"]["pageInfo"]["endCursor"]
    (error,) = await company.owner.errors(CUSTOMERS, a=cursor, n=1)
    assert error["extensions"]["code"] == "BAD_CURSOR"


async def test_a_cursor_of_another_tenant_shows_nothing_of_it(company: Company, shared_company: Company) -> None:
    for name in ("Theirs 1", "Theirs 2"):
        await shared_company.owner.do("customerCreate", "customer { id }", name=name)
    cursor = (await shared_company.owner.ask(ORDERED))["customers"]["pageInfo"]["endCursor"]
    await company.owner.do("customerCreate", "customer { id }", name="Ours")
    answer = await company.owner.post({"query": ORDERED, "variables": {"after": cursor}})
    assert "Theirs" not in answer.text
