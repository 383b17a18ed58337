"""The calls of a day: never more than the limit in any window, nearly all of it usable, and the lane rests after."""

import asyncio
import time

from beltstack.domain.deliveries import DeliveryState
from beltstack.domain.events import PaymentRecorded
from beltstack.plugins import Context, Limits
from beltstack.store.database import Database
from beltstack.store.lanes import FreeLane
from tests.delivery.office import a_plugin, an_office, at_work, until

HOUR_SECONDS = 0.06
DAY_SECONDS = 24 * HOUR_SECONDS
CALLS = 40


async def silent(event: PaymentRecorded, context: Context) -> None:
    """Nothing."""


async def test_no_day_holds_more_calls_than_allowed_and_most_of_them_can_be_used(database: Database) -> None:
    office = await an_office(database, a_plugin(silent))
    lane = FreeLane(database, office.tenant.id, office.integration_id)
    allowed: list[float] = []
    ends_at = time.monotonic() + 3 * DAY_SECONDS

    async def hammer() -> None:
        while time.monotonic() < ends_at:
            if (await lane.reserve_of_the_day(CALLS, hour_seconds=HOUR_SECONDS)).is_allowed:
                allowed.append(time.monotonic())
            await asyncio.sleep(0.005)

    await asyncio.gather(*(hammer() for _ in range(4)))
    allowed.sort()
    # The two clocks tick apart by what an answer takes.
    most = max(sum(0 <= other - one < DAY_SECONDS - 0.05 for other in allowed) for one in allowed)
    assert most == CALLS
    assert len(allowed) >= 0.85 * 3 * CALLS


async def test_a_refusal_says_when_the_next_call_is_free(database: Database) -> None:
    office = await an_office(database, a_plugin(silent))
    lane = FreeLane(database, office.tenant.id, office.integration_id)
    assert (await lane.reserve_of_the_day(1)).is_allowed
    refused = await lane.reserve_of_the_day(1)
    assert not refused.is_allowed
    assert 23.9 * 3600 < refused.wait_seconds <= 25 * 3600


async def test_a_used_up_day_rests_the_lane_and_costs_no_failure(database: Database) -> None:
    async def react(event: PaymentRecorded, context: Context) -> None:
        await context.before_call()

    office = await an_office(database, a_plugin(react, limits=Limits(calls=6000, calls_a_day=2)))
    for amount in (1, 2, 3):
        await office.receive(amount)

    async def two_arrived() -> bool:
        return (await office.states()).count(DeliveryState.DELIVERED) == 2

    async with at_work(office):
        await until(two_arrived)
        await asyncio.sleep(0.5)
    (left,) = [one for one in await office.deliveries() if one.state is not DeliveryState.DELIVERED]
    assert (left.state, left.failures) == (DeliveryState.READY, 0)
    assert left.error == "The connection's calls of this day are used up."
    lane = await office.lane()
    assert lane.failures == 0
