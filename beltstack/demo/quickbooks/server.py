"""The loopback QuickBooks as a whole: one company served on 127.0.0.1 from a thread of its own."""

import asyncio
import secrets
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from beltstack.demo.quickbooks.books import Books
from beltstack.demo.quickbooks.faults import Faults
from beltstack.demo.quickbooks.http import Company, application
from beltstack.demo.quickbooks.oauth import OAuth

START_TIMEOUT_SECONDS = 10.0
STOP_TIMEOUT_SECONDS = 10.0


def utc_now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


class LoopbackQuickBooks:
    """A QuickBooks Online company of its own, with a switch for every fault; use it as a context manager.

    `clock` is the only time it knows: tokens age and the minute of the throttle passes by it.
    """

    def __init__(self, *, port: int = 0, clock: Callable[[], datetime] = utc_now) -> None:
        self.url = ""
        self._port = port
        self.clock = clock
        self._open_company()
        app = application(lambda: self._company)
        config = uvicorn.Config(
            app, http=_Line, ws="none", lifespan="off", log_config=None, timeout_graceful_shutdown=2
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def start_over(self) -> None:
        """Put a fresh company behind the same address: new books, keys and realm, no faults; for fast tests."""
        self.faults.clear()
        self._open_company()

    def connect(self) -> dict[str, str]:
        """Return a fresh access_token, refresh_token and realm_id, as if a person had clicked through OAuth."""
        return self.oauth.connect()

    def expire_access_tokens(self) -> None:
        """Make every access token given out so far too old (401)."""
        self.oauth.expire_access_tokens()

    def revoke(self) -> None:
        """Disconnect the app: 401 for every access token and invalid_grant for every refresh token so far."""
        self.oauth.revoke()

    def __enter__(self) -> Self:
        """Serve; raises OSError with a sentence when the port is taken."""
        try:
            listening = socket.create_server(("127.0.0.1", self._port), backlog=128)
        except OSError as problem:
            raise OSError(
                f"Port {self._port} on 127.0.0.1 cannot be used ({problem.strerror}); choose another one."
            ) from problem
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, name="loopback-quickbooks", daemon=True
        )
        self._thread.start()
        until = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._server.started and self._thread.is_alive() and time.monotonic() < until:
            time.sleep(0.005)
        if not self._server.started:
            listening.close()
            raise RuntimeError("The loopback QuickBooks did not start; see the log above for why.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let hanging requests go and stop."""
        self.faults.clear()
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(STOP_TIMEOUT_SECONDS)

    def _open_company(self) -> None:
        self.realm_id = str(secrets.randbelow(9 * 10**15) + 10**15)
        self.books = Books(clock=self.clock)
        self.faults = Faults()
        self.oauth = OAuth(realm_id=self.realm_id, clock=self.clock)
        self.client_id, self.client_secret = self.oauth.client_id, self.oauth.client_secret
        self._company = Company(self.realm_id, self.books, self.oauth, self.faults, self.clock)


class _Line(H11Protocol):
    """A connection that hands its transport to the request, so that a fault can cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # An accepted socket of `create_server` does not say it is TCP, so asyncio leaves the 40 ms of Nagle on.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)
        self.access_log = False
        self.app_state = {**self.app_state, "transport": transport}
