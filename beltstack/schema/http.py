"""GraphQL over HTTP: who asks, is it a request at all, execute, answer."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from beltstack.commands.asking import Asked
from beltstack.domain.access import Actor
from beltstack.plugins.runtime import PluginHost
from beltstack.schema.context import Context
from beltstack.schema.documents import Unprocessable
from beltstack.schema.execution import Executor
from beltstack.schema.masking import shown
from beltstack.store.database import Database, DatabaseUnavailable
from beltstack.store.sealing import Sealer
from beltstack.store.tenants import actor_of_token
from beltstack.store.tokens import looks_like_token, token_hash

BODY_BYTES = 256 * 1024
# Python refuses to read integers of more digits than this.
_ENDLESS_NUMBER = re.compile(r"\d{4300}")


class BadRequest(Exception):
    """Not a GraphQL request; `status` and the message say why."""

    def __init__(self, message: str, *, status: int = 400, code: str = "BAD_REQUEST") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class GraphQL:
    """The endpoint. `clock` gives each request its one instant."""

    executor: Executor
    database: Database
    host: PluginHost
    sealer: Sealer
    clock: Callable[[], datetime]

    async def __call__(self, request: Request) -> Response:
        try:
            actor = await self._actor(request)
            body = await _body(request)
            return await self._execute(actor, body)
        except BadRequest as problem:
            return _refused(problem)
        except DatabaseUnavailable:
            message = "The database does not answer just now; try again in a moment."
            return _refused(BadRequest(message, status=503, code="DATABASE_UNAVAILABLE"))

    async def _execute(self, actor: Actor, body: dict[str, Any]) -> Response:
        context = Context(
            asked=Asked(
                actor=actor,
                now=self.clock(),
                database=self.database,
                host=self.host,
                sealer=self.sealer,
                request_id=uuid4().hex,
            )
        )
        try:
            operation = self.executor.documents.operation(body["query"], body.get("operationName"))
        except Unprocessable as problem:
            errors = [shown(error) for error in problem.errors]
            return JSONResponse({"errors": errors}, status_code=400 if problem.is_syntax else 422)
        outcome = await self.executor.execute(operation, body.get("variables") or {}, context)
        errors_text = f',"errors":{json.dumps(list(outcome.errors))}' if outcome.errors else ""
        return Response(f'{{"data":{outcome.data}{errors_text}}}', media_type="application/json")

    async def _actor(self, request: Request) -> Actor:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise BadRequest("Send your token: Authorization: Bearer bst_app_….", status=401, code="UNAUTHENTICATED")
        actor = await actor_of_token(self.database, token_hash(token)) if looks_like_token(token) else None
        if actor is None:
            message = "This token is unknown, expired or revoked; ask an admin for a new one."
            raise BadRequest(message, status=401, code="UNAUTHENTICATED")
        return actor


async def _body(request: Request) -> dict[str, Any]:
    """The request's JSON object, checked as far as the protocol goes."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise BadRequest("Send the request as application/json.", status=415)
    raw = bytearray()
    try:
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > BODY_BYTES:
                raise BadRequest(f"A request holds at most {BODY_BYTES:,} bytes.", status=413)
    except ClientDisconnect:
        raise BadRequest("The request ended early.") from None
    try:
        body = json.loads(raw.decode(), parse_constant=_refuse_constant)
        # Half of a surrogate pair fits no answer and no column.
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise BadRequest("The body is not JSON in UTF-8 as RFC 8259 has it.") from None
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        raise BadRequest('The body has to be a JSON object with the document as "query".')
    if _ENDLESS_NUMBER.search(body["query"]):
        raise BadRequest("The document holds a number too long to be one.")
    if not isinstance(body.get("variables"), (dict, type(None))):
        raise BadRequest('"variables" has to be a JSON object.')
    if not isinstance(body.get("operationName"), (str, type(None))):
        raise BadRequest('"operationName" has to be a string.')
    return body


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _refused(problem: BadRequest) -> Response:
    error = {"message": problem.message, "extensions": {"code": problem.code}}
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else None
    return JSONResponse({"errors": [error]}, status_code=problem.status, headers=headers)
