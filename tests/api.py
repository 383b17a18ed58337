"""A caller of the GraphQL API, as a frontend is one: documents in, JSON out, over the real endpoint."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx
import strawberry
from starlette.applications import Starlette
from starlette.routing import Route

from beltstack.delivery.checking import StoredChecks
from beltstack.domain.tenants import Tenant
from beltstack.plugins.runtime import PluginHost
from beltstack.schema.build import build_schema
from beltstack.schema.execution import Executor
from beltstack.schema.http import METHODS, GraphQL
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer


@cache
def the_schema() -> strawberry.Schema:
    return build_schema()


@cache
def the_executor() -> Executor:
    return Executor(the_schema())


@dataclass
class Api:
    """One token's way in. `now` may be set to move the clock."""

    database: Database
    host: PluginHost
    sealer: Sealer
    token: str
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    executor: Executor | None = None
    """None is the one that all tests share."""
    check_seconds: float = 20.0

    def app(self) -> Starlette:
        """The endpoint as an application."""
        endpoint = GraphQL(
            executor=self.executor or the_executor(),
            database=self.database,
            host=self.host,
            sealer=self.sealer,
            clock=self.now,
            checks=StoredChecks(self.database, self.host, self.sealer, seconds=self.check_seconds),
        )
        return Starlette(routes=[Route("/graphql", endpoint.__call__, methods=METHODS)])

    async def post(self, body: Any = None, **kwargs: Any) -> httpx.Response:
        """The raw answer to a raw request; `method` may make it another than POST."""
        headers = {"Authorization": f"Bearer {self.token}", **kwargs.pop("headers", {})}
        transport = httpx.ASGITransport(app=self.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            if body is not None:
                kwargs["json"] = body
            return await client.request(kwargs.pop("method", "POST"), "/graphql", headers=headers, **kwargs)

    async def ask(self, document: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        response = await self.post({"query": document, "variables": variables})
        body = response.json()
        assert "errors" not in body, body["errors"]
        return body["data"]

    async def errors(self, document: str, **variables: Any) -> list[Any]:
        """The errors of an answer that has some."""
        body = (await self.post({"query": document, "variables": variables})).json()
        found: list[Any] = body["errors"]
        return found

    async def send(self, mutation: str, answer: str = "", **given: Any) -> Any:
        """The payload of a mutation, refused or not. `answer` is what to select of it beside `userErrors`."""
        type_name = mutation[0].upper() + mutation[1:]
        input_type = INPUTS.get(type_name, f"{type_name}Input")
        document = f"""mutation ($input: {input_type}!) {{ {mutation}(input: $input) {{ {answer}
            userErrors {{ message code path pluginId pluginCode currentState availableTransitions }} }} }}"""
        data = await self.ask(document, input=given)
        return data[mutation]

    async def do(self, mutation: str, answer: str, **given: Any) -> Any:
        """The subject of a mutation that must succeed; `answer` is like `workOrder { id version }`."""
        payload = await self.send(mutation, answer, **given)
        assert payload["userErrors"] == [], payload["userErrors"]
        return payload[answer.split("{", maxsplit=1)[0].strip()]

    async def refusal(self, mutation: str, answer: str = "", **given: Any) -> Any:
        """The single user error of a mutation that must be refused."""
        payload = await self.send(mutation, answer, **given)
        assert len(payload["userErrors"]) == 1, payload["userErrors"]
        return payload["userErrors"][0]


@dataclass
class Company:
    """A tenant and the callers of its roles."""

    tenant: Tenant
    as_role: Callable[..., Awaitable[Api]]
    owner: Api


def _inputs() -> dict[str, str]:
    """The input types of mutations that share one."""
    mutation = the_schema()._schema.mutation_type
    assert mutation is not None
    return {
        name[0].upper() + name[1:]: str(given.args["input"].type).rstrip("!") for name, given in mutation.fields.items()
    }


INPUTS = _inputs()
