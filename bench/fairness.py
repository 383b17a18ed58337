"""How soon a fresh tenant's delivery starts behind another tenant's backlog, against a worker with nothing to do."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any, LiteralString

import psycopg

from beltstack.domain.ids import IntegrationId
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database
from beltstack.store.outbox import WAKE_CHANNEL, tell
from beltstack.store.sealing import Sealer, new_key
from beltstack.store.session import Session
from bench.child import a_child
from bench.company import Company, a_company
from bench.deliveries import NotDelivered, a_fact
from bench.figures import Versus, table
from bench.ground import Ground
from bench.plugins import OneCall

BACKLOG = 10_000
ROUNDS = 3
PROBES = 15
"""Fresh tenants in each half of a round."""
PAUSE_SECONDS = 0.2
LONGEST_SECONDS = 20.0
LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Tenant:
    company: Company
    integration_id: IntegrationId

    async def owe(self, database: Database, count: int) -> datetime:
        """Deliveries in streams of their own; the moment before they are committed."""
        host = PluginHost([OneCall()])
        async with database.transaction(self.company.actor.tenant_id) as connection:
            session = Session(connection, self.company.actor, datetime.now(UTC), listeners=host.listeners)
            await tell(session, [a_fact(number) for number in range(count)])
            return datetime.now(UTC)


async def measure(ground: Ground) -> None:
    """Print the table."""
    database = Database(ground.url)
    async with AsyncExitStack() as stack:
        remote = await stack.enter_async_context(a_child("bench.server", "remote", url=ground.url))
        crowd, *fresh = [
            await _a_tenant(database, f"fair-{number}", url=f"http://127.0.0.1:{remote.word}/")
            for number in range(1 + 2 * ROUNDS * PROBES)
        ]
        admin = await stack.enter_async_context(
            await psycopg.AsyncConnection.connect(ground.admin_url, autocommit=True)
        )
        await stack.enter_async_context(a_child("bench.worker", OneCall.manifest.id, url=ground.url))
        behind, alone = [], []
        for number in range(ROUNDS):
            first, second = fresh[2 * number * PROBES :][:PROBES], fresh[(2 * number + 1) * PROBES :][:PROBES]
            await _pause(admin, crowd)
            alone.append(await _probe(database, admin, first))
            await _backlog(database, admin, crowd)
            behind.append(await _probe(database, admin, second))
    await database.close()
    versus = []
    parts: dict[str, Callable[[list[float]], float]] = {"p50": median, "the slowest": max}
    for name, part in parts.items():
        sides = tuple(part(times) for times in behind), tuple(part(times) for times in alone)
        versus.append(Versus(f"commit to start behind {BACKLOG:,}, {name}", "ms", *sides))
    print(table(versus))
    print(f"\nThe floor is the same worker with nothing else to do; {PROBES} fresh tenants in each half of a round.")


async def _a_tenant(database: Database, slug: str, *, url: str) -> Tenant:
    company = await a_company(database, PluginHost([]), Sealer.of_key(new_key()), slug=slug)
    return Tenant(company, await company.enable(OneCall.manifest.id, settings={"url": url}))


async def _probe(database: Database, admin: psycopg.AsyncConnection, tenants: Sequence[Tenant]) -> list[float]:
    """Milliseconds from each tenant's commit to its delivery's start."""
    waited = []
    for tenant in tenants:
        committed = await tenant.owe(database, 1)
        row = await _found(admin, _STARTED, tenant)
        waited.append(1000 * (row[0] - committed).total_seconds())
        await asyncio.sleep(PAUSE_SECONDS)
    return waited


async def _pause(admin: psycopg.AsyncConnection, crowd: Tenant) -> None:
    """No delivery of the crowd's under way, and none about to be."""
    await admin.execute(_REST, {"id": crowd.integration_id})
    await _found(admin, _AT_REST, crowd)


async def _found(admin: psycopg.AsyncConnection, question: LiteralString, tenant: Tenant) -> tuple[Any, ...]:
    """The row, as soon as there is one."""
    for _ in range(int(LONGEST_SECONDS / LOOK_SECONDS)):
        if row := await (await admin.execute(question, {"id": tenant.integration_id})).fetchone():
            return row
        await asyncio.sleep(LOOK_SECONDS)
    raise NotDelivered(f"not so within {LONGEST_SECONDS} s: {question}")


async def _backlog(database: Database, admin: psycopg.AsyncConnection, crowd: Tenant) -> None:
    """Ten thousand waiting, and the worker at them."""
    row = await (await admin.execute(_WAITING, {"id": crowd.integration_id})).fetchone()
    assert row is not None
    await crowd.owe(database, BACKLOG - row[0])
    async with admin.transaction():
        await admin.execute(_START, {"id": crowd.integration_id})
        await admin.execute(f"notify {WAKE_CHANNEL}")
    await asyncio.sleep(1)
    await _found(admin, _RUNNING, crowd)


_STARTED = "select started_at from beltstack.delivery where integration_id = %(id)s and started_at is not null"
_REST = "update beltstack.lane set rests_until = now() + interval '1 hour' where integration_id = %(id)s"
_START = "update beltstack.lane set rests_until = 'epoch' where integration_id = %(id)s"
_RUNNING = "select 1 from beltstack.delivery where integration_id = %(id)s and state = 'RUNNING' limit 1"
_AT_REST = """
    select 1 where not exists (
        select from beltstack.delivery where integration_id = %(id)s and state = 'RUNNING')
"""
_WAITING = "select count(*) from beltstack.delivery where integration_id = %(id)s and state = 'READY'"
