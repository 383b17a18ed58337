"""GraphQL over HTTP: who asks, is it a request at all, execute, answer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from graphql import OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from beltstack.commands.asking import Asked
from beltstack.commands.checks import Checks
from beltstack.planner.cache import BoundedCache
from beltstack.plugins.runtime import PluginHost
from beltstack.schema.context import Context
from beltstack.schema.documents import Reason, Unprocessable
from beltstack.schema.execution import Executor, prove
from beltstack.schema.ide import Ide
from beltstack.schema.limits import COST_MOST
from beltstack.schema.negotiation import JSON_TYPE, RESPONSE_TYPE, media_type
from beltstack.schema.values import LimitExceeded, check_variables
from beltstack.store.batches import PremiseFailed
from beltstack.store.database import Database, DatabaseUnavailable
from beltstack.store.sealing import Sealer
from beltstack.store.tenants import Caller, caller_of_token
from beltstack.store.tokens import looks_like_token, token_hash

BODY_BYTES = 256 * 1024
CALLERS_MOST = 10_000
UNKNOWN_CALLER = "This token is unknown, expired or revoked; ask an admin for a new one."
METHODS = ("GET", "POST")


class BadRequest(Exception):
    """Not a GraphQL request; `status` and the message say why."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str = "BAD_REQUEST",
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Question:
    """The parameters of a well-formed request."""

    query: str
    operation_name: str | None
    variables: dict[str, Any]


def _callers() -> BoundedCache[bytes, Caller]:
    return BoundedCache(most=CALLERS_MOST, weight_most=CALLERS_MOST)


@dataclass(frozen=True, slots=True)
class GraphQL:
    """The endpoint. `clock` gives each request its one instant; `ide` is the page for browsers, if there is one."""

    executor: Executor
    database: Database
    host: PluginHost
    sealer: Sealer
    clock: Callable[[], datetime]
    ide: Ide | None = None
    public_url: str | None = None
    checks: Checks | None = None
    callers: BoundedCache[bytes, Caller] = field(default_factory=_callers)

    async def __call__(self, request: Request) -> Response:
        """One request, one answer; an executed one has status 200."""
        page = self.ide.answer(request) if self.ide else None
        if page is not None:
            return page
        answered_in = media_type(request.headers.get("accept", ""))
        try:
            if answered_in is None:
                raise BadRequest(f"This answers in {RESPONSE_TYPE} or in {JSON_TYPE}; accept one of them.", status=406)
            hashed = _token(request)
            context = await self._context(hashed)
            question = _question(_parameters(request) if request.method != "POST" else await _body(request))
            try:
                return await self._answer(request, context, question, answered_in)
            except PremiseFailed:
                # Its rights changed, or it was revoked, since it was last looked up.
                return await self._answer(request, await self._context(hashed, anew=True), question, answered_in)
        except BadRequest as problem:
            return _refused(problem, answered_in)
        except DatabaseUnavailable:
            message = "The database does not answer just now; try again in a moment."
            return _refused(BadRequest(message, status=503, code="DATABASE_UNAVAILABLE"), answered_in)

    async def _answer(self, request: Request, context: Context, question: Question, answered_in: str) -> Response:
        try:
            check_variables(question.variables)
            operation = self.executor.documents.operation(question.query, question.operation_name)
            if request.method != "POST" and operation.operation.operation is not OperationType.QUERY:
                raise BadRequest("Only queries go by GET; send this by POST.", status=405, headers={"Allow": "POST"})
            outcome = await self.executor.execute(operation, question.variables, context)
        except LimitExceeded as limit:
            await prove(context)
            return self._not_executed(Unprocessable.of_limit(limit), question, answered_in)
        except Unprocessable as problem:
            await prove(context)
            return self._not_executed(problem, question, answered_in)
        errors_text = f',"errors":{json.dumps(list(outcome.errors))}' if outcome.errors else ""
        cost_text = f',"extensions":{{"cost":{{"requested":{outcome.cost},"maximum":{COST_MOST}}}}}'
        return Response(f'{{"data":{outcome.data}{errors_text}{cost_text}}}', media_type=_with_charset(answered_in))

    def _not_executed(self, problem: Unprocessable, question: Question, answered_in: str) -> Response:
        """An answer without `data`."""
        body: dict[str, Any] = {"errors": list(problem.errors)}
        if problem.requested is not None:
            body["extensions"] = {"cost": {"requested": problem.requested, "maximum": COST_MOST}}
        status = self._status(problem.reason, question, answered_in)
        return JSONResponse(body, status_code=status, media_type=_with_charset(answered_in))

    def _status(self, reason: Reason, question: Question, answered_in: str) -> int:
        if reason is Reason.LIMIT:
            return 422
        if answered_in == JSON_TYPE:
            # Clients that know only application/json take any other status for a broken server.
            return 200
        if reason is Reason.SCHEMA and not self._fits_variables(question):
            # Nothing about the request fits; graphql-http's audit 86EE wants 400 for it.
            return 400
        return 400 if reason is Reason.SYNTAX else 422

    def _fits_variables(self, question: Question) -> bool:
        return self.executor.documents.fits_variables(question.query, question.operation_name, question.variables)

    async def _context(self, hashed: bytes, *, anew: bool = False) -> Context:
        """Who asks, from what was looked up before if it was; the answer then rests on that as its premise."""
        known = None if anew else self.callers.get(hashed)
        caller = known or await caller_of_token(self.database, hashed)
        if caller is None:
            raise BadRequest(UNKNOWN_CALLER, status=401, code="UNAUTHENTICATED")
        if known is None:
            self.callers.put(hashed, caller, weight=1)
        return Context(
            premise=known.premise if known else None,
            asked=Asked(
                actor=caller.actor,
                now=self.clock(),
                database=self.database,
                host=self.host,
                sealer=self.sealer,
                request_id=uuid4().hex,
                public_url=self.public_url,
                checks=self.checks,
            ),
        )


