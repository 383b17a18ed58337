"""What is let go when it is old: told events whose deliveries are settled, what came in, answers kept for keys.

The engine's role deletes, across tenants; policies of the tables let it delete nothing younger than a week, nothing
unsettled, and nothing a delivery still points at.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text

from beltstack.store.database import Database, DatabaseRole

KEYS_KEPT = timedelta(days=7)
"""How long a repeated request is answered with the first answer."""
MOST_AT_ONCE = 1_000
_NOTHING_YET = UUID(int=0)


@dataclass(frozen=True, slots=True)
class LetGo:
    """How many rows of each kind are gone."""

    events: int = 0
    inbound: int = 0
    keys: int = 0


async def let_go(database: Database, *, kept: timedelta) -> LetGo:
    """Delete what has been settled for longer than `kept`, and keys of more than a week; at most 1,000 a transaction.

    Several may run at once: they only find less. The newest event of a stream stays, since it numbers the next.
    """
    events = 0
    for tenant in await _tenants(database):
        events += await _events(database, tenant, kept=kept)
    return LetGo(
        events,
        inbound=await _until_none(database, _INBOUND, kept=kept),
        keys=await _until_none(database, _KEYS, kept=KEYS_KEPT),
    )


async def _tenants(database: Database) -> list[UUID]:
    async with database.transaction(None, role=DatabaseRole.ENGINE) as connection:
        return list((await connection.execute(_TENANTS)).scalars())


async def _events(database: Database, tenant: UUID, *, kept: timedelta) -> int:
    gone, after = 0, _NOTHING_YET
    while True:
        values = {"tenant": tenant, "after": after, "kept": kept, "most": MOST_AT_ONCE}
        async with database.transaction(None, role=DatabaseRole.ENGINE) as connection:
            row = (await connection.execute(_EVENTS, values)).one()
        gone += int(row.gone)
        if row.last is None:
            return gone
        after = row.last


async def _until_none(database: Database, statement: TextClause, *, kept: timedelta) -> int:
    gone = 0
    while True:
        values: dict[str, Any] = {"kept": kept, "most": MOST_AT_ONCE}
        async with database.transaction(None, role=DatabaseRole.ENGINE) as connection:
            found = len((await connection.execute(statement, values)).all())
        gone += found
        if found < MOST_AT_ONCE:
            return gone


_TENANTS = text("select id from tenant order by id")
# A delivery goes with its event, never before: a back-fill must find that the event was delivered. Should one be
# replayed or newly owed meanwhile, its foreign key refuses the whole batch.
_EVENTS = text(
    """
    with old as materialized (
        select id, stream, seq from event
        where tenant_id = :tenant and id > :after and recorded_at < now() - cast(:kept as interval)
        order by id limit :most),
    gone as materialized (
        select id from old
        where exists (
            select from event later
            where later.tenant_id = :tenant and later.stream = old.stream and later.seq > old.seq)
          and not exists (
            select from delivery
            where tenant_id = :tenant and event_id = old.id
              and (settled_at is null or settled_at >= now() - cast(:kept as interval)))),
    attempts as (
        delete from delivery_attempt where tenant_id = :tenant and delivery_id in (
            select delivery.id from delivery join gone on gone.id = event_id where tenant_id = :tenant)),
    deliveries as (
        delete from delivery where tenant_id = :tenant and event_id in (select id from gone)),
    events as (
        delete from event where tenant_id = :tenant and id in (select id from gone) returning 1)
    select (select count(*) from events) as gone, (select id from old order by id desc limit 1) as last
    """
)
_INBOUND = text(
    """
    delete from inbound where (tenant_id, id) in (
        select tenant_id, id from inbound where settled_at < now() - cast(:kept as interval) limit :most)
    returning 1
    """
)
_KEYS = text(
    """
    delete from idempotency where (tenant_id, actor_id, key) in (
        select tenant_id, actor_id, key from idempotency
        where created_at < now() - cast(:kept as interval) limit :most)
    returning 1
    """
)
