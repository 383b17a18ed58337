"""The demo's delivery worker: a process of its own that can be killed, and that ends when the demo does."""

import asyncio
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import IO

from beltstack.app import open_services
from beltstack.demo import terminal
from beltstack.settings import Settings
from beltstack.worker import run_worker

READY = b"ready"
READY_POLL_SECONDS = 0.1


class WorkerProcess:
    """One worker under the demo's control, still starting; `wait_until_ready` says when it works."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        # Its input is a pipe that closes with us, however we end: that is how it knows.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "beltstack.demo.worker_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C reaches everybody at the terminal but other groups; the worker ends in its turn, by the pipe.
            process_group=0,
            env={**os.environ, **environment},
        )
        self._is_ready = threading.Event()
        self._voice = threading.Thread(target=self._repeat, args=(self._process.stdout,), daemon=True)
        self._voice.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until_ready(self) -> None:
        """Raises RuntimeError if it ends before it works."""
        while not self._is_ready.wait(READY_POLL_SECONDS):
            if self._process.poll() is not None:
                raise RuntimeError("the demo's delivery worker did not start; its reason stands above")

    def kill(self) -> None:
        """SIGKILL: it cannot say goodbye, save anything or give anything back."""
        self._process.kill()
        self._close()

    def stop(self) -> None:
        """Let it hand its lanes back."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._close()

    def _repeat(self, said: IO[bytes]) -> None:
        for line in said:
            if line.strip() == READY:
                self._is_ready.set()
            else:
                terminal.step("worker", line.decode(errors="replace").rstrip())

    def _close(self) -> None:
        self._process.wait()
        # A child of the killed worker may hold the pipe a little longer.
        self._voice.join(timeout=1)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def _speak() -> None:
    """What plugins log goes to the demo's terminal."""
    voice = logging.StreamHandler(sys.stdout)
    voice.setFormatter(logging.Formatter("%(plugin_id)s: %(message)s"))
    logger = logging.getLogger("beltstack.plugin")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(voice)


async def _work() -> None:
    settings = Settings.from_environment()
    assert settings.database_url is not None
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    threading.Thread(target=_watch, args=(loop, gone), daemon=True).start()
    async with (
        open_services(settings, settings.database_url) as services,
        run_worker(services.database, services.host, services.sealer),
    ):
        print(READY.decode(), flush=True)
        await gone.wait()


def _watch(loop: asyncio.AbstractEventLoop, gone: asyncio.Event) -> None:
    sys.stdin.read()
    loop.call_soon_threadsafe(gone.set)


if __name__ == "__main__":
    # A plugin's child process would run this file again: the whole program, for nothing.
    del __file__
    _speak()
    asyncio.run(_work())
