"""One worker killed at five places at once; afterwards QuickBooks has every customer, invoice and payment once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

import psycopg
import pytest

from beltstack.demo.quickbooks import Fault, FaultKind, Request
from beltstack.domain.ids import Noun, parse_id
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import DatabaseRole, options
from tests.stories.ledger import Entry, Firm, all_quiet, books_of, until
from tests.stories.world import World, a_world

CUSTOMER, PRICE = "Marisol Vega", Decimal("579.40")
# With 8.25 % of it, 47.8005.
EXPECTED = Entry(CUSTOMER, tax=Decimal("47.80"), total=Decimal("627.20"), payments=(Decimal("627.20"),))
LONGEST_SECONDS = 60.0
# Longer than anything here takes: a fault must not let go by itself.
FAULT_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Moment:
    """What stands at the moment of the kill."""

    sent: int
    """How often QuickBooks was asked to make the invoice."""
    committed: int
    answered: int
    is_linked: bool
    """Whether BeltStack saved that QuickBooks has it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a delivery the worker is held: by QuickBooks, and then perhaps by a row that it has to write.

    `holds` is what a transaction of the test's does to that row.
    """

    kind: FaultKind
    operation: str
    moment: Moment
    holds: str | None = None


PLACES = {
    # It knows the customer and counts its next call in the lane's row.
    "before the call": Place(
        FaultKind.HANG_AFTER_COMMIT,
        "create_customer",
        Moment(sent=0, committed=0, answered=0, is_linked=False),
        "select from lane where integration_id = %(integration)s for update",
    ),
    # QuickBooks has the request and does it only when the next worker has done everything.
    "before the commit": Place(
        FaultKind.HANG_BEFORE_COMMIT,
        "create_invoice",
        Moment(sent=1, committed=0, answered=0, is_linked=False),
    ),
    "before the answer": Place(
        FaultKind.HANG_AFTER_COMMIT,
        "create_invoice",
        Moment(sent=1, committed=1, answered=0, is_linked=False),
    ),
    # A link of the same invoice that is not committed yet: whoever links it waits.
    "before the link": Place(
        FaultKind.HANG_AFTER_COMMIT,
        "create_invoice",
        Moment(sent=1, committed=1, answered=1, is_linked=False),
        """insert into reference (tenant_id, integration_id, entity, entity_id, external_id)
           values (%(tenant)s, %(integration)s, 'invoice', %(invoice)s, 'nobody''s')""",
    ),
    "before the completion": Place(
        FaultKind.HANG_AFTER_COMMIT,
        "create_invoice",
        Moment(sent=1, committed=1, answered=1, is_linked=True),
        "select from delivery where id = %(delivery)s for update",
    ),
}
LATE = "before the commit"


@dataclass
class Crash:
    """One firm's part in the crash."""

    place: Place
    firm: Firm
    draft: Any
    fault: Fault
    invoice: Any = None
    moment: Moment | None = None
    states_at_the_kill: list[str] = field(default_factory=list)

    def requests(self, operation: str) -> list[Request]:
        log = self.firm.quickbooks.books.request_log
        return [request for request in log if request.operation == operation]

    async def now(self) -> Moment:
        sent = self.requests("create_invoice")
        answered = [request for request in sent if request.status is not None]
        committed = self.firm.quickbooks.books.invoices()
        return Moment(len(sent), len(committed), len(answered), "invoice" in await links_of(self.firm))


@pytest.fixture(scope="module")
async def crashes(host: PluginHost) -> AsyncIterator[dict[str, Crash]]:
    """Every place after the worker was killed there, and another one had its time."""
    async with a_world(host) as world:
        drafts = [await a_draft(world, place) for place in PLACES.values()]
        crashes = dict(zip(PLACES, drafts, strict=True))
        await world.start_worker()
        async with held(world, [crash for crash in drafts if crash.place.holds]):
            # Only now the others: a worker has few processes for calls that hang.
            await asyncio.gather(*(begin(crash) for crash in drafts if not crash.place.holds))
            for crash in drafts:
                await note_the_moment(crash)
            await world.kill_worker()
        for name, crash in crashes.items():
            if name != LATE:
                crash.firm.quickbooks.faults.clear()
        await world.start_worker()
        await all_quiet([crash.firm for crash in crashes.values()], seconds=LONGEST_SECONDS)
        await let_the_late_one_in(crashes[LATE])
        yield crashes


@pytest.mark.xdist_group("crashes")
@pytest.mark.parametrize("name", PLACES)
async def test_a_worker_killed_there_neither_loses_nor_doubles_anything(name: str, crashes: dict[str, Crash]) -> None:
    crash = crashes[name]
    assert crash.moment == crash.place.moment
    assert crash.states_at_the_kill == ["RUNNING", "READY"]
    assert books_of(crash.firm.quickbooks) == await crash.firm.invoices() == {crash.invoice["number"]: EXPECTED}
    deliveries = await crash.firm.deliveries()
    told = [(delivery["event"]["type"], delivery["state"]) for delivery in deliveries]
    assert told == [("invoice.issued", "DELIVERED"), ("payment.recorded", "DELIVERED")]
    assert deliveries[0]["attempts"] > 1
    assert await links_of(crash.firm) == {kind: ids_of(crash.firm, kind)[0] for kind in KINDS}


