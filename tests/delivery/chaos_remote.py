"""The remote of the chaos: it counts effects, fails now and then, and sometimes answers nobody."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

FAILS = 0.08
LOSES_ITS_ANSWER = 0.04


@dataclass
class Remote:
    """By integration and stream, the numbers of the events that took effect, in their order; and each one's key."""

    chance: Random
    url: str = ""
    told: defaultdict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    keys: dict[tuple[str, str, int], str] = field(default_factory=dict)
    repeats: int = 0
    wrongs: list[str] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            told = json.loads(await reader.readexactly(int(length.split(b":")[1])))
            if (roll := self.chance.random()) >= FAILS:
                self.note(told)
            if roll < FAILS + LOSES_ITS_ANSWER and roll >= FAILS:
                return
            status = b"503 Busy" if roll < FAILS else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the worker was killed while it spoke
        finally:
            writer.close()

    def note(self, told: dict[str, str]) -> None:
        """A repetition has the same key and no effect; anything else out of order is wrong."""
        who, seq = (told["integration"], told["stream"]), int(told["seq"])
        known = self.keys.setdefault((*who, seq), told["key"])
        if known != told["key"]:
            self.wrongs.append(f"{who} {seq} came under two keys")
        if seq in self.told[who]:
            self.repeats += 1
            return
        if seq != len(self.told[who]) + 1:
            self.wrongs.append(f"{who} {seq} came after {self.told[who][-3:]}")
        self.told[who].append(seq)


@asynccontextmanager
async def a_remote(chance: Random) -> AsyncIterator[Remote]:
    remote = Remote(chance)
    server = await asyncio.start_server(remote.answer, "127.0.0.1", 0)
    remote.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server:
        yield remote
