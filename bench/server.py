"""A server of the benchmark as a process of its own: BeltStack, the handwritten floor, or a plugin's remote."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import uvicorn

from beltstack.app import Services, build_app, run
from beltstack.plugins.runtime import PluginHost
from beltstack.settings import Settings
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer, new_key
from bench.child import given_url, parents_end, say_ready
from bench.handwritten import Handwritten, answer
from bench.plugins import HearsEverything, Nothing, several


@asynccontextmanager
async def product(url: str) -> AsyncIterator[Any]:
    """BeltStack as `beltstack serve --no-worker` wires it, with a plugin that is owed every event."""
    async with _beltstack(url, HearsEverything([Nothing()])) as app:
        yield app


@asynccontextmanager
async def with_several(url: str) -> AsyncIterator[Any]:
    """The same with several plugins that are owed every event."""
    async with _beltstack(url, HearsEverything(several())) as app:
        yield app


@asynccontextmanager
async def without_plugins(url: str) -> AsyncIterator[Any]:
    """The same without any."""
    async with _beltstack(url, PluginHost([])) as app:
        yield app


@asynccontextmanager
async def _beltstack(url: str, host: PluginHost) -> AsyncIterator[Any]:
    settings = Settings(data_dir=Path(gettempdir()), database_url=url)
    database = Database(url)
    await database.check_roles()
    yield build_app(Services(settings, database, host, Sealer.of_key(new_key())), with_worker=False)
    await database.close()


@asynccontextmanager
async def handwritten(url: str) -> AsyncIterator[Any]:
    app = Handwritten(url)
    yield app
    await app.close()


@asynccontextmanager
async def remote(_: str) -> AsyncIterator[Any]:
    """Says yes to everything."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await answer(send, b"{}")

    yield app


SERVERS = {
    "product": product,
    "with_several": with_several,
    "without_plugins": without_plugins,
    "handwritten": handwritten,
    "remote": remote,
}


async def serve(name: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    # Accepted sockets inherit it; asyncio sets it only on sockets that it made itself. Without it, 40 ms an answer.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    async with SERVERS[name](given_url()) as app:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=5))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        gone = parents_end()
        say_ready(str(listener.getsockname()[1]))
        await gone.wait()
        server.should_exit = True
        await serving


if __name__ == "__main__":
    run(serve(sys.argv[1]))
