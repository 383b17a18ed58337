"""Workers killed, frozen and two hours off, the database killed, the engine's tables dropped, plugins gone wrong.

BELTSTACK_CHAOS_SEED repeats a run as far as the machine allows; BELTSTACK_CHAOS_SECONDS makes it longer.
"""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from uuid_utils.compat import uuid7

from beltstack.delivery.engine import ENGINE_SCHEMA
from beltstack.domain.deliveries import Delivery, DeliveryState, Integration
from beltstack.domain.ids import IntegrationId
from beltstack.store.database import Database, DatabaseRole, DatabaseUnavailable, libpq_url
from beltstack.store.deliveries import Deliveries
from beltstack.store.embedded import EmbeddedPostgres
from beltstack.store.integrations import Integrations
from tests.delivery.chaos_plugins import Clumsy, Steady, the_host
from tests.delivery.chaos_remote import Remote, a_remote
from tests.delivery.office import Office, an_office
from tests.delivery.test_survival import kill, own_server

__all__ = ["own_server"]

ROOT = Path(__file__).parents[2]
FAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
SECONDS = float(os.environ.get("BELTSTACK_CHAOS_SECONDS") or 8)
TENANTS = 4
STREAMS = 5
WORKERS = 3
DRAIN_SECONDS = 90.0
PASSING = (DatabaseUnavailable, SQLAlchemyError, psycopg.Error)


async def test_whatever_breaks_every_event_takes_effect_once_and_in_order(own_server: EmbeddedPostgres) -> None:
    seed = int(os.environ.get("BELTSTACK_CHAOS_SEED") or secrets.randbelow(1_000_000))
    print(f"BELTSTACK_CHAOS_SEED={seed}; a worker two hours off: {'yes' if FAKETIME else 'no, libfaketime is missing'}")
    chance = Random(seed)
    database = Database(own_server.url)
    async with a_remote(Random(chance.random())) as remote:
        offices = [await an_office_of_two(database, remote) for _ in range(TENANTS)]
        world = World(own_server, database, chance)
        async with world.workers():
            office_work = asyncio.create_task(take_money(offices, Random(chance.random()), SECONDS))
            await world.wreak_havoc(SECONDS)
            acknowledged = await office_work
            await world.make_peace()
            await drained(offices)
        print(f"{dict(world.done)}; {acknowledged} acknowledged events, {remote.repeats} repetitions")
        assert remote.wrongs == []
        assert remote.told == {who: list(range(1, count + 1)) for who, count in (await owed(offices)).items()}
        assert sum(map(len, remote.told.values())) >= 2 * acknowledged
    await database.close()


@dataclass
class World:
    """The worker processes and what is done to them."""

    server: EmbeddedPostgres
    database: Database
    chance: Random
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)

    @asynccontextmanager
    async def workers(self) -> AsyncIterator[None]:
        try:
            for place in range(WORKERS):
                self.processes.append(await self.start(place))
            yield
        finally:
            for process in self.processes:
                if process.returncode is None:
                    process.kill()
                await process.wait()

    async def start(self, place: int) -> asyncio.subprocess.Process:
        """The last one's clock is two hours off."""
        off = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": "+2h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.delivery.chaos_worker", cwd=ROOT, stdin=-1, stdout=-1, stderr=-3,
            env={**os.environ, **(off if FAKETIME and place == WORKERS - 1 else {})},
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(f"{libpq_url(self.database.url)}\n".encode())
        return process

    async def wreak_havoc(self, seconds: float) -> None:
        acts: dict[str, Callable[[], Awaitable[None]]] = {
            "kill a worker": self.kill_a_worker,
            "freeze a worker": self.freeze_a_worker,
            "kill the database": self.kill_the_database,
            "drop the engine's tables": self.drop_the_engine,
        }
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + seconds
        to_come = list(acts)
        self.chance.shuffle(to_come)
        while loop.time() < ends_at or to_come:
            await asyncio.sleep(self.chance.uniform(0.3, 1.5))
            name = to_come.pop() if to_come else self.chance.choice(list(acts))
            await acts[name]()
            self.done[name] = self.done.get(name, 0) + 1

    async def kill_a_worker(self) -> None:
        place = self.chance.randrange(WORKERS)
        self.processes[place].kill()
        await self.processes[place].wait()
        self.processes[place] = await self.start(place)

    async def freeze_a_worker(self) -> None:
        process = self.chance.choice(self.processes)
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(self.chance.uniform(0.5, 3.0))
        process.send_signal(signal.SIGCONT)

    async def kill_the_database(self) -> None:
        with suppress(psycopg.Error):
            await asyncio.to_thread(kill, self.server)

    async def drop_the_engine(self) -> None:
        with suppress(*PASSING):
            async with self.database.transaction(None, role=DatabaseRole.ENGINE) as connection:
                await connection.execute(text("set local lock_timeout = '2s'"))
                await connection.execute(text(f"drop schema if exists {ENGINE_SCHEMA} cascade"))

    async def make_peace(self) -> None:
        for place, process in enumerate(self.processes):
            if process.returncode is not None:
                self.processes[place] = await self.start(place)


async def an_office_of_two(database: Database, remote: Remote) -> Office:
    """A tenant with both plugins."""
    office = await an_office(database, Steady(), settings={"url": remote.url})
    second = Integration(IntegrationId(uuid7()), Clumsy.manifest.id, "second", settings={"url": remote.url}).enable()
    async with office.session() as session:
        await Integrations(session).save(type(second)(None, second.after, second.facts))
    return Office(database, the_host(), office.sealer, office.tenant, office.integration_id)


async def take_money(offices: list[Office], chance: Random, seconds: float) -> int:
    """How many events were acknowledged; one that was not may have been stored all the same."""
    streams = [(office, uuid7()) for office in offices for _ in range(STREAMS)]
    loop = asyncio.get_running_loop()
    ends_at, acknowledged = loop.time() + seconds, 0
    while loop.time() < ends_at:
        office, stream = chance.choice(streams)
        try:
            await office.receive(1, invoice=stream)
            acknowledged += 1
        except PASSING:
            await asyncio.sleep(0.1)
        await asyncio.sleep(chance.uniform(0, 0.06))
    return acknowledged


async def drained(offices: list[Office]) -> None:
    """A delivery whose worker ended five times waits for a person; here is one."""
    async with asyncio.timeout(DRAIN_SECONDS):
        for office in offices:
            while unsettled := [one for one in await all_of(office) if one.state is not DeliveryState.DELIVERED]:
                dead = [one for one in unsettled if one.state is DeliveryState.DEAD]
                assert {one.error_code for one in dead} <= {"WORKER_LOST"}, dead
                if dead:
                    await office.replay(*(one.id for one in dead))
                await asyncio.sleep(0.2)


async def owed(offices: list[Office]) -> dict[tuple[str, str], int]:
    """How many events each integration was owed of each stream, by what the database holds."""
    counts: dict[tuple[str, str], int] = {}
    for office in offices:
        for one in await all_of(office):
            who = (str(one.integration_id), str(one.stream))
            counts[who] = counts.get(who, 0) + 1
    return counts


async def all_of(office: Office) -> Sequence[Delivery]:
    """Once the database answers."""
    while True:
        with suppress(*PASSING):
            async with office.session() as session:
                return await Deliveries(session).list(limit=1_000_000)
        await asyncio.sleep(0.1)
