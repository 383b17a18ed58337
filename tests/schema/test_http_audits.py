"""graphql-http's own audits of the GraphQL-over-HTTP protocol, against a live server."""

import asyncio
import json
import socket
from collections import Counter

import pytest
import uvicorn

from tests.api import Company
from tests.node import installed_peers, run_node

pytestmark = pytest.mark.node


async def test_every_audit_of_graphql_over_http_passes(company: Company) -> None:
    await asyncio.to_thread(installed_peers)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(company.owner.app(), log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/graphql"
        results = json.loads(await asyncio.to_thread(run_node, "audit.mjs", url, company.owner.token))
    finally:
        server.should_exit = True
        await serving
    assert [one for one in results if one["status"] != "ok"] == []
    assert Counter(one["status"] for one in results) == {"ok": 61}
