"""Lanes, one per integration: which are due, who holds one, what it claims and how attempts settle.

`due_lanes` looks across tenants, as the engine's role. Everything else acts for one tenant, as the app's role.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from beltstack.domain.deliveries import DeliveryState, ErrorClass
from beltstack.domain.ids import DeliveryId, EventId, IntegrationId, TenantId
from beltstack.store import lane_statements as statements
from beltstack.store.database import Database, DatabaseRole
from beltstack.store.references import LOCK_LINKS

MOST_LANES_WOKEN = 500
HOUR_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class LaneKey:
    """A lane, and the plugin it leads to."""

    tenant_id: TenantId
    integration_id: IntegrationId
    plugin_id: str


@dataclass(frozen=True, slots=True)
class OpenLane:
    """What the holder of a lane knows. Another holder has another epoch, and then this one's writes count for nothing.

    `failures` is how many in a row; `version` is the integration's.
    """

    key: LaneKey
    epoch: int
    failures: int
    version: int
    settings: dict[str, Any]
    tenant_name: str
    currency: str
    timezone: str


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery to be attempted now, with its event."""

    id: DeliveryId
    attempts: int
    failures: int
    retried_seconds: float
    error_class: ErrorClass | None
    """Of the attempt before this one."""
    event_id: EventId
    stream: UUID
    seq: int
    type: str
    v: int
    occurred_at: datetime
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of one attempt, and what is to become of its delivery."""

    id: DeliveryId
    attempt_id: UUID
    state: DeliveryState
    took_seconds: float
    failures: int = 0
    retried_seconds: float = 0.0
    due_in_seconds: float = 0.0
    error_class: ErrorClass | None = None
    error_code: str | None = None
    error: str | None = None
    waits_for_entity: str | None = None
    waits_for: UUID | None = None


@dataclass(frozen=True, slots=True)
class LaneState:
    """How the lane itself fares: failures in a row, and how long it rests from now."""

    failures: int
    rests_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the integration has to stop until somebody mends it."""

    status: str
    message: str
    code: str | None


@dataclass(frozen=True, slots=True)
class Turn:
    """`is_held` is False once somebody else has the lane; `is_open` is False while it rests or must not work."""

    is_held: bool
    is_open: bool
    claimed: tuple[ClaimedDelivery, ...] = ()


@dataclass(frozen=True, slots=True)
class Reserved:
    """One call of the rate limit: allowed after `wait_seconds`, or not before that and not reserved."""

    is_allowed: bool
    wait_seconds: float


class LaneLost(Exception):
    """Somebody else holds the lane now."""


async def due_lanes(
    database: Database,
    *,
    plugins: Collection[str],
    lenient: Collection[str],
    busy: Collection[UUID],
    full_tenants: Collection[TenantId],
) -> tuple[LaneKey, ...]:
    """Lanes that have something to do now, but for busy ones and those of tenants that have their share of places.

    `lenient` plugins let their streams go on past a dead letter.
    """
    values = {
        "plugins": list(plugins),
        "lenient": list(lenient),
        "busy": list(busy),
        "full_tenants": list(full_tenants),
        "most": MOST_LANES_WOKEN,
    }
    async with database.transaction(None, role=DatabaseRole.ENGINE) as connection:
        rows = (await connection.execute(statements.DUE_LANES, values)).all()
    return tuple(LaneKey(TenantId(row.tenant_id), IntegrationId(row.integration_id), row.plugin_id) for row in rows)


async def open_lane(database: Database, key: LaneKey) -> OpenLane | None:
    """Take the lane, from whoever held it; None while its integration must not work or it rests.

    What the former holder had under way is ready again, its attempts noted as lost.
    """
    values = {"tenant": key.tenant_id, "integration": key.integration_id}
    async with database.transaction(key.tenant_id) as connection:
        row = (await connection.execute(statements.OPEN, values)).first()
        if row is None:
            return None
        await connection.execute(statements.TAKE_OVER, {**values, "epoch": row.epoch})
    return OpenLane(
        key, row.epoch, row.failures, row.version, row.settings, row.tenant_name, row.currency, row.timezone
    )


@dataclass(frozen=True, slots=True)
class FreeLane:
    """A lane that is not held: calls outside of deliveries count against the same limit."""

    database: Database
    tenant_id: TenantId
    integration_id: IntegrationId

    async def reserve(self, *, burst: int, interval_seconds: float, patience_seconds: float) -> Reserved:
        """Like `HeldLane.reserve`, whoever holds the lane. Raises LaneLost where there is no such integration."""
        limit = {"burst": burst, "interval": interval_seconds, "patience": patience_seconds}
        return await _reserved(self.database, self._values | limit)

    async def reserve_of_the_day(self, calls: int, *, hour_seconds: float = HOUR_SECONDS) -> Reserved:
        """Like `HeldLane.reserve_of_the_day`, whoever holds the lane."""
        return await _reserved_of_the_day(self.database, self._values, calls, hour_seconds)

    @property
    def _values(self) -> dict[str, Any]:
        return {"tenant": self.tenant_id, "integration": self.integration_id, "epoch": None}


