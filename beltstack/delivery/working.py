"""A delivery worker: `work` runs one until it is told to stop, whatever becomes of the database meanwhile."""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress

import psycopg
import psycopg_pool
from procrastinate.exceptions import ProcrastinateException
from sqlalchemy.exc import SQLAlchemyError

from beltstack.delivery.engine import Engine, Pace, WorkerOutcast
from beltstack.delivery.lanes import run_lane
from beltstack.delivery.outcomes import frames_of
from beltstack.delivery.policy import RetryPolicy
from beltstack.delivery.relay import Relay
from beltstack.delivery.shop import Shop
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database, DatabaseUnavailable
from beltstack.store.lanes import LaneKey, due_lanes
from beltstack.store.sealing import Sealer

log = logging.getLogger(__name__)

LANES_AT_ONCE = 20
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
GOOD_SITTING_SECONDS = 10.0
AFTER_A_LANE_SECONDS = 0.02
"""By then the engine has taken note that the lane is free."""
BROKEN_LANE_SECONDS = 5.0

# What passes when the database or the engine's tables are back; anything else is a defect and ends the worker.
PASSING = (
    DatabaseUnavailable,
    ProcrastinateException,
    SQLAlchemyError,
    WorkerOutcast,
    psycopg.Error,
    psycopg_pool.PoolTimeout,
    OSError,
)


async def work(
    database: Database,
    host: PluginHost,
    sealer: Sealer,
    *,
    stop: asyncio.Event,
    lanes_at_once: int = LANES_AT_ONCE,
    pace: Pace | None = None,
    policy: RetryPolicy | None = None,
) -> None:
    """Carry deliveries to plugins until `stop` is set; then lanes under way hand back and it returns.

    Several may run at once, here and on other machines. While the database does not answer it tries again, for ever.
    """
    shop = Shop(database, host, sealer, policy or RetryPolicy())
    pause_seconds = FIRST_PAUSE_SECONDS
    loop = asyncio.get_running_loop()
    try:
        while not stop.is_set():
            started = loop.time()
            try:
                await _Sitting(shop, lanes_at_once, pace or Pace()).run(stop)
            except PASSING as error:
                if loop.time() - started > GOOD_SITTING_SECONDS:
                    pause_seconds = FIRST_PAUSE_SECONDS
                log.warning("the delivery worker starts again: %s", _first_line(error))
                await _wait(stop, seconds=pause_seconds)
                pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)
    finally:
        await shop.close()


class _Sitting:
    """From signing on to the engine until the worker is stopped or something breaks."""

    def __init__(self, shop: Shop, lanes_at_once: int, pace: Pace) -> None:
        self._shop = shop
        self._pace = pace
        self._hand_back = asyncio.Event()
        self._relay = Relay(self._wake_lanes, poll_seconds=pace.poll_seconds)
        self._engine = Engine(
            shop.database.url, plugins=shop.plugins, lanes_at_once=lanes_at_once, pace=pace, run=self._run
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Raises what broke it; returns when it was stopped."""
        async with self._engine.opened():
            worker = asyncio.create_task(self._engine.work())
            others = [
                asyncio.create_task(part)
                for part in (self._pulse(), self._relay.run(), self._relay.listen(self._shop.database.url), stop.wait())
            ]
            try:
                await asyncio.wait([worker, *others], return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._hand_back.set()
                broken = await _ended(worker, others, keep=others[0])
        if broken is not None and not stop.is_set():
            raise broken

    async def _run(self, key: LaneKey) -> None:
        """One lane, for the engine. Whatever breaks it, the lane comes back, but not at once."""
        after_seconds: float | None = None
        try:
            after_seconds = await run_lane(self._shop, key, hand_back=self._hand_back)
        except DatabaseUnavailable as error:
            log.warning("lane %s was left: %s", key.integration_id, _first_line(error))
        except Exception as error:
            log.error("lane %s broke: %s\n%s", key.integration_id, type(error).__name__, frames_of(error))
            await asyncio.sleep(BROKEN_LANE_SECONDS)
        if not self._hand_back.is_set():
            self._relay.kick(after_seconds=AFTER_A_LANE_SECONDS)
            if after_seconds is not None:
                self._relay.kick(after_seconds=after_seconds)

    async def _wake_lanes(self) -> None:
        shop = self._shop
        busy = await self._engine.busy()
        if due := await due_lanes(shop.database, plugins=shop.plugins, lenient=shop.lenient, busy=busy):
            await self._engine.queue(due)

    async def _pulse(self) -> None:
        while True:
            await asyncio.sleep(self._pace.pulse_seconds)
            await self._engine.pulse()
