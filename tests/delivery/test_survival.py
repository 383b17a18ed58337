"""Killed workers, a killed database, a lost engine: nothing is lost, and nothing has to be done by hand."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from beltstack.delivery.engine import ENGINE_SCHEMA, Pace
from beltstack.domain.deliveries import DeliveryState
from beltstack.domain.events import PaymentRecorded
from beltstack.plugins import Context
from beltstack.store.database import Database, DatabaseRole, DatabaseUnavailable, libpq_url
from beltstack.store.embedded import EmbeddedPostgres
from beltstack.store.migrate import migrate
from tests.delivery.office import Office, a_plugin, an_office, at_work, until

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def a_worker_process(office: Office, notes: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    url, plugin_id = libpq_url(office.database.url), (await office.integration()).plugin_id
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.delivery.worker_process", url, plugin_id, str(notes), cwd=ROOT, stdout=-1
    )
    assert process.stdout is not None
    try:
        await process.stdout.readline()
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def noted(notes: Path, count: int) -> bool:
    said = await asyncio.to_thread(lambda: notes.read_text() if notes.exists() else "")
    return len(said.splitlines()) >= count


async def test_a_killed_workers_lane_is_taken_over_by_another_within_seconds(
    database: Database, tmp_path: Path
) -> None:
    notes, heard = tmp_path / "notes", []

    async def react(event: PaymentRecorded, context: Context) -> None:
        heard.append((int(event.amount), context.attempt, context.idempotency_key))

    office = await an_office(database, a_plugin(react))
    stream = await office.receive(1, -2, 3)
    async with a_worker_process(office, notes) as first:
        await until(lambda: noted(notes, 2), seconds=15)
        async with at_work(office, pace=Pace()):
            await asyncio.sleep(0.5)
            assert heard == []
            killed_at = time.monotonic()
            os.kill(first.pid, signal.SIGKILL)
            await until(office.all_delivered)
            took_seconds = time.monotonic() - killed_at
            await office.receive(4, invoice=stream)
            await until(office.all_delivered)
    assert [(amount, attempt) for amount, attempt, _ in heard] == [(-2, 2), (3, 1), (4, 1)]
    before = [line.split() for line in notes.read_text().splitlines()]
    assert [line[:2] for line in before] == [["1", "1"], ["-2", "1"]]
    assert before[1][2] == heard[0][2]
    assert took_seconds < 4.0


async def test_a_worker_that_is_told_to_stop_finishes_what_it_has_begun(database: Database, tmp_path: Path) -> None:
    notes, at_it, go_on = tmp_path / "notes", asyncio.Event(), asyncio.Event()

    async def react(event: PaymentRecorded, context: Context) -> None:
        at_it.set()
        await go_on.wait()

    office = await an_office(database, a_plugin(react))
    await office.receive(1, 2)
    async with at_work(office):
        await at_it.wait()
        asyncio.get_running_loop().call_later(0.3, go_on.set)
    assert await office.states() == [DeliveryState.DELIVERED, DeliveryState.READY]
    async with a_worker_process(office, notes) as process:
        await until(office.all_delivered, seconds=15)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 5) == 0
    assert [delivery.attempts for delivery in await office.deliveries()] == [1, 1]


async def test_two_workers_share_without_telling_anything_twice(database: Database) -> None:
    heard: list[int] = []

    async def react(event: PaymentRecorded, context: Context) -> None:
        heard.append(int(event.amount))

    office = await an_office(database, a_plugin(react))
    async with at_work(office), at_work(office):
        for start in range(0, 60, 3):
            await office.receive(start, start + 1, start + 2)
            await asyncio.sleep(0.01)
        await until(office.all_delivered)
    assert sorted(heard) == list(range(60))


async def test_the_engines_tables_may_vanish_at_any_time(database: Database) -> None:
    heard: list[int] = []

    async def react(event: PaymentRecorded, context: Context) -> None:
        heard.append(int(event.amount))

    office = await an_office(database, a_plugin(react))
    await office.receive(1)
    async with at_work(office):
        await until(office.all_delivered)
        for amount in (2, 3):
            async with database.transaction(None, role=DatabaseRole.ENGINE) as connection:
                await connection.execute(text(f"drop schema {ENGINE_SCHEMA} cascade"))
            await office.receive(amount)
            await until(office.all_delivered, seconds=5)
    assert heard == [1, 2, 3]


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server that may be killed: nobody else's tests are on it."""
    with EmbeddedPostgres(tmp_path / "data") as postgres:
        migrate(postgres.url)
        yield postgres


async def test_a_killed_database_comes_back_and_every_delivery_arrives(own_server: EmbeddedPostgres) -> None:
    heard: list[int] = []

    async def react(event: PaymentRecorded, context: Context) -> None:
        heard.append(int(event.amount))
        await asyncio.sleep(0.02)

    database = Database(own_server.url)
    office = await an_office(database, a_plugin(react))
    async with at_work(office, pace=Pace()):
        for amount in range(30):
            await persistently_receive(office, amount)
            if amount in {10, 20}:
                kill(own_server)
        await until(office.all_delivered, seconds=15)
    assert sorted(set(heard)) == list(range(30))
    assert len(heard) <= 30 + 2 * 4
    assert {delivery.state for delivery in await office.deliveries()} == {DeliveryState.DELIVERED}
    await database.close()


async def persistently_receive(office: Office, amount: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                await office.receive(amount)
                return
            except DatabaseUnavailable:
                await asyncio.sleep(0.1)


def kill(server: EmbeddedPostgres) -> None:
    """SIGKILL the server, as the machine's out-of-memory killer would."""
    with psycopg.connect(server.admin_url) as connection:
        row = connection.execute("show data_directory").fetchone()
    assert row is not None
    os.kill(int((Path(row[0]) / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
