"""Deliveries owed for what has happened already: a back-fill from a date, and the sweep after an enabling.

An integration that is being enabled is not seen by transactions that began to tell before it was committed, and they
may commit after it. The enabling keeps its snapshot; `sweep` waits until every transaction that ran at its first look
is over, and then owes what the snapshot did not see and nobody owed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from beltstack.domain.ids import IntegrationId, TenantId
from beltstack.store.database import Database, DatabaseRole
from beltstack.store.lanes import LaneKey
from beltstack.store.outbox import WAKE_CHANNEL
from beltstack.store.session import Session

BATCH = 1_000
BATCHES_MOST = 100
# Ids come from the clock of whoever tells; it need not be the clock that the moment of the fact was read from.
SLACK = timedelta(days=1)


async def backfill(session: Session, integration_id: IntegrationId, *, since: datetime, types: Sequence[str]) -> int:
    """Owe the events of these types since then that it was not owed yet, at most 100,000 of them; how many it now is.

    All in one transaction: whoever works the lane sees a stream's events together, and takes them by their numbers.
    """
    owed = 0
    after = _first_id(since - SLACK)
    for _ in range(BATCHES_MOST):
        values = {"tenant": session.tenant_id, "integration": integration_id, "types": list(types), "since": since}
        row = await session.first(_BACKFILL, values | {"after": after, "most": BATCH})
        if row is None or row.last is None:
            break
        owed, after = owed + row.owed, row.last
    return owed


async def mark_for_sweep(session: Session, integration_id: UUID) -> None:
    """Keep what this transaction, which enables, has seen of the ledger."""
    await session.connection.execute(_MARK, {"tenant": session.tenant_id, "integration": integration_id})


async def sweep(session: Session, integration_id: UUID, *, types: Sequence[str]) -> int | None:
    """Owe what was told by transactions that did not see the enabling; None while they still run."""
    values = {"tenant": session.tenant_id, "integration": integration_id}
    row = await session.first(_LOOK, values)
    if row is None or not row.is_over:
        return None
    found = await session.first(_SWEEP, values | {"types": list(types)})
    return 0 if found is None else int(found.owed)


def _first_id(moment: datetime) -> UUID:
    """Below every UUID of version 7 of this millisecond or later."""
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)


_WAKE = f"case when exists (select from owed) then pg_notify('{WAKE_CHANNEL}', '') end"
_BACKFILL = text(
    f"""
    with past as materialized (
        select id, stream, seq, type, occurred_at from event
        where tenant_id = :tenant and id > :after
        order by id limit :most),
    owed as (
        insert into delivery (tenant_id, id, event_id, integration_id, stream, seq, state)
        select :tenant, uuid_v7(), past.id, :integration, past.stream, past.seq, 'READY'
        from past where past.type = any(cast(:types as text[])) and past.occurred_at >= :since
        order by past.id
        on conflict (tenant_id, integration_id, event_id) do nothing
        returning 1)
    select (select count(*) from owed) as owed, (select id from past order by id desc limit 1) as last, {_WAKE}
    """  # noqa: S608 - constants of this module
)
_MARK = text(
    """update integration set sweep_from = pg_current_snapshot()::text, sweep_to = null
       where tenant_id = :tenant and id = :integration"""
)
# The first look comes after the enabling was committed: whoever did not see that has a number below the look's own.
_LOOK = text(
    """update integration
       set sweep_to = coalesce(sweep_to, pg_current_xact_id()::text::bigint)
       where tenant_id = :tenant and id = :integration and sweep_from is not null
       returning sweep_to <= pg_snapshot_xmin(pg_current_snapshot())::text::bigint as is_over"""
)
_SWEEP = text(
    f"""
    with swept as (
        update integration i set sweep_from = null, sweep_to = null
        from (select sweep_from, sweep_to from integration where tenant_id = :tenant and id = :integration) before
        where i.tenant_id = :tenant and i.id = :integration
        returning cast(before.sweep_from as pg_snapshot) as seen, before.sweep_to as until),
    owed as (
        insert into delivery (tenant_id, id, event_id, integration_id, stream, seq, state)
        select :tenant, uuid_v7(), e.id, :integration, e.stream, e.seq, 'READY'
        from swept join event e
          on e.tenant_id = :tenant and e.position < swept.until
         and e.position >= cast(cast(pg_snapshot_xmin(swept.seen) as text) as bigint)
         and not pg_visible_in_snapshot(cast(cast(e.position as text) as xid8), swept.seen)
        where e.type = any(cast(:types as text[]))
        order by e.id
        on conflict (tenant_id, integration_id, event_id) do nothing
        returning 1)
    select (select count(*) from owed) as owed, {_WAKE}
    """  # noqa: S608 - constants of this module
)


async def due_sweeps(database: Database, *, plugins: Sequence[str]) -> tuple[LaneKey, ...]:
    """Integrations, of all tenants, that were enabled and not swept yet."""
    async with database.transaction(None, role=DatabaseRole.ENGINE) as connection:
        rows = (await connection.execute(_DUE, {"plugins": list(plugins)})).all()
    return tuple(LaneKey(TenantId(row.tenant_id), IntegrationId(row.id), row.plugin_id) for row in rows)


_DUE = text(
    """select tenant_id, id, plugin_id from integration
       where sweep_from is not null and status <> 'DISABLED' and plugin_id = any(cast(:plugins as text[]))
       limit 100"""
)