@pytest.mark.xdist_group("crashes")
@pytest.mark.parametrize("name", PLACES)
async def test_every_attempt_names_the_invoice_by_the_same_request_id(name: str, crashes: dict[str, Crash]) -> None:
    sent = crashes[name].requests("create_invoice")
    assert len({request.request_id for request in sent}) == 1
    assert [request.replayed for request in sent].count(False) == 1


@pytest.mark.xdist_group("crashes")
@pytest.mark.parametrize("name", PLACES)
async def test_the_payment_is_told_after_the_invoice(name: str, crashes: dict[str, Crash]) -> None:
    writes = [
        (request.operation, request.replayed)
        for request in crashes[name].firm.quickbooks.books.request_log
        if request.operation.startswith("create_")
    ]
    assert [one for one in writes if one == ("create_payment", False)] == [("create_payment", False)]
    assert writes.index(("create_customer", False)) < writes.index(("create_payment", False))
    linked = crashes[name].firm.quickbooks.books.payments()[0]["Line"][0]["LinkedTxn"]
    assert linked == [{"TxnId": ids_of(crashes[name].firm, "invoice")[0], "TxnType": "Invoice"}]


@pytest.mark.xdist_group("crashes")
async def test_a_dead_worker_s_request_that_arrives_late_is_answered_from_memory(crashes: dict[str, Crash]) -> None:
    first, second = crashes[LATE].requests("create_invoice")
    assert (first.replayed, second.replayed) == (True, False)
    assert first.answer == second.answer


KINDS = ("customer", "invoice", "payment")


async def a_draft(world: World, place: Place) -> Crash:
    """A firm with an invoice to issue, and the fault armed that holds its delivery."""
    firm = await world.firm()
    draft = await firm.draft(CUSTOMER, PRICE)
    fault = firm.quickbooks.faults.arm(place.kind, operation=place.operation, seconds=FAULT_SECONDS)
    return Crash(place, firm, draft, fault)


async def begin(crash: Crash) -> None:
    """Issue it, and let the worker come to where QuickBooks holds it; money comes in meanwhile."""
    crash.invoice = await crash.firm.issue(crash.draft, CUSTOMER, PRICE)
    assert await asyncio.to_thread(crash.fault.wait, LONGEST_SECONDS), "QuickBooks was never asked"
    await crash.firm.pay(crash.invoice, EXPECTED.total)


@asynccontextmanager
async def held(world: World, crashes: list[Crash]) -> AsyncIterator[None]:
    """Let their deliveries go on until each waits for its row."""
    await asyncio.gather(*(begin(crash) for crash in crashes))
    async with transactions(world, len(crashes)) as connections:
        for crash, connection in zip(crashes, connections, strict=True):
            await hold(crash, connection)
            crash.firm.quickbooks.faults.release()
        for connection in connections:
            await until(partial(is_waited_for, world, connection.info.backend_pid), seconds=LONGEST_SECONDS)
        yield


@asynccontextmanager
async def transactions(world: World, number: int) -> AsyncIterator[list[psycopg.AsyncConnection]]:
    """Connections of the app's role, whose transactions come to nothing."""
    connections = [
        await psycopg.AsyncConnection.connect(world.postgres.url, options=options(DatabaseRole.APP))
        for _ in range(number)
    ]
    try:
        yield connections
    finally:
        for connection in connections:
            await connection.rollback()
            await connection.close()


async def hold(crash: Crash, connection: psycopg.AsyncConnection) -> None:
    firm, (delivery, _) = crash.firm, await crash.firm.deliveries()
    await connection.execute("select set_config('app.tenant', %s, true)", (str(firm.tenant_id),))
    values = {
        "tenant": firm.tenant_id,
        "integration": firm.integration_id,
        "invoice": parse_id(Noun.INVOICE, crash.invoice["id"]),
        "delivery": parse_id(Noun.DELIVERY, delivery["id"]),
    }
    assert crash.place.holds is not None
    await connection.execute(crash.place.holds, values)


async def is_waited_for(world: World, pid: int) -> bool:
    async with await psycopg.AsyncConnection.connect(world.postgres.url) as connection:
        found = await connection.execute(
            "select count(*) from pg_stat_activity where %s = any(pg_blocking_pids(pid))", (pid,)
        )
        row = await found.fetchone()
        return row is not None and row[0] > 0


async def note_the_moment(crash: Crash) -> None:
    crash.moment = await crash.now()
    crash.states_at_the_kill = [delivery["state"] for delivery in await crash.firm.deliveries()]


async def let_the_late_one_in(crash: Crash) -> None:
    """The dead worker's request goes on now, when its invoice is made and paid already."""
    crash.firm.quickbooks.faults.release()

    async def is_answered() -> bool:
        return all(request.status is not None for request in crash.requests("create_invoice"))

    await until(is_answered, seconds=LONGEST_SECONDS)


async def links_of(firm: Firm) -> dict[str, str]:
    """The remote's ids that BeltStack saved, by kind; one of each."""
    async with firm.api.database.transaction(firm.tenant_id) as connection:
        rows = (await connection.exec_driver_sql("select entity, external_id from reference")).all()
    assert len({row.entity for row in rows}) == len(rows)
    return {row.entity: row.external_id for row in rows}


def ids_of(firm: Firm, kind: str) -> list[str]:
    """Of what QuickBooks holds."""
    return [one["Id"] for one in firm.quickbooks.books.all(kind.capitalize())]
