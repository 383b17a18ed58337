"""The demo's frontend: GraphQL over HTTP, and a look at what each step made happen."""

import asyncio
from typing import Any

import httpx

from beltstack.demo import terminal

_ERRORS = "userErrors { message code pluginId pluginCode }"
_NEW_EVENTS = """query ($before: String) { events(first: 50, before: $before) { edges { cursor node {
  id type deliveries { integration { pluginId } } } } } }"""
_DELIVERIES = """query ($id: ID!) { integration(id: $id) { deliveries(first: 20) { nodes {
  id state attempts error event { type } } } } }"""


class Refused(Exception):
    """A step was refused; `errors` are the payload's user errors."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(" ".join(error["message"] for error in errors))
        self.errors = errors


class Frontend:
    """What a phone or a browser would be: a token and the address of the API."""

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=httpx.Timeout(20)
        )
        self._seen: str | None = None

    async def close(self) -> None:
        await self._client.aclose()

    async def ask(self, document: str, **variables: Any) -> Any:
        response = await self._client.post("/graphql", json={"query": document, "variables": variables})
        body = response.json()
        if "errors" in body:
            raise RuntimeError(f"the API answered: {body['errors'][0]['message']}")
        return body["data"]

    async def do(self, mutation: str, answer: str, **given: Any) -> Any:
        """Carry out one mutation and tell what came of it; `answer` is like `workOrder { id version }`."""
        kind = _INPUTS.get(mutation, f"{mutation[0].upper()}{mutation[1:]}Input")
        document = f"mutation ($input: {kind}!) {{ {mutation}(input: $input) {{ {answer} {_ERRORS} }} }}"
        payload = (await self.ask(document, input=given))[mutation]
        if payload["userErrors"]:
            raise Refused(payload["userErrors"])
        await self.tell_news()
        return payload[answer.split("{", maxsplit=1)[0].strip()]

    async def skip_news(self) -> None:
        """What happened before the story is history."""
        data = await self.ask("{ events(first: 1) { edges { cursor } } }")
        self._seen = data["events"]["edges"][0]["cursor"]

    async def tell_news(self) -> None:
        """Print every event since the last look, and who has to hear it."""
        edges = (await self.ask(_NEW_EVENTS, before=self._seen))["events"]["edges"]
        for edge in reversed(edges):
            self._seen = edge["cursor"]
            owed = [delivery["integration"]["pluginId"] for delivery in edge["node"]["deliveries"]]
            terminal.event(edge["node"]["type"], f" → owed to {', '.join(owed)}" if owed else "")

    async def delivery(self, integration_id: str, event_type: str) -> Any:
        """The newest delivery of one type of event."""
        data = await self.ask(_DELIVERIES, id=integration_id)
        for delivery in data["integration"]["deliveries"]["nodes"]:
            if delivery["event"]["type"] == event_type:
                return delivery
        raise LookupError(event_type)

    async def settled(self, integration_id: str, event_type: str, *, seconds: float = 30) -> Any:
        """The delivery, once it arrived; raises TimeoutError, and RuntimeError if it died."""
        async with asyncio.timeout(seconds):
            while True:
                delivery = await self.delivery(integration_id, event_type)
                if delivery["state"] == "DELIVERED":
                    return delivery
                if delivery["state"] == "DEAD":
                    raise RuntimeError(f"the delivery of {event_type} needs attention: {delivery['error']}")
                await asyncio.sleep(0.05)


_INPUTS = {
    "visitDispatch": "VisitTransitionInput",
    "visitStartTravel": "VisitFieldInput",
    "visitArrive": "VisitFieldInput",
}
