"""The HTTP that plugins are lent: one connection pool, and bounds that no remote can stretch."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx

from beltstack.delivery.outbound import PublicTransport

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
    """The worker's pools of connections. Each delivery gets a client of its own: no cookie or header is shared."""

    def __init__(self, bounds: Bounds | None = None, public: PublicTransport | None = None) -> None:
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
        context = httpx.create_ssl_context()
        self._pool = httpx.AsyncHTTPTransport(verify=context, limits=limits)
        self._public = public or PublicTransport(context=context, limits=limits)
        self._bounds = bounds or Bounds()

    def client(self, *, is_public: bool = False) -> httpx.AsyncClient:
        """`is_public` for calls to where a tenant says: they reach the public internet and nothing else."""
        # A small compressed answer can be a huge one: none is asked for, and none is taken.
        return httpx.AsyncClient(
            transport=_BoundedTransport(self._public if is_public else self._pool, self._bounds),
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            headers={"Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        await self._pool.aclose()
        await self._public.aclose()


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
        assert isinstance(response.stream, httpx.AsyncByteStream)
        encoding = response.headers.get("Content-Encoding", "identity")
        stream = _BoundedStream(response.stream, request, self._bounds, deadline, encoding)
        return httpx.Response(
            response.status_code, headers=response.headers, stream=stream, extensions=response.extensions
        )


class _BoundedStream(httpx.AsyncByteStream):
    def __init__(
        self, stream: httpx.AsyncByteStream, request: httpx.Request, bounds: Bounds, deadline: float, encoding: str
    ) -> None:
        self._stream = stream
        self._request = request
        self._bounds = bounds
        self._deadline = deadline
        self._encoding = encoding

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._encoding != "identity":
            # Only now: whoever needs no more than the status has it.
            said = f"The remote answered in {self._encoding}, which was not asked for."
            raise httpx.DecodingError(said, request=self._request)
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
