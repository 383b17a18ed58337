"""Hostile requests: what each costs the processor, and how long it keeps a neighbour's request waiting."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

import httpx

from beltstack.app import Services, build_app
from beltstack.plugins.runtime import PluginHost
from beltstack.settings import Settings
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer, new_key
from bench.child import a_child
from bench.company import a_company
from bench.figures import markdown
from bench.ground import Ground
from tests.schema.hostile import FIELD, GRAPHQL, HOSTILE, JSON, Hostile

TRIES = 5
PATIENCE_SECONDS = 20.0
CPU_MS_MOST = 50.0
NEIGHBOUR_MS_MOST = 250.0
SHOWN = 15


@dataclass(frozen=True, slots=True)
class Figure:
    """The least of several tries for the processor, the worst of them for the neighbour; milliseconds."""

    name: str
    cpu_ms: float
    neighbour_ms: float


async def measure(ground: Ground) -> None:
    """Print the table. Raises AssertionError where a goal is missed or an answer is another than expected."""
    database = Database(ground.url)
    host, sealer = PluginHost([]), Sealer.of_key(new_key())
    tokens = [(await a_company(database, host, sealer, slug=slug)).token for slug in ("hostile", "neighbour")]
    services = Services(Settings(data_dir=Path(gettempdir()), database_url=ground.url), database, host, sealer)
    figures = []
    async with a_child("bench.server", "product", url=ground.url) as server:
        url = f"http://127.0.0.1:{server.word}"
        async with (
            httpx.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS) as attacker,
            httpx.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS) as neighbour,
        ):
            quiet_ms = [await _neighbours(neighbour, tokens[1]) for _ in range(50)]
            for one in HOSTILE:
                cpu_ms = await _cpu(services, one, tokens[0])
                figures.append(Figure(one.name, cpu_ms, await _waits(attacker, neighbour, one, tokens)))
    await database.close()
    print(_table(figures, quiet_ms))
    slow = [one for one in figures if one.cpu_ms >= CPU_MS_MOST or one.neighbour_ms >= NEIGHBOUR_MS_MOST]
    assert not slow, slow


async def _cpu(services: Services, hostile: Hostile, token: str) -> float:
    """In this process, with nothing known beforehand; the client's own share is in it."""
    took = []
    for _ in range(TRIES):
        transport = httpx.ASGITransport(app=build_app(services, with_worker=False))
        async with httpx.AsyncClient(transport=transport, base_url="http://bench") as client:
            began = time.process_time()
            response = await _attack(client, hostile, token)
            took.append(1000 * (time.process_time() - began))
        codes = {error["extensions"]["code"] for error in response.json()["errors"]}
        assert (response.status_code, codes) == (hostile.status, {hostile.code}), hostile.name
    return min(took)


async def _waits(
    attacker: httpx.AsyncClient, neighbour: httpx.AsyncClient, hostile: Hostile, tokens: list[str]
) -> float:
    waited = []
    for _ in range(TRIES):
        attack = asyncio.create_task(_attack(attacker, hostile, tokens[0]))
        await asyncio.sleep(0)
        waited.append(await _neighbours(neighbour, tokens[1]))
        await attack
    return max(waited)


async def _attack(client: httpx.AsyncClient, hostile: Hostile, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": JSON, "Accept": GRAPHQL, **hostile.headers}
    return await client.post("/graphql", content=hostile.content, headers=headers)


async def _neighbours(client: httpx.AsyncClient, token: str) -> float:
    """Milliseconds that another tenant's small question takes."""
    began = time.perf_counter()
    response = await client.post("/graphql", json={"query": FIELD}, headers={"Authorization": f"Bearer {token}"})
    took_ms = 1000 * (time.perf_counter() - began)
    assert response.status_code == 200
    return took_ms


def _table(figures: list[Figure], quiet_ms: list[float]) -> str:
    dearest = sorted(figures, key=lambda one: one.cpu_ms, reverse=True)[:SHOWN]
    rows = [(one.name, f"{one.cpu_ms:.1f}", f"{one.neighbour_ms:.1f}") for one in dearest]
    worst = (f"the worst of all {len(figures)}", f"{max(one.cpu_ms for one in figures):.1f}",
             f"{max(one.neighbour_ms for one in figures):.1f}")  # fmt: skip
    rows += [worst, ("nobody hostile", "", f"{max(quiet_ms):.1f}")]
    return markdown(("hostile request", "CPU ms", "a neighbour waits, ms"), rows)
