"""Random kills while invoices and payments are under way: nothing acknowledged is lost, nothing is doubled.

BELTSTACK_CHAOS_SEED repeats a run as far as the machine allows; BELTSTACK_CHAOS_SECONDS adds a long one.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any

import pytest

from tests.stories.ledger import CENT, Firm, all_quiet, books_of, until
from tests.stories.world import World

LONGEST_SECONDS = 90.0
CLIENTS = 4
INVOICES_OF_A_CLIENT = 3
IN_FLIGHT = CLIENTS * INVOICES_OF_A_CLIENT
LOST_ANSWERS = 0.1
FIRST_NUMBER = 1001
SECONDS = float(os.environ.get("BELTSTACK_CHAOS_SECONDS") or 0)


@pytest.fixture
def chance() -> Random:
    seed = int(os.environ.get("BELTSTACK_CHAOS_SEED") or secrets.randbelow(1_000_000))
    print(f"BELTSTACK_CHAOS_SEED={seed}")
    return Random(seed)


async def test_random_kills_among_many_invoices_in_flight(world: World, chance: Random) -> None:
    firm = await a_forgetful_firm(world, chance)
    clients = Clients(firm, chance, each=INVOICES_OF_A_CLIENT)
    victims = ["postgres", "worker", "worker"]
    chance.shuffle(victims)
    async with clients.at_work():
        await clients.more_answers(chance.randint(3, 8))
        await world.kill_postgres()
        await world.start_worker()
        for victim in victims:
            await more_requests(firm, chance.randint(1, IN_FLIGHT))
            await world.strike(victim)
    print(f"killed postgres, {', '.join(victims)}; clients waited {firm.api.waits} times")
    assert firm.api.waits > 0, "no client noticed that the database was killed"
    await all_quiet([firm], seconds=LONGEST_SECONDS)
    await check_ledgers(firm, invoices=IN_FLIGHT)


@pytest.mark.slow
@pytest.mark.skipif(not SECONDS, reason="set BELTSTACK_CHAOS_SECONDS for the long run")
async def test_everything_killed_again_and_again(world: World, chance: Random) -> None:
    firm = await a_forgetful_firm(world, chance)
    await world.start_worker()
    clients = Clients(firm, chance, each=None)
    ends_at = asyncio.get_running_loop().time() + SECONDS
    kills = {"worker": 0, "postgres": 0}
    async with clients.at_work():
        while asyncio.get_running_loop().time() < ends_at:
            await asyncio.sleep(chance.uniform(0.5, 8))
            victim = chance.choice(list(kills))
            kills[victim] += 1
            await world.strike(victim)
        clients.is_over = True
    print(f"killed {kills}; {len(firm.expected)} invoices, {clients.answers} answers, {firm.api.waits} waits")
    await quiet_after_replays(firm)
    await check_ledgers(firm, invoices=len(firm.expected))


@dataclass
class Clients:
    """Several at once that enter customers and work, issue invoices and record payments; `each` None means for ever."""

    firm: Firm
    chance: Random
    each: int | None
    answers: int = 0
    is_over: bool = False
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Left when all that they began is acknowledged."""
        async with asyncio.TaskGroup() as group:
            for name in range(CLIENTS):
                group.create_task(self._work(f"Client {name}", Random(self.chance.random())))
            yield

    async def more_answers(self, number: int) -> None:
        wanted = self.answers + number
        async with asyncio.timeout(LONGEST_SECONDS), self._news:
            await self._news.wait_for(lambda: self.answers >= wanted)

    async def _work(self, name: str, chance: Random) -> None:
        numbers: Iterator[int] = count() if self.each is None else iter(range(self.each))
        for number in numbers:
            if self.each is None:
                # QuickBooks takes 500 requests a minute: what is entered faster is only waited for afterwards.
                await asyncio.sleep(chance.uniform(2, 6))
            if self.is_over:
                return
            customer, price = f"{name}, customer {number}", a_price(chance)
            draft = await self._answered(self.firm.draft(customer, price))
            await self._answered(issue_and_pay(self.firm, draft, customer, price))

    async def _answered(self, asking: Any) -> Any:
        answer = await asking
        async with self._news:
            self.answers += 1
            self._news.notify_all()
        return answer


async def a_forgetful_firm(world: World, chance: Random) -> Firm:
    """One whose clients lose every tenth answer on the way, and ask again."""
    firm, losses = await world.firm(), Random(chance.random())
    firm.api.is_lost = lambda: losses.random() < LOST_ANSWERS
    return firm


async def issue_and_pay(firm: Firm, draft: Any, customer: str, price: Decimal) -> None:
    """Paid in two parts, so that the order of the two shows."""
    invoice = await firm.issue(draft, customer, price)
    total = firm.expected[invoice["number"]].total
    part = (total / 3).quantize(CENT)
    await firm.pay(invoice, part)
    await firm.pay(invoice, total - part)


async def more_requests(firm: Firm, number: int) -> None:
    """Wait until so many more requests have come to QuickBooks."""
    wanted = len(firm.quickbooks.books.request_log) + number

    async def have_come() -> bool:
        return len(firm.quickbooks.books.request_log) >= wanted

    await until(have_come, seconds=LONGEST_SECONDS)


async def quiet_after_replays(firm: Firm) -> None:
    """A delivery whose worker ended five times waits for a person, visibly; here is one."""

    async def is_quiet() -> bool:
        dead = [delivery for delivery in await firm.deliveries() if delivery["state"] == "DEAD"]
        assert {delivery["errorCode"] for delivery in dead} <= {"WORKER_LOST"}
        if dead:
            ids = [delivery["id"] for delivery in dead]
            await firm.api.do("deliveryReplay", "deliveries { id }", ids=ids)
        return await firm.is_quiet()

    await until(is_quiet, seconds=4 * LONGEST_SECONDS)


async def check_ledgers(firm: Firm, *, invoices: int) -> None:
    """What clients were told, what BeltStack says and what QuickBooks holds are one; and no number is left out."""
    assert books_of(firm.quickbooks) == await firm.invoices() == firm.expected
    assert sorted(firm.expected) == [f"INV-{FIRST_NUMBER + place}" for place in range(invoices)]


def a_price(chance: Random) -> Decimal:
    """Between 10.00 and 2,000.00."""
    return Decimal(chance.randint(1_000, 200_000)) * CENT
