"""The admin's view of deliveries: what is owed, what failed and why, and trying it again."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, literal_column, select, text

from beltstack.domain.deliveries import (
    Attempt,
    Delivery,
    DeliveryNotCancelable,
    DeliveryNotReplayable,
    DeliveryState,
    ErrorClass,
)
from beltstack.domain.errors import NotFound
from beltstack.domain.ids import DeliveryId, IntegrationId, Noun, public_id
from beltstack.store import tables
from beltstack.store.outbox import WAKE_CHANNEL
from beltstack.store.records import from_row
from beltstack.store.session import Session

REPLAYABLE = frozenset({DeliveryState.DEAD, DeliveryState.WAITING, DeliveryState.READY})


CANCELABLE = REPLAYABLE
MANY_MOST = 1_000


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries are meant: those that fit all that is given. A span holds its start and not its end."""

    integration_id: IntegrationId | None = None
    error_code: str | None = None
    error_class: ErrorClass | None = None
    type: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None


class Deliveries:
    """The tenant's deliveries; the newest come first."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def get(self, delivery_id: DeliveryId) -> Delivery:
        found = await self.list(ids=[delivery_id])
        if not found:
            raise NotFound("There is no delivery with this id.")
        return found[0]

    async def list(
        self,
        *,
        ids: Collection[UUID] | None = None,
        event_ids: Collection[UUID] | None = None,
        integration_id: IntegrationId | None = None,
        stream: UUID | None = None,
        states: Collection[DeliveryState] | None = None,
        before: DeliveryId | None = None,
        limit: int = 50,
    ) -> tuple[Delivery, ...]:
        """Those that fit all that is given; `before` is the last id of the page before this one."""
        table = tables.delivery
        statement = select(table).where(table.c.tenant_id == self.session.tenant_id)
        if ids is not None:
            statement = statement.where(table.c.id.in_(ids))
        if event_ids is not None:
            statement = statement.where(table.c.event_id.in_(event_ids))
        if integration_id is not None:
            statement = statement.where(table.c.integration_id == integration_id)
        if stream is not None:
            statement = statement.where(table.c.stream == stream)
        if states is not None:
            statement = statement.where(table.c.state.in_([state.value for state in states]))
        if before is not None:
            statement = statement.where(table.c.id < before)
        rows = await self.session.all(statement.order_by(table.c.id.desc()).limit(limit))
        return tuple(from_row(Delivery, row) for row in rows)

    async def attempts(self, delivery_id: DeliveryId) -> tuple[Attempt, ...]:
        """What became of each start, the first one first."""
        table = tables.delivery_attempt
        rows = await self.session.all(
            select(table)
            .where(table.c.tenant_id == self.session.tenant_id, table.c.delivery_id == delivery_id)
            .order_by(table.c.attempt, table.c.id)
        )
        return tuple(from_row(Attempt, row) for row in rows)

    async def replay(self, ids: Sequence[DeliveryId]) -> None:
        """Try dead and waiting deliveries again, now and with fresh patience; in their streams' order.

        Raises NotFound and DeliveryNotReplayable, and then changes none of them.
        """
        for place, (identifier, state) in enumerate(await self.lock(ids)):
            if state not in REPLAYABLE:
                words = f"{_what(identifier, state)}: there is nothing to try again."
                raise DeliveryNotReplayable(words, path=("ids", str(place)))
        await self.session.connection.execute(_REPLAY, {"tenant": self.session.tenant_id, "ids": list(ids)})

    async def cancel(self, ids: Sequence[DeliveryId]) -> None:
        """Give them up for good; their streams go on. Raises NotFound and DeliveryNotCancelable, and then does nothing.

        What is under way cannot be taken back.
        """
        for place, (identifier, state) in enumerate(await self.lock(ids)):
            if state not in CANCELABLE:
                words = f"{_what(identifier, state)}: there is nothing to give up."
                raise DeliveryNotCancelable(words, path=("ids", str(place)))
        await self.session.connection.execute(_CANCEL, {"tenant": self.session.tenant_id, "ids": list(ids)})

    async def fitting(
        self, wanted: DeliveryFilter, *, states: Collection[DeliveryState], among: Collection[DeliveryId] | None = None
    ) -> tuple[DeliveryId, ...]:
        """Up to MANY_MOST that fit, the oldest first, locked; what somebody else has locked is left out."""
        table, event = tables.delivery, tables.event
        found = select(table.c.id).where(
            table.c.tenant_id == self.session.tenant_id,
            # Said as a constant: only then a partial index is one.
            table.c.state.in_([literal_column(f"'{state.value}'") for state in sorted(states)]),
            *_conditions(wanted),
        )
        if wanted.type is not None:
            is_of_type = select(event.c.id).where(
                event.c.tenant_id == table.c.tenant_id, event.c.id == table.c.event_id, event.c.type == wanted.type
            )
            found = found.where(is_of_type.exists())
        if among is not None:
            found = found.where(table.c.id.in_(among))
        locked = found.order_by(table.c.id).limit(MANY_MOST).with_for_update(skip_locked=True, of=table)
        return tuple(DeliveryId(row.id) for row in await self.session.all(locked))

    async def lock(self, ids: Sequence[DeliveryId]) -> Sequence[tuple[DeliveryId, DeliveryState]]:
        """Their states, in the order given; NotFound where one is missing."""
        table = tables.delivery
        rows = await self.session.all(
            select(table.c.id, table.c.state)
            .where(table.c.tenant_id == self.session.tenant_id, table.c.id.in_(ids))
            .order_by(table.c.id)
            .with_for_update()
        )
        states = {row.id: DeliveryState(row.state) for row in rows}
        for place, identifier in enumerate(ids):
            if identifier not in states:
                raise NotFound("There is no delivery with this id.", path=("ids", str(place)))
        return [(identifier, states[identifier]) for identifier in ids]


def _conditions(wanted: DeliveryFilter) -> Iterator[ColumnElement[bool]]:
    table = tables.delivery
    if wanted.integration_id is not None:
        yield table.c.integration_id == wanted.integration_id
    if wanted.error_code is not None:
        yield table.c.error_code == wanted.error_code
    if wanted.error_class is not None:
        yield table.c.error_class == wanted.error_class.value
    if wanted.created_from is not None:
        yield table.c.created_at >= wanted.created_from
    if wanted.created_to is not None:
        yield table.c.created_at < wanted.created_to


def _what(identifier: DeliveryId, state: DeliveryState) -> str:
    stands = {DeliveryState.RUNNING: "is under way", DeliveryState.DELIVERED: "has arrived"}.get(state, "was canceled")
    return f"{public_id(Noun.DELIVERY, identifier)} {stands}"


_CANCEL = text(
    f"""with canceled as (
          update delivery set state = 'CANCELED', settled_at = now(), waits_for = null
          where tenant_id = :tenant and id = any(cast(:ids as uuid[])) and state in ('DEAD', 'WAITING', 'READY')
          returning 1)
        select pg_notify('{WAKE_CHANNEL}', '') from (select from canceled limit 1) as any_of_them"""  # noqa: S608
)


_REPLAY = text(
    f"""with ready as (
          update delivery set state = 'READY', due_at = now(), failures = 0, retried_seconds = 0, waits_for = null,
                              error_class = null, error_code = null, error = null
          where tenant_id = :tenant and id = any(cast(:ids as uuid[])) and state in ('DEAD', 'WAITING', 'READY')
          returning 1)
        select pg_notify('{WAKE_CHANNEL}', '') from (select from ready limit 1) as any_of_them"""  # noqa: S608
)
