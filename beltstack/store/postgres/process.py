"""Watching and stopping the server's processes, from any process, whoever started them."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from beltstack.store.postgres import locks
from beltstack.store.postgres.home import SOCKET, Home

POLL_SECONDS = 0.01
# Fast shutdown writes a checkpoint first; then immediate shutdown; then the end.
WAYS_TO_STOP = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
ORPHANS_LEAVE_SECONDS = 2.0
ORPHANS_DIE_SECONDS = 10.0
HAS_PROC = Path("/proc/self/stat").exists()


class Postmaster(NamedTuple):
    """A live postmaster: its process id and what it last said of itself (starting, ready, stopping)."""

    pid: int
    status: str


def postmaster(home: Home) -> Postmaster | None:
    """The live postmaster of this home; None for none, for a zombie, and for a stranger with its old id."""
    try:
        lines = (home.cluster / "postmaster.pid").read_text("utf-8", "replace").splitlines()
        pid = abs(int(lines[0]))
    except (FileNotFoundError, ValueError, IndexError):
        return None
    if not (is_alive(pid) and works_in(pid, home.cluster)):
        return None
    return Postmaster(pid, lines[7].strip() if len(lines) > 7 else "starting")


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie (a container's first process may never bury its dead)."""
    if not HAS_PROC:
        return ask_ps(pid, "state")[:1] not in {"", "Z"}
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in {"Z", "X"}


def works_in(pid: int, folder: Path) -> bool:
    """Whether the process's working folder is `folder`, as a postmaster's is its cluster."""
    if not HAS_PROC:
        return str(folder) in ask_ps(pid, "command")
    try:
        return os.path.samestat(Path(f"/proc/{pid}/cwd").stat(), folder.stat())
    except OSError:
        return False


def ask_ps(pid: int, column: str) -> str:
    """One column of `ps` for one process, where there is no /proc; empty when there is no such process."""
    command = ["ps", "-ww", "-o", f"{column}=", "-p", str(pid)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)  # noqa: S603 - numbers only
    return ran.stdout.strip()


def stop(home: Home) -> bool:
    """Stop the server and everything of it, gently first, and say whether all of it is gone."""
    for way, seconds in WAYS_TO_STOP:
        server = postmaster(home)
        if server is None:
            break
        with suppress(ProcessLookupError):
            os.kill(server.pid, way)
        becomes_true(lambda: postmaster(home) is None, seconds=seconds)
    return clear_away(home)


def clear_away(home: Home) -> bool:
    """After the postmaster's death wait for its orphans, then remove what it left lying; False if any live on."""
    if not locks.is_free_within(home.server_lock, seconds=ORPHANS_LEAVE_SECONDS):
        kill_orphans(home)
        if not locks.is_free_within(home.server_lock, seconds=ORPHANS_DIE_SECONDS):
            return False
    # The socket's lock names a process id too: left behind, a stranger with that id blocks the next start.
    for left_over in (home.cluster / "postmaster.pid", home.sockets / SOCKET, home.sockets / f"{SOCKET}.lock"):
        left_over.unlink(missing_ok=True)
    if home.sockets.parent != home.path:
        with suppress(OSError):  # not there, or not empty and so not ours alone
            home.sockets.rmdir()
    return True


def kill_orphans(home: Home) -> None:
    """Kill what still works in the cluster's folder though its postmaster is dead."""
    for entry in Path("/proc").glob("[0-9]*") if HAS_PROC else ():
        if works_in(int(entry.name), home.cluster):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(int(entry.name), signal.SIGKILL)


def becomes_true(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Whether the condition holds now or within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
