"""Where the API is wired: the database, the plugins, the endpoint, and a worker beside it."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from beltstack.delivery.checking import StoredChecks
from beltstack.inbound.addresses import Addresses
from beltstack.plugins.runtime import PluginHost
from beltstack.schema.build import build_schema
from beltstack.schema.execution import Executor
from beltstack.schema.http import METHODS, GraphQL
from beltstack.schema.ide import Ide
from beltstack.schema.plugin_fields import with_plugin_fields
from beltstack.settings import Settings
from beltstack.store.database import Database, DatabaseUnavailable
from beltstack.store.embedded import EmbeddedPostgres
from beltstack.store.migrate import check_migrated, migrate
from beltstack.store.sealing import Sealer
from beltstack.worker import run_worker

if sys.platform != "win32":
    import uvloop

R = TypeVar("R")
HEALTH_SECONDS = 2


class UnusableUrl(Exception):
    """The database URL names no PostgreSQL, or the public one no server; the message says how one is written."""


@dataclass(frozen=True, slots=True)
class Services:
    """What every process of BeltStack works with."""

    settings: Settings
    database: Database
    host: PluginHost
    sealer: Sealer


@contextmanager
def database_url(settings: Settings) -> Iterator[str]:
    """The URL given, or that of an embedded PostgreSQL which runs as long as this is held. Raises UnusableUrl."""
    if settings.database_url is not None:
        _check_url(settings.database_url)
        yield settings.database_url
        return
    with EmbeddedPostgres(settings.data_dir / "postgres") as postgres:
        yield postgres.url


@asynccontextmanager
async def open_services(settings: Settings, url: str) -> AsyncIterator[Services]:
    """An embedded database is migrated by itself; any other has to be, by `beltstack migrate`. Raises UnusableUrl."""
    _check_public_url(settings.public_url)
    await asyncio.to_thread(migrate if settings.database_url is None else check_migrated, url)
    database = Database(url)
    try:
        await database.check_roles()
        yield Services(
            settings=settings,
            database=database,
            host=PluginHost.discover(extra=settings.plugins, may_call_private=settings.allow_private_addresses),
            sealer=Sealer.of_key(settings.secret_key) if settings.secret_key else Sealer.of_folder(settings.data_dir),
        )
    finally:
        await database.close()


def build_app(services: Services, *, with_worker: bool) -> Starlette:
    """`/graphql`, `/healthz` and the plugins' addresses; the worker runs as long as the app."""
    ide = Ide.of_package() if services.settings.graphiql else None
    schema = build_schema()
    graphql = GraphQL(
        executor=Executor(schema, with_plugin_fields(schema, services.host)),
        database=services.database,
        host=services.host,
        sealer=services.sealer,
        clock=lambda: datetime.now(UTC),
        ide=ide,
        public_url=services.settings.public_url,
        checks=StoredChecks(services.database, services.host, services.sealer),
    )
    addresses = Addresses.of(services.database, services.host, services.sealer, services.settings.public_url)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if with_worker:
                worker = run_worker(services.database, services.host, services.sealer, kept=services.settings.kept)
                await stack.enter_async_context(worker)
            stack.push_async_callback(addresses.close)
            yield

    async def health(_: Request) -> Response:
        try:
            async with asyncio.timeout(HEALTH_SECONDS), services.database.transaction(None):
                return JSONResponse({"status": "ok"})
        except (DatabaseUnavailable, TimeoutError):
            return JSONResponse({"status": "the database does not answer"}, status_code=503)

    routes = [Route("/graphql", graphql.__call__, methods=METHODS), Route("/healthz", health), *addresses.routes()]
    return Starlette(routes=routes + (ide.routes() if ide else []), lifespan=lifespan)


def run(work: Coroutine[Any, Any, R]) -> R:
    """On uvloop: of the loops for asyncio it is the one that answers most requests a second."""
    if sys.platform == "win32":
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def listen(host: str, port: int) -> socket.socket:
    """A bound socket whose connections answer at once. Raises OSError where the address cannot be had.

    asyncio sets no TCP_NODELAY on what it accepts from a socket it is given: each answer over a kept connection
    would wait some 40 ms for the other side's delayed acknowledgement.
    """
    listener = socket.create_server((host, port))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _check_url(url: str) -> None:
    try:
        is_postgres = make_url(url).get_backend_name() in {"postgresql", "postgres"}
    except (ArgumentError, ValueError):
        is_postgres = False
    if not is_postgres:
        # The URL itself is not repeated: it may hold a password.
        raise UnusableUrl(
            "The database URL names no PostgreSQL. Write it like postgresql://user:password@host:5432/database, or"
            " leave it out for the embedded one."
        )


def _check_public_url(url: str | None) -> None:
    if url is None:
        return
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_address = False
    if not is_address or "@" in parts.netloc or parts.query or parts.fragment:
        raise UnusableUrl("BELTSTACK_PUBLIC_URL is no address of a server. Write it like https://belt.example.com.")
