"""One lane worked for a while: claim, attempt side by side, settle; then handed back, so that others get their turn."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from uuid_utils.compat import uuid7

from beltstack.delivery.attempts import Attempts
from beltstack.delivery.outcomes import CUT_SHORT, Outcome
from beltstack.delivery.sessions import TenantSessions
from beltstack.delivery.shop import Shop
from beltstack.domain.deliveries import ErrorClass, IntegrationStatus
from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.setup import secret_fields
from beltstack.store.codecs import from_json
from beltstack.store.database import DatabaseUnavailable
from beltstack.store.integrations import Vault
from beltstack.store.lanes import (
    ClaimedDelivery,
    HeldLane,
    LaneKey,
    LaneState,
    Problem,
    Settlement,
    Turn,
    open_lane,
)
from beltstack.store.sealing import SealBroken

T = TypeVar("T")

log = logging.getLogger(__name__)

# What a remote has done is not to be forgotten because the database is away for a moment.
RETURN_PAUSES_SECONDS = (0.1, 0.2, 0.3, 0.5, 0.5, 1.0, 1.0, 2.0, 2.0, 3.0, 5.0, 5.0)
CUT_SHORT_SECONDS = 3.0


async def run_lane(shop: Shop, key: LaneKey, *, hand_back: asyncio.Event) -> float | None:
    """Work what the lane has to do now. Returns in how many seconds it will have more by itself, if at all."""
    plugin = shop.host.plugins.get(key.plugin_id)
    opened = None if plugin is None else await open_lane(shop.database, key)
    if plugin is None or opened is None:
        return None
    held = HeldLane(shop.database, opened, dead_letters_block=key.plugin_id not in shop.lenient)
    attempts = await _prepared(shop, held, plugin)
    if isinstance(attempts, Problem):
        await held.turn((), room=0, is_probing=False, problem=attempts)
        return None
    return await _LaneRun(shop, held, attempts, hand_back).run()


async def _prepared(shop: Shop, held: HeldLane, plugin: Plugin) -> Attempts | Problem:
    """The plugin's settings opened, or why the integration cannot work."""
    kind, lane = plugin.manifest.settings, held.lane
    secrets = {}
    try:
        if secret_fields(kind):
            async with TenantSessions(shop.database, lane.key.tenant_id, lane.key.integration_id).begin() as session:
                secrets = dict((await Vault(session, shop.sealer).open(lane.key.integration_id)).settings)
        return Attempts(shop, held, plugin, from_json(kind, lane.settings | secrets), secrets)
    except SealBroken as broken:
        return Problem(IntegrationStatus.BROKEN, str(broken), "SEAL_BROKEN")
    except DatabaseUnavailable:
        raise
    except Exception as error:
        log.warning("settings of integration %s do not fit: %s", lane.key.integration_id, type(error).__name__)
        said = f"The settings do not fit {plugin.manifest.name} {plugin.manifest.version}: look through them and save."
        return Problem(IntegrationStatus.BROKEN, said, "SETTINGS_MISFIT")


@dataclass(frozen=True, slots=True)
class _Started:
    delivery: ClaimedDelivery
    at: float


class _LaneRun:
    """No transaction is open while a reaction runs."""

    def __init__(self, shop: Shop, held: HeldLane, attempts: Attempts, hand_back: asyncio.Event) -> None:
        self._shop = shop
        self._held = held
        self._attempts = attempts
        self._hand_back = hand_back
        self._running: dict[asyncio.Task[Outcome], _Started] = {}
        self._policy = shop.policy.for_plugin(attempts.plugin.manifest.limits)
        self._state = self._noted = LaneState(held.lane.failures)
        self._is_open = True
        self._loop = asyncio.get_running_loop()
        self._ends_at = self._loop.time() + shop.budget_seconds

    async def run(self) -> float | None:
        try:
            turn = await self._turn()
            while self._running and turn.is_held:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                turn = await self._turn()
        except asyncio.CancelledError:
            await self._cut_short()
            raise
        finally:
            await self._stop_all()
        return await self._held.seconds_to_next() if turn.is_held else None

    async def _turn(self) -> Turn:
        settlements, problem = self._settlements()
        state = self._state
        if state.rests_seconds or problem is not None:
            self._is_open = False
        is_probing = self._policy.is_probing(state)
        turn = await _persistently(
            lambda: self._held.turn(
                settlements,
                room=self._room(is_probing),
                is_probing=is_probing,
                state=None if state == self._noted else state,
                problem=problem,
            )
        )
        self._state = self._noted = LaneState(state.failures)
        self._is_open = self._is_open and turn.is_open
        for delivery in turn.claimed:
            task = asyncio.create_task(self._attempts.make(delivery))
            self._running[task] = _Started(delivery, self._loop.time())
        return turn

    def _room(self, is_probing: bool) -> int:
        """How many more may be started now."""
        if not self._is_open or self._hand_back.is_set() or self._loop.time() >= self._ends_at:
            return 0
        at_once = 1 if is_probing else max(1, self._attempts.plugin.manifest.limits.at_once)
        return max(0, at_once - len(self._running))

    def _settlements(self) -> tuple[list[Settlement], Problem | None]:
        """What is finished, taken out of what is running, in the order it was started."""
        settlements, problem = [], None
        for task in [task for task in self._running if task.done()]:
            outcome = CUT_SHORT if task.cancelled() else task.result()
            settlements.append(self._settled(self._running.pop(task), outcome))
            if outcome.error_class is ErrorClass.RECONNECT:
                message = outcome.message or "Connect the integration again."
                problem = Problem(IntegrationStatus.NEEDS_REAUTH, message, outcome.code)
        return settlements, problem

    def _settled(self, started: _Started, outcome: Outcome) -> Settlement:
        self._state = self._policy.lane_after(self._state, started.delivery, outcome)
        return self._policy.settle(
            started.delivery,
            outcome,
            attempt_id=uuid7(),
            took_seconds=self._loop.time() - started.at,
            chance=self._shop.chance(),
        )

    async def _cut_short(self) -> None:
        """The worker gives up on the lane: say so, so that the next holder need not guess."""
        await self._stop_all()
        settlements, _ = self._settlements()
        try:
            async with asyncio.timeout(CUT_SHORT_SECONDS):
                await self._held.turn(settlements, room=0, is_probing=False)
        except (DatabaseUnavailable, TimeoutError):
            log.warning("lane %s was cut short; its next holder takes over", self._held.lane.key.integration_id)

    async def _stop_all(self) -> None:
        running = [task for task in self._running if not task.done()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)


async def _persistently(work: Callable[[], Awaitable[T]]) -> T:
    """Again and again while the database is away, for about twenty seconds."""
    for pause_seconds in RETURN_PAUSES_SECONDS:
        try:
            return await work()
        except DatabaseUnavailable:
            await asyncio.sleep(pause_seconds)
    return await work()
