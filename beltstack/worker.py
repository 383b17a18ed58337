"""Where the delivery worker is wired: beside the API, or as a process of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from beltstack.delivery.working import work
from beltstack.inbound.working import take_inbound
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer


@asynccontextmanager
async def run_worker(database: Database, host: PluginHost, sealer: Sealer) -> AsyncIterator[None]:
    """A worker that runs as long as the block; it hands its lanes back before the block is left."""
    stop = asyncio.Event()
    running = [
        asyncio.create_task(work(database, host, sealer, stop=stop)),
        asyncio.create_task(take_inbound(database, host, sealer, stop=stop)),
    ]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*running)
