"""A lane keeps the order of each stream, tries again what may pass, and holds back only what it must."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import text
from uuid_utils.compat import uuid7

from beltstack.delivery.lanes import run_lane
from beltstack.delivery.policy import BackOff
from beltstack.delivery.shop import Shop
from beltstack.domain.deliveries import (
    Delivery,
    DeliveryNotReplayable,
    DeliveryState,
    ErrorClass,
    Integration,
    IntegrationStatus,
    Reference,
)
from beltstack.domain.errors import NotFound
from beltstack.domain.events import PaymentRecorded
from beltstack.domain.ids import DeliveryId
from beltstack.plugins import (
    Context,
    DeadLetters,
    Limits,
    NeedsAttention,
    OutcomeUnknown,
    ReconnectNeeded,
    Rejected,
    RetryLater,
    Throttled,
    WaitFor,
)
from beltstack.store.database import Database
from beltstack.store.lanes import LaneKey
from tests.delivery.office import BRISK, QUICK, Office, a_plugin, an_office, at_work, until

READY, DEAD, DELIVERED, WAITING = (
    DeliveryState.READY,
    DeliveryState.DEAD,
    DeliveryState.DELIVERED,
    DeliveryState.WAITING,
)


class Books:
    """Notes every call, in order; fails as often as it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[UUID, int]] = []
        self.attempts: list[int] = []
        self.keys: list[str] = []
        self.failing: dict[int, list[Exception]] = {}

    async def react(self, event: PaymentRecorded, context: Context) -> None:
        amount = int(event.amount)
        self.calls.append((event.invoice_id, amount))
        self.attempts.append(context.attempt)
        self.keys.append(context.idempotency_key)
        await asyncio.sleep(0)
        if left := self.failing.get(amount):
            raise left.pop()

    def amounts(self, stream: UUID) -> list[int]:
        return [amount for invoice, amount in self.calls if invoice == stream]

    def fails(self, amount: int, *errors: Exception) -> None:
        """The last one is raised first."""
        self.failing[amount] = list(errors)


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture
async def office(database: Database, books: Books) -> Office:
    return await an_office(database, a_plugin(books.react))


async def states_are(office: Office, *states: DeliveryState) -> bool:
    return await office.states() == list(states)


def will_be(office: Office, *states: DeliveryState) -> Callable[[], Awaitable[bool]]:
    return lambda: states_are(office, *states)


async def test_every_stream_is_told_in_order_and_streams_side_by_side(office: Office, books: Books) -> None:
    async with at_work(office):
        streams = await asyncio.gather(*(office.receive(1, 2, 3, 4, 5) for _ in range(6)))
        for stream in streams:
            await office.receive(6, invoice=stream)
        await until(office.all_delivered)
    assert {stream: books.amounts(stream) for stream in streams} == {stream: [1, 2, 3, 4, 5, 6] for stream in streams}
    assert [amount for _, amount in books.calls] != sorted(amount for _, amount in books.calls)


async def test_what_was_owed_before_the_worker_started_arrives(office: Office, books: Books) -> None:
    stream = await office.receive(1, 2)
    async with at_work(office):
        await until(office.all_delivered)
    assert books.amounts(stream) == [1, 2]


async def test_a_passing_failure_is_tried_again_with_the_same_key_and_told_so(office: Office, books: Books) -> None:
    books.fails(1, RetryLater("Busy."), OutcomeUnknown("Nobody knows."), TimeoutError())
    await office.receive(1, 2)
    async with at_work(office):
        await until(office.all_delivered)
    assert books.attempts == [1, 2, 3, 4, 1]
    assert len(set(books.keys)) == 2
    first = (await office.deliveries())[0]
    assert (first.attempts, first.error, first.settled_at is not None) == (4, None, True)
    assert [attempt.error_class for attempt in await office.attempts(first.id)] == [
        ErrorClass.TIMEOUT,
        ErrorClass.UNKNOWN_OUTCOME,
        ErrorClass.TRANSIENT,
        None,
    ]
    assert (await office.integration()).problem is None


async def test_a_dead_letter_blocks_only_its_own_stream_and_is_replayed_in_order(office: Office, books: Books) -> None:
    books.fails(2, NeedsAttention("Map the tax code first.", code="TAX"))
    blocked = await office.receive(1, 2, 3)
    other = await office.receive(11, 12)
    async with at_work(office):
        await until(will_be(office, DELIVERED, DEAD, READY, DELIVERED, DELIVERED))
        dead = (await office.deliveries())[1]
        assert (dead.error_class, dead.error_code) == (ErrorClass.NEEDS_ATTENTION, "TAX")
        assert dead.error == "Map the tax code first."
        await office.receive(4, invoice=blocked)
        assert books.amounts(blocked) == [1, 2]
        await office.replay(dead.id)
        await until(office.all_delivered)
    assert books.amounts(blocked) == [1, 2, 2, 3, 4]
    assert books.amounts(other) == [11, 12]


