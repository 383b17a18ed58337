"""Calls to where a tenant says: to the public internet only, decided on the address that is connected to."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence

import httpcore
import httpx

from beltstack.domain.network import is_plain_host, is_public
from beltstack.plugins.errors import NeedsAttention

ADDRESS_REFUSED = "ADDRESS_REFUSED"
HTTPS_PORT = 443
LOWEST_FREE_PORT = 1024
"""Below it live other protocols, which a request could be made to look like."""
MOST_ADDRESSES = 4

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class AddressRefused(NeedsAttention):
    """The office acts: another URL. It is not told what a name of our own network leads to."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=ADDRESS_REFUSED)


async def resolve(host: str, port: int) -> Sequence[str]:
    """Every address of a host, the best first. Raises OSError where it has none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class PublicTransport(httpx.AsyncHTTPTransport):
    """A pool of its own, lest a connection that others opened be used. `resolve` and `is_allowed` are for tests."""

    def __init__(
        self,
        *,
        context: ssl.SSLContext,
        limits: httpx.Limits,
        resolve: Resolve = resolve,
        is_allowed: Callable[[str], bool] = is_public,
    ) -> None:
        super().__init__(verify=context)
        # httpx does not hand a network backend on to the pool that it makes.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_PublicNetwork(resolve, is_allowed),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises AddressRefused, before anything is sent."""
        _check(request.url)
        return await super().handle_async_request(request)


class _PublicNetwork(httpcore.AsyncNetworkBackend):
    """Looks a name up once, and connects to an address that it has checked: what DNS says next does not matter."""

    def __init__(self, resolve: Resolve, is_allowed: Callable[[str], bool]) -> None:
        self._network = httpcore.AnyIOBackend()
        self._resolve = resolve
        self._is_allowed = is_allowed

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._checked(host, port)
                for address in addresses[:-1]:
                    try:
                        # A dead one must leave time for the others.
                        share = timeout and timeout / len(addresses)
                        return await self._network.connect_tcp(address, port, share, local_address, socket_options)
                    except (httpcore.ConnectError, httpcore.ConnectTimeout):
                        continue
                return await self._network.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"No connection within {timeout} s.") from None

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused("A socket of this machine is no public address: give another URL.")

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)

    async def _checked(self, host: str, port: int) -> Sequence[str]:
        """One address that is not public condemns its name: whoever mixes them is up to something."""
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("The name of the host is not known.") from error
        if not addresses:
            raise httpcore.ConnectError("The host has no address.")
        if not all(self._is_allowed(address) for address in addresses):
            raise AddressRefused("The host's address is not one of the public internet: give another URL.")
        return addresses[:MOST_ADDRESSES]


def _check(url: httpx.URL) -> None:
    if url.scheme != "https":
        raise AddressRefused("Only https is called: give a URL that begins with https://.")
    if url.userinfo:
        raise AddressRefused("A user or a password in front of the host is not taken: give a URL without.")
    if url.port is not None and url.port != HTTPS_PORT and url.port < LOWEST_FREE_PORT:
        raise AddressRefused(f"Of the ports below {LOWEST_FREE_PORT}, only {HTTPS_PORT} is called: give another URL.")
    if not is_plain_host(url.host):
        raise AddressRefused("The host is neither a name nor an address as they are usually written.")
