"""The worker for what comes in: looks what waits to be read, and reads it, beside the one that delivers."""

import asyncio
import logging
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

READ_AT_ONCE = 8
LOOKED_AT = 64
EACH = 4
"""Messages of one integration in one look."""
PAUSE_SECONDS = 1.0
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
        self._under_way: dict[object, asyncio.Task[None]] = {}

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
            # Each has its limit; a message that is cut short all the same is read again after its lease.
            if self._under_way:
                await asyncio.wait(set(self._under_way.values()), timeout=self._pace.limit_seconds)
        for task in (looking, listening):
            if not task.cancelled() and (error := task.exception()):
                raise error

    async def _look(self) -> None:
        """Begin to read what there is room for."""
        room = READ_AT_ONCE - len(self._under_way)
        if room <= 0:
            return
        try:
            plugins = _receivers(self._shop.host)
            found = await due_inbound(self._shop.database, plugins=plugins, most=LOOKED_AT, each=EACH)
        except DatabaseUnavailable as error:
            log.warning("what came in waits: %s", error)
            await asyncio.sleep(PAUSE_SECONDS)
            return
        for due in [one for one in found if one.id not in self._under_way][:room]:
            self._under_way[due.id] = asyncio.create_task(self._read(due))

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
            del self._under_way[due.id]
            self._relay.kick()


def _receivers(host: PluginHost) -> list[str]:
    return [plugin_id for plugin_id, plugin in host.plugins.items() if isinstance(plugin, ReceivesWebhooks)]