async def test_a_plugin_may_let_its_streams_go_on_past_a_dead_letter(database: Database, books: Books) -> None:
    office = await an_office(database, a_plugin(books.react, dead_letters=DeadLetters.CONTINUE))
    books.fails(1, Rejected("Never."))
    stream = await office.receive(1, 2)
    async with at_work(office):
        await until(will_be(office, DEAD, DELIVERED))
    assert books.amounts(stream) == [1, 2]


async def test_only_what_failed_can_be_replayed_and_all_or_nothing(office: Office, books: Books) -> None:
    books.fails(1, Rejected("Never."))
    await office.receive(1)
    await office.receive(2)
    async with at_work(office):
        await until(will_be(office, DEAD, DELIVERED))
    dead, arrived = await office.deliveries()
    with pytest.raises(DeliveryNotReplayable, match="has arrived: there is nothing to try again"):
        await office.replay(dead.id, arrived.id)
    with pytest.raises(NotFound):
        await office.replay(dead.id, DeliveryId(uuid7()))
    assert await office.states() == [DEAD, DELIVERED]


async def test_another_tenants_deliveries_are_not_found(office: Office, books: Books, database: Database) -> None:
    books.fails(1, Rejected("Never."))
    await office.receive(1)
    async with at_work(office):
        await until(will_be(office, DEAD))
    dead = (await office.deliveries())[0]
    stranger = await an_office(database, a_plugin(books.react))
    with pytest.raises(NotFound):
        await stranger.replay(dead.id)
    assert await office.states() == [DEAD]
    assert await stranger.deliveries() == []


async def test_throttling_rests_the_whole_lane_and_costs_nothing(office: Office, books: Books) -> None:
    books.fails(1, Throttled("Slow down.", seconds=0.6))
    await office.receive(1)
    async with at_work(office):
        await until(lambda: has_failed(office, ErrorClass.THROTTLED))
        await office.receive(2)
        await asyncio.sleep(0.2)
        assert [amount for _, amount in books.calls] == [1]
        assert [(one.failures, one.state) for one in await office.deliveries()] == [(0, READY), (0, READY)]
        await until(office.all_delivered)
    assert sorted(amount for _, amount in books.calls) == [1, 1, 2]
    assert (await office.lane()).failures == 0


async def test_a_delivery_waits_for_a_link_and_is_woken_by_it(database: Database) -> None:
    customer, told = uuid7(), []

    async def react(event: PaymentRecorded, context: Context) -> None:
        told.append((int(event.amount), context.attempt))
        if event.amount == 2:
            await context.references.link(Reference("customer", customer, "ext-1"))
        elif await context.references.find("customer", customer) is None:
            raise WaitFor("customer", customer)

    office = await an_office(database, a_plugin(react))
    await office.receive(1)
    async with at_work(office):
        await until(will_be(office, WAITING))
        waiting = (await office.deliveries())[0]
        assert (waiting.failures, waiting.waits_for) == (0, customer)
        await office.receive(2)
        await until(office.all_delivered)
    assert told == [(1, 1), (2, 1), (1, 2)]


async def test_a_link_made_while_the_delivery_decides_to_wait_is_not_missed(database: Database) -> None:
    customer, told = uuid7(), []

    async def react(event: PaymentRecorded, context: Context) -> None:
        told.append(int(event.amount))
        if told == [1]:
            await context.references.link(Reference("customer", customer, "ext-1"))
            raise WaitFor("customer", customer)

    office = await an_office(database, a_plugin(react))
    await office.receive(1)
    async with at_work(office):
        await until(office.all_delivered)
    assert told == [1, 1]


async def test_reconnect_stops_the_integration_and_resume_drains_it(office: Office, books: Books) -> None:
    books.fails(1, ReconnectNeeded("Acme has forgotten us: connect again.", code="401"))
    await office.receive(1, 2)
    async with at_work(office):
        await until(lambda: has_status(office, IntegrationStatus.NEEDS_REAUTH))
        integration = await office.integration()
        assert (integration.problem, integration.problem_code) == ("Acme has forgotten us: connect again.", "401")
        await office.receive(3)
        await asyncio.sleep(0.5)
        assert [amount for _, amount in books.calls] == [1]
        assert [one.failures for one in await office.deliveries()] == [0, 0, 0]
        await office.change(Integration.resume)
        await until(office.all_delivered)
    assert sorted(amount for _, amount in books.calls) == [1, 1, 2, 3]
    assert (await office.integration()).problem is None


async def test_a_late_401_does_not_stop_an_integration_that_was_connected_meanwhile(database: Database) -> None:
    at_it, go_on, calls = asyncio.Event(), asyncio.Event(), []

    async def react(event: PaymentRecorded, context: Context) -> None:
        calls.append(int(event.amount))
        if len(calls) == 1:
            at_it.set()
            await go_on.wait()
            raise ReconnectNeeded("Old token.")

    office = await an_office(database, a_plugin(react))
    await office.receive(1)
    async with at_work(office):
        await at_it.wait()
        await office.change(Integration.pause)
        await office.change(Integration.resume)
        go_on.set()
        await until(office.all_delivered)
    assert (await office.integration()).status is IntegrationStatus.ENABLED


