"""One holder's share in a server: the first one starts it, all watch over it, the last one stops it."""

import logging
import os
import subprocess
import threading
from contextlib import AbstractContextManager

import psycopg

from beltstack.store.postgres import janitor, locks, process
from beltstack.store.postgres.access import prepare
from beltstack.store.postgres.account import Account
from beltstack.store.postgres.creation import ensure_cluster
from beltstack.store.postgres.home import Home
from beltstack.store.postgres.startup import ServerDidNotStart, ensure_started
from beltstack.store.postgres.unavailable import EmbeddedUnavailable

logger = logging.getLogger(__name__)

# Whoever holds the gate may be waiting for a long recovery, which is given ten minutes itself.
GATE_SECONDS = 660.0
ATTEMPTS = 3
WATCH_SECONDS = 0.3
# A server that will not start again is tried less and less often, and told about each time.
LONGEST_WATCH_SECONDS = 30.0


class Share:
    """Taken by joining, given back by `leave`; the kernel gives it back if the process dies."""

    def __init__(self, home: Home, account: Account) -> None:
        """Start or join the server."""
        self._home = home
        self._account = account
        self._leaving = threading.Event()
        self._users: int | None = locks.open_lock(home.users_lock)
        try:
            with self._gate():
                # Leavers and janitors look at this lock within the gate only: nobody is in the way.
                if not locks.take(self._users, shared=True):
                    raise locks.LockBusy(home.users_lock, "")
                ensure_cluster(home, account)
                self._start_and_prepare()
        except BaseException:
            self._give_back()
            raise
        self._watch = threading.Thread(target=self._keep_running, name="beltstack-postgres", daemon=True)
        self._watch.start()

    def ensure_running(self) -> None:
        """Start the server unless it is alive and ready; of several that notice, one starts it."""
        server = process.postmaster(self._home)
        if server is None or server.status != "ready":
            with self._gate():
                self._start()
            logger.warning("The embedded PostgreSQL in %s was not ready and is again.", self._home.path)

    def leave(self) -> None:
        """Give the share back; the last one out stops the server."""
        self._leaving.set()
        self._watch.join()
        try:
            with self._gate():
                self._give_back()
                if locks.is_free(self._home.users_lock) and not process.stop(self._home):
                    logger.error("The embedded PostgreSQL in %s could not be stopped.", self._home.cluster)
        except (OSError, locks.LockBusy) as trouble:
            # Without its folder PostgreSQL ends by itself within a minute; with it, the janitor sees to it.
            self._give_back()
            logger.warning("The embedded PostgreSQL will stop a little later: %s", trouble)

    def _give_back(self) -> None:
        users, self._users = self._users, None
        if users is not None:
            os.close(users)

    def _gate(self) -> AbstractContextManager[None]:
        return locks.held(self._home.gate_lock, seconds=GATE_SECONDS, on_wait=self._tell_who_is_in_the_way)

    def _tell_who_is_in_the_way(self, pid: str) -> None:
        logger.info("Process %s is starting or stopping the database in %s: waiting.", pid, self._home.path)

    def _start_and_prepare(self) -> None:
        for attempts_left in reversed(range(ATTEMPTS)):
            try:
                self._start()
                prepare(self._home)
                return
            except (ServerDidNotStart, psycopg.OperationalError):
                # Somebody may have killed it just now; what is wrong for good is wrong again.
                if not attempts_left:
                    raise

    def _start(self) -> None:
        janitor.ensure_janitor(self._home)
        ensure_started(self._home, self._account)

    def _keep_running(self) -> None:
        wait_seconds = WATCH_SECONDS
        while not self._leaving.wait(wait_seconds):
            try:
                self.ensure_running()
                wait_seconds = WATCH_SECONDS
            except (EmbeddedUnavailable, OSError, subprocess.TimeoutExpired, locks.LockBusy) as trouble:
                wait_seconds = min(wait_seconds * 2, LONGEST_WATCH_SECONDS)
                logger.error("The embedded PostgreSQL does not come back: %s", trouble)
