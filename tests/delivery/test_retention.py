"""What is old is let go; what is owed, young, or numbers the next event stays."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from uuid_utils.compat import uuid7

from beltstack.plugins.context import Context
from beltstack.settings import Settings, UnusableSetting
from beltstack.store.database import Database
from beltstack.store.retention import let_go
from tests.delivery.office import Office, a_plugin, an_office

KEPT = timedelta(days=90)


async def take(_: object, __: Context) -> None:
    """Takes everything."""


@dataclass(frozen=True)
class Ledger:
    """Events of one stream, as old as the test says."""

    office: Office
    stream: UUID

    async def event(self, seq: int, *, days: int, state: str | None = None, settled: int | None = None) -> UUID:
        """One told so many days ago; with a delivery in this state, settled so many days ago, and an attempt."""
        told, delivery = UUID(str(uuid7())), uuid4()
        values = {
            "tenant": self.office.tenant.id,
            "id": told,
            "stream": self.stream,
            "seq": seq,
            "days": days,
            "delivery": delivery,
            "integration": self.office.integration_id,
            "state": state,
            "settled": settled,
        }
        async with self.office.session() as session:
            await session.connection.execute(_EVENT, values)
            if state is not None:
                await session.connection.execute(_DELIVERY, values)
                await session.connection.execute(_ATTEMPT, values)
        return told

    async def left(self) -> tuple[list[int], int, int]:
        """The numbers of the events, and how many deliveries and attempts there are."""
        async with self.office.session() as session:
            row = (await session.connection.execute(_LEFT, {"stream": self.stream})).one()
        return row.events, row.deliveries, row.attempts


async def a_ledger(database: Database) -> Ledger:
    return Ledger(await an_office(database, a_plugin(take)), uuid4())


async def test_a_settled_old_event_goes_with_its_delivery_and_its_attempts(database: Database) -> None:
    ledger = await a_ledger(database)
    await ledger.event(1, days=100, state="DELIVERED", settled=99)
    await ledger.event(2, days=100, state="CANCELED", settled=99)
    await ledger.event(3, days=100)
    await ledger.event(4, days=1, state="DELIVERED", settled=1)
    await let_go(database, kept=KEPT)
    assert await ledger.left() == ([4], 1, 1)


async def test_the_newest_event_of_a_stream_stays_with_its_delivery(database: Database) -> None:
    ledger = await a_ledger(database)
    await ledger.event(1, days=100, state="DELIVERED", settled=99)
    await let_go(database, kept=KEPT)
    assert await ledger.left() == ([1], 1, 1)


@pytest.mark.parametrize(("state", "settled"), [("READY", None), ("DEAD", None), ("DELIVERED", 80)])
async def test_an_old_event_that_is_owed_or_settled_lately_stays(
    database: Database, state: str, settled: int | None
) -> None:
    ledger = await a_ledger(database)
    await ledger.event(1, days=100, state=state, settled=settled)
    await ledger.event(2, days=1)
    await let_go(database, kept=KEPT)
    assert await ledger.left() == ([1, 2], 1, 1)


async def test_nothing_of_the_last_week_can_be_let_go(database: Database) -> None:
    ledger = await a_ledger(database)
    await ledger.event(1, days=6, state="DELIVERED", settled=6)
    await ledger.event(2, days=1)
    await let_go(database, kept=timedelta(days=2))
    assert (await ledger.left())[0] == [1, 2]


async def test_answers_older_than_a_week_are_let_go(database: Database) -> None:
    office = await an_office(database, a_plugin(take))
    async with office.session() as session:
        for key, days in (("old", 8), ("young", 6)):
            await session.connection.execute(_KEY, {"tenant": office.tenant.id, "key": key, "days": days})
    await let_go(database, kept=KEPT)
    async with office.session() as session:
        assert list((await session.connection.execute(text("select key from idempotency"))).scalars()) == ["young"]


async def test_webhooks_that_were_read_long_ago_are_let_go_and_unread_ones_are_not(database: Database) -> None:
    office = await an_office(database, a_plugin(take))
    async with office.session() as session:
        for key, state, settled in (("read", "DONE", 91), ("lately", "DONE", 89), ("unread", "RECEIVED", None)):
            values = {"tenant": office.tenant.id, "integration": office.integration_id, "id": uuid4(), "key": key}
            await session.connection.execute(_INBOUND, values | {"state": state, "settled": settled})
    await let_go(database, kept=KEPT)
    async with office.session() as session:
        kept = list((await session.connection.execute(text("select key from inbound order by key"))).scalars())
    assert kept == ["lately", "unread"]


def test_the_days_are_a_setting_and_junk_is_refused() -> None:
    assert Settings.from_environment({}).kept == KEPT
    assert Settings.from_environment({"BELTSTACK_RETENTION_DAYS": "7"}).kept == timedelta(days=7)
    assert Settings.from_environment({"BELTSTACK_RETENTION_DAYS": "forever"}).kept is None
    for junk in ("6", "-1", "1.5", "soon", "99999", "٩٩"):
        with pytest.raises(UnusableSetting, match="BELTSTACK_RETENTION_DAYS"):
            Settings.from_environment({"BELTSTACK_RETENTION_DAYS": junk})


_EVENT = text(
    """insert into event (tenant_id, id, stream, seq, type, v, occurred_at, recorded_at, actor_kind, actor_id, data)
       values (:tenant, :id, :stream, :seq, 'payment.recorded', 1, now() - :days * interval '1 day',
               now() - :days * interval '1 day', 'SYSTEM', :tenant, '{}')"""
)
_DELIVERY = text(
    """insert into delivery (tenant_id, id, event_id, integration_id, stream, seq, state, settled_at)
       values (:tenant, :delivery, :id, :integration, :stream, :seq, :state,
               now() - cast(:settled as int) * interval '1 day')"""
)
_ATTEMPT = text(
    """insert into delivery_attempt (tenant_id, id, delivery_id, attempt, started_at, ended_at)
       values (:tenant, uuid_v7(), :delivery, 1, now() - :days * interval '1 day', now() - :days * interval '1 day')"""
)
_KEY = text(
    """insert into idempotency (tenant_id, actor_id, key, request_hash, answer, created_at)
       values (:tenant, :tenant, :key, '', '{}', now() - :days * interval '1 day')"""
)
_INBOUND = text(
    """insert into inbound (tenant_id, id, integration_id, key, received_at, headers, body, state, settled_at)
       values (:tenant, :id, :integration, :key, now() - interval '100 days', '{}', '', :state,
               now() - cast(:settled as int) * interval '1 day')"""
)
_LEFT = text(
    """select array(select seq from event where stream = :stream order by seq) as events,
              (select count(*) from delivery where stream = :stream) as deliveries,
              (select count(*) from delivery_attempt a join delivery d on d.id = a.delivery_id
               where d.stream = :stream) as attempts"""
)
