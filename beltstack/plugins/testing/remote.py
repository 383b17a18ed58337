"""The far end of a plugin's calls: a loopback server with objects in it and a switch for every trouble."""

import json
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, Self

WAIT_SECONDS = 17
"""What the remote asks a throttled caller to wait."""


class Trouble(StrEnum):
    """What goes wrong with every call until the remote is mended."""

    UNAUTHORIZED = "401"
    THROTTLED = "429"
    UNAVAILABLE = "503"
    REFUSED = "422"
    FAILED = "500"
    DROPPED = "dropped"
    """The remote does as it is asked and hangs up without an answer."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it arrived; `text` is all of it."""

    method: str
    path: str
    headers: dict[str, str]
    body: str

    @property
    def text(self) -> str:
        return f"{self.method} {self.path}\n{self.headers}\n{self.body}"


class Remote(Protocol):
    """What the contract asks of a remote. A vendor's own keeps the rules of the real one."""

    url: str

    def count(self) -> int:
        """The objects that were made so far."""

    def texts(self) -> list[str]:
        """Every call so far, whole, as text."""

    def arm(self, trouble: Trouble) -> bool:
        """Let every call meet this trouble; False where this remote does not play it."""

    def mend(self) -> None:
        """No trouble any more."""


@dataclass
class LoopbackRemote:
    """Makes an object of every POST, and of every PUT to a new path; the same `Idempotency-Key` makes none again.

    Give it answers of your own by overriding `answer`. Use it as a context manager.
    """

    calls: list[Call] = field(default_factory=list)
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    trouble: Trouble | None = None
    url: str = ""

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def count(self) -> int:
        return len(self.objects)

    def texts(self) -> list[str]:
        return [call.text for call in self.calls]

    def arm(self, trouble: Trouble) -> bool:
        self.trouble = trouble
        return True

    def mend(self) -> None:
        self.trouble = None

    def answer(self, call: Call) -> tuple[int, Any]:
        """Status and body, as JSON, of a call that meets no trouble."""
        if call.method == "GET":
            return 200, {}
        place = call.path if call.method == "PUT" else str(len(self.objects) + 1)
        key = call.headers.get("idempotency-key", place)
        made = self.objects.setdefault(key, {"id": str(len(self.objects) + 1)})
        return 201, made


def _handler_for(remote: LoopbackRemote) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle_one_call(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode("utf-8", "replace")
            call = Call(self.command, self.path, {name.lower(): text for name, text in self.headers.items()}, body)
            remote.calls.append(call)
            trouble = remote.trouble
            if trouble is None or trouble is Trouble.DROPPED:
                status, said = remote.answer(call)
            else:
                status, said = int(trouble), {"error": f"This remote answers {trouble} for now."}
            self.close_connection = True
            if trouble is not Trouble.DROPPED:
                self._send(status, json.dumps(said).encode())

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            if status in {429, 503}:
                self.send_header("Retry-After", str(WAIT_SECONDS))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """The calls are kept instead."""

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one_call  # noqa: N815 - the library's names

    return Handler
