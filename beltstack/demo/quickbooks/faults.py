"""The fault switch: what goes wrong, at which request, counted, and then spent."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from beltstack.demo.quickbooks.answers import MESSAGES, Answer

FULL = "The request limit was reached.  Try again later"
XML = f"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<IntuitResponse xmlns="http://schema.intuit.com/finance/v3"><Fault type="SERVICE"><Error code="3001">
<Message>{MESSAGES["3001"]}</Message><Detail>{FULL}</Detail></Error></Fault></IntuitResponse>"""
THROTTLED = {"Fault": {"Error": [{"Message": MESSAGES["3001"], "Detail": FULL, "code": "3001"}], "type": "SERVICE"}}
HTML = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


class FaultKind(StrEnum):
    """What goes wrong. "Before commit" has no effect in the books; "after commit" has, and only the answer suffers."""

    DROP_BEFORE_COMMIT = "drop_before_commit"
    DROP_AFTER_COMMIT = "drop_after_commit"
    HANG_BEFORE_COMMIT = "hang_before_commit"
    HANG_AFTER_COMMIT = "hang_after_commit"
    THROTTLED_JSON = "throttled_json"
    THROTTLED_XML = "throttled_xml"
    SERVER_ERROR = "server_error"
    BAD_GATEWAY = "bad_gateway"
    EMPTY_ANSWER = "empty_answer"
    TRUNCATED_ANSWER = "truncated_answer"
    EXTRA_FIELDS = "extra_fields"
    UNKNOWN_ENUM = "unknown_enum"
    FAULT_IN_200 = "fault_in_200"


@dataclass(frozen=True, slots=True)
class Options:
    """How a fault goes: seconds of hanging, Retry-After, whether a 5xx comes after the commit, fields put in."""

    seconds: float = 30.0
    retry_after_seconds: int | None = None
    after_commit: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)
    code: str = "6000"


@dataclass(slots=True)
class Fault:
    """An armed fault. It strikes the `nth` request that matches, and the `times` - 1 after it."""

    kind: FaultKind
    operation: str | None = None
    method: str | None = None
    path: str | None = None
    nth: int = 1
    times: int = 1
    options: Options = field(default_factory=Options)
    matched: int = 0
    reached: threading.Event = field(default_factory=threading.Event)

    def wait(self, timeout_seconds: float = 10.0) -> bool:
        """Wait until the fault has struck: before the commit or after it, as its kind says. False on timeout."""
        return self.reached.wait(timeout_seconds)

    def matches(self, *, operation: str, method: str, path: str) -> bool:
        """Return whether a request is one this fault counts; a path may hold wildcards."""
        same_operation = self.operation in (None, operation)
        return same_operation and self.method in (None, method) and fnmatchcase(path, self.path or "*")

    @property
    def is_spent(self) -> bool:
        """Whether it will strike no more."""
        return self.matched >= self.nth + self.times - 1


class Faults:
    """The switch; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[Fault] = []
        self._hanging: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def arm(
        self,
        kind: FaultKind | str,
        *,
        operation: str | None = None,
        method: str | None = None,
        path: str | None = None,
        nth: int = 1,
        times: int = 1,
        **options: Any,
    ) -> Fault:
        """Arm a fault, e.g. `arm("drop_after_commit", operation="create_invoice")`; see `Options` for the rest.

        Raises ValueError for an unknown kind or a count below one, TypeError for an unknown option.
        """
        if nth < 1 or times < 1:
            raise ValueError("A fault strikes at the first matching request or later: nth and times count from 1.")
        fault = Fault(FaultKind(kind), operation, method, path, nth, times, Options(**options))
        with self._lock:
            self._armed.append(fault)
        return fault

    def take(self, *, operation: str, method: str, path: str) -> Fault | None:
        """Count a request against every armed fault and return the first that strikes it."""
        with self._lock:
            striking = None
            for fault in [one for one in self._armed if one.matches(operation=operation, method=method, path=path)]:
                fault.matched += 1
                if fault.matched >= fault.nth and striking is None:
                    striking = fault
            self._armed = [fault for fault in self._armed if not fault.is_spent]
            return striking

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

    async def hang(self, fault: Fault) -> None:
        """Wait until released, or for the fault's seconds."""
        waiting = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._hanging.append(waiting)
        fault.reached.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(waiting[1].wait(), fault.options.seconds)
        with self._lock:
            self._hanging.remove(waiting)


