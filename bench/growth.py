"""`python -m bench.growth`: how latency follows the data, from 200,000 work orders to 10 million, over HTTP."""

import argparse
import asyncio
import itertools
import json
import os
import platform
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any, TypeVar

from bench.child import a_child
from bench.documents import HOLD, RESUME
from bench.figures import Versus, markdown, percentile
from bench.ground import Ground
from bench.growth_ground import Grown, a_grown_ground
from bench.growth_questions import CURSORS, QUESTIONS, Question, Subject, free_work_orders, subjects_of
from bench.http_load import Caller

SMALL_WORK_ORDERS = 200_000
BIG_WORK_ORDERS = 10_000_000
GOAL = 1.3
ROUNDS = 10
REQUESTS_PER_ROUND = 40
SLOW_REQUESTS_PER_ROUND = 2
_Thing = TypeVar("_Thing")
TRANSITION = Question("one transition: hold, resume", "")


class UnlikeAnswers(Exception):
    """The two sizes answer with more or fewer values: their times mean nothing beside each other."""


class RefusedByServer(Exception):
    """The server answered with errors."""


@dataclass
class Job:
    """A work order that is held and resumed in turn."""

    id: str
    version: int = 1
    is_held: bool = False

    def input(self) -> Subject:
        told = {"id": self.id, "expectedVersion": self.version}
        return {"input": told if self.is_held else told | {"reason": "Waiting for a part"}}


@dataclass(frozen=True, slots=True)
class Side:
    """One size: where its server listens, and by question the milliseconds of every round."""

    work_orders: int
    token: str
    port: int
    subjects: dict[str, tuple[Subject, ...]]
    jobs: tuple[Job, ...]
    figures: dict[str, list[list[float]]] = field(default_factory=dict)

    @asynccontextmanager
    async def asking(self) -> AsyncIterator["Asking"]:
        """A connection of its own: the server closes one that rests while the other side has its turn."""
        caller = await Caller.connect(self.port)
        try:
            yield Asking(caller, self.token)
        finally:
            await caller.close()

    async def find_cursors(self) -> None:
        async with self.asking() as asking:
            for name, (query, subjects) in CURSORS.items():
                pages = [next(iter((await asking.ask(query, one)).values())) for one in self.subjects[subjects]]
                self.subjects[name] = tuple({"after": page["pageInfo"]["endCursor"]} for page in pages)

    async def leaves(self, question: Question) -> float:
        """The values in an answer; the median over what is asked about."""
        async with self.asking() as asking:
            return median([_leaves(await asking.ask(question.query, one)) for one in self._subjects_of(question)])

    async def warm_up(self, question: Question) -> None:
        await self._round(question)

    async def round(self, question: Question) -> None:
        self.figures.setdefault(question.name, []).append(await self._round(question))

    async def _round(self, question: Question) -> list[float]:
        async with self.asking() as asking:
            if question is TRANSITION:
                return [await asking.moves(job) for job in _so_many(self.jobs, REQUESTS_PER_ROUND)]
            count = SLOW_REQUESTS_PER_ROUND if question.may_grow else REQUESTS_PER_ROUND
            bodies = [_body(question.query, one) for one in _so_many(self._subjects_of(question), count)]
            return [await asking.takes(body) for body in bodies]

    def _subjects_of(self, question: Question) -> tuple[Subject, ...]:
        return self.subjects[question.subjects]


@dataclass(frozen=True, slots=True)
class Asking:
    """One connection to a server."""

    caller: Caller
    token: str

    async def ask(self, query: str, variables: Subject) -> Any:
        """The answer's data. Raises RefusedByServer."""
        answered = json.loads(await self.caller.post("/graphql", self.token, _body(query, variables)))
        if "errors" in answered:
            raise RefusedByServer(f"{query} {variables}: {str(answered['errors'])[:500]}")
        return answered["data"]

    async def takes(self, body: bytes) -> float:
        """Milliseconds until the whole answer is there."""
        started = time.perf_counter()
        await self.caller.post("/graphql", self.token, body)
        return 1000 * (time.perf_counter() - started)

    async def moves(self, job: Job) -> float:
        """Milliseconds of the job's next transition. Raises RefusedByServer."""
        started = time.perf_counter()
        data = await self.ask(RESUME if job.is_held else HOLD, job.input())
        took_ms = 1000 * (time.perf_counter() - started)
        (payload,) = data.values()
        if payload["userErrors"] or payload["workOrder"]["version"] != job.version + 1:
            raise RefusedByServer(f"The transition came to nothing: {payload}")
        job.version, job.is_held = job.version + 1, not job.is_held
        return took_ms


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument(
        "--work-orders", type=int, default=BIG_WORK_ORDERS, help="of the big size (default: 10 million)"
    )
    big = parser.parse_args().work_orders
    # An end from outside deletes the databases, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with ExitStack() as stack:
        grown = [stack.enter_context(a_grown_ground(count)) for count in (SMALL_WORK_ORDERS, big)]
        asyncio.run(measure(*grown))


