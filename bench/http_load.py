"""Just enough of an HTTP client to keep a server busy without being what is measured."""

import asyncio
import re
from typing import Self

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class BadAnswer(Exception):
    """The server said anything but 200."""


class Caller:
    """One connection that is kept open. One request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def post(self, path: str, token: str, body: bytes) -> bytes:
        """The body of the answer."""
        head = (
            f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answered = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(answered)
        content = await self._reader.readexactly(int(length[1]) if length else 0)
        if not answered.startswith(b"HTTP/1.1 200"):
            raise BadAnswer(f"{path} answered {answered[:40]!r}: {content[:300]!r}")
        return content

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()