async def play(fault: Fault, commit: Callable[[], Answer], faults: Faults) -> Answer | None:
    """Return the answer a fault lets through, None where the line is to be cut."""
    answer = await _FAULTS[fault.kind](fault, commit, faults)
    fault.reached.set()
    return answer


async def _drop(fault: Fault, commit: Callable[[], Answer], _faults: Faults) -> None:
    if fault.kind is FaultKind.DROP_AFTER_COMMIT:
        commit()


async def _hang(fault: Fault, commit: Callable[[], Answer], faults: Faults) -> Answer:
    if fault.kind is FaultKind.HANG_BEFORE_COMMIT:
        await faults.hang(fault)
        return commit()
    answer = commit()
    await faults.hang(fault)
    return answer


async def _throttled(fault: Fault, _commit: Callable[[], Answer], _faults: Faults) -> Answer:
    after = fault.options.retry_after_seconds
    headers = {} if after is None else {"Retry-After": str(after)}
    if fault.kind is FaultKind.THROTTLED_XML:
        return Answer(429, XML, "application/xml", headers)
    return Answer(429, THROTTLED, "application/json", headers)


async def _broken(fault: Fault, commit: Callable[[], Answer], _faults: Faults) -> Answer:
    if fault.options.after_commit:
        commit()
    status, title = (500, "Internal Server Error") if fault.kind is FaultKind.SERVER_ERROR else (502, "Bad Gateway")
    return Answer(status, HTML.format(title), "text/html")


async def _spoiled(fault: Fault, commit: Callable[[], Answer], _faults: Faults) -> Answer:
    text = commit().text()
    return Answer(200, "" if fault.kind is FaultKind.EMPTY_ANSWER else text[: len(text) // 2])


async def _extra_fields(fault: Fault, commit: Callable[[], Answer], _faults: Faults) -> Answer:
    answer = commit()
    # Intuit added the first of these in 2025; the second is what a careless client would put on its own session.
    fields = fault.options.fields or {"x_refresh_token_hard_expires_in": 157_680_000, "verify": False}
    return Answer(answer.status, {**answer.body, **fields}, answer.media_type, answer.headers)


async def _unknown_enum(fault: Fault, commit: Callable[[], Answer], _faults: Faults) -> Answer:
    answer = commit()
    fields = fault.options.fields or {"status": "Quarantined"}
    body = {key: {**held, **fields} if isinstance(held, dict) else held for key, held in answer.body.items()}
    return Answer(answer.status, body, answer.media_type, answer.headers)


async def _fault_in_200(fault: Fault, _commit: Callable[[], Answer], _faults: Faults) -> Answer:
    code = fault.options.code
    error = {"Message": MESSAGES[code], "Detail": MESSAGES[code], "code": code, "element": ""}
    return Answer(200, json.dumps({"Fault": {"Error": [error], "type": "ValidationFault"}}))


_FAULTS: dict[FaultKind, Callable[[Fault, Callable[[], Answer], Faults], Awaitable[Answer | None]]] = {
    FaultKind.DROP_BEFORE_COMMIT: _drop,
    FaultKind.DROP_AFTER_COMMIT: _drop,
    FaultKind.HANG_BEFORE_COMMIT: _hang,
    FaultKind.HANG_AFTER_COMMIT: _hang,
    FaultKind.THROTTLED_JSON: _throttled,
    FaultKind.THROTTLED_XML: _throttled,
    FaultKind.SERVER_ERROR: _broken,
    FaultKind.BAD_GATEWAY: _broken,
    FaultKind.EMPTY_ANSWER: _spoiled,
    FaultKind.TRUNCATED_ANSWER: _spoiled,
    FaultKind.EXTRA_FIELDS: _extra_fields,
    FaultKind.UNKNOWN_ENUM: _unknown_enum,
    FaultKind.FAULT_IN_200: _fault_in_200,
}
