"""Where the delivery worker is wired: beside the API, or as a process of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from beltstack.delivery.retention import keep_tidy
from beltstack.delivery.working import work
from beltstack.inbound.working import take_inbound
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer


@asynccontextmanager
async def run_worker(
    database: Database, host: PluginHost, sealer: Sealer, *, kept: timedelta | None = None
) -> AsyncIterator[None]:
    """A worker that runs as long as the block; it hands its lanes back before the block is left.

    `kept` is how long settled deliveries and their events are kept; None for ever.
    """
    stop = asyncio.Event()
    running = [
        asyncio.create_task(work(database, host, sealer, stop=stop)),
        asyncio.create_task(take_inbound(database, host, sealer, stop=stop)),
    ]
    if kept is not None:
        running.append(asyncio.create_task(keep_tidy(database, kept=kept, stop=stop)))
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*running)
