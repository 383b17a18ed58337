"""The admin's view of deliveries: what is owed, what failed and why, and trying it again."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select, text

from beltstack.domain.deliveries import Attempt, Delivery, DeliveryNotReplayable, DeliveryState
from beltstack.domain.errors import NotFound
from beltstack.domain.ids import DeliveryId, IntegrationId, Noun, public_id
from beltstack.store import tables
from beltstack.store.outbox import WAKE_CHANNEL
from beltstack.store.records import from_row
from beltstack.store.session import Session

REPLAYABLE = frozenset({DeliveryState.DEAD, DeliveryState.WAITING, DeliveryState.READY})


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
        table = tables.delivery
        rows = await self.session.all(
            select(table.c.id, table.c.state)
            .where(table.c.tenant_id == self.session.tenant_id, table.c.id.in_(ids))
            .order_by(table.c.id)
            .with_for_update()
        )
        states = {row.id: DeliveryState(row.state) for row in rows}
        for place, identifier in enumerate(ids):
            _check(identifier, states.get(identifier), path=("ids", str(place)))
        await self.session.connection.execute(_REPLAY, {"tenant": self.session.tenant_id, "ids": list(ids)})


def _check(identifier: DeliveryId, state: DeliveryState | None, *, path: tuple[str, ...]) -> None:
    if state is None:
        raise NotFound("There is no delivery with this id.", path=path)
    if state not in REPLAYABLE:
        what = {DeliveryState.RUNNING: "is under way", DeliveryState.DELIVERED: "has arrived"}.get(
            state, "was canceled"
        )
        name = public_id(Noun.DELIVERY, identifier)
        raise DeliveryNotReplayable(f"{name} {what}: there is nothing to try again.", path=path)


_REPLAY = text(
    f"""with ready as (
          update delivery set state = 'READY', due_at = now(), failures = 0, retried_seconds = 0, waits_for = null,
                              error_class = null, error_code = null, error = null
          where tenant_id = :tenant and id = any(cast(:ids as uuid[])) and state in ('DEAD', 'WAITING', 'READY')
          returning 1)
        select pg_notify('{WAKE_CHANNEL}', '') from (select from ready limit 1) as any_of_them"""  # noqa: S608
)
