"""Who the server runs as: PostgreSQL refuses root, so root lends it an account that exists already."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from beltstack.store.postgres.home import Home
from beltstack.store.postgres.unavailable import EmbeddedUnavailable

if sys.platform != "win32":
    import pwd

UNPRIVILEGED = ("postgres", "nobody")
# Nothing of the caller's PG…, locale or time zone settings reaches the server.
ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC"}
PASSED_ON = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
LIMIT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Account:
    """An operating-system account to run the server as; `is_ours` when it is the one we already are."""

    name: str
    uid: int
    gid: int
    is_ours: bool

    def run(
        self, command: Sequence[str | Path], *, log: int | None = None, inherits: tuple[int, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this account, in a session of its own, and hand back how it went."""
        return subprocess.run(  # noqa: S603 - PostgreSQL's programs, no shell text of others
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if log is None else log,
            encoding="utf-8",
            errors="replace",
            env=ENVIRONMENT | {name: os.environ[name] for name in PASSED_ON if name in os.environ},
            cwd="/",
            start_new_session=True,
            pass_fds=inherits,
            user=None if self.is_ours else self.uid,
            group=None if self.is_ours else self.gid,
            extra_groups=None if self.is_ours else [],
            check=False,
            timeout=LIMIT_SECONDS,
        )

    def can_enter(self, folder: Path) -> bool:
        """Whether this account gets as far as `folder` through every folder above it."""
        return self.run(("/bin/sh", "-c", 'cd -- "$1"', "sh", folder)).returncode == 0

    def own(self, path: Path) -> None:
        """Give this account a file or folder we made for it."""
        if not self.is_ours:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def server_account(data_dir: Path) -> Account:
    """The account for this folder's server: ourselves, or for root the cluster's owner or an unprivileged one."""
    uid = os.geteuid()
    if uid != 0:
        return ourselves(uid)
    cluster = Home(data_dir).cluster
    if cluster.exists() and (owner := cluster.stat().st_uid) != 0:
        return Account(name_of(owner), owner, cluster.stat().st_gid, is_ours=False)
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid, is_ours=False)
    raise EmbeddedUnavailable(
        "PostgreSQL does not run as root, and there is no account to run it as: neither"
        f" {' nor '.join(UNPRIVILEGED)} exists. Run BeltStack as an ordinary user,"
        " or set BELTSTACK_DATABASE_URL to a PostgreSQL server of yours."
    )


def ourselves(uid: int) -> Account:
    return Account(name_of(uid), uid, os.getegid(), is_ours=True)


def name_of(uid: int) -> str:
    """The account's name, or its number where it has none (as in a container with an arbitrary user)."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
