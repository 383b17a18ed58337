"""Processes of the benchmark's own: each says when it is ready, and ends when its input closes, however we end."""

import asyncio
import os
import sys
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

START_SECONDS = 30
STOP_SECONDS = 20
URL_VARIABLE = "BELTSTACK_BENCH_URL"
READY = "ready"


class ChildFailed(Exception):
    """A child process did not start, or ended before its time; what it said stands above."""


@dataclass(frozen=True, slots=True)
class Child:
    process: Process
    word: str
    """What it said beside being ready: a server says its port."""

    async def line(self, *, seconds: float) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        raw = await asyncio.wait_for(self.process.stdout.readline(), seconds)
        if not raw:
            raise ChildFailed("a child process of the benchmark ended before its time")
        return raw.decode().strip()


@asynccontextmanager
async def a_child(module: str, *arguments: str, url: str) -> AsyncIterator[Child]:
    """`python -m module arguments`, with the database's URL in its environment, where no process list shows it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdin=PIPE, stdout=PIPE, env={**os.environ, URL_VARIABLE: url}
    )
    try:
        first, _, word = (await Child(process, "").line(seconds=START_SECONDS)).partition(" ")
        if first != READY:
            raise ChildFailed(f"{module} said '{first}' instead of '{READY}'")
        yield Child(process, word)
    finally:
        await end_process(process)


async def end_process(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


def say_ready(word: str = "") -> None:
    """For the child: everything stands."""
    print(READY, word, flush=True)


def parents_end() -> asyncio.Event:
    """For the child: set once the parent closes the child's input or dies."""
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()

    def watch() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(gone.set)

    threading.Thread(target=watch, daemon=True).start()
    return gone


def given_url() -> str:
    """For the child: the database it works on."""
    return os.environ[URL_VARIABLE]
