"""The read path and one transition against named peers: the same data, the same machine, in turn."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

import psycopg

from bench.child import Child, a_child
from bench.dataset import Company, WrongData, fill
from bench.figures import Versus, markdown
from bench.ground import Ground
from bench.http_load import Caller
from bench.peers.node import HERE, CannotInstall, a_node_child, installed_node
from bench.peers.questions import (
    QUERIES,
    Asks,
    Given,
    asks_by_path,
    asks_ours,
    asks_plainly,
    asks_postgraphile,
    one_form,
)
from bench.transition import LEFT

WORK_ORDERS = 200_000
ROUNDS = 5
SLICE_SECONDS = 0.7
WARM_UP_SECONDS = 1.5
CONNECTIONS = (1, 8)
TRANSITION = "Q4 one transition"


class WrongEffect(Exception):
    """A peer did not leave what a transition leaves."""


class DiffersFromOurs(Exception):
    """A peer's answer is not ours: comparing their speed would mean nothing."""


@dataclass
class Job:
    """A work order that is held and resumed in turn, by one connection at a time."""

    id: str
    version: int = 1
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is measured. `seen` are the work orders that it is asked for one by one."""

    name: str
    child: Child
    company: Company
    asks: Asks
    after: str
    seen: tuple[str, ...]
    jobs: tuple[Job, ...]
    figures: dict[tuple[str, int], list[float]] = field(default_factory=dict)

    def given(self, work_order_id: str) -> Given:
        return Given(work_order_id, after=self.after, tenant_id=str(self.company.tenant_id))

    async def answer(self, caller: Caller, question: str, given: Given) -> Any:
        path, body = self.asks(question, given)
        answered = json.loads(await caller.post(path, self.company.token, json.dumps(body).encode()))
        if "errors" in answered:
            raise DiffersFromOurs(f"{self.name} refused {question}: {str(answered['errors'])[:500]}")
        return one_form(answered.get("data", answered))

    async def move(self, caller: Caller, job: Job) -> None:
        """The job's next transition."""
        given = Given(job.id, version=job.version, is_held=job.is_held)
        answered = await self.answer(caller, TRANSITION, given)
        if (found := _version(answered)) != job.version + 1:
            raise DiffersFromOurs(f"{self.name} left version {found} instead of {job.version + 1}: {answered}")
        job.version += 1
        job.is_held = not job.is_held

    async def slice(self, question: str, connections: int, *, seconds: float) -> float:
        """Answers per second."""
        callers = [await Caller.connect(int(self.child.word)) for _ in range(connections)]
        loop = asyncio.get_running_loop()
        started = loop.time()
        ends = started + seconds
        if question == TRANSITION:
            work = [self._move_on(caller, job, ends) for caller, job in zip(callers, self.jobs, strict=False)]
        else:
            bodies = self._bodies(question)
            work = [self._read_on(caller, bodies, ends) for caller in callers]
        done = sum(await asyncio.gather(*work))
        took = loop.time() - started
        for caller in callers:
            await caller.close()
        return done / took

    async def _read_on(self, caller: Caller, bodies: Iterator[tuple[str, bytes]], ends: float) -> int:
        done, loop = 0, asyncio.get_running_loop()
        while loop.time() < ends:
            path, body = next(bodies)
            await caller.post(path, self.company.token, body)
            done += 1
        return done

    async def _move_on(self, caller: Caller, job: Job, ends: float) -> int:
        done, loop = 0, asyncio.get_running_loop()
        while loop.time() < ends:
            await self.move(caller, job)
            done += 1
        return done

    def _bodies(self, question: str) -> Iterator[tuple[str, bytes]]:
        asked = [self.asks(question, self.given(identifier)) for identifier in self.seen]
        return itertools.cycle([(path, json.dumps(body).encode()) for path, body in asked])

    def resident_bytes(self) -> int:
        """Of its process, after the load; Linux only, 0 elsewhere."""
        status = Path(f"/proc/{self.child.process.pid}/status")
        if not status.exists():
            return 0
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024


