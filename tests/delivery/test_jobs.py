"""A plugin's job comes round by itself, on one worker at a time, and a failure of its never ends the worker."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from sqlalchemy import text

from beltstack.domain.deliveries import Integration, IntegrationStatus
from beltstack.plugins import Connection, Job, Manifest, NeedsAttention, Plugin, ReconnectNeeded
from beltstack.plugins.setup import manifest_problems
from beltstack.store.database import Database
from tests.delivery.office import QUICK, Office, a_plugin, an_office, at_work, until

Run = Callable[[str, Connection], Awaitable[None]]


async def never(*_: Any) -> None:
    raise AssertionError("no payments here")


def a_worker_bee(run: Run, *jobs: Job) -> Plugin:
    plugin = a_plugin(never, jobs=jobs or (Job("poll", every_seconds=1),))

    class Bee(type(plugin)):  # type: ignore[misc]
        async def run_job(self, name: str, connection: Connection) -> None:
            await run(name, connection)

    return Bee()


async def jobs_of(office: Office) -> list[Any]:
    async with office.session() as session:
        found = text("select * from plugin_job where integration_id = :integration order by name")
        return list(await session.all(found, {"integration": office.integration_id}))


async def test_a_job_runs_again_and_again_for_its_integration(database: Database) -> None:
    ran: list[tuple[str, Any, Any]] = []

    async def run(name: str, connection: Connection) -> None:
        ran.append((name, connection.integration_id, connection.tenant.id))

    office = await an_office(database, a_worker_bee(run, Job("poll", 1), Job("sweep", 3600)))
    async with at_work(office):
        await until(lambda: _true([name for name, *_ in ran].count("poll") >= 2), seconds=12)
    assert {(integration, tenant) for _, integration, tenant in ran} == {(office.integration_id, office.tenant.id)}
    poll, sweep = await jobs_of(office)
    assert poll.started_at is not None
    assert poll.error is None
    # Its first run is anywhere within a minute, by chance.
    assert [name for name, *_ in ran].count("sweep") == (0 if sweep.started_at is None else 1)


async def test_two_workers_never_run_one_job_at_once(database: Database) -> None:
    at_once, most, runs = 0, 0, 0

    async def run(name: str, connection: Connection) -> None:
        nonlocal at_once, most, runs
        at_once, runs = at_once + 1, runs + 1
        most = max(most, at_once)
        await asyncio.sleep(1.2)
        at_once -= 1

    office = await an_office(database, a_worker_bee(run))
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(at_work(office))
        await until(lambda: _true(runs >= 3), seconds=20)
    assert most == 1


async def test_a_failed_job_is_shown_and_comes_round_later(database: Database) -> None:
    async def run(name: str, connection: Connection) -> None:
        raise NeedsAttention("Map the tax code first.", code="NO_TAX_CODE")

    office = await an_office(database, a_worker_bee(run))
    async with at_work(office):
        await until(lambda: _failed(office), seconds=12)
    (job,) = await jobs_of(office)
    assert (job.failures, job.error) == (1, "Map the tax code first.")
    assert (job.next_at - job.ended_at).total_seconds() > 29
    assert (await office.integration()).status is IntegrationStatus.ENABLED


async def test_a_job_that_crashes_hangs_or_exits_leaves_the_worker_alone(database: Database) -> None:
    ended: set[str] = set()

    async def run(name: str, connection: Connection) -> None:
        ended.add(name)
        if name == "hangs":
            await asyncio.sleep(600)
        if name == "exits":
            raise SystemExit(3)
        raise RuntimeError(name)

    office = await an_office(database, a_worker_bee(run, *(Job(name, 1, 1) for name in ("crashes", "exits", "hangs"))))
    async with at_work(office):
        await until(lambda: _failed(office, count=3), seconds=15)
        assert all(job.failures == 1 for job in await jobs_of(office))
    assert ended == {"crashes", "exits", "hangs"}


async def test_a_job_that_has_to_be_reconnected_stops_its_integration(database: Database) -> None:
    async def run(name: str, connection: Connection) -> None:
        raise ReconnectNeeded("Connect Acme Books again.", code="TOKEN_REVOKED")

    office = await an_office(database, a_worker_bee(run))
    async with at_work(office):
        await until(lambda: _failed(office), seconds=12)
    integration = await office.integration()
    assert (integration.status, integration.problem) == (IntegrationStatus.NEEDS_REAUTH, "Connect Acme Books again.")


async def test_a_paused_integration_runs_no_job(database: Database) -> None:
    ran: list[str] = []

    async def run(name: str, connection: Connection) -> None:
        ran.append(name)

    office = await an_office(database, a_worker_bee(run))
    await office.change(Integration.pause)
    async with at_work(office):
        await asyncio.sleep(2.5)
    assert ran == []
    assert await jobs_of(office) == []


async def test_a_job_whose_worker_stops_is_due_again_at_once(database: Database) -> None:
    started = asyncio.Event()

    async def run(name: str, connection: Connection) -> None:
        started.set()
        await asyncio.sleep(600)

    office = await an_office(database, a_worker_bee(run, Job("poll", 1, 300)))
    async with at_work(office):
        await asyncio.wait_for(started.wait(), 12)
    async with office.session() as session:
        due = text("select count(*) from plugin_job where leased_until <= now() and next_at <= now()")
        assert (await session.connection.execute(due)).scalar_one() == 1


def test_a_manifest_with_a_job_that_cannot_be_run_is_refused() -> None:
    jobs = (Job("Poll", 10), Job("poll", 0), Job("poll", 5))
    problems = manifest_problems(Manifest("acme", "Acme", "1", "Books.", jobs=jobs))
    assert len(problems) == 3


async def _true(holds: bool) -> bool:
    return holds


async def _failed(office: Office, *, count: int = 1) -> bool:
    return sum(job.error is not None for job in await jobs_of(office)) >= count


async def test_many_jobs_that_are_due_together_do_not_wait_for_a_look_each(database: Database) -> None:
    ran = 0

    async def run(name: str, connection: Connection) -> None:
        nonlocal ran
        ran += 1

    names = [f"job_{chr(97 + number)}" for number in range(20)]
    office = await an_office(database, a_worker_bee(run, *(Job(name, every_seconds=3600) for name in names)))
    async with at_work(office, pace=replace(QUICK, poll_seconds=0.4)):
        # A look comes every two seconds: one makes them known, the next one starts them.
        await until(lambda: _known(office, 20), seconds=12)
        async with office.session() as session:
            await session.all(text("update plugin_job set next_at = 'epoch' returning 1"), {})
        await until(lambda: _true(ran >= 20), seconds=4)


async def _known(office: Office, count: int) -> bool:
    return len(await jobs_of(office)) == count