def _token(request: Request) -> bytes:
    """The hash of the token that the request brings."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise BadRequest("Send your token: Authorization: Bearer bst_app_….", status=401, code="UNAUTHENTICATED")
    if not looks_like_token(token):
        raise BadRequest(UNKNOWN_CALLER, status=401, code="UNAUTHENTICATED")
    return token_hash(token)


def _parameters(request: Request) -> dict[str, Any]:
    """What a GET request has in its address; `variables` and `extensions` are JSON there."""
    found: dict[str, Any] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if found.get(name):
            found[name] = _parsed(found[name].encode())
    return found


async def _body(request: Request) -> Any:
    """What a POST request has in its body."""
    content_type, _, parameters = request.headers.get("content-type", "").partition(";")
    if content_type.strip().lower() != JSON_TYPE or not _is_utf8(parameters):
        raise BadRequest("Send the request as application/json in UTF-8.", status=415)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise BadRequest("Send the request without compression.", status=415)
    raw = bytearray()
    try:
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > BODY_BYTES:
                raise BadRequest(f"A request holds at most {BODY_BYTES:,} bytes.", status=413)
    except ClientDisconnect:
        raise BadRequest("The request ended early.") from None
    return _parsed(bytes(raw))


def _is_utf8(parameters: str) -> bool:
    names = [one.partition("=")[2] for one in parameters.lower().split(";") if one.strip().startswith("charset=")]
    return all(name.strip(' "') in {"utf-8", "utf8"} for name in names)


def _parsed(raw: bytes) -> Any:
    """JSON that fits an answer and a column."""
    try:
        value = json.loads(raw.decode(), parse_constant=_refuse_constant, object_pairs_hook=_object)
        if b"\\u" in raw:
            # Half of a surrogate pair can come by an escape only.
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise BadRequest("The request is not JSON in UTF-8 as RFC 8259 has it, each key once.") from None
    return value


def _question(given: Any) -> Question:
    """The parameters, each of the kind the protocol says."""
    if isinstance(given, list):
        raise BadRequest("Send one request at a time: a list of them is not taken.")
    if not isinstance(given, dict) or not isinstance(given.get("query"), str):
        raise BadRequest('The request has to be a JSON object with the document as "query".')
    for name, kind, words in _KINDS:
        if not isinstance(given.get(name), (kind, type(None))):
            raise BadRequest(f'"{name}" has to be {words}.')
    return Question(given["query"], given.get("operationName"), given.get("variables") or {})


_KINDS = (
    ("operationName", str, "a string"),
    ("variables", dict, "a JSON object"),
    ("extensions", dict, "a JSON object"),
)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What two readers could read as two things is refused."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _refused(problem: BadRequest, answered_in: str | None) -> Response:
    error = {"message": problem.message, "extensions": {"code": problem.code}}
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else dict(problem.headers)
    kind = _with_charset(answered_in or JSON_TYPE)
    return JSONResponse({"errors": [error]}, status_code=problem.status, headers=headers, media_type=kind)


def _with_charset(kind: str) -> str:
    return f"{kind}; charset=utf-8"
