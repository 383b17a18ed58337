"""Where everything of one embedded PostgreSQL lies."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

SUPERUSER = "postgres"
ROLE = "beltstack"
PORT = 5432
SOCKET = f".s.PGSQL.{PORT}"
# The kernel takes 107 bytes for a socket's path, macOS 103; the name alone is 14.
LONGEST_SOCKET_PATH_BYTES = 100


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one server: its cluster, passwords, locks, log and socket."""

    path: Path

    @property
    def cluster(self) -> Path:
        return self.path / "postgres"

    @property
    def unfinished_cluster(self) -> Path:
        return self.path / "postgres.new"

    @property
    def log(self) -> Path:
        return self.path / "postgres.log"

    @property
    def old_log(self) -> Path:
        return self.path / "postgres.log.1"

    @property
    def gate_lock(self) -> Path:
        """Held exclusively during every change: creating, starting, stopping."""
        return self.path / "gate.lock"

    @property
    def users_lock(self) -> Path:
        """Held shared by every process that uses the server."""
        return self.path / "users.lock"

    @property
    def server_lock(self) -> Path:
        """Held by the server's own processes, which inherit it: free means that none of them lives."""
        return self.path / "server.lock"

    @property
    def janitor_lock(self) -> Path:
        """Held by the janitor for as long as it lives."""
        return self.path / "janitor.lock"

    @property
    def sockets(self) -> Path:
        """The folder of the server's socket; elsewhere when this home's path is too long for a socket's name."""
        beside = self.path / "run"
        # libpq takes a comma in a host for the beginning of the next host.
        is_plain = str(beside).isprintable() and "," not in str(beside)
        if is_plain and len(os.fsencode(beside / SOCKET)) <= LONGEST_SOCKET_PATH_BYTES:
            return beside
        return Path("/tmp") / f"beltstack-{hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]}"  # noqa: S108 - checked on use

    def password_of(self, role: str) -> Path:
        return self.path / f"{role}.password"