async def measure(ground: Ground, *, work_orders: int = WORK_ORDERS) -> None:
    """Print throughput, ratios with their spread, and memory."""
    data = fill(ground.admin_url, work_orders=work_orders)
    counted = ", ".join(f"{count:,} {name.replace('_', ' ')}s" for name, count in data.rows.items())
    print(f"The data: {counted}.\n", flush=True)
    async with AsyncExitStack() as stack:
        peers = await _peers(stack, ground, data.companies[0])
        await _check_equal(peers)
        for question in (*QUERIES, TRANSITION):
            for connections in CONNECTIONS:
                await _rounds(peers, question, connections)
        for peer in peers:
            _check_effect(ground, peer)
        print(_throughput(peers), end="\n\n")
        print(_ratios(peers), end="\n\n")
        print(_memory(peers))


async def _peers(stack: AsyncExitStack, ground: Ground, company: Company) -> list[Peer]:
    """Ours first. A peer from npm that cannot be had is left out, and that is said."""
    picked = _picked(ground, company)
    groups = iter(picked.jobs)

    def peer(name: str, child: Child, asks: Asks) -> Peer:
        jobs = tuple(Job(identifier) for identifier in next(groups))
        return Peer(name, child, company, asks, picked.after, picked.seen, jobs)

    product = await stack.enter_async_context(a_child("bench.server", "product", url=ground.url))
    peers = [peer("BeltStack", product, asks_ours(await _cursor(int(product.word), company.token)))]
    for name, module, asks in (
        ("handwritten SQL", "floor", asks_by_path),
        ("strawberry + ORM", "strawberry", asks_plainly),
    ):
        child = await stack.enter_async_context(a_child("bench.peers.serve", module, url=ground.url))
        peers.append(peer(name, child, asks))
    try:
        node = await asyncio.to_thread(installed_node)
    except CannotInstall as reason:
        print(f"Left out: PostGraphile and mercurius, because {reason}.\n", flush=True)
        return peers
    with psycopg.connect(ground.admin_url) as connection:
        connection.execute((HERE / "postgraphile.sql").read_bytes())
    for name, script, asks in (
        ("PostGraphile 5.1", "postgraphile.mjs", asks_postgraphile),
        ("mercurius 16 + JIT", "mercurius.mjs", asks_plainly),
    ):
        child = await stack.enter_async_context(a_node_child(node, script, url=ground.url))
        peers.append(peer(name, child, asks))
    return peers


@dataclass(frozen=True, slots=True)
class _Picked:
    after: str
    seen: tuple[str, ...]
    jobs: tuple[tuple[str, ...], ...]


def _picked(ground: Ground, company: Company) -> _Picked:
    """What is asked for: where page two of the customers starts, 200 work orders, open ones for the transitions."""
    most = max(CONNECTIONS)
    with psycopg.connect(ground.admin_url, options="-c search_path=beltstack") as connection:

        def ids(statement: Any) -> tuple[str, ...]:
            return tuple(str(row[0]) for row in connection.execute(statement, {"tenant": company.tenant_id}))

        after = ids("select id from customer where tenant_id = %(tenant)s order by id desc offset 49 limit 1")[0]
        seen = ids("select id from work_order where tenant_id = %(tenant)s order by md5(id::text) limit 200")
        free = ids(
            "select id from work_order where tenant_id = %(tenant)s and state = 'OPEN'"
            f" and not id = any(array(select id from work_order where tenant_id = %(tenant)s"
            f" order by md5(id::text) limit 200)) order by id limit {5 * most}"
        )
    if len(free) < 5 * most:
        raise WrongData(f"A tenant has only {len(free)} open work orders; the transitions need {5 * most}.")
    return _Picked(after, seen, tuple(free[start : start + most] for start in range(0, 5 * most, most)))


async def _cursor(port: int, token: str) -> str:
    """The end of our first page of customers."""
    caller = await Caller.connect(port)
    body = json.dumps({"query": "{ customers(first: 50) { pageInfo { endCursor } } }"}).encode()
    answered = json.loads(await caller.post("/graphql", token, body))
    await caller.close()
    return str(answered["data"]["customers"]["pageInfo"]["endCursor"])


