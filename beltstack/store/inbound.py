"""What came in: kept before it is answered, claimed by one worker at a time, settled with what was made of it."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from beltstack.domain.deliveries import IntegrationStatus
from beltstack.domain.errors import NotFound
from beltstack.domain.ids import InboundId, IntegrationId, Noun, TenantId, WorkOrderId, public_id
from beltstack.domain.intake import REPLAYABLE, InboundNotReplayable, InboundState
from beltstack.store import tables
from beltstack.store.database import Database, DatabaseRole
from beltstack.store.outbox import WAKE_CHANNEL
from beltstack.store.session import Session

_ID_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Door:
    """The integration behind an address. `settings` are the open ones."""

    integration_id: IntegrationId
    plugin_id: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DueInbound:
    """A message that waits to be read."""

    tenant_id: TenantId
    id: InboundId
    integration_id: IntegrationId
    plugin_id: str


@dataclass(frozen=True, slots=True)
class ClaimedInbound:
    """A message to be read now; whoever claims it later has another number of `attempts`."""

    tenant_id: TenantId
    id: InboundId
    integration_id: IntegrationId
    attempts: int
    received_at: datetime
    headers: Mapping[str, str]
    body: bytes


def address_of(tenant_id: TenantId, address: UUID) -> str:
    """The last part of an integration's address: where to look, and 122 bits of chance."""
    return tenant_id.hex + address.hex


def parse_address(text_: str) -> tuple[TenantId, UUID]:
    """What `address_of` was given; raises ValueError."""
    if len(text_) != 2 * _ID_CHARACTERS:
        raise ValueError("no address of an integration")
    return TenantId(UUID(hex=text_[:_ID_CHARACTERS])), UUID(hex=text_[_ID_CHARACTERS:])


class InboundBox:
    """The messages of one tenant's integrations."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def door(self, plugin_id: str, address: UUID) -> Door | None:
        """None where nobody lives there, or the integration is disabled."""
        table = tables.integration
        row = await self.session.first(
            select(table.c.id, table.c.plugin_id, table.c.settings).where(
                table.c.tenant_id == self.session.tenant_id,
                table.c.address == address,
                table.c.plugin_id == plugin_id,
                table.c.status != IntegrationStatus.DISABLED.value,
            )
        )
        return None if row is None else Door(IntegrationId(row.id), row.plugin_id, row.settings)

    async def keep(
        self, integration_id: IntegrationId, *, key: str, headers: Mapping[str, str], body: bytes
    ) -> InboundId | None:
        """The new message's id, and workers know of it; None where one with this key has come before."""
        identifier = InboundId(self.session.new_id())
        values = {
            "tenant": self.session.tenant_id,
            "id": identifier,
            "integration": integration_id,
            "key": key,
            "at": self.session.now,
            "headers": json.dumps(dict(headers)),
            "body": body,
        }
        return identifier if await self.session.first(_KEEP, values) is not None else None

    async def lock(self, identifier: InboundId, attempts: int) -> bool:
        """Whether the message is still this claim's; then nobody else settles it before the transaction ends."""
        values = {"tenant": self.session.tenant_id, "id": identifier, "attempts": attempts}
        return await self.session.first(_LOCK, values) is not None

    async def settle(
        self,
        claimed: ClaimedInbound,
        state: InboundState,
        *,
        error: str | None = None,
        due_in_seconds: float = 0,
        work_order_id: WorkOrderId | None = None,
    ) -> None:
        """Nothing, where the message is another claim's by now."""
        values = {
            "tenant": self.session.tenant_id,
            "id": claimed.id,
            "attempts": claimed.attempts,
            "state": state.value,
            "error": error,
            "seconds": due_in_seconds,
            "work_order": work_order_id,
        }
        await self.session.connection.execute(_SETTLE, values)

    async def replay(self, ids: Sequence[InboundId]) -> None:
        """Read messages again, now. Raises NotFound and InboundNotReplayable, and then changes none of them."""
        table = tables.inbound
        rows = await self.session.all(
            select(table.c.id, table.c.state)
            .where(table.c.tenant_id == self.session.tenant_id, table.c.id.in_(ids))
            .order_by(table.c.id)
            .with_for_update()
        )
        states = {row.id: InboundState(row.state) for row in rows}
        for place, identifier in enumerate(ids):
            if identifier not in states:
                raise NotFound("There is no inbound with this id.", path=("ids", str(place)))
            if states[identifier] not in REPLAYABLE:
                name = public_id(Noun.INBOUND, identifier)
                raise InboundNotReplayable(f"{name} is done: it is not read twice.", path=("ids", str(place)))
        await self.session.connection.execute(_REPLAY, {"tenant": self.session.tenant_id, "ids": list(ids)})


