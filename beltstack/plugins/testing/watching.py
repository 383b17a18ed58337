"""Looking on while a plugin runs: what it may not do, what it says, and whether it holds up the event loop."""

import asyncio
import io
import logging
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, redirect_stderr, redirect_stdout, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Any

TICK_SECONDS = 0.005

_forbidden: ContextVar[list[str] | None] = ContextVar("forbidden", default=None)

_NOT_IN_A_VETO = {
    "socket.connect": "it opened a connection",
    "socket.sendto": "it sent to the network",
    "socket.getaddrinfo": "it looked up an address",
    "socket.gethostbyname": "it looked up an address",
    "subprocess.Popen": "it started a process",
    "os.system": "it started a process",
    "os.fork": "it started a process",
}


class NotInAVeto(BaseException):
    """Not an `Exception`: a plugin that swallows those must not get by with it."""


@contextmanager
def no_network_and_no_sleep(kind: type[Any]) -> Iterator[list[str]]:
    """Stop either before it happens, with NotInAVeto; the list has what a plugin of this class tried."""
    _install_audit()
    tried: list[str] = []
    token = _forbidden.set(tried)
    try:
        with suppress(NotInAVeto), _awake(kind):
            yield tried
    finally:
        _forbidden.reset(token)


@cache
def _install_audit() -> None:
    sys.addaudithook(_audit)


def _audit(event: str, _: object) -> None:
    if words := _NOT_IN_A_VETO.get(event):
        _stop(words)


def _stop(words: str) -> None:
    tried = _forbidden.get()
    if tried is not None:
        tried.append(words)
        raise NotInAVeto(words)


@contextmanager
def _awake(kind: type[Any]) -> Iterator[None]:
    """Before Python 3.13 no audit hears of a sleep, so it is replaced: in `time`, and where its name was imported."""
    real = time.sleep

    def sleep(seconds: object, /) -> None:
        _stop("it slept")
        real(seconds)  # type: ignore[arg-type]  # another thread's

    modules = {"time": time} | {part.__module__: sys.modules[part.__module__] for part in kind.__mro__}
    places = [(module, name) for module in modules.values() for name, value in vars(module).items() if value is real]
    for module, name in places:
        setattr(module, name, sleep)
    try:
        yield
    finally:
        for module, name in places:
            setattr(module, name, real)


@dataclass
class Said:
    """All that a plugin logged and printed."""

    lines: list[str] = field(default_factory=list)
    printed: io.StringIO = field(default_factory=io.StringIO)

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + self.printed.getvalue()


class _Listener(logging.Handler):
    def __init__(self, said: Said) -> None:
        super().__init__(logging.DEBUG)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.lines.append(self.format(record))


@contextmanager
def listening() -> Iterator[Said]:
    """Hear everything that is logged, at any level, and printed."""
    said = Said()
    root = logging.getLogger()
    listener, level = _Listener(said), root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    try:
        with redirect_stdout(said.printed), redirect_stderr(said.printed):
            yield said
    finally:
        root.setLevel(level)
        root.removeHandler(listener)


@dataclass
class Heartbeat:
    longest_seconds: float = 0.0


@asynccontextmanager
async def heartbeat() -> AsyncIterator[Heartbeat]:
    """Measure the longest time for which the event loop ran nothing else."""
    beat, loop = Heartbeat(), asyncio.get_running_loop()

    async def tick() -> None:
        last = loop.time()
        while True:
            try:
                await asyncio.sleep(TICK_SECONDS)
            finally:
                now = loop.time()
                beat.longest_seconds, last = max(beat.longest_seconds, now - last - TICK_SECONDS), now

    task = asyncio.create_task(tick())
    await asyncio.sleep(0)
    try:
        yield beat
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
