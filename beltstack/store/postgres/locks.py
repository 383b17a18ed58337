"""File locks that the kernel frees when their holder dies, however it dies."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

POLL_SECONDS = 0.01
QUIET_SECONDS = 3.0


class LockBusy(Exception):
    """Another process kept the lock for too long; `pid` is who, where it told."""

    def __init__(self, path: Path, pid: str) -> None:
        super().__init__(f"{path} is held by another process{f' ({pid})' if pid else ''}.")
        self.path = path
        self.pid = pid


def open_lock(path: Path, *, create: bool = True) -> int:
    """A descriptor to lock with; every call is a holder of its own, also within one process."""
    return os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)


def take(descriptor: int, *, shared: bool = False) -> bool:
    """Take the lock if nobody stands in the way, and say whether it was taken."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for(descriptor: int, *, seconds: float) -> bool:
    """Take the lock within `seconds`, and say whether it was taken."""
    deadline = time.monotonic() + seconds
    while not take(descriptor):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def is_free(path: Path) -> bool:
    """Whether nobody holds this lock now."""
    return is_free_within(path, seconds=0)


def is_free_within(path: Path, *, seconds: float) -> bool:
    """Whether this lock is free now or becomes free within `seconds`; one that was never made is free."""
    try:
        descriptor = open_lock(path, create=False)
    except FileNotFoundError:
        return True
    try:
        return wait_for(descriptor, seconds=seconds)
    finally:
        os.close(descriptor)


@contextmanager
def held(
    path: Path, *, seconds: float, create: bool = True, on_wait: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold the lock exclusively, with our process id in it for whoever waits.

    A wait that takes a while is told once to `on_wait`, with the holder's process id; raises LockBusy in the end.
    """
    descriptor = open_lock(path, create=create)
    try:
        if not wait_for(descriptor, seconds=min(seconds, QUIET_SECONDS)):
            if on_wait is not None:
                on_wait(holder(descriptor))
            if not wait_for(descriptor, seconds=seconds):
                raise LockBusy(path, holder(descriptor))
        with suppress(OSError):  # on a full disk the lock still counts, only the courtesy is lost
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def holder(descriptor: int) -> str:
    """The process id that the lock's holder wrote into it, or nothing."""
    return os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
