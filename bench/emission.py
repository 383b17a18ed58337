"""What plugins cost a command: deliveries owed to five integrations, and five vetoes asked."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime
from statistics import median

from uuid_utils.compat import uuid7

from beltstack.domain.changes import Change
from beltstack.domain.ids import CustomerId, SiteId
from beltstack.plugins.context import Review, TenantInfo
from beltstack.plugins.runtime import EnabledPlugin, PluginHost
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer, new_key
from bench.child import a_child
from bench.company import Company, a_company, a_work_order
from bench.figures import Versus, table
from bench.ground import Ground
from bench.plugins import HearsEverything, several
from bench.transition import Job, Side, asked_of_beltstack, version_told

ROUNDS = 9
SLICE_SECONDS = 1.5
CONNECTIONS = 4
REVIEWS = 2000


async def measure(ground: Ground) -> None:
    """Print both tables."""
    database = Database(ground.url)
    async with AsyncExitStack() as stack:
        plain = await _side(stack, ground, database, "without_plugins")
        owing = await _side(stack, ground, database, "with_several")
        print(table([await _compare(owing, plain)]))
        print("\nFive integrations are owed a delivery each; the floor is the same command without plugins.\n")
        print(await _reviews(database))
    await database.close()


async def _side(stack: AsyncExitStack, ground: Ground, database: Database, server: str) -> Side:
    plugins = several() if server == "with_several" else []
    company = await a_company(
        database, HearsEverything(plugins), Sealer.of_key(new_key()), slug=server.replace("_", "-")
    )
    for plugin in plugins:
        await company.enable(plugin.manifest.id)
    jobs = tuple(Job(identifier) for identifier in await company.work_orders(CONNECTIONS))
    child = await stack.enter_async_context(a_child("bench.server", server, url=ground.url))
    return Side(server, int(child.word), company.token, jobs, asked_of_beltstack, version_told)


async def _compare(owing: Side, plain: Side) -> Versus:
    figures: dict[str, list[float]] = {owing.name: [], plain.name: []}
    for side in (owing, plain):
        await side.slice(CONNECTIONS, seconds=SLICE_SECONDS)
    for number in range(ROUNDS):
        for side in (owing, plain) if number % 2 == 0 else (plain, owing):
            figures[side.name].append(await side.slice(CONNECTIONS, seconds=SLICE_SECONDS))
    what = f"transition owed to five, {CONNECTIONS} connections"
    return Versus(what, "/s", tuple(figures[owing.name]), tuple(figures[plain.name]))


async def _reviews(database: Database) -> str:
    """Microseconds that a review takes which five plugins have nothing against."""
    company = await a_company(database, PluginHost([]), Sealer.of_key(new_key()), slug="reviews")
    plugins = several()
    host = PluginHost(plugins)
    enabled = [EnabledPlugin(plugin.manifest.id, None, uuid7()) for plugin in plugins]
    took = [await _review(host, company, enabled) for _ in range(REVIEWS)]
    slow = sorted(took)[-REVIEWS // 20]
    return f"A review by five plugins: {median(took):.0f} µs (median of {REVIEWS}; 95 %: {slow:.0f} µs)."


async def _review(host: PluginHost, company: Company, enabled: Sequence[EnabledPlugin]) -> float:
    tenant = TenantInfo(company.actor.tenant_id, "North Air", "USD", "UTC", date(2026, 1, 1))
    context = Review(tenant=tenant, actor=company.actor, now=datetime.now(UTC), settings=None)
    work_order = a_work_order(CustomerId(uuid7()), SiteId(uuid7()))
    await asyncio.sleep(0)
    started = time.perf_counter()
    refusals = await host.review("before_work_order_complete", Change(work_order, work_order), context, enabled, [])
    assert not refusals
    return 1_000_000 * (time.perf_counter() - started)