async def _check_equal(peers: list[Peer]) -> None:
    """Raises DiffersFromOurs at the first answer that is not ours."""
    for question in QUERIES:
        wanted: Any = None
        for peer in peers:
            async with _caller(peer) as caller:
                given = peer.given(peer.seen[0])
                found = await peer.answer(caller, question, given)
            if wanted is None:
                wanted = found
                size = len(json.dumps(wanted, separators=(",", ":")))
                print(f"{question}: {size / 1000:.1f} KB in one form, {_leaves(wanted):,} leaves", flush=True)
            elif found != wanted:
                raise DiffersFromOurs(
                    f"{peer.name} answers {question} otherwise than BeltStack: {_first(wanted, found)}"
                )
    print(flush=True)


@asynccontextmanager
async def _caller(peer: Peer) -> AsyncIterator[Caller]:
    caller = await Caller.connect(int(peer.child.word))
    yield caller
    await caller.close()


def _check_effect(ground: Ground, peer: Peer) -> None:
    """Each transition left one version, one event, one owed delivery and one audit row, whoever made it."""
    transitions = sum(job.version - 1 for job in peer.jobs)
    with psycopg.connect(ground.admin_url) as connection:
        left = connection.execute(LEFT, {"ids": [UUID(job.id) for job in peer.jobs]}).fetchone()
    if left != (transitions,) * 4:
        raise WrongEffect(f"{peer.name}: {transitions} transitions left (versions, events, deliveries, audits) {left}")


async def _rounds(peers: list[Peer], question: str, connections: int) -> None:
    """Everybody's slice in turn; every second round the other way round."""
    for peer in peers:
        await peer.slice(question, connections, seconds=WARM_UP_SECONDS)
    for number in range(ROUNDS):
        for peer in peers if number % 2 == 0 else reversed(peers):
            rate = await peer.slice(question, connections, seconds=SLICE_SECONDS)
            peer.figures.setdefault((question, connections), []).append(rate)


def _throughput(peers: list[Peer]) -> str:
    rows = [
        (question, str(connections), *(f"{median(peer.figures[question, connections]):,.0f}" for peer in peers))
        for question, connections in peers[0].figures
    ]
    return markdown(("answers a second", "connections", *(peer.name for peer in peers)), rows)


def _ratios(peers: list[Peer]) -> str:
    """How many times a peer's throughput ours is: the median of the rounds, and their spread."""
    ours = peers[0]
    rows = []
    for (question, connections), figures in ours.figures.items():
        cells = [question, str(connections)]
        for peer in peers[1:]:
            versus = Versus(question, "/s", tuple(figures), tuple(peer.figures[question, connections]))
            _, middle, spread, *_ = versus.cells
            cells.append(f"{middle} ({spread})")
        rows.append(cells)
    return markdown(("BeltStack in units of", "connections", *(peer.name for peer in peers[1:])), rows)


def _memory(peers: list[Peer]) -> str:
    rows = [(peer.name, f"{peer.resident_bytes() / 1e6:,.0f} MB") for peer in peers]
    return markdown(("resident after the load", "memory"), rows)


def _version(answered: Any) -> int:
    if isinstance(answered, dict):
        if "version" in answered:
            return int(answered["version"])
        return max((_version(value) for value in answered.values()), default=0)
    return 0


def _leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_leaves, value.values()))
    return sum(map(_leaves, value)) if isinstance(value, list) else 1


def _first(wanted: Any, found: Any, path: str = "") -> str:
    """Where two answers part."""
    if isinstance(wanted, dict) and isinstance(found, dict) and wanted.keys() == found.keys():
        pairs: list[tuple[Any, Any, Any]] = [(key, wanted[key], found[key]) for key in wanted]
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = [(place, *both) for place, both in enumerate(zip(wanted, found, strict=True))]
    else:
        return f"at {path or 'the top'} {str(found)[:150]} instead of {str(wanted)[:150]}"
    for key, ours, theirs in pairs:
        if ours != theirs:
            return _first(ours, theirs, f"{path}.{key}")
    return "nowhere"
