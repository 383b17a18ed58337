"""A small process beside the server that stops it when its last user is gone, however that one went."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from beltstack.store.postgres import locks, process
from beltstack.store.postgres.home import Home

POLL_SECONDS = 0.5
GATE_SECONDS = 3600.0
LONGEST_LOG_BYTES = 10_000_000
# A starter that died may leave a server that has not yet written its process id: look twice.
EMPTY_LOOKS = 2
START = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    " from beltstack.store.postgres.janitor import main; main(sys.argv[2], int(sys.argv[3]))"
)


def ensure_janitor(home: Home) -> None:
    """Start the janitor unless one lives; called with the gate held, so that there is never a second."""
    descriptor = locks.open_lock(home.janitor_lock)
    try:
        if locks.take(descriptor):
            spawn(home, descriptor)
    finally:
        os.close(descriptor)


def spawn(home: Home, descriptor: int) -> None:
    """Start it in a session of its own, holding the lock it inherits. It needs the standard library only."""
    root = Path(__file__).parents[3]
    interpreter = (sys.executable, "-E", "-S", "-c", START, str(root), str(home.path), str(descriptor))
    with suppress(OSError):  # an interpreter that cannot be started costs the janitor, not the database
        subprocess.run(  # noqa: S603 - our own interpreter and module
            ("/bin/sh", "-c", '"$@" >/dev/null 2>&1 &', "sh", *interpreter),
            stdin=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
            pass_fds=(descriptor,),
            check=False,
            timeout=30,
        )


def main(path: str, descriptor: int) -> None:
    """Look every half second until there are neither users nor a server, then let go of the lock and end."""
    home = Home(Path(path))
    empty_looks = 0
    while home.users_lock.exists() and empty_looks < EMPTY_LOOKS:
        time.sleep(POLL_SECONDS)
        shorten(home.log, home.old_log)
        # It makes no file: somebody may be removing the whole folder just now.
        with suppress(OSError, locks.LockBusy), locks.held(home.gate_lock, seconds=GATE_SECONDS, create=False):
            empty_looks = empty_looks + 1 if is_idle_after_stopping(home) else 0
            if empty_looks == EMPTY_LOOKS:
                # Within the gate, so that the next starter either finds this janitor or starts its own.
                os.close(descriptor)


def is_idle_after_stopping(home: Home) -> bool:
    """Stop the server if nobody uses it; True when there were neither users nor a server to begin with."""
    if not locks.is_free(home.users_lock):
        return False
    was_idle = locks.is_free(home.server_lock)
    return process.stop(home) and was_idle


def shorten(log: Path, old_log: Path) -> None:
    """Keep the log and one predecessor, each of bounded size; the server appends, so it may be emptied."""
    with suppress(OSError):
        if log.stat().st_size > LONGEST_LOG_BYTES:
            shutil.copyfile(log, old_log)
            os.truncate(log, 0)
