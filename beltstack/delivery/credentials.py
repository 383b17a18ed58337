"""An integration's credentials: opened only for a reaction, renewed once however many need it."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from sqlalchemy import text

from beltstack.delivery.discretion import Discretion
from beltstack.delivery.sessions import TenantSessions
from beltstack.plugins.errors import ReconnectNeeded
from beltstack.store.codecs import from_json, to_json
from beltstack.store.database import DatabaseUnavailable
from beltstack.store.integrations import Secrets, Vault
from beltstack.store.sealing import SealBroken, Sealer
from beltstack.store.session import Session

T = TypeVar("T")

# A rotated token that is not stored is lost for good: the database gets a while to come back.
STORE_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0)


class RenewalQueues:
    """One renewal at a time per integration and process; the database sees to other processes."""

    def __init__(self) -> None:
        self._locks: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._running: set[asyncio.Task[object]] = set()

    async def run(self, integration_id: UUID, renewal: Callable[[], Awaitable[T]]) -> T:
        """Run to its end even if the caller gives up meanwhile: half a renewal loses the token."""

        async def in_turn() -> T:
            async with self._locks[integration_id]:
                return await renewal()

        task = asyncio.create_task(in_turn())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def finish(self) -> None:
        """Wait for renewals under way."""
        await asyncio.gather(*self._running, return_exceptions=True)


class IntegrationCredentials:
    """One integration's credentials, as one delivery sees them."""

    def __init__(self, sessions: TenantSessions, sealer: Sealer, queues: RenewalQueues, discretion: Discretion) -> None:
        self._sessions = sessions
        self._sealer = sealer
        self._queues = queues
        self._discretion = discretion

    async def read(self, kind: type[T]) -> T:
        """Raises ReconnectNeeded where there are none, or where they do not open."""
        async with self._sessions.begin() as session:
            return self._as(kind, await self._open(session))

    async def renew(self, kind: type[T], stale: T, refresh: Callable[[T], Awaitable[T]]) -> T:
        """Theirs, if somebody renewed `stale` meanwhile; else what `refresh` answers, stored before it is used."""
        return await self._queues.run(self._sessions.integration_id, lambda: self._renewed(kind, stale, refresh))

    async def _renewed(self, kind: type[T], stale: T, refresh: Callable[[T], Awaitable[T]]) -> T:
        fresh: T | None = None
        secrets = Secrets()
        try:
            async with self._sessions.begin() as session:
                # Not the row's own lock: the lane has to write there while the remote takes its time.
                await session.first(_LOCK, {"integration": str(self._sessions.integration_id)})
                secrets = await self._open(session)
                current = self._as(kind, secrets)
                if current != stale:
                    return current
                fresh = await refresh(stale)
                self._discretion.learn(fresh)
                return await self._store(session, kind, secrets, fresh)
        except DatabaseUnavailable:
            if fresh is None:
                raise
            return await self._store_when_possible(kind, secrets, fresh)

    async def _store(self, session: Session, kind: type[T], before: Secrets, fresh: T) -> T:
        """Unless somebody connected anew meanwhile: then theirs stands."""
        vault = Vault(session, self._sealer)
        await vault.lock(self._sessions.integration_id)
        now = await self._open(session)
        if now.credentials != before.credentials:
            return self._as(kind, now)
        await vault.keep(self._sessions.integration_id, replace(now, credentials=to_json(fresh)))
        return fresh

    async def _store_when_possible(self, kind: type[T], before: Secrets, fresh: T) -> T:
        for pause_seconds in STORE_PAUSES_SECONDS:
            await asyncio.sleep(pause_seconds)
            try:
                async with self._sessions.begin() as session:
                    return await self._store(session, kind, before, fresh)
            except DatabaseUnavailable:
                continue
        async with self._sessions.begin() as session:
            return await self._store(session, kind, before, fresh)

    async def _open(self, session: Session) -> Secrets:
        try:
            return await Vault(session, self._sealer).open(self._sessions.integration_id)
        except SealBroken as broken:
            raise ReconnectNeeded(str(broken), code="SEAL_BROKEN") from broken

    def _as(self, kind: type[T], secrets: Secrets) -> T:
        if secrets.credentials is None:
            raise ReconnectNeeded("The integration is not connected yet: connect it.", code="NOT_CONNECTED")
        self._discretion.learn(secrets.credentials)
        try:
            return from_json(kind, dict(secrets.credentials))
        except Exception as error:
            raise ReconnectNeeded(
                "The stored credentials do not fit this version of the plugin: connect the integration again.",
                code="CREDENTIALS_MISFIT",
            ) from error


_LOCK = text("select pg_advisory_xact_lock(hashtextextended('credentials/' || :integration, 0))")
