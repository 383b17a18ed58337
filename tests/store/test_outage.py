"""The database goes away under load and comes back: clear answers, and nothing lost, doubled or half-written."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database
from beltstack.store.postgres.process import postmaster
from beltstack.store.sealing import Sealer
from tests.api import Api
from tests.conftest import a_company
from tests.schema.shop import ORDER, Shop, a_shop
from tests.store.conftest import OwnServer
from tests.store.rows import rows_of

WRITERS = 6
KILLS = 2
PATIENCE_SECONDS = 20
UNAVAILABLE = "The database does not answer just now; try again in a moment."


@pytest.fixture
async def shop(own_server: OwnServer, sealer: Sealer) -> AsyncIterator[tuple[Shop, Any]]:
    database = Database(own_server.url)
    company = await a_company(database, PluginHost([]), sealer)
    yield await a_shop(company.owner), company.tenant
    await database.close()


async def test_a_database_that_is_not_there_is_a_clear_answer(host: PluginHost, sealer: Sealer, company: Any) -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/nothing")
    response = await Api(database, host, sealer, company.owner.token).post({"query": "{ tenant { id } }"})
    assert response.status_code == 503
    assert response.json() == {"errors": [{"message": UNAVAILABLE, "extensions": {"code": "DATABASE_UNAVAILABLE"}}]}
    await database.close()


async def test_killing_the_server_under_load_loses_and_doubles_nothing(
    own_server: OwnServer, shop: tuple[Shop, Any]
) -> None:
    office, tenant = shop
    answered: dict[str, str] = {}
    refused: Counter[str] = Counter()
    over = asyncio.Event()
    writers = [asyncio.create_task(write(office, number, answered, refused, over)) for number in range(WRITERS)]
    for _ in range(KILLS):
        await until(more_answers(answered, 2 * WRITERS))
        server = postmaster(own_server.home)
        assert server is not None
        os.kill(server.pid, signal.SIGKILL)
        await until(more_than(refused, refused.total()))
    await until(more_answers(answered, WRITERS))
    over.set()
    await asyncio.gather(*writers)

    # Nobody heard anything but success or this one code, and every key made one work order: the one it was told of.
    assert set(refused) == {"DATABASE_UNAVAILABLE"}
    owner = Database(own_server.url)
    rows = await rows_of(owner, tenant.id)
    await owner.close()
    numbers = [order["number"] for order in await all_orders(office.api)]
    assert sorted(numbers) == sorted(answered.values())
    assert len(set(numbers)) == len(numbers)
    # Nothing half-written: each has its line, its fact, its audit entry and its key.
    made = len(numbers)
    assert len(rows["line_item"]) == made
    assert sum('"work_order.created"' in row for row in rows["event"]) == made
    assert sum('"work_order.create"' in row for row in rows["audit_entry"]) == made
    assert len(rows["idempotency"]) == made


async def write(
    office: Shop, writer: int, answered: dict[str, str], refused: Counter[str], over: asyncio.Event
) -> None:
    """One work order after the other, each under its key until there is an answer."""
    document = f"""mutation ($input: WorkOrderCreateInput!) {{
        workOrderCreate(input: $input) {{ {ORDER} userErrors {{ code }} }} }}"""
    turn = 0
    while not over.is_set():
        turn += 1
        key = f"{writer}-{turn}"
        given = {
            "customerId": office.customer, "siteId": office.site, "title": key, "source": "CALL",
            "lineItems": [{"description": "Visit", "unitPrice": "1.00"}], "idempotencyKey": key,
        }  # fmt: skip
        answered[key] = await insist(office.api, {"query": document, "variables": {"input": given}}, refused)


async def insist(api: Api, request: Any, refused: Counter[str]) -> str:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        body = (await api.post(request)).json()
        if "errors" not in body:
            payload = body["data"]["workOrderCreate"]
            assert payload["userErrors"] == []
            number: str = payload["workOrder"]["number"]
            return number
        refused.update(error["extensions"]["code"] for error in body["errors"])
        await asyncio.sleep(0.05)
    raise AssertionError(f"The database did not come back within {PATIENCE_SECONDS} s.")


def more_answers(answered: dict[str, str], count: int) -> Callable[[], bool]:
    enough = len(answered) + count
    return lambda: len(answered) >= enough


def more_than(refused: Counter[str], count: int) -> Callable[[], bool]:
    return lambda: refused.total() > count


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(PATIENCE_SECONDS * 100):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"It did not come to that within {PATIENCE_SECONDS} s.")


async def all_orders(api: Api) -> list[Any]:
    found: list[Any] = []
    after = None
    while True:
        document = """query ($after: String) { workOrders(first: 100, after: $after) {
            nodes { number } pageInfo { endCursor hasNextPage } } }"""
        page = (await api.ask(document, after=after))["workOrders"]
        found.extend(page["nodes"])
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]