async def measure(small: Grown, big: Grown) -> None:
    """Print a table: latency in both sizes, and what one is in units of the other."""
    print(f"\n## growth\n\n{_machine(big.ground)}\n", flush=True)
    started = time.monotonic()
    async with AsyncExitStack() as stack:
        sides = [await _side(stack, grown) for grown in (small, big)]
        for question in QUESTIONS:
            await _check_alike(sides, question)
        for question in (*QUESTIONS, TRANSITION):
            await _compare(sides, question)
    print(_table(*sides))
    print(f"\n(measured in {time.monotonic() - started:.0f} s)")


async def _side(stack: AsyncExitStack, grown: Grown) -> Side:
    child = await stack.enter_async_context(a_child("bench.server", "product", url=grown.ground.url))
    jobs = tuple(Job(identifier) for identifier in free_work_orders(grown))
    side = Side(grown.work_orders, grown.company.token, int(child.word), subjects_of(grown), jobs)
    await side.find_cursors()
    return side


async def _check_alike(sides: Sequence[Side], question: Question) -> None:
    """Raises UnlikeAnswers."""
    counts = [await side.leaves(question) for side in sides]
    if counts[0] != counts[1] or not counts[0]:
        raise UnlikeAnswers(f"{question.name}: {counts[0]} values in the small size, {counts[1]} in the big one.")


async def _compare(sides: Sequence[Side], question: Question) -> None:
    """Each in turn; every second round the other way round. The first rounds fill the caches."""
    for side in (*sides, *sides):
        await side.warm_up(question)
    for number in range(ROUNDS):
        for side in sides if number % 2 == 0 else reversed(sides):
            await side.round(question)


def _table(small: Side, big: Side) -> str:
    head = ("question", "ratio of medians", "of each round", "ratio of p95", *_heads(small), *_heads(big), "")
    return markdown(head, [_row(question, small, big) for question in (*QUESTIONS, TRANSITION)])


def _heads(side: Side) -> tuple[str, str]:
    count = f"{side.work_orders:,}"
    return f"median, {count}", f"p95, {count}"


def _row(question: Question, small: Side, big: Side) -> tuple[str, ...]:
    rounds = [tuple(map(median, side.figures[question.name])) for side in (big, small)]
    of_rounds = Versus(question.name, "ms", *rounds).ratios
    middles, worst = ([_at(side, question, share) for side in (small, big)] for share in (0.5, 0.95))
    ratio = middles[1] / middles[0]
    verdict = "may grow" if question.may_grow else "" if ratio <= GOAL else f"over {GOAL}"
    cells = (f"{ratio:.2f}", f"{min(of_rounds):.2f} – {max(of_rounds):.2f}", f"{worst[1] / worst[0]:.2f}")
    times = (f"{figure:.2f} ms" for pair in zip(middles, worst, strict=True) for figure in pair)
    return question.name, *cells, *times, verdict


def _at(side: Side, question: Question, share: float) -> float:
    return percentile(list(itertools.chain.from_iterable(side.figures[question.name])), share)


def _so_many(things: Sequence[_Thing], count: int) -> Iterator[_Thing]:
    return itertools.islice(itertools.cycle(things), count)


def _body(query: str, variables: Subject) -> bytes:
    return json.dumps({"query": query, "variables": variables}).encode()


def _leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_leaves, value.values()))
    return sum(map(_leaves, value)) if isinstance(value, list) else 1


def _machine(ground: Ground) -> str:
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()},"
        f" PostgreSQL {ground.server_version()}; load average at the start {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
