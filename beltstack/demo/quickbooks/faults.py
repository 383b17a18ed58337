"""The fault switch: what goes wrong, at which request, counted, and then spent."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from beltstack.demo.quickbooks.answers import MESSAGES, Answer

FULL = "The request limit was reached.  Try again later"
XML = f"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<IntuitResponse xmlns="http://schema.intuit.com/finance/v3"><Fault type="SERVICE"><Error code="3001">
<Message>{MESSAGES["3001"]}</Message><Detail>{FULL}</Detail></Error></Fault></IntuitResponse>"""
HTML = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
# Intuit added the first of these in 2025; the second is what a careless client would put on its own session.
EXTRA_FIELDS = {"x_refresh_token_hard_expires_in": 157_680_000, "verify": False}
UNKNOWN_ENUM = {"status": "Quarantined"}


class FaultKind(StrEnum):
    """What goes wrong. Unless a name says "before commit", or it is a refusal, the books have changed."""

    DROP_BEFORE_COMMIT = "drop_before_commit"
    DROP_AFTER_COMMIT = "drop_after_commit"
    HANG_BEFORE_COMMIT = "hang_before_commit"
    HANG_AFTER_COMMIT = "hang_after_commit"
    THROTTLED_JSON = "throttled_json"  # a refusal, as are the next two
    THROTTLED_XML = "throttled_xml"
    FAULT_IN_200 = "fault_in_200"
    SERVER_ERROR = "server_error"  # before the commit, unless after_commit says otherwise; so is the next
    BAD_GATEWAY = "bad_gateway"
    UNAVAILABLE = "unavailable"  # a refusal
    EMPTY_ANSWER = "empty_answer"
    TRUNCATED_ANSWER = "truncated_answer"
    EXTRA_FIELDS = "extra_fields"
    UNKNOWN_ENUM = "unknown_enum"


@dataclass(slots=True)
class Fault:
    """An armed fault: it strikes the `nth` request that matches, and the `times` - 1 after it.

    `path` may hold wildcards. `seconds` is the longest a hang lasts, `fields` what EXTRA_FIELDS and UNKNOWN_ENUM put
    into the answer, `code` what FAULT_IN_200 says.
    """

    kind: FaultKind
    operation: str | None = None
    method: str | None = None
    path: str = "*"
    nth: int = 1
    times: int = 1
    seconds: float = 30.0
    retry_after_seconds: int | None = None
    after_commit: bool = False
    fields: Mapping[str, Any] | None = None
    code: str = "6000"
    matched: int = field(default=0, init=False)
    reached: threading.Event = field(default_factory=threading.Event, init=False)

    def wait(self, timeout_seconds: float = 10.0) -> bool:
        """Wait until the fault has struck: before the commit or after it, as its kind says. False on timeout."""
        return self.reached.wait(timeout_seconds)

    def counts(self, *, operation: str, method: str, path: str) -> bool:
        """Return whether a request is one of those this fault counts."""
        is_meant = self.operation in (None, operation) and self.method in (None, method)
        return is_meant and fnmatchcase(path, self.path)