class HeldLane:
    """The writes of a lane's holder; every one is fenced by its epoch."""

    def __init__(self, database: Database, lane: OpenLane, *, dead_letters_block: bool) -> None:
        self.database = database
        self.lane = lane
        self._dead_letters_block = dead_letters_block
        key = lane.key
        self._values = {"tenant": key.tenant_id, "integration": key.integration_id, "epoch": lane.epoch}

    async def turn(
        self,
        settlements: Sequence[Settlement],
        *,
        room: int,
        is_probing: bool,
        state: LaneState | None = None,
        problem: Problem | None = None,
    ) -> Turn:
        """In one transaction: settle what is finished, note how the lane fares, and claim up to `room` deliveries."""
        async with self.database.transaction(self.lane.key.tenant_id) as connection:
            if settlements:
                await self._settle(connection, settlements)
            if state is not None:
                fares = {"failures": state.failures, "rests_seconds": state.rests_seconds}
                await connection.execute(statements.NOTE_STATE, self._values | fares)
            if problem is not None:
                await connection.execute(statements.STOP, self._values | self._of(problem))
            claim = statements.CLAIM_PROBE if is_probing else statements.CLAIM
            wanted = {"room": room, "dead_letters_block": self._dead_letters_block}
            rows = (await connection.execute(claim, self._values | wanted)).all()
        if not rows:
            return Turn(is_held=False, is_open=False)
        return Turn(True, rows[0].is_open, tuple(_claimed(row) for row in rows if row.id is not None))

    async def reserve(self, *, burst: int, interval_seconds: float, patience_seconds: float) -> Reserved:
        """One call out of the rate limit, if it is free within `patience_seconds`. Raises LaneLost."""
        limit = {"burst": burst, "interval": interval_seconds, "patience": patience_seconds}
        return await _reserved(self.database, self._values | limit)

    async def reserve_of_the_day(self, calls: int, *, hour_seconds: float = HOUR_SECONDS) -> Reserved:
        """One call out of the day's `calls`; refused until enough of them are a day old. Raises LaneLost."""
        return await _reserved_of_the_day(self.database, self._values, calls, hour_seconds)

    async def rest(self, seconds: float) -> None:
        """Have the lane rest, without a word on its failures."""
        async with self.database.transaction(self.lane.key.tenant_id) as connection:
            fares = {"failures": self.lane.failures, "rests_seconds": seconds}
            await connection.execute(statements.NOTE_STATE, self._values | fares)

    async def seconds_to_next(self) -> float | None:
        """When the lane will have something to do by itself; None if nothing is scheduled."""
        async with self.database.transaction(self.lane.key.tenant_id) as connection:
            seconds: float | None = (await connection.execute(statements.NEXT, self._values)).scalar()
        return seconds

    async def _settle(self, connection: AsyncConnection, settlements: Sequence[Settlement]) -> None:
        if any(settlement.waits_for for settlement in settlements):
            # Either the link is seen here, or whoever links sees the delivery wait: see `References.link`.
            await connection.execute(LOCK_LINKS, {"integration": str(self.lane.key.integration_id)})
        said = json.dumps([_plain(settlement) for settlement in settlements], default=str)
        await connection.execute(statements.SETTLE, self._values | {"said": said})

    def _of(self, problem: Problem) -> dict[str, Any]:
        return {
            "status": problem.status,
            "problem": problem.message,
            "code": problem.code,
            "version": self.lane.version,
        }


_SETTLEMENT = tuple(field.name for field in fields(Settlement))


def _plain(settlement: Settlement) -> dict[str, Any]:
    # `asdict` would copy every value deeply, once per delivery.
    return {name: getattr(settlement, name) for name in _SETTLEMENT}


def _claimed(row: Any) -> ClaimedDelivery:
    return ClaimedDelivery(
        id=DeliveryId(row.id),
        attempts=row.attempts,
        failures=row.failures,
        retried_seconds=row.retried_seconds,
        error_class=row.error_class and ErrorClass(row.error_class),
        event_id=EventId(row.event_id),
        stream=row.stream,
        seq=row.seq,
        type=row.type,
        v=row.v,
        occurred_at=row.occurred_at,
        data=row.data,
    )


async def _reserved_of_the_day(database: Database, values: dict[str, Any], daily: int, hour: float) -> Reserved:
    async with database.transaction(values["tenant"]) as connection:
        given = values | {"daily": daily, "hour": hour}
        row = (await connection.execute(statements.RESERVE_OF_THE_DAY, given)).first()
    if row is None:
        raise LaneLost
    return Reserved(row.is_allowed, 0.0 if row.is_allowed else max(1.0, row.wait_seconds))


async def _reserved(database: Database, values: dict[str, Any]) -> Reserved:
    async with database.transaction(values["tenant"]) as connection:
        row = (await connection.execute(statements.RESERVE, values)).first()
    if row is None:
        raise LaneLost
    return Reserved(row.is_allowed, max(0.0, row.wait_seconds))
