"""A delivery worker: `work` runs one until it is told to stop, whatever becomes of the database meanwhile."""

import asyncio
import logging
from contextlib import suppress
from typing import Any
from uuid import UUID

import psycopg
import psycopg_pool
from procrastinate.exceptions import ProcrastinateException
from sqlalchemy.exc import SQLAlchemyError

from beltstack.delivery.engine import Engine, Pace, WorkerOutcast
from beltstack.delivery.fairness import Shares
from beltstack.delivery.jobs import Jobs
from beltstack.delivery.lanes import run_lane
from beltstack.delivery.outcomes import frames_of
from beltstack.delivery.policy import RetryPolicy
from beltstack.delivery.relay import Relay
from beltstack.delivery.shop import Shop
from beltstack.delivery.sweeping import sweep_all
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database, DatabaseUnavailable
from beltstack.store.lanes import LaneKey, due_lanes
from beltstack.store.sealing import Sealer

log = logging.getLogger(__name__)

LANES_AT_ONCE = 100
"""A lane whose remote hangs costs a coroutine; what counts is that those of others find a place."""
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
GOOD_SITTING_SECONDS = 10.0
AFTER_A_LANE_SECONDS = 0.02
"""By then the engine has taken note that the lane is free."""
BROKEN_LANE_SECONDS = 5.0
LONGEST_FAREWELL_SECONDS = 15.0

# What passes when the database or the engine's tables are back; anything else is a defect.
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
            except Exception as error:
                _tell(error)
                is_new_trouble = loop.time() - started > GOOD_SITTING_SECONDS
                pause_seconds = FIRST_PAUSE_SECONDS if is_new_trouble else pause_seconds
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
        self._broken_until: dict[UUID, float] = {}
        self._loop = asyncio.get_running_loop()
        self._relay = Relay(self._wake_lanes, poll_seconds=pace.poll_seconds)
        self._jobs = Jobs(shop, look_seconds=5 * pace.poll_seconds)
        self._engine = Engine(
            shop.database.url, plugins=shop.plugins, lanes_at_once=lanes_at_once, pace=pace, run=self._run
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Raises what broke it; returns when it was stopped."""
        async with self._engine.opened():
            worker = asyncio.create_task(self._engine.work())
            pulse = asyncio.create_task(self._pulse())
            others = [
                asyncio.create_task(part)
                for part in (
                    self._relay.run(),
                    self._relay.listen(self._shop.database.url),
                    self._jobs.run(),
                    stop.wait(),
                )
            ]
            try:
                await asyncio.wait([worker, pulse, *others], return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._hand_back.set()
                seconds = self._pace.grace_seconds + LONGEST_FAREWELL_SECONDS
                # The pulse goes on until the lanes are handed back, lest another worker take them.
                await _end([worker, *others], seconds=seconds)
                await _end([pulse], seconds=seconds)
        for task in (worker, pulse, *others):
            if not stop.is_set() and not task.cancelled() and (error := task.exception()):
                raise error

    async def _run(self, key: LaneKey) -> None:
        """One lane, for the engine. Whatever breaks it, the lane comes back, but not at once."""
        after_seconds: float | None = None
        try:
            after_seconds = await run_lane(self._shop, key, hand_back=self._hand_back)
        except DatabaseUnavailable as error:
            log.warning("lane %s was left: %s", key.integration_id, _first_line(error))
        except Exception as error:
            log.error("lane %s broke: %s\n%s", key.integration_id, type(error).__name__, frames_of(error))
            self._broken_until[key.integration_id] = self._loop.time() + BROKEN_LANE_SECONDS
        if not self._hand_back.is_set():
            self._relay.kick(after_seconds=AFTER_A_LANE_SECONDS)
            if after_seconds is not None:
                self._relay.kick(after_seconds=after_seconds)

    async def _wake_lanes(self) -> None:
        shop = self._shop
        await sweep_all(shop)
        now = self._loop.time()
        self._broken_until = {lane: until for lane, until in self._broken_until.items() if until > now}
        busy = await self._engine.busy()
        shares = Shares(busy.lanes, places=busy.places)
        due = await due_lanes(
            shop.database,
            plugins=set(shop.plugins) - set(shares.full_plugins),
            lenient=shop.lenient,
            busy={*(key.integration_id for key in busy.lanes), *self._broken_until},
            full_tenants=shares.full_tenants,
        )
        if queued := tuple(shares.among(due)):
            await self._engine.queue(queued)

    async def _pulse(self) -> None:
        while True:
            await asyncio.sleep(self._pace.pulse_seconds)
            await self._engine.pulse()


async def _end(tasks: list[asyncio.Task[Any]], *, seconds: float) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=seconds)


async def _wait(stop: asyncio.Event, *, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


def _tell(error: Exception) -> None:
    if isinstance(error, PASSING):
        log.warning("the delivery worker starts again: %s", _first_line(error))
    else:
        log.error("the delivery worker broke and starts again: %s\n%s", type(error).__name__, frames_of(error))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