@pytest.mark.parametrize("stop", [Integration.pause, Integration.disable])
async def test_a_paused_or_disabled_integration_keeps_what_it_is_owed(
    office: Office, books: Books, stop: Callable[[Integration], object]
) -> None:
    await office.receive(1)
    await office.change(stop)
    async with at_work(office):
        await asyncio.sleep(0.6)
        assert (books.calls, await office.states()) == ([], [READY])
        await office.change(Integration.enable)
        await until(office.all_delivered)
    assert [amount for _, amount in books.calls] == [1]


async def test_when_everything_fails_the_lane_rests_and_one_probe_finds_it_mended(database: Database) -> None:
    is_down, at_once, most_at_once = True, 0, Counter[bool]()
    offices: list[Office] = []

    async def react(event: PaymentRecorded, context: Context) -> None:
        nonlocal at_once
        at_once += 1
        is_open = (await offices[0].lane()).failures >= 5
        most_at_once[is_open] = max(most_at_once[is_open], at_once)
        await asyncio.sleep(0.01)
        at_once -= 1
        if is_down:
            raise RetryLater("Down.")

    office = await an_office(database, a_plugin(react, limits=Limits(at_once=4)))
    offices.append(office)
    for amount in range(12):
        await office.receive(amount)
    async with at_work(office, policy=replace(BRISK, breaker=BackOff(0.1, 0.2))):
        await until(lambda: lane_failed(office, 7))
        is_down = False
        await until(office.all_delivered)
    assert most_at_once == {False: 4, True: 1}
    assert (await office.lane()).failures == 0


async def test_a_zombie_that_wakes_after_its_lane_was_taken_writes_nothing(database: Database) -> None:
    asleep, wake, calls = asyncio.Event(), asyncio.Event(), []

    async def react(event: PaymentRecorded, context: Context) -> None:
        calls.append((int(event.amount), context.attempt))
        if len(calls) == 1:
            asleep.set()
            await wake.wait()
            raise Rejected("The zombie's word.")

    office = await an_office(database, a_plugin(react))
    await office.receive(1, 2)
    key = LaneKey(office.tenant.id, office.integration_id, (await office.integration()).plugin_id)
    shop = Shop(database, office.host, office.sealer, BRISK)
    zombie = asyncio.create_task(run_lane(shop, key, hand_back=asyncio.Event()))
    await asleep.wait()
    await run_lane(shop, key, hand_back=asyncio.Event())
    assert await office.states() == [DELIVERED, DELIVERED]
    await office.receive(3)
    before = await office.deliveries()
    wake.set()
    assert await zombie is None
    assert await office.deliveries() == before
    assert calls == [(1, 1), (1, 2), (2, 1)]
    noted = await office.attempts(before[0].id)
    assert [(one.error_class, one.error_code) for one in noted] == [
        (ErrorClass.UNKNOWN_OUTCOME, "WORKER_LOST"),
        (None, None),
    ]
    await shop.close()


async def test_a_lane_hands_back_after_its_budget_and_goes_on_later(database: Database, books: Books) -> None:
    office = await an_office(database, a_plugin(books.react))
    await office.receive(*range(20))
    key = LaneKey(office.tenant.id, office.integration_id, (await office.integration()).plugin_id)
    shop = Shop(database, office.host, office.sealer, BRISK, budget_seconds=0.0)
    assert await run_lane(shop, key, hand_back=asyncio.Event()) is None
    assert books.calls == []
    async with at_work(office, pace=QUICK):
        await until(office.all_delivered)
    assert [amount for _, amount in books.calls] == list(range(20))
    await shop.close()


async def test_a_delivery_whose_worker_ends_each_time_is_given_up_after_five(database: Database, books: Books) -> None:
    office = await an_office(database, a_plugin(books.react))
    await office.receive(1)
    async with office.session() as session:
        await session.first(_ALWAYS_LOST, {"tenant": office.tenant.id})
    async with at_work(office):
        await until(will_be(office, DEAD))
    dead: Delivery = (await office.deliveries())[0]
    assert (dead.error_code, books.calls) == ("WORKER_LOST", [])


async def has_failed(office: Office, error_class: ErrorClass) -> bool:
    return any(delivery.error_class is error_class for delivery in await office.deliveries())


async def has_status(office: Office, status: IntegrationStatus) -> bool:
    return (await office.integration()).status is status


async def lane_failed(office: Office, failures: int) -> bool:
    return bool((await office.lane()).failures >= failures)


_ALWAYS_LOST = text(
    """with lost as (
         insert into delivery_attempt (tenant_id, id, delivery_id, attempt, started_at, ended_at, error_class,
                                       error_code)
         select :tenant, uuid_v7(), d.id, n, now(), now(), 'UNKNOWN_OUTCOME', 'WORKER_LOST'
         from delivery d cross join generate_series(1, 4) n where d.tenant_id = :tenant)
       update delivery set state = 'RUNNING', attempts = 5 where tenant_id = :tenant returning 1"""
)
