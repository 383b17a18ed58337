"""A transition command end to end, over HTTP, against the same effect by hand."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from beltstack.domain.ids import Noun
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer, new_key
from bench.anatomy import anatomy
from bench.child import a_child
from bench.company import a_company
from bench.documents import HOLD, RESUME
from bench.figures import Versus, table
from bench.ground import Ground
from bench.http_load import Caller
from bench.plugins import HearsEverything, Nothing

ROUNDS = 7
SLICE_SECONDS = 1.0
WARM_UP_SECONDS = 1.0
CONNECTIONS = (1, 8)


class WrongEffect(Exception):
    """A side did not do what it is measured for."""


@dataclass
class Job:
    """A work order that is held and resumed in turn, by one connection at a time."""

    id: UUID
    version: int = 1
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """Who is measured: how it is asked for the next transition, and what version its answer tells."""

    name: str
    port: int
    token: str
    jobs: tuple[Job, ...]
    ask: Callable[[Job], tuple[str, dict[str, Any]]]
    version_in: Callable[[Any], int]

    async def slice(self, connections: int, *, seconds: float) -> float:
        """Transitions per second, `connections` at a time, each on a work order of its own."""
        callers = [await Caller.connect(self.port) for _ in range(connections)]
        loop = asyncio.get_running_loop()
        started = loop.time()
        pairs = zip(callers, self.jobs, strict=False)
        done = await asyncio.gather(*(self._keep_on(caller, job, started + seconds) for caller, job in pairs))
        took_seconds = loop.time() - started
        for caller in callers:
            await caller.close()
        return sum(done) / took_seconds

    async def once(self, caller: Caller, job: Job) -> None:
        """The job's next transition."""
        path, body = self.ask(job)
        answered = json.loads(await caller.post(path, self.token, json.dumps(body).encode()))
        if self.version_in(answered) != job.version + 1:
            raise WrongEffect(f"{self.name} answered {answered}")
        job.version += 1
        job.is_held = not job.is_held

    async def _keep_on(self, caller: Caller, job: Job, until: float) -> int:
        done = 0
        loop = asyncio.get_running_loop()
        while loop.time() < until:
            await self.once(caller, job)
            done += 1
        return done


async def measure(ground: Ground) -> None:
    """Print the table and where the time goes."""
    database = Database(ground.url)
    company = await a_company(database, HearsEverything([Nothing()]), Sealer.of_key(new_key()), slug="transition")
    await company.enable(Nothing.manifest.id)
    most = max(CONNECTIONS)
    jobs = tuple(Job(work_order_id) for work_order_id in await company.work_orders(2 * most + 1))
    async with AsyncExitStack() as stack:
        product = await stack.enter_async_context(a_child("bench.server", "product", url=ground.url))
        by_hand = await stack.enter_async_context(a_child("bench.server", "handwritten", url=ground.url))
        ours = Side("BeltStack", int(product.word), company.token, jobs[:most], asked_of_beltstack, version_told)
        floor = Side(
            "by hand", int(by_hand.word), company.token, jobs[most:-1], _plain, lambda said: int(said["version"])
        )
        rows = await _compare(ours, floor)
        for side in (ours, floor):
            _check_effect(ground, side)
        print(table(rows), end="\n\n")
        caller = await Caller.connect(ours.port)
        print(await anatomy(company, jobs[-1].id, over_http=lambda: ours.once(caller, jobs[0])))
        await caller.close()
    await database.close()


async def _compare(ours: Side, floor: Side) -> list[Versus]:
    figures: dict[tuple[str, int], list[float]] = {}
    for side in (ours, floor):
        await side.slice(max(CONNECTIONS), seconds=WARM_UP_SECONDS)
    for number in range(ROUNDS):
        for connections in CONNECTIONS:
            for side in (ours, floor) if number % 2 == 0 else (floor, ours):
                done = await side.slice(connections, seconds=SLICE_SECONDS)
                figures.setdefault((side.name, connections), []).append(done)
    return [
        Versus(
            f"transition, {connections} connection{'s' * (connections > 1)}",
            "/s",
            tuple(figures[ours.name, connections]),
            tuple(figures[floor.name, connections]),
        )
        for connections in CONNECTIONS
    ]


def asked_of_beltstack(job: Job) -> tuple[str, dict[str, Any]]:
    given: dict[str, Any] = {"id": f"{Noun.WORK_ORDER.value}_{job.id}", "expectedVersion": job.version}
    if job.is_held:
        return "/graphql", {"query": RESUME, "variables": {"input": given}}
    return "/graphql", {"query": HOLD, "variables": {"input": given | {"reason": "Waiting for a part"}}}


def version_told(answered: Any) -> int:
    if "errors" in answered or any(payload["userErrors"] for payload in answered["data"].values()):
        return 0
    return int(next(iter(answered["data"].values()))["workOrder"]["version"])


def _plain(job: Job) -> tuple[str, dict[str, Any]]:
    given = {"id": str(job.id), "expected_version": job.version}
    if job.is_held:
        return "/resume", given | {"reason": None}
    return "/hold", given | {"reason": "Waiting for a part"}


def _check_effect(ground: Ground, side: Side) -> None:
    """Each transition left one version, one event, one owed delivery and one audit row, on either side."""
    ids = [job.id for job in side.jobs]
    transitions = sum(job.version - 1 for job in side.jobs)
    with psycopg.connect(ground.admin_url) as connection:
        left = connection.execute(LEFT, {"ids": ids}).fetchone()
    if left != (transitions,) * 4:
        raise WrongEffect(f"{side.name}: {transitions} transitions left (versions, events, deliveries, audits) {left}")


LEFT = """
    select (select sum(version - 1)::int from beltstack.work_order where id = any(%(ids)s)),
           (select count(*) from beltstack.event
             where stream = any(%(ids)s) and type in ('work_order.held', 'work_order.resumed')),
           (select count(*) from beltstack.delivery d join beltstack.event e on e.id = d.event_id
             where d.stream = any(%(ids)s) and e.type in ('work_order.held', 'work_order.resumed')),
           (select count(*) from beltstack.audit_entry
             where subject_id = any(%(ids)s) and command in ('work_order.hold', 'work_order.resume'))
"""
