"""A worker in a process of its own, to be killed. Its plugin notes each call in a file, and sleeps over some."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from beltstack.delivery.working import work
from beltstack.domain.events import PaymentRecorded
from beltstack.plugins.context import Context
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer, new_key
from tests.delivery.office import a_plugin


async def main(url: str, plugin_id: str, notes: Path) -> None:
    async def react(event: PaymentRecorded, context: Context) -> None:
        with notes.open("a") as file:
            file.write(f"{event.amount} {context.attempt} {context.idempotency_key}\n")
        if event.amount < 0:
            await asyncio.sleep(25)

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    database = Database(url)
    host = PluginHost([a_plugin(react, id=plugin_id)])
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    await work(database, host, Sealer.of_key(new_key()), stop=stop)
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
