"""The HTTP face: Intuit's paths, and four of our own (`/__books`, `/__fault`, `/__release`, `/__connect`)."""

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from beltstack.demo.quickbooks.answers import Answer, NotAllowedIn, Refused, fault_body, not_allowed_body
from beltstack.demo.quickbooks.books import KINDS, SINGLES, Books
from beltstack.demo.quickbooks.faults import Faults
from beltstack.demo.quickbooks.oauth import OAuth, discovery
from beltstack.demo.quickbooks.request_log import Request

OLDEST_MINOR_VERSION = 75


@dataclass(frozen=True, slots=True)
class Company:
    """What stands behind the door."""

    realm_id: str
    books: Books
    oauth: OAuth
    faults: Faults
    clock: Callable[[], datetime]


def application(company: Callable[[], Company]) -> Starlette:
    """Return the application that serves whichever company stands there at the time of a request."""
    door = _Door(company)
    described = [
        Route(f"/.well-known/openid_{name}", door.discovery) for name in ("configuration", "sandbox_configuration")
    ]
    ours = {"/__fault": door.fault, "/__release": door.release, "/__connect": door.connect}
    return Starlette(
        routes=[
            *described,
            Route("/connect/oauth2", door.authorize),
            Route("/oauth2/v1/tokens/bearer", door.token, methods=["POST"]),
            Route("/v2/oauth2/tokens/revoke", door.revoke, methods=["POST"]),
            Route("/v3/{rest:path}", door.api, methods=["GET", "POST"]),
            Route("/__books", door.books),
            *(Route(path, endpoint, methods=["POST"]) for path, endpoint in ours.items()),
        ]
    )


