"""No plugin and no tenant takes every place: what hangs is waited for beside the others, not in front of them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

from uuid_utils.compat import uuid7

from beltstack.delivery.fairness import Shares
from beltstack.delivery.working import work
from beltstack.domain.deliveries import DeliveryState
from beltstack.domain.events import PaymentRecorded
from beltstack.domain.ids import IntegrationId, TenantId
from beltstack.plugins import Context, Plugin
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database
from beltstack.store.lanes import LaneKey
from tests.delivery.office import BRISK, QUICK, Office, a_plugin, an_office, until


def lanes(count: int, *, plugin: str = "acme", tenant: UUID | None = None) -> Iterator[LaneKey]:
    for _ in range(count):
        yield LaneKey(TenantId(tenant or uuid7()), IntegrationId(uuid7()), plugin)


def test_a_plugin_gets_half_of_the_places() -> None:
    shares = Shares([], places=20)
    assert len(list(shares.among(lanes(30)))) == 10
    assert shares.full_plugins == {"acme"}
    assert len(list(shares.among(lanes(30, plugin="other")))) == 10


def test_a_tenant_gets_a_quarter_of_the_places() -> None:
    tenant, shares = uuid7(), Shares([], places=20)
    many = [key for number in range(30) for key in lanes(1, plugin=f"plugin_{number}", tenant=tenant)]
    assert len(list(shares.among(many))) == 5
    assert shares.full_tenants == {tenant}
    assert list(shares.among(lanes(1)))


def test_what_is_busy_counts() -> None:
    shares = Shares(lanes(9), places=20)
    assert shares.full_plugins == set()
    assert len(list(shares.among(lanes(5)))) == 1


def test_each_gets_one_place_however_few_there_are() -> None:
    shares = Shares([], places=1)
    assert len(list(shares.among([*lanes(2), *lanes(2, plugin="other")]))) == 2


@asynccontextmanager
async def a_narrow_worker(offices: list[Office], *plugins: Plugin) -> AsyncIterator[None]:
    """Four places, for all of the offices."""
    stop, office = asyncio.Event(), offices[0]
    worker = asyncio.create_task(
        work(office.database, PluginHost(plugins), office.sealer, stop=stop, lanes_at_once=4, pace=QUICK, policy=BRISK)
    )
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(worker, 30)


async def test_a_vendor_who_hangs_for_many_tenants_holds_up_nobody_elses_deliveries(database: Database) -> None:
    hanging, let_go = 0, asyncio.Event()

    async def hang(event: PaymentRecorded, context: Context) -> None:
        nonlocal hanging
        hanging += 1
        await let_go.wait()

    async def take(event: PaymentRecorded, context: Context) -> None: ...

    slow, quick = a_plugin(hang), a_plugin(take)
    first = await an_office(database, slow)
    hung = [first, *[replace(await an_office(database, slow), sealer=first.sealer) for _ in range(7)]]
    fresh = replace(await an_office(database, quick), sealer=first.sealer)
    for office in hung:
        await office.receive(1)
    async with a_narrow_worker([*hung, fresh], slow, quick):
        await until(lambda: _true(hanging >= 2))
        await fresh.receive(1)
        await until(fresh.all_delivered, seconds=4)
        assert hanging == 2
        let_go.set()
        for office in hung:
            await until(office.all_delivered)
    assert [await office.states() for office in hung] == [[DeliveryState.DELIVERED]] * 8


async def _true(holds: bool) -> bool:
    return holds
