"""The same transitions without the network: through the endpoint, or as a command alone."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from graphql import OperationDefinitionNode, parse

from beltstack.app import Services, build_app
from beltstack.commands import work_orders
from beltstack.commands.asking import Answer, Read, Request, perform
from beltstack.commands.work import Work
from beltstack.domain.ids import Noun, WorkOrderId
from beltstack.planner.arguments import TENANT
from beltstack.planner.collect import Asked, Document, collect
from beltstack.planner.roots import SUBJECT, plan_object
from beltstack.schema.types import REGISTRY
from beltstack.settings import Settings
from beltstack.store.trips import Trips
from bench.company import Company, SetUpRefused
from bench.documents import HOLD, RESUME

REASON = "Waiting for a part"


class Inside:
    """One work order that is held and resumed in turn."""

    def __init__(self, company: Company, work_order_id: UUID) -> None:
        self.company = company
        self._id = WorkOrderId(work_order_id)
        self._version = 1
        services = Services(Settings(data_dir=Path()), company.database, company.host, company.sealer)
        self._app: Any = build_app(services, with_worker=False)
        self._plan = plan_object(REGISTRY, company.actor, Noun.WORK_ORDER, _answered(), several=False)

    async def through_the_endpoint(self) -> None:
        """Everything but the sockets."""
        given: dict[str, Any] = {"id": f"{Noun.WORK_ORDER.value}_{self._id}", "expectedVersion": self._version}
        if not self._is_held:
            given["reason"] = REASON
        document = RESUME if self._is_held else HOLD
        body = json.dumps({"query": document, "variables": {"input": given}}).encode()
        answered = json.loads(await self._post(body))
        if "errors" in answered or any(payload["userErrors"] for payload in answered["data"].values()):
            raise SetUpRefused(str(answered))
        self._version += 1

    async def as_a_command(self, read: Read[Any]) -> None:
        """Without GraphQL; `read` is asked for the answer, in the command's transaction."""
        values: dict[str, Any] = {"work_order_id": self._id, "expected_version": self._version}

        async def command(work: Work) -> UUID:
            if self._is_held:
                return await work_orders.resume(work, **values)
            return await work_orders.hold(work, **values, reason=REASON, review_on=None, cancel_visits=False)

        name = "work_order.resume" if self._is_held else "work_order.hold"
        answer = await perform(self.company.asked(), Request(name, subject_id=self._id), command, read)
        if answer.refusals:
            raise SetUpRefused(answer.refusals[0].message)
        self._version += 1

    async def read(self, trips: Trips, answer: Answer[Any]) -> Any:
        """What the mutation's answer reads."""
        values = {TENANT: self.company.actor.tenant_id, SUBJECT: answer.subject_id}
        return await trips.answer(self._plan.text, self._plan.wired(self._plan.values(values)))

    @property
    def _is_held(self) -> bool:
        # It starts open at version 1, and each transition counts one up.
        return self._version % 2 == 0

    async def _post(self, body: bytes) -> bytes:
        said = bytearray()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            said.extend(message.get("body", b""))

        headers = [
            (b"authorization", f"Bearer {self.company.token}".encode()),
            (b"content-type", b"application/json"),
        ]
        scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": headers, "query_string": b""}
        await self._app(scope, receive, send)
        return bytes(said)


def _answered() -> Asked:
    """What the documents of the measure select of the work order."""
    (operation,) = parse(HOLD).definitions
    assert isinstance(operation, OperationDefinitionNode)
    (mutation,) = collect([operation.selection_set], Document({}, {}), frozenset({"Mutation"}))
    return next(one for one in mutation.below("WorkOrderHoldPayload") if one.name == "workOrder")