class _Door:
    def __init__(self, company: Callable[[], Company]) -> None:
        self._present = company

    @property
    def _company(self) -> Company:
        return self._present()

    async def discovery(self, request: HttpRequest) -> Response:
        return _response(Answer(200, discovery(f"http://{request.url.netloc}")))

    async def authorize(self, request: HttpRequest) -> Response:
        """Send the browser back with a code at once, as if the person had said yes."""
        asked = request.query_params
        if asked.get("client_id") != self._company.oauth.client_id or "redirect_uri" not in asked:
            return _response(Answer(400, {"error": "invalid_request"}))
        code = self._company.oauth.code(asked["redirect_uri"])
        back = urlencode({"code": code, "state": asked.get("state", ""), "realmId": self._company.realm_id})
        return RedirectResponse(f"{asked['redirect_uri']}?{back}", status_code=302)

    async def token(self, request: HttpRequest) -> Response:
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        authorization, oauth = request.headers.get("authorization", ""), self._company.oauth
        grant = {"grant_type": form.get("grant_type")}  # never the token itself: the log is printed
        return await self._serve(request, "token", grant, lambda _: oauth.token(authorization, form))

    async def revoke(self, request: HttpRequest) -> Response:
        sent = _parsed(await request.body())
        token = sent.get("token", "") if isinstance(sent, dict) else dict(parse_qsl(str(sent))).get("token", "")
        authorization, oauth = request.headers.get("authorization", ""), self._company.oauth
        return await self._serve(request, "revoke", None, lambda _: oauth.revocation(authorization, str(token)))

    async def api(self, request: HttpRequest) -> Response:
        raw = await request.body()
        body = _parsed(raw) if request.method == "POST" else request.query_params.get("query")
        parts = request.path_params["rest"].split("/")
        operation = _operation(request, parts, body)
        return await self._serve(
            request,
            operation,
            body,
            lambda number: self._guarded(request, lambda: self._work(request, parts, body, number)),
        )

    async def books(self, _request: HttpRequest) -> Response:
        books = self._company.books
        held: dict[str, Any] = {kind: books.all(kind) for kind in ("Customer", "Item", "Invoice", "Payment")}
        log = [asdict(request) for request in books.request_log]
        return _response(Answer(200, {**held, "request_log": log, "faults": self._company.faults.state()}))

    async def fault(self, request: HttpRequest) -> Response:
        try:
            asked = json.loads(await request.body())
            options = asked.pop("options", {})
            self._company.faults.arm(asked.pop("kind"), **asked, **options)
        except (ValueError, TypeError, LookupError, AttributeError) as problem:
            return _response(Answer(400, {"error": f"That fault cannot be armed: {problem}"}))
        return _response(Answer(200, self._company.faults.state()))

    async def release(self, _request: HttpRequest) -> Response:
        self._company.faults.release()
        return _response(Answer(200, self._company.faults.state()))

    async def connect(self, _request: HttpRequest) -> Response:
        return _response(Answer(200, self._company.oauth.connect()))

    async def _serve(self, request: HttpRequest, operation: str, body: Any, work: Callable[[int], Answer]) -> Response:
        """Note the request, let a fault have its way with it, and answer or cut the line."""
        log, method, path = self._company.books.log, request.method, request.url.path
        request_id = request.query_params.get("requestid") or None
        number = log.arrived(Request(method, path, operation, request_id, None, body))
        fault = self._company.faults.take(operation=operation, method=method, path=path)
        if fault is None:
            answer: Answer | None = work(number)
        else:
            log.learned(number, fault=fault.kind.value)
            answer = await self._company.faults.play(fault, lambda: work(number))
        if answer is None:
            return await _cut(request)
        log.learned(number, status=answer.status, answer=None if operation == "token" else answer.body)
        return _response(answer)

    def _guarded(self, request: HttpRequest, work: Callable[[], Answer]) -> Answer:
        try:
            return work()
        except NotAllowedIn as refusal:
            return Answer(refusal.status, not_allowed_body(refusal, self._company.clock()), "application/json")
        except Refused as refused:
            return Answer(refused.status, fault_body(refused, self._company.clock()), "application/json")

    def _work(self, request: HttpRequest, parts: list[str], body: Any, number: int) -> Answer:
        books, asked = self._company.books, request.query_params
        realm_id = parts[1] if len(parts) > 1 and parts[0] == "company" else ""
        self._company.oauth.check(request.headers.get("authorization", ""), realm_id)
        books.admit()
        minor_version = asked.get("minorversion", "")
        if not (minor_version[:9].isdecimal() and int(minor_version[:9]) >= OLDEST_MINOR_VERSION):
            advice = f"minorversion {minor_version or '(absent)'} is retired; send {OLDEST_MINOR_VERSION} or later."
            raise Refused("2090", advice, element="minorversion")
        match request.method, parts[2:]:
            case "GET" | "POST", ["query"]:
                return Answer(200, books.query(body if isinstance(body, str) else ""))
            case "GET", [kind] if KINDS.get(kind) in SINGLES:
                return Answer(200, books.read(KINDS[kind], "1"))
            case "GET", [kind, thing_id] if kind in KINDS:
                return Answer(200, books.read(KINDS[kind], thing_id))
            case "POST", [kind] if kind in KINDS:
                include = asked.get("include", "").split(",")
                operation, request_id = asked.get("operation", ""), asked.get("requestid", "")
                content, replayed = books.write(
                    KINDS[kind], body, asked=operation, include=include, request_id=request_id
                )
                books.log.learned(number, replayed=replayed)
                return Answer(200, content)
        where = f"Could not find resource for relative : {request.url.path}"
        raise Refused("500", f"Operation {where} is not supported.", element=None)


def _operation(request: HttpRequest, parts: list[str], body: Any) -> str:
    """Return the name of what a request asks for: create_invoice, read_customer, void_invoice, query."""
    kind = parts[2] if len(parts) > 2 else "nothing"
    if kind == "query":
        return "query"
    if request.method == "GET":
        return f"read_{kind}"
    asked = request.query_params
    verb = "update" if isinstance(body, dict) and body.get("Id") else "create"
    return f"{'void' if 'void' in asked.get('include', '') else asked.get('operation', verb)}_{kind}"


def _parsed(raw: bytes) -> Any:
    """Return the JSON of a body with exact numbers, or its text where it is none (a query, or a mistake)."""
    text = raw.decode(errors="replace")
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=str)
    except (ValueError, RecursionError):
        return text


def _response(answer: Answer) -> Response:
    headers = {"intuit_tid": f"1-{secrets.token_hex(4)}-{secrets.token_hex(12)}", **answer.headers}
    return Response(answer.text(), answer.status, headers, answer.media_type)


async def _cut(request: HttpRequest) -> Response:
    """Close the connection without a byte; what is returned has nobody left to read it."""
    request.state.transport.abort()
    await request.receive()
    return Response(status_code=500)