async def due_inbound(
    database: Database, *, plugins: Collection[str], busy: Collection[IntegrationId], most: int, each: int
) -> list[DueInbound]:
    """The messages to be read now, across tenants: `each` at most of one integration, none of the `busy` ones."""
    values = {"plugins": list(plugins), "busy": list(busy), "most": most, "each": each}
    async with database.transaction(None, role=DatabaseRole.ENGINE) as connection:
        rows = (await connection.execute(_DUE, values)).all()
    return [
        DueInbound(TenantId(row.tenant_id), InboundId(row.id), IntegrationId(row.integration_id), row.plugin_id)
        for row in rows
    ]


async def claim(database: Database, due: DueInbound, *, lease_seconds: float) -> ClaimedInbound | None:
    """The message, this worker's for `lease_seconds`; None where another has it, or it is settled."""
    values = {"tenant": due.tenant_id, "id": due.id, "seconds": lease_seconds}
    async with database.transaction(due.tenant_id) as connection:
        row = (await connection.execute(_CLAIM, values)).first()
    if row is None:
        return None
    return ClaimedInbound(
        due.tenant_id, due.id, IntegrationId(row.integration_id), row.attempts, row.received_at, row.headers, row.body
    )


_KEEP = text(
    f"""with kept as (
          insert into inbound (tenant_id, id, integration_id, key, received_at, headers, body, state)
          values (:tenant, :id, :integration, :key, :at, cast(:headers as jsonb), :body, 'RECEIVED')
          on conflict (tenant_id, integration_id, key) do nothing
          returning id)
        select id, pg_notify('{WAKE_CHANNEL}', '') from kept"""  # noqa: S608 - a constant
)
# In turns: the integration with a thousand messages must not keep the one with a single message waiting.
_DUE = text(
    """
    select tenant_id, id, integration_id, plugin_id
    from (select n.tenant_id, n.id, n.integration_id, i.plugin_id, n.due_at,
                 row_number() over (partition by n.tenant_id, n.integration_id order by n.due_at, n.id) as place
          from inbound n join integration i on i.tenant_id = n.tenant_id and i.id = n.integration_id
          where n.state = 'RECEIVED' and n.due_at <= clock_timestamp() and i.status = 'ENABLED'
            and i.plugin_id = any(cast(:plugins as text[]))
            and n.integration_id <> all(cast(:busy as uuid[]))) as due
    where place <= :each
    order by place, due_at
    limit :most
    """
)
_CLAIM = text(
    """
    with mine as (
        select id from inbound
        where tenant_id = :tenant and id = :id and state = 'RECEIVED' and due_at <= clock_timestamp()
        for update skip locked)
    update inbound n
    set attempts = n.attempts + 1, due_at = clock_timestamp() + :seconds * interval '1 second'
    from mine
    where n.tenant_id = :tenant and n.id = mine.id
    returning n.integration_id, n.attempts, n.received_at, n.headers, n.body
    """
)
_LOCK = text(
    """select 1 from inbound
       where tenant_id = :tenant and id = :id and attempts = :attempts and state = 'RECEIVED' for update"""
)
_SETTLE = text(
    """update inbound
       set state = :state, error = :error, work_order_id = :work_order,
           due_at = clock_timestamp() + :seconds * interval '1 second',
           settled_at = case when :state <> 'RECEIVED' then clock_timestamp() end
       where tenant_id = :tenant and id = :id and attempts = :attempts and state = 'RECEIVED'"""
)
_REPLAY = text(
    f"""with ready as (
          update inbound
          set state = 'RECEIVED', attempts = 0, due_at = clock_timestamp(), error = null, settled_at = null
          where tenant_id = :tenant and id = any(cast(:ids as uuid[]))
          returning 1)
        select pg_notify('{WAKE_CHANNEL}', '') from (select from ready limit 1) as any_of_them"""  # noqa: S608
)
