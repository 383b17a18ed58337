"""The floor of the latency: a process that does nothing but LISTEN, and says when it heard."""

import asyncio
import time

import psycopg

from bench.child import given_url, parents_end, say_ready

CHANNEL = "beltstack_bench"


async def _listen() -> None:
    gone = parents_end()
    async with await psycopg.AsyncConnection.connect(given_url(), autocommit=True) as connection:
        await connection.execute(f"listen {CHANNEL}".encode())
        say_ready()
        hearing = asyncio.create_task(_hear(connection))
        await gone.wait()
        hearing.cancel()
        await asyncio.wait([hearing])


async def _hear(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
    async for _ in connection.notifies():
        now = time.monotonic_ns()
        print(now, flush=True)


if __name__ == "__main__":
    asyncio.run(_listen())
