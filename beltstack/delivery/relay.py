"""The relay: looks which lanes have something to do and queues them. Stateless; every worker has one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import psycopg
from psycopg import sql
from sqlalchemy import URL

from beltstack.store.database import CONNECT_SECONDS, DatabaseRole, libpq_url, options
from beltstack.store.outbox import WAKE_CHANNEL

log = logging.getLogger(__name__)

SHORTEST_GAP_SECONDS = 0.01
LONGEST_TIMER_SECONDS = 3600.0
LISTEN_AGAIN_SECONDS = 1.0


class Relay:
    """Passes when it is kicked, when a timer is due, and every `poll_seconds` in any case."""

    def __init__(self, look: Callable[[], Awaitable[None]], *, poll_seconds: float) -> None:
        self._look = look
        self._poll_seconds = poll_seconds
        self._kicked = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def kick(self, *, after_seconds: float = 0.0) -> None:
        """Have a look, now or soon."""
        if after_seconds <= 0:
            self._kicked.set()
        elif after_seconds < LONGEST_TIMER_SECONDS:
            self._loop.call_later(after_seconds, self._kicked.set)

    async def run(self) -> None:
        """Until cancelled; whatever goes wrong is raised."""
        while True:
            self._kicked.clear()
            started = self._loop.time()
            await self._look()
            # A flood of commands must not make the relay the database's busiest client.
            await asyncio.sleep(max(SHORTEST_GAP_SECONDS, 2 * (self._loop.time() - started)))
            await self._wait()

    async def listen(self, url: URL) -> None:
        """Kick at each notification, until cancelled. Without a connection the polling goes on alone."""
        while True:
            try:
                await self._hear(url)
            except psycopg.Error as error:
                log.warning("listening for new deliveries failed (%s); polling goes on", type(error).__name__)
            await asyncio.sleep(LISTEN_AGAIN_SECONDS)

    async def _hear(self, url: URL) -> None:
        async with await psycopg.AsyncConnection.connect(
            libpq_url(url), autocommit=True, connect_timeout=CONNECT_SECONDS, options=options(DatabaseRole.ENGINE)
        ) as connection:
            await connection.execute(sql.SQL("listen {}").format(sql.Identifier(WAKE_CHANNEL)))
            self.kick()
            async for _ in connection.notifies():
                self.kick()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._poll_seconds):
                await self._kicked.wait()
        except TimeoutError:
            return  # nobody kicked: time to look all the same
