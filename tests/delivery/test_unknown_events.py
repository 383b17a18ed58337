"""An event that this version does not know is tried, shown to the admin, and never lost."""

from dataclasses import replace
from uuid import uuid4

import pytest

from beltstack.domain.deliveries import DeliveryState, ErrorClass
from beltstack.domain.events import Fact, PaymentRecorded
from beltstack.plugins import Context
from beltstack.store import codecs
from beltstack.store.database import Database
from beltstack.store.outbox import tell
from tests.delivery.office import BRISK, Office, a_payment, a_plugin, an_office, at_work, until

IMPATIENT = replace(BRISK, patience_seconds=0.2)


class AnotherVersion(PaymentRecorded):
    v = 2


class AnotherType(PaymentRecorded):
    type = "payment.refunded"


async def an_office_that_is_owed(database: Database, kind: type[PaymentRecorded], heard: list[Fact]) -> Office:
    """A newer version of BeltStack told the plugin of this, and went away before it was delivered."""

    async def react(event: PaymentRecorded, context: Context) -> None:
        heard.append(event)

    office = await an_office(database, a_plugin(react))
    told = a_payment(7, uuid4())
    async with office.session() as session:
        newer = replace(session, listeners=lambda _: tuple(office.host.plugins))
        await tell(newer, [kind(**{name: getattr(told, name) for name in PaymentRecorded.__slots__})])
    return office


async def is_dead(office: Office) -> bool:
    return await office.states() == [DeliveryState.DEAD]


@pytest.mark.parametrize(
    ("kind", "named"),
    [(AnotherVersion, "payment.recorded in version 2"), (AnotherType, "payment.refunded in version 1")],
)
async def test_an_unknown_event_is_tried_until_patience_ends_and_then_a_dead_letter_that_says_why(
    database: Database, kind: type[PaymentRecorded], named: str
) -> None:
    heard: list[Fact] = []
    office = await an_office_that_is_owed(database, kind, heard)
    async with at_work(office, policy=IMPATIENT):
        await until(lambda: is_dead(office))
        (dead,) = await office.deliveries()
        assert dead.attempts > 1
        assert (dead.error_class, dead.error_code) == (ErrorClass.TRANSIENT, "UNKNOWN_EVENT")
        assert dead.error == (
            f"This version of BeltStack does not know {named}. Run a version that does, then replay it."
        )
        await office.replay(dead.id)
        await until(lambda: is_dead(office))
        assert (await office.deliveries())[0].attempts > dead.attempts
    assert heard == []


async def test_it_arrives_once_a_version_that_knows_it_is_running(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Fact] = []
    office = await an_office_that_is_owed(database, AnotherVersion, heard)
    async with at_work(office, policy=IMPATIENT):
        await until(lambda: is_dead(office))
        monkeypatch.setitem(codecs._FACTS, "payment.recorded", AnotherVersion)
        await office.replay((await office.deliveries())[0].id)
        await until(office.all_delivered)
    assert [type(fact) for fact in heard] == [AnotherVersion]
