"""Programs under test as processes of their own: what they say, how they end, what they leave running."""

import os
import signal
import subprocess
import sysconfig
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

BELTSTACK = Path(sysconfig.get_path("scripts")) / "beltstack"
# Before Python 3.12, ending a child while its watcher's thread waits for it makes asyncio say this, now and then.
RACE_OF_PYTHON = "WARNING asyncio: Unknown child process pid"
PATIENCE_SECONDS = 90.0
# A janitor looks every half second, and a server writes a checkpoint before it ends.
SOON_SECONDS = 15.0
TEMPORARY = "tmp"
OURS = ("BELTSTACK_", "XDG_", "PG")


class Program:
    """`beltstack` with these arguments, without a terminal, in a session of its own, at home in `place`."""

    def __init__(self, place: Path, *arguments: str, **variables: str) -> None:
        self._process = subprocess.Popen(
            (BELTSTACK, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=place,
            env=environment(place) | variables,
        )
        self._news = threading.Condition()
        self.said: list[str] = []
        self.complained: list[str] = []
        self._listeners = [
            threading.Thread(target=self._listen, args=args, daemon=True)
            for args in ((self._process.stdout, self.said), (self._process.stderr, self.complained))
        ]
        for listener in self._listeners:
            listener.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def line_with(self, text: str, *, seconds: float = PATIENCE_SECONDS) -> str:
        """The first line on standard output that holds the text, once it is said."""

        def is_said() -> bool:
            return any(text in line for line in self.said) or self._process.poll() is not None

        with self._news:
            self._news.wait_for(is_said, seconds)
            found = next((line for line in self.said if text in line), None)
        assert found is not None, f"never said '{text}': {self.said} {self.complained}"
        return found

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def status(self, *, seconds: float = PATIENCE_SECONDS) -> int:
        """The exit status, once it ended and all is read; negative for the signal that ended it."""
        status = self._process.wait(seconds)
        for listener in self._listeners:
            listener.join(SOON_SECONDS)
        return status

    def _listen(self, pipe: IO[str], lines: list[str]) -> None:
        with pipe:
            for line in pipe:
                if RACE_OF_PYTHON in line:
                    continue
                with self._news:
                    lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()


def environment(place: Path) -> dict[str, str]:
    """Ours without BeltStack's settings, and with home and temporary files in `place`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return inherited | {"HOME": str(place), "TMPDIR": str(place / TEMPORARY)}


def running_in(place: Path) -> dict[int, str]:
    """What lives of the programs at home in `place` and of all that they started, PostgreSQL included."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            # A server's processes overwrite their environment, but they work in their cluster's folder.
            traces = ((entry / "environ").read_bytes(), (entry / "cmdline").read_bytes(), _folder_of(entry))
            if any(os.fsencode(place) in trace for trace in traces) and not _is_zombie(entry):
                found[int(entry.name)] = traces[1].replace(b"\0", b" ").decode(errors="replace").strip()
    return found


def until(holds: Callable[[], bool], *, seconds: float = SOON_SECONDS) -> bool:
    """Whether it holds, now or within so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def end_all_in(place: Path) -> None:
    """Kill what a failed test left running."""
    for pid in running_in(place):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _folder_of(entry: Path) -> bytes:
    return os.fsencode((entry / "cwd").readlink())


def _is_zombie(entry: Path) -> bool:
    return (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[0] in {"Z", "X"}
