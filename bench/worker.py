"""A delivery worker as a process of its own, with the plugins named by its arguments."""

import asyncio
import sys

from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer, new_key
from beltstack.worker import run_worker
from bench.child import given_url, parents_end, say_ready
from bench.plugins import Hourly, Nothing, OneCall, SaysWhen

PLUGINS = {kind.manifest.id: kind for kind in (Hourly, Nothing, OneCall, SaysWhen)}
SETTLING_SECONDS = 1.5
"""The worker says to nobody that it has signed on; by then it has."""


async def _work(names: list[str]) -> None:
    database = Database(given_url())
    gone = parents_end()
    host = PluginHost([PLUGINS[name]() for name in names])
    async with run_worker(database, host, Sealer.of_key(new_key())):
        await asyncio.sleep(SETTLING_SECONDS)
        say_ready()
        await gone.wait()
    await database.close()


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1:]))
