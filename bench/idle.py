"""What a worker costs the database while a thousand integrations have nothing to do."""

import asyncio
from pathlib import Path

import psycopg

from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer, new_key
from bench.child import a_child
from bench.company import a_company
from bench.ground import Ground
from bench.plugins import Hourly, Nothing

TENANTS = 50
INTEGRATIONS = 1000
SETTLING_SECONDS = 75.0
"""By then every hourly job was done for the first time."""
LOOK_SECONDS = 40.0
TICKS_A_SECOND = 100


async def measure(ground: Ground) -> None:
    """Print transactions a second, and the worker's share of a core."""
    database = Database(ground.url)
    each = INTEGRATIONS // TENANTS
    for number in range(TENANTS):
        company = await a_company(database, PluginHost([]), Sealer.of_key(new_key()), slug=f"idle-{number}")
        for place in range(each):
            kind = Nothing if place % 2 else Hourly
            await company.enable(kind.manifest.id, instance=f"bench_{place}")
    await database.close()
    async with a_child("bench.worker", Nothing.manifest.id, Hourly.manifest.id, url=ground.url) as worker:
        with psycopg.connect(ground.admin_url, autocommit=True) as admin:
            await asyncio.sleep(SETTLING_SECONDS)
            before, worked = _transactions(admin), _ticks(worker.process.pid)
            await asyncio.sleep(LOOK_SECONDS)
            after, worked = _transactions(admin), _ticks(worker.process.pid) - worked
            jobs = admin.execute("select count(*) from beltstack.plugin_job").fetchone()
    print(
        f"A worker with {INTEGRATIONS:,} idle integrations, {jobs[0] if jobs else 0} of them with an hourly job:"
        f" {(after - before) / LOOK_SECONDS:.1f} transactions a second,"
        f" {100 * worked / TICKS_A_SECOND / LOOK_SECONDS:.1f} % of a core."
    )


def _transactions(admin: psycopg.Connection) -> int:
    """Of this database, as far as its sessions have told; they tell within ten seconds."""
    row = admin.execute(
        "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _ticks(pid: int) -> int:
    """Processor time in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
