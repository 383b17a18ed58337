"""A BeltStack that is reached over HTTP on loopback, and an owner's way into it."""

import asyncio
import importlib.util
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from sqlalchemy import text

from beltstack.app import Services, build_app
from beltstack.commands.tenancy import create_token
from beltstack.domain.access import Role
from beltstack.domain.tenants import Tenant
from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.runtime import PluginHost
from beltstack.settings import Settings
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer
from tests.api import Api
from tests.conftest import a_company

EXAMPLES = Path(__file__).resolve().parents[2] / "docs/examples"


def example(name: str) -> Any:
    """The module of a worked example."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / name / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Remote(Api):
    """The same caller, over the wire."""

    url: str

    async def post(self, body: Any = None, **kwargs: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", **kwargs.pop("headers", {})}
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            return await client.post("/graphql", json=body, headers=headers, **kwargs)


@dataclass(frozen=True)
class Served:
    """What stands behind `url`, and the owner of one tenant there."""

    url: str
    services: Services
    tenant: Tenant
    owner: Remote

    async def another(self) -> "Served":
        """The same server, another tenant."""
        return await _with_a_tenant(self.url, self.services)

    async def as_role(self, role: Role) -> Remote:
        """Somebody else of the tenant."""
        token = await create_token(
            self.services.database, slug=self.tenant.slug, roles=(role,), label="test", at=datetime.now(UTC)
        )
        return _remote(self.url, self.services, token)

    async def enabled(self, plugin_id: str, **given: Any) -> str:
        """The id of an integration that is enabled now."""
        made = await self.owner.do("integrationEnable", "integration { id }", pluginId=plugin_id, **given)
        identifier: str = made["id"]
        return identifier

    async def integration(self, identifier: str, fields: str) -> Any:
        document = f"query ($id: ID!) {{ integration(id: $id) {{ {fields} }} }}"
        return (await self.owner.ask(document, id=identifier))["integration"]

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        """What the tenant's own rows say, past the API."""
        async with self.services.database.transaction(self.tenant.id) as connection:
            return list((await connection.execute(text(statement), values)).all())


@asynccontextmanager
async def served(database: Database, sealer: Sealer, plugins: Sequence[Plugin]) -> AsyncIterator[Served]:
    """The whole application without its worker, on a port of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    services = Services(Settings(data_dir=Path(), public_url=url), database, PluginHost(plugins), sealer)
    config = uvicorn.Config(build_app(services, with_worker=False), log_level="warning", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield await _with_a_tenant(url, services)
    finally:
        server.should_exit = True
        await serving


async def _with_a_tenant(url: str, services: Services) -> Served:
    company = await a_company(services.database, services.host, services.sealer)
    return Served(url, services, company.tenant, _remote(url, services, company.owner.token))


def _remote(url: str, services: Services, token: str) -> Remote:
    caller = Remote(services.database, services.host, services.sealer, token)
    caller.url = url
    return caller
