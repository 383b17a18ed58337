"""The peers in Python, served as BeltStack is: `python -m bench.peers.serve floor|strawberry`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from beltstack.app import run
from bench import server
from bench.floor import Floor
from bench.peers.strawberry_orm import strawberry_orm


@asynccontextmanager
async def floor(url: str) -> AsyncIterator[Any]:
    app = Floor(url)
    yield app
    await app.close()


server.SERVERS |= {"floor": floor, "strawberry": strawberry_orm}

if __name__ == "__main__":
    run(server.serve(sys.argv[1]))
