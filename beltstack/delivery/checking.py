"""A plugin's own check of its connection, asked outside of every transaction and contained, whatever it does."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from beltstack.commands.checks import Checked, ToCheck
from beltstack.delivery.connecting import a_connection
from beltstack.delivery.outcomes import Outcome, frames_of, outcome_of
from beltstack.delivery.shop import Shop
from beltstack.domain.deliveries import ErrorClass
from beltstack.domain.ids import TenantId
from beltstack.plugins.context import Connection
from beltstack.plugins.errors import ReconnectNeeded
from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.runtime import PluginHost
from beltstack.store.codecs import from_json, to_json
from beltstack.store.database import Database, libpq_url
from beltstack.store.sealing import SealBroken, Sealer

T = TypeVar("T")

CHECK_SECONDS = 20.0
GRACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class StoredChecks:
    """Checks of stored integrations, each in a thread with a loop of its own: one that blocks blocks nobody else."""

    database: Database
    host: PluginHost
    sealer: Sealer
    seconds: float = CHECK_SECONDS

    async def check(self, tenant_id: TenantId, to_check: ToCheck) -> Checked:
        """What the check found; a check that is late is left alone and counts as failed."""
        plugin = self.host.plugins[to_check.plugin_id]
        loop = asyncio.get_running_loop()
        verdict: asyncio.Future[Checked] = loop.create_future()

        def tell(checked: Checked) -> None:
            if not verdict.done():
                verdict.set_result(checked)

        def run() -> None:
            try:
                checked = asyncio.run(self._checked(plugin, tenant_id, to_check))
            except BaseException as error:  # a vendor's `sys.exit()` ends the check, and nothing else
                checked = _failed(outcome_of(error, plugin=plugin.manifest.name))
            if not loop.is_closed():
                loop.call_soon_threadsafe(tell, checked)

        # A thread that hangs must not hold the process back when it ends.
        threading.Thread(target=run, name=f"check of {to_check.plugin_id}", daemon=True).start()
        try:
            return await asyncio.wait_for(verdict, self.seconds + GRACE_SECONDS)
        except TimeoutError:
            return self._late(plugin)

    async def _checked(self, plugin: Plugin, tenant_id: TenantId, to_check: ToCheck) -> Checked:
        database = Database(libpq_url(self.database.url), pool_size=2)
        shop = Shop(database, self.host, self.sealer)
        try:
            opened = a_connection(
                shop, plugin, tenant_id, to_check.integration_id, seconds=self.seconds, given=to_check.secrets
            )
            async with asyncio.timeout(self.seconds), opened as connection:
                offered = Offered(to_check.credentials)
                connection.discretion.learn([to_check.secrets, to_check.credentials])
                if to_check.settings is not None:
                    whole = {**to_check.settings, **(to_check.secrets or {})}
                    connection.settings = from_json(plugin.manifest.settings, whole)
                if to_check.credentials is not None:
                    connection.credentials = offered
                outcome = await _asked(plugin, connection)
                if outcome.message is None:
                    return Checked(credentials=offered.values)
                return _failed(outcome, connection.discretion.about(outcome.message))
        except SealBroken as broken:
            return Checked(str(broken), "SEAL_BROKEN")
        except TimeoutError:
            return self._late(plugin)
        finally:
            await shop.close()
            await database.close()

    def _late(self, plugin: Plugin) -> Checked:
        return Checked(f"{plugin.manifest.name} did not finish its check within {self.seconds:g} seconds.", "TIMEOUT")


async def _asked(plugin: Plugin, connection: Connection) -> Outcome:
    try:
        await plugin.check(connection)
    except Exception as error:
        outcome = outcome_of(error, plugin=plugin.manifest.name)
        if outcome.error_class is ErrorClass.DEFECT:
            connection.log.error("%s in a check:\n%s", type(error).__name__, frames_of(error))
        return outcome
    return Outcome()


def _failed(outcome: Outcome, words: str | None = None) -> Checked:
    return Checked(words or outcome.message or "The check failed.", outcome.code)


@dataclass(slots=True)
class Offered:
    """Credentials that are not stored yet, as a check sees them; a renewal is kept here until they are."""

    values: Mapping[str, Any] | None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self, kind: type[T]) -> T:
        """Raises ReconnectNeeded where they do not fit the plugin."""
        try:
            return from_json(kind, dict(self.values or {}))
        except Exception as error:
            raise ReconnectNeeded("The credentials do not fit the plugin.", code="CREDENTIALS_MISFIT") from error

    async def renew(self, kind: type[T], stale: T, refresh: Callable[[T], Awaitable[T]]) -> T:
        """Theirs, if somebody renewed `stale` meanwhile; else what `refresh` answers."""
        async with self._lock:
            current = await self.read(kind)
            if current != stale:
                return current
            fresh = await refresh(stale)
            self.values = to_json(fresh)
            return fresh