class Faults:
    """The switch; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[Fault] = []
        self._hanging: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def arm(self, kind: FaultKind | str, **how: Any) -> Fault:
        """Arm a fault, e.g. `arm("drop_after_commit", operation="create_invoice", nth=2)`; `Fault` lists the rest.

        Raises ValueError for an unknown kind or a count below one, TypeError for an unknown option.
        """
        fault = Fault(FaultKind(kind), **how)
        if fault.nth < 1 or fault.times < 1:
            raise ValueError("A fault strikes at the first matching request or later: nth and times count from 1.")
        with self._lock:
            self._armed.append(fault)
        return fault

    def take(self, *, operation: str, method: str, path: str) -> Fault | None:
        """Count a request against every armed fault and return the first that strikes it."""
        with self._lock:
            counting = [one for one in self._armed if one.counts(operation=operation, method=method, path=path)]
            for fault in counting:
                fault.matched += 1
            self._armed = [fault for fault in self._armed if fault.matched < fault.nth + fault.times - 1]
            return next((fault for fault in counting if fault.matched >= fault.nth), None)

    def clear(self) -> None:
        """Disarm everything and let every hanging request go."""
        with self._lock:
            self._armed = []
        self.release()

    def release(self) -> None:
        """Let every request go that hangs now; later ones hang again."""
        with self._lock:
            for loop, released in self._hanging:
                loop.call_soon_threadsafe(released.set)

    def state(self) -> dict[str, Any]:
        """Return what is armed and how many requests hang."""
        with self._lock:
            return {"armed": [fault.kind.value for fault in self._armed], "hanging": len(self._hanging)}

    async def play(self, fault: Fault, commit: Callable[[], Answer]) -> Answer | None:
        """Return the answer a fault lets through, None where the line is to be cut."""
        if fault.kind is FaultKind.HANG_BEFORE_COMMIT:
            await self._hang(fault)
        refusal = _refusal(fault)
        answer = commit() if refusal is None or fault.after_commit else None
        if fault.kind is FaultKind.HANG_AFTER_COMMIT:
            await self._hang(fault)
        fault.reached.set()
        if refusal is not None:
            return refusal[0]
        assert answer is not None
        return _spoiled(fault, answer)

    async def _hang(self, fault: Fault) -> None:
        waiting = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._hanging.append(waiting)
        fault.reached.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(waiting[1].wait(), fault.seconds)
        with self._lock:
            self._hanging.remove(waiting)


def _refusal(fault: Fault) -> tuple[Answer | None] | None:
    """Return what is answered in place of the work, in a tuple of its own; None where the work is done."""
    after = fault.retry_after_seconds
    headers = {} if after is None else {"Retry-After": str(after)}
    match fault.kind:
        case FaultKind.DROP_BEFORE_COMMIT:
            return (None,)
        case FaultKind.THROTTLED_JSON:
            return (Answer(429, _fault_body("3001", FULL, kind="SERVICE"), "application/json", headers),)
        case FaultKind.THROTTLED_XML:
            return (Answer(429, XML, "application/xml", headers),)
        case FaultKind.SERVER_ERROR:
            return (Answer(500, HTML.format("Internal Server Error"), "text/html", headers),)
        case FaultKind.BAD_GATEWAY:
            return (Answer(502, HTML.format("Bad Gateway"), "text/html", headers),)
        case FaultKind.UNAVAILABLE:
            return (Answer(503, HTML.format("Service Unavailable"), "text/html", headers),)
        case FaultKind.FAULT_IN_200:
            return (Answer(200, _fault_body(fault.code, MESSAGES[fault.code], kind="ValidationFault")),)
    return None


def _spoiled(fault: Fault, answer: Answer) -> Answer | None:
    """Return what is left of an answer after the work was done; None where nothing is."""
    match fault.kind:
        case FaultKind.DROP_AFTER_COMMIT:
            return None
        case FaultKind.EMPTY_ANSWER:
            return Answer(200, "")
        case FaultKind.TRUNCATED_ANSWER:
            return Answer(200, answer.text()[: len(answer.text()) // 2])
        case FaultKind.EXTRA_FIELDS:
            return replace(answer, body={**answer.body, **(fault.fields or EXTRA_FIELDS)})
        case FaultKind.UNKNOWN_ENUM:
            fields = fault.fields or UNKNOWN_ENUM
            return replace(
                answer, body={k: {**v, **fields} if isinstance(v, dict) else v for k, v in answer.body.items()}
            )
    return answer


def _fault_body(code: str, detail: str, *, kind: str) -> dict[str, Any]:
    return {"Fault": {"Error": [{"Message": MESSAGES[code], "Detail": detail, "code": code}], "type": kind}}
