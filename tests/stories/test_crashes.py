"""Whoever is killed, and whenever: QuickBooks ends with each customer, invoice and payment once, to the cent."""

import asyncio
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg.rows import TupleRow

from beltstack.demo.quickbooks import Fault, FaultKind, LoopbackQuickBooks, Request
from beltstack.demo.worker_process import WorkerProcess
from beltstack.domain.ids import Noun, parse_id
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database, DatabaseRole, options
from beltstack.store.embedded import EmbeddedPostgres
from beltstack.store.migrate import migrate
from beltstack.store.postgres import process
from beltstack.store.postgres.home import Home
from beltstack.store.sealing import Sealer, new_key
from tests.stories.ledger import Entry, Firm, a_firm, all_quiet, books_of, until

LONGEST_SECONDS = 60.0
CUSTOMER, PRICE = "Marisol Vega", Decimal("579.40")
# 579.40 and 8.25 % of it, 47.8005.
TOTAL = Decimal("627.20")
IN_FLIGHT = 12
CLIENTS = 4
"""So many at once ask BeltStack while its database is killed."""


@dataclass
class World:
    """A PostgreSQL that may be killed, and what works on it."""

    home: Home
    url: str
    database: Database
    host: PluginHost
    sealer: Sealer
    secret_key: str

    async def worker(self) -> WorkerProcess:
        variables = {"BELTSTACK_DATABASE_URL": self.url, "BELTSTACK_SECRET_KEY": self.secret_key}
        worker = WorkerProcess(variables)
        await asyncio.to_thread(worker.wait_until_ready)
        return worker

    def kill_postgres(self) -> None:
        """SIGKILL, the postmaster first, then every process of the server."""
        server = process.postmaster(self.home)
        if server is not None:
            with suppress(ProcessLookupError):
                os.kill(server.pid, signal.SIGKILL)
        process.kill_orphans(self.home)


@pytest.fixture(scope="module")
async def world(host: PluginHost) -> AsyncIterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="stories-"))
    folder.chmod(0o711)
    try:
        with EmbeddedPostgres(folder / "data") as postgres:
            migrate(postgres.url)
            database, key = Database(postgres.url, pool_size=20), new_key()
            yield World(Home(folder / "data"), postgres.url, database, host, Sealer.of_key(key), key)
            await database.close()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def quickbooks_of_each_place() -> Iterator[dict[str, LoopbackQuickBooks]]:
    with several(PLACES) as found:
        yield found


@contextmanager
def several(names: Any) -> Iterator[dict[str, LoopbackQuickBooks]]:
    from contextlib import ExitStack
    with ExitStack() as stack:
        yield {name: stack.enter_context(LoopbackQuickBooks()) for name in names}
