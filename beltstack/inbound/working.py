"""The worker for what comes in: looks what waits to be read, and reads it, beside the one that delivers."""

import asyncio
import logging
from collections import Counter
from contextlib import suppress

from beltstack.delivery.outcomes import frames_of
from beltstack.delivery.relay import Relay
from beltstack.delivery.shop import Shop
from beltstack.inbound.reading import ReadingPace, read
from beltstack.plugins.inbound import ReceivesWebhooks
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database, DatabaseUnavailable
from beltstack.store.inbound import DueInbound, due_inbound
from beltstack.store.sealing import Sealer

READ_AT_ONCE = 16
OF_ONE_PLUGIN = 8
OF_ONE_INTEGRATION = 2
"""So that a plugin that hangs for one tenant keeps neither the others' messages waiting nor other plugins'."""
LOOKED_AT = 64
PAUSE_SECONDS = 1.0
FAREWELL_SECONDS = 8.0
BROKEN_SECONDS = 5.0

log = logging.getLogger(__name__)


async def take_inbound(
    database: Database, host: PluginHost, sealer: Sealer, *, stop: asyncio.Event, pace: ReadingPace | None = None
) -> None:
    """Read messages until `stop` is set, then finish those under way. While the database is away it tries again."""
    if not _receivers(host):
        await stop.wait()
        return
    shop = Shop(database, host, sealer)
    try:
        while not stop.is_set():
            try:
                await _Reader(shop, pace or ReadingPace()).run(stop)
            except Exception as error:
                log.error("reading what comes in starts again: %s\n%s", type(error).__name__, frames_of(error))
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), PAUSE_SECONDS)
    finally:
        await shop.close()


class _Reader:
    def __init__(self, shop: Shop, pace: ReadingPace) -> None:
        self._shop = shop
        self._pace = pace
        self._relay = Relay(self._look, poll_seconds=pace.poll_seconds)
        self._under_way: dict[DueInbound, asyncio.Task[None]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        listening = asyncio.create_task(self._relay.listen(self._shop.database.url))
        looking = asyncio.create_task(self._relay.run())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({stopped, looking, listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (listening, looking, stopped):
                task.cancel()
            await asyncio.wait({listening, looking, stopped})
            await self._end()
        for task in (looking, listening):
            if not task.cancelled() and (error := task.exception()):
                raise error

    async def _end(self) -> None:
        """A message that is cut short is read again after its lease."""
        if not self._under_way:
            return
        _, late = await asyncio.wait(set(self._under_way.values()), timeout=FAREWELL_SECONDS)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    async def _look(self) -> None:
        """Begin to read what there is room for."""
        if len(self._under_way) >= READ_AT_ONCE:
            return
        integrations = Counter(due.integration_id for due in self._under_way)
        plugins = Counter(due.plugin_id for due in self._under_way)
        try:
            found = await due_inbound(
                self._shop.database,
                plugins=[one for one in _receivers(self._shop.host) if plugins[one] < OF_ONE_PLUGIN],
                busy=[one for one, count in integrations.items() if count >= OF_ONE_INTEGRATION],
                most=LOOKED_AT,
                each=OF_ONE_INTEGRATION,
            )
        except DatabaseUnavailable as error:
            log.warning("what came in waits: %s", error)
            await asyncio.sleep(PAUSE_SECONDS)
            return
        for due in found:
            integrations[due.integration_id] += 1
            plugins[due.plugin_id] += 1
            has_room = len(self._under_way) < READ_AT_ONCE and due not in self._under_way
            fits = integrations[due.integration_id] <= OF_ONE_INTEGRATION and plugins[due.plugin_id] <= OF_ONE_PLUGIN
            if has_room and fits:
                self._under_way[due] = asyncio.create_task(self._read(due))

    async def _read(self, due: DueInbound) -> None:
        try:
            await read(self._shop, due, self._pace)
        except DatabaseUnavailable as error:
            log.warning("what came in waits: %s", error)
        except Exception as error:
            log.error("reading %s broke: %s\n%s", due.id, type(error).__name__, frames_of(error))
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(BROKEN_SECONDS)
        finally:
            del self._under_way[due]
            self._relay.kick()


def _receivers(host: PluginHost) -> list[str]:
    return [plugin_id for plugin_id, plugin in host.plugins.items() if isinstance(plugin, ReceivesWebhooks)]
