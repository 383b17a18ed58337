"""From a command's commit to the start of a plugin's reaction, against NOTIFY to a bare LISTEN."""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Engine, event

from beltstack.commands import work_orders
from beltstack.domain.ids import WorkOrderId
from beltstack.domain.work_orders import WorkOrderOutcome
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer, new_key
from bench.child import Child, a_child
from bench.company import Company, a_company
from bench.figures import Versus, percentile, table
from bench.ground import Ground
from bench.listener import CHANNEL
from bench.plugins import SaysWhen

ROUNDS = 5
SAMPLES_PER_ROUND = 40
PATIENCE_SECONDS = 10.0
# The worker has settled the delivery, given its lane back and looked around once more: it is idle.
PAUSE_SECONDS = (0.06, 0.12)


async def measure(ground: Ground) -> None:
    """Print the table."""
    database = Database(ground.url)
    company = await a_company(database, PluginHost([SaysWhen()]), Sealer.of_key(new_key()), slug="latency")
    await company.enable(SaysWhen.manifest.id)
    (work_order_id,) = await company.work_orders(1)
    async with AsyncExitStack() as stack:
        worker = await stack.enter_async_context(a_child("bench.worker", SaysWhen.manifest.id, url=ground.url))
        listener = await stack.enter_async_context(a_child("bench.listener", url=ground.url))
        notifier = await stack.enter_async_context(await psycopg.AsyncConnection.connect(ground.url))
        turns = _Turns(company, work_order_id)
        rounds = [await _round(turns, worker, notifier, listener) for _ in range(ROUNDS)]
    print(table(_rows(rounds)))
    await database.close()


def _rows(rounds: list[tuple[list[float], list[float]]]) -> Iterator[Versus]:
    for name, share in (("p50", 0.5), ("p95", 0.95)):
        ours, floor = (tuple(percentile(figures[side], share) for figures in rounds) for side in (0, 1))
        yield Versus(f"commit to reaction, {name}", "ms", ours, floor)


async def _round(
    turns: "_Turns", worker: Child, notifier: psycopg.AsyncConnection[Any], listener: Child
) -> tuple[list[float], list[float]]:
    """Milliseconds, ours and the floor's, taken in turn."""
    ours, floor = [], []
    for _ in range(SAMPLES_PER_ROUND):
        committed = await turns.complete()
        ours.append(_milliseconds(committed, await worker.line(seconds=PATIENCE_SECONDS)))
        await turns.reopen()
        await asyncio.sleep(random.uniform(*PAUSE_SECONDS))
        # The floor's channel wakes nobody else, so the worker stays idle for the next turn.
        await notifier.execute(f"notify {CHANNEL}".encode())
        committed = time.monotonic_ns()
        await notifier.commit()
        floor.append(_milliseconds(committed, await listener.line(seconds=PATIENCE_SECONDS)))
    return ours, floor


def _milliseconds(committed: int, heard: str) -> float:
    return (int(heard) - committed) / 1e6


class _Turns:
    """A work order that is completed, and reopened for the next time. Nobody hears of the reopening."""

    def __init__(self, company: Company, work_order_id: UUID) -> None:
        self._company = company
        self._id = WorkOrderId(work_order_id)
        self._version = 1

    async def complete(self) -> int:
        """When its COMMIT was about to be sent, by the machine's monotonic clock in nanoseconds."""
        values: dict[str, Any] = {"outcome": WorkOrderOutcome.RESOLVED, "remaining_visits": None}
        with _commits() as moments:
            await self._company.do(
                "work_order.complete", lambda work: work_orders.complete(work, **self._next, **values)
            )
        self._version += 1
        return moments[-1]

    async def reopen(self) -> None:
        await self._company.do(
            "work_order.reopen", lambda work: work_orders.reopen(work, **self._next, reason="Still no cooling")
        )
        self._version += 1

    @property
    def _next(self) -> dict[str, Any]:
        return {"work_order_id": self._id, "expected_version": self._version}


@contextmanager
def _commits() -> Iterator[list[int]]:
    moments: list[int] = []

    def note(_: Any) -> None:
        moments.append(time.monotonic_ns())

    event.listen(Engine, "commit", note)
    try:
        yield moments
    finally:
        event.remove(Engine, "commit", note)
