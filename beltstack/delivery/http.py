"""The HTTP that plugins are lent: one connection pool, and bounds that no remote can stretch."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
TOTAL_SECONDS = 15.0
LARGEST_ANSWER_BYTES = 10 * 1024 * 1024


class AnswerTooLarge(httpx.TransportError):
    """The remote sent more than a plugin is given."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """A read timeout alone lets a remote that trickles a byte a second hold a sender for ever."""

    total_seconds: float = TOTAL_SECONDS
    largest_bytes: int = LARGEST_ANSWER_BYTES


class Connections:
    """The worker's pool of connections. Each delivery gets a client of its own: no cookie or header is shared."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
        self._pool = httpx.AsyncHTTPTransport(limits=limits)
        self._transport = _BoundedTransport(self._pool, bounds or Bounds())

    def client(self) -> httpx.AsyncClient:
        # A small compressed answer can be a huge one: none is asked for, and none is taken.
        return httpx.AsyncClient(
            transport=self._transport,
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            headers={"Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        await self._pool.aclose()


class _BoundedTransport(httpx.AsyncBaseTransport):
    """Leaves the pool open when a client closes: the pool is everybody's."""

    def __init__(self, pool: httpx.AsyncHTTPTransport, bounds: Bounds) -> None:
        self._pool = pool
        self._bounds = bounds

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        deadline = asyncio.get_running_loop().time() + self._bounds.total_seconds
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._pool.handle_async_request(request)
        except TimeoutError:
            raise _late(self._bounds, request) from None
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            await response.aclose()
            raise httpx.DecodingError(f"The remote answered in {encoding}, which was not asked for.", request=request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        stream = _BoundedStream(response.stream, request, self._bounds, deadline)
        return httpx.Response(
            response.status_code, headers=response.headers, stream=stream, extensions=response.extensions
        )


class _BoundedStream(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, request: httpx.Request, bounds: Bounds, deadline: float) -> None:
        self._stream = stream
        self._request = request
        self._bounds = bounds
        self._deadline = deadline

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        chunks = aiter(self._stream)
        while True:
            try:
                async with asyncio.timeout_at(self._deadline):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise _late(self._bounds, self._request) from None
            size += len(chunk)
            if size > self._bounds.largest_bytes:
                raise AnswerTooLarge(f"The answer is larger than {self._bounds.largest_bytes} bytes.")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def _late(bounds: Bounds, request: httpx.Request) -> httpx.ReadTimeout:
    return httpx.ReadTimeout(f"No whole answer within {bounds.total_seconds} s.", request=request)
