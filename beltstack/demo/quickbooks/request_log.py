"""What reached the company's door, in the order it came: the proof a test or the demo shows."""

import threading
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `status` is None while it waits, and stays None when the line was cut instead of answered."""

    method: str
    path: str
    operation: str
    request_id: str | None
    status: int | None
    body: Any
    replayed: bool = False
    fault: str | None = None
    answer: Any = None


class RequestLog:
    """Requests by their number of arrival; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[Request] = []

    def arrived(self, request: Request) -> int:
        """Note a request and return its number."""
        with self._lock:
            self._requests.append(request)
            return len(self._requests) - 1

    def learned(self, number: int, **what: Any) -> None:
        """Complete a request with what became of it."""
        with self._lock:
            self._requests[number] = replace(self._requests[number], **what)

    def all(self) -> tuple[Request, ...]:
        """Return the requests so far."""
        with self._lock:
            return tuple(self._requests)
