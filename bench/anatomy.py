"""Where a transition's time goes: its statements, its stages, and whose code the processor runs."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, event

from beltstack.store.tenants import actor_of_token
from beltstack.store.tokens import token_hash
from bench.company import Company, unread
from bench.figures import markdown
from bench.inside import Inside
from bench.sampling import sampled

STAGE_ROUNDS = 150
SAMPLED_SECONDS = 4.0
SHOWN_SHARE = 0.015
WIDEST_STATEMENT = 90


async def anatomy(company: Company, work_order_id: UUID, *, seconds_over_http: float) -> str:
    """As Markdown. `seconds_over_http` is what one transition took end to end, at one connection."""
    inside = Inside(company, work_order_id)
    for _ in range(20):
        await inside.through_the_endpoint()
    statements = await _statements(inside)
    stages = await _stages(inside, seconds_over_http)
    return "\n\n".join((statements, stages, await _owners(inside)))


async def _statements(inside: Inside) -> str:
    with said_to_postgresql() as said:
        await inside.through_the_endpoint()
    lines = "\n".join(f"{number:3}  {statement}" for number, statement in enumerate(said, start=1))
    return f"Said to PostgreSQL for one command, {len(said)} round trips:\n\n```\n{lines}\n```"


@contextmanager
def said_to_postgresql() -> Iterator[list[str]]:
    """Every statement of this process while the block runs, one round trip each, BEGIN and COMMIT too."""
    said: list[str] = []

    def statement(_: Any, __: Any, text: str, *___: Any) -> None:
        said.append(" ".join(text.split())[:WIDEST_STATEMENT])

    hooks: dict[str, Callable[..., None]] = {
        "before_cursor_execute": statement,
        "begin": lambda _: said.append("BEGIN"),
        "commit": lambda _: said.append("COMMIT"),
        "rollback": lambda _: said.append("ROLLBACK"),
    }
    for name, hook in hooks.items():
        event.listen(Engine, name, hook)
    try:
        yield said
    finally:
        for name, hook in hooks.items():
            event.remove(Engine, name, hook)


async def _stages(inside: Inside, seconds_over_http: float) -> str:
    """Each stage by itself, in turn, so that noise falls on all of them alike."""
    company = inside.company
    hashed = token_hash(company.token)
    token: list[float] = []
    endpoint: list[float] = []
    read: list[float] = []
    unread_: list[float] = []
    for _ in range(STAGE_ROUNDS):
        token.append(await _timed(lambda: actor_of_token(company.database, hashed)))
        endpoint.append(await _timed(inside.through_the_endpoint))
        read.append(await _timed(lambda: inside.as_a_command(inside.read)))
        unread_.append(await _timed(lambda: inside.as_a_command(unread)))
    whole, auth, command, alone = (1000 * median(one) for one in (endpoint, token, read, unread_))
    over_http = 1000 * seconds_over_http
    rows = [
        ("HTTP: sockets, uvicorn, the load's own client", over_http - whole),
        ("the token: who asks", auth),
        ("GraphQL: parse, validate, execute, encode", whole - auth - command),
        ("the command: lock, load, decide, write, commit", alone),
        ("the answer's read", command - alone),
        ("end to end, one connection", over_http),
    ]
    return markdown(
        ("stage", "ms", "share"),
        [(stage, f"{ms:.2f}", f"{ms / over_http:.0%}") for stage, ms in rows],
    )


async def _timed(work: Callable[[], Awaitable[Any]]) -> float:
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
    rows = [("waiting for PostgreSQL", 1 - python)]
    rows += [(owner, count / total * python) for owner, count in counts.most_common()]
    shown = [row for row in rows if row[1] >= SHOWN_SHARE]
    shown.append(("everything else", 1 - sum(share for _, share in shown)))
    return markdown(("within the endpoint", "share"), [(owner, f"{share:.0%}") for owner, share in shown])


