"""Deliveries per second of one worker, against its claim and settle statements alone in a loop."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg
from uuid_utils.compat import uuid7

from beltstack.domain.events import WorkOrderCompleted
from beltstack.domain.ids import CustomerId, IntegrationId, SiteId, WorkOrderId
from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database
from beltstack.store.outbox import WAKE_CHANNEL, tell
from beltstack.store.sealing import Sealer, new_key
from beltstack.store.session import Session
from bench.child import a_child
from bench.company import Company, a_company
from bench.figures import Versus, table
from bench.ground import Ground
from bench.lane_by_hand import drain
from bench.plugins import Nothing, OneCall, Unworked

ROUNDS = 3
INTEGRATIONS = 20
# A reaction with a call takes its time: fewer of them tell as much.
COUNTS: dict[type[Plugin], int] = {Nothing: 2000, OneCall: 600, Unworked: 2000}
DRAIN_SECONDS = 60.0
LOOK_SECONDS = 0.05


class NotDelivered(Exception):
    """Deliveries were lost, doubled or late."""


@dataclass(frozen=True, slots=True)
class Owed:
    """One plugin's integrations, one with each company."""

    plugin: type[Plugin]
    companies: tuple[Company, ...]
    integrations: tuple[IntegrationId, ...]

    @property
    def ids(self) -> list[IntegrationId]:
        return list(self.integrations)

    @property
    def count(self) -> int:
        """How many deliveries a round has."""
        return COUNTS[self.plugin]


async def measure(ground: Ground) -> None:
    """Print the table."""
    database = Database(ground.url)
    async with AsyncExitStack() as stack:
        remote = await stack.enter_async_context(a_child("bench.server", "remote", url=ground.url))
        companies = [
            await a_company(database, PluginHost([]), Sealer.of_key(new_key()), slug=f"deliveries-{number}")
            for number in range(INTEGRATIONS)
        ]
        settings = {"url": f"http://127.0.0.1:{remote.word}/"}
        sides = [await _owed(kind, companies, settings if kind is OneCall else {}) for kind in COUNTS]
        worked = (Nothing.manifest.id, OneCall.manifest.id)
        await stack.enter_async_context(a_child("bench.worker", *worked, url=ground.url))
        figures: dict[type[Plugin], list[float]] = {side.plugin: [] for side in sides}
        for number in range(ROUNDS):
            for side in sides if number % 2 == 0 else reversed(sides):
                figures[side.plugin].append(await _round(ground, database, side))
    floor = tuple(figures[Unworked])
    named = {"deliveries, a reaction that does nothing": Nothing, "deliveries, a reaction with one call": OneCall}
    print(table(Versus(what, "/s", tuple(figures[kind]), floor) for what, kind in named.items()))
    await database.close()


async def _owed(plugin: type[Plugin], companies: Sequence[Company], settings: dict[str, Any]) -> Owed:
    ids = [await company.enable(plugin.manifest.id, settings=settings) for company in companies]
    return Owed(plugin, tuple(companies), tuple(ids))


async def _round(ground: Ground, database: Database, side: Owed) -> float:
    """Deliveries per second from the moment the lanes may start to the last one's settling."""
    with psycopg.connect(ground.admin_url, autocommit=True) as admin:
        admin.execute(_REST, {"ids": side.ids})
        await _owe(database, side)
        ground.vacuum()
        if side.plugin is Unworked:
            return _by_hand(ground, admin, side)
        with admin.transaction():
            admin.execute(_START, {"ids": side.ids})
            admin.execute(f"notify {WAKE_CHANNEL}")
        return await _by_the_worker(admin, side)


async def _owe(database: Database, side: Owed) -> None:
    """Each delivery in a stream of its own, so that none waits for another."""
    host = PluginHost([side.plugin()])
    for company in side.companies:
        async with database.transaction(company.actor.tenant_id) as connection:
            session = Session(connection, company.actor, company.asked().now, listeners=host.listeners)
            await tell(session, [a_fact(number) for number in range(side.count // INTEGRATIONS)])


def _by_hand(ground: Ground, admin: psycopg.Connection[Any], side: Owed) -> float:
    admin.execute(_START, {"ids": side.ids})
    lanes = [(company.actor.tenant_id, lane) for company, lane in zip(side.companies, side.integrations, strict=True)]
    started = time.perf_counter()
    drain(ground.url, lanes, at_once=side.plugin.manifest.limits.at_once)
    took_seconds = time.perf_counter() - started
    _check_all_arrived(admin, side)
    return side.count / took_seconds


async def _by_the_worker(admin: psycopg.Connection[Any], side: Owed) -> float:
    started = time.perf_counter()
    while admin.execute(_UNSETTLED, {"ids": side.ids}).fetchone() != (0,):
        if time.perf_counter() - started > DRAIN_SECONDS:
            raise NotDelivered(f"{side.plugin.__name__}: not all delivered within {DRAIN_SECONDS:.0f} s")
        await asyncio.sleep(LOOK_SECONDS)
    _check_all_arrived(admin, side)
    row = admin.execute(_TOOK, {"ids": side.ids, "count": side.count}).fetchone()
    assert row is not None
    return side.count / float(row[0])


def _check_all_arrived(admin: psycopg.Connection[Any], side: Owed) -> None:
    if (row := admin.execute(_ASTRAY, {"ids": side.ids}).fetchone()) != (0,):
        raise NotDelivered(f"{side.plugin.__name__}: {row} deliveries were not delivered at the first attempt")


def a_fact(number: int) -> WorkOrderCompleted:
    return WorkOrderCompleted(
        work_order_id=WorkOrderId(uuid7()),
        number=f"WO-{number}",
        title="No cooling upstairs",
        from_state="IN_PROGRESS",
        state="COMPLETED",
        priority="NORMAL",
        customer_id=CustomerId(uuid7()),
        site_id=SiteId(uuid7()),
        total=Decimal("298.50"),
        currency="USD",
    )


_REST = "update beltstack.lane set rests_until = now() + interval '1 hour' where integration_id = any(%(ids)s)"
_START = """
    update beltstack.lane set rests_until = 'epoch', tat = clock_timestamp() where integration_id = any(%(ids)s)
"""
_UNSETTLED = """
    select count(*) from beltstack.delivery
    where integration_id = any(%(ids)s) and state in ('READY', 'RUNNING', 'WAITING', 'DEAD')
"""
_TOOK = """
    select extract(epoch from max(settled_at) - min(started_at)) from (
        select settled_at, started_at from beltstack.delivery where integration_id = any(%(ids)s)
        order by created_at desc limit %(count)s) as newest
"""
_ASTRAY = """
    select count(*) from beltstack.delivery
    where integration_id = any(%(ids)s) and (state <> 'DELIVERED' or attempts <> 1)
"""
