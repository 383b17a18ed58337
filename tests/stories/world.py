"""A PostgreSQL of its own that may be killed, and delivery workers that may be killed, all of them real processes."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from beltstack.demo.quickbooks import LoopbackQuickBooks
from beltstack.demo.worker_process import WorkerProcess
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database
from beltstack.store.embedded import EmbeddedPostgres
from beltstack.store.migrate import migrate
from beltstack.store.postgres import process
from beltstack.store.postgres.home import Home
from beltstack.store.sealing import Sealer, new_key
from tests.stories.ledger import Firm, a_firm


@dataclass
class World:
    """One database with a worker at a time on it, and the firms in it."""

    home: Home
    postgres: EmbeddedPostgres
    database: Database
    host: PluginHost
    secret_key: str
    stack: AsyncExitStack
    _worker: WorkerProcess | None = field(default=None)

    async def firm(self) -> Firm:
        """A tenant with a QuickBooks of its own."""
        quickbooks = self.stack.enter_context(LoopbackQuickBooks())
        return await a_firm(self.database, self.host, Sealer.of_key(self.secret_key), quickbooks)

    async def start_worker(self) -> None:
        assert self._worker is None
        # It starts on a database that is there only; once it runs, it bears with one that is not.
        await asyncio.to_thread(self.postgres.ensure_running)
        variables = {"BELTSTACK_DATABASE_URL": self.postgres.url, "BELTSTACK_SECRET_KEY": self.secret_key}
        self._worker = WorkerProcess(variables)
        await asyncio.to_thread(self._worker.wait_until_ready)

    async def kill_worker(self) -> None:
        """SIGKILL; it is gone when this returns."""
        worker, self._worker = self._worker, None
        assert worker is not None
        await asyncio.to_thread(worker.kill)

    async def stop_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            await asyncio.to_thread(worker.stop)

    async def strike(self, victim: str) -> None:
        """Kill `postgres`, or the `worker` and start another one."""
        if victim == "postgres":
            await self.kill_postgres()
        else:
            await self.kill_worker()
            await self.start_worker()

    async def kill_postgres(self) -> None:
        """SIGKILL for the postmaster, then for every process of the server; its supervisor starts another one."""
        server = process.postmaster(self.home)
        if server is not None:
            with suppress(ProcessLookupError):
                os.kill(server.pid, signal.SIGKILL)
        await asyncio.to_thread(process.kill_orphans, self.home)


@asynccontextmanager
async def a_world(host: PluginHost) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(_folder())
        postgres = stack.enter_context(EmbeddedPostgres(folder / "data"))
        await asyncio.to_thread(migrate, postgres.url)
        database = Database(postgres.url, pool_size=20)
        stack.push_async_callback(database.close)
        world = World(Home(folder / "data"), postgres, database, host, new_key(), stack)
        stack.push_async_callback(world.stop_worker)
        yield world


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="stories-"))
    # The server may run as another user: it has to reach its part of the folder.
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
