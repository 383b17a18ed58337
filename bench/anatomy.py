"""Where a transition's time goes: its statements, its stages, and whose code the processor runs."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from sqlalchemy import Engine, event

from beltstack.store import trips
from beltstack.store.batches import BatchPool
from beltstack.store.tenants import caller_of_token
from beltstack.store.tokens import token_hash
from bench.company import Company, unread
from bench.figures import markdown
from bench.inside import Inside
from bench.sampling import sampled

STAGE_ROUNDS = 150
SAMPLED_SECONDS = 4.0
SHOWN_SHARE = 0.015
WIDEST_STATEMENT = 90
_WITH_IT = "  "

OneTransition = Callable[[], Awaitable[Any]]


async def anatomy(company: Company, work_order_id: UUID, *, over_http: OneTransition) -> str:
    """As Markdown. `over_http` does one transition end to end, on another work order."""
    inside = Inside(company, work_order_id)
    for _ in range(20):
        await inside.through_the_endpoint()
    statements = await _statements(inside)
    stages = await _stages(inside, over_http)
    return "\n\n".join((statements, stages, await _owners(inside)))


async def _statements(inside: Inside) -> str:
    with said_to_postgresql() as said:
        await inside.through_the_endpoint()
    round_trips = sum(not statement.startswith(_WITH_IT) for statement in said)
    return f"Said to PostgreSQL for one command, {round_trips} round trips:\n\n```\n{chr(10).join(said)}\n```"


@contextmanager
def said_to_postgresql() -> Iterator[list[str]]:
    """Every statement of this process while the block runs, COMMIT too; those that go together are indented."""
    said: list[str] = []
    sent, pipeline, fetch = trips._sent, AsyncConnection.pipeline, BatchPool.fetch

    async def going_along(driver: Any, asked: Any) -> Any:
        said.append(_WITH_IT + " ".join(trips._text(asked[0]).split())[:WIDEST_STATEMENT])
        return await sent(driver, asked)

    def together(self: AsyncConnection[Any]) -> Any:
        said.append("together:")
        return pipeline(self)

    async def batch(self: BatchPool, text: str, *arguments: Any, **named: Any) -> bytes | None:
        said.append("one batch: " + " ".join(text.split())[:WIDEST_STATEMENT])
        return await fetch(self, text, *arguments, **named)

    def statement(_: Any, __: Any, text: str, *___: Any) -> None:
        said.append(" ".join(text.split())[:WIDEST_STATEMENT])

    hooks: dict[str, Callable[..., None]] = {
        "before_cursor_execute": statement,
        "commit": lambda _: said.append("COMMIT"),
        "rollback": lambda _: said.append("ROLLBACK"),
    }
    for name, hook in hooks.items():
        event.listen(Engine, name, hook)
    trips._sent, AsyncConnection.pipeline, BatchPool.fetch = going_along, together, batch  # type: ignore[method-assign, assignment]
    try:
        yield said
    finally:
        trips._sent, AsyncConnection.pipeline, BatchPool.fetch = sent, pipeline, fetch  # type: ignore[method-assign]
        for name, hook in hooks.items():
            event.remove(Engine, name, hook)


async def _stages(inside: Inside, over_http: OneTransition) -> str:
    """Each way of doing it in turn, so that noise falls on all of them alike; what lies between two is the stage."""
    company = inside.company
    hashed = token_hash(company.token)
    ways: dict[str, OneTransition] = {
        "http": over_http,
        "endpoint": inside.through_the_endpoint,
        "token": lambda: caller_of_token(company.database, hashed),
        "read": lambda: inside.as_a_command(inside.read),
        "unread": lambda: inside.as_a_command(unread),
    }
    took: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(STAGE_ROUNDS):
        for way, transition in ways.items():
            took[way].append(await _timed(transition))
    ms = {way: 1000 * median(seconds) for way, seconds in took.items()}
    rows = [
        ("HTTP: sockets, uvicorn, the load's own client", ms["http"] - ms["endpoint"]),
        ("the token: who asks", ms["token"]),
        ("GraphQL: execute, encode (the document is known)", ms["endpoint"] - ms["token"] - ms["read"]),
        ("the command: lock, load, decide, write, commit", ms["unread"]),
        ("the answer's read", ms["read"] - ms["unread"]),
        ("end to end, one connection", ms["http"]),
    ]
    return markdown(("stage", "ms", "share"), [(stage, f"{one:.2f}", f"{one / ms['http']:.0%}") for stage, one in rows])


async def _timed(work: OneTransition) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


async def _owners(inside: Inside) -> str:
    """Waiting is what the processor's clock does not see: PostgreSQL's work, and whoever else uses the machine."""
    wall, busy = time.perf_counter(), time.process_time()
    until = wall + SAMPLED_SECONDS
    with sampled() as counts:
        while time.perf_counter() < until:
            await inside.through_the_endpoint()
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    return _shares(counts, python=min(1.0, busy / wall))


def _shares(counts: Counter[str], *, python: float) -> str:
    total = sum(counts.values())
    rows = [("off the processor: PostgreSQL at work, or no core free", 1 - python)]
    rows += [(owner, count / total * python) for owner, count in counts.most_common()]
    shown = [row for row in rows if row[1] >= SHOWN_SHARE]
    shown.append(("everything else", 1 - sum(share for _, share in shown)))
    return markdown(("within the endpoint", "share"), [(owner, f"{share:.0%}") for owner, share in shown])
