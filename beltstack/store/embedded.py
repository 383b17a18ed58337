"""A PostgreSQL of our own in the data folder, for when no database URL is given. Linux and macOS only."""

import errno
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from beltstack.store.postgres.access import url_of
from beltstack.store.postgres.home import ROLE, SUPERUSER
from beltstack.store.postgres.locks import LockBusy
from beltstack.store.postgres.placement import settle
from beltstack.store.postgres.share import Share
from beltstack.store.postgres.unavailable import EmbeddedUnavailable, advice

__all__ = ["EmbeddedPostgres", "EmbeddedUnavailable"]


class EmbeddedPostgres:
    """A PostgreSQL server of this data folder, shared by every process that holds one of these.

    Entering starts or joins the server; leaving stops it if nobody else holds it. While held, a thread
    starts it again should it die. Raises EmbeddedUnavailable, which says what to do.
    """

    url: str
    """Of the role and the database `beltstack`, through the Unix socket; set by entering."""
    admin_url: str
    """Of the superuser and the database `postgres`; set by entering."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.expanduser().resolve()
        self._share: Share | None = None

    def __enter__(self) -> Self:
        if self._share is not None:
            raise RuntimeError("This EmbeddedPostgres is held already; a second holder needs its own.")
        if sys.platform == "win32":
            raise EmbeddedUnavailable(
                "The embedded PostgreSQL runs on Linux and macOS only. On Windows, use WSL,"
                " or set BELTSTACK_DATABASE_URL to a PostgreSQL server of yours."
            )
        with explaining(self._data_dir):
            home, account = settle(self._data_dir)
            self._share = Share(home, account)
            self.url = url_of(home, role=ROLE, database=ROLE)
            self.admin_url = url_of(home, role=SUPERUSER, database="postgres")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        share, self._share = self._share, None
        if share is not None:
            share.leave()

    def ensure_running(self) -> None:
        """Start the server again if it died; nothing to do when it is alive and ready."""
        if self._share is None:
            raise RuntimeError("This EmbeddedPostgres is not held: enter it first.")
        with explaining(self._data_dir):
            self._share.ensure_running()


@contextmanager
def explaining(data_dir: Path) -> Iterator[None]:
    """Turn what goes wrong below into EmbeddedUnavailable with a sentence on what to do."""
    try:
        yield
    except OSError as error:
        raise EmbeddedUnavailable(sentence_for(error, data_dir)) from error
    except LockBusy as busy:
        raise EmbeddedUnavailable(
            f"Another BeltStack process{f' ({busy.pid})' if busy.pid else ''} has been starting or stopping the"
            f" database in {data_dir} for too long. Look at it, end it, and start again."
        ) from busy
    except subprocess.TimeoutExpired as slow:
        raise EmbeddedUnavailable(
            f"{slow.cmd[0]} did not finish within {slow.timeout:.0f} s. Is the disk under {data_dir} healthy?"
        ) from slow
    except psycopg.Error as error:
        raise EmbeddedUnavailable(
            f"The embedded PostgreSQL in {data_dir} does not let BeltStack in.{advice(str(error))} It said: {error}"
        ) from error


def sentence_for(error: OSError, data_dir: Path) -> str:
    place = error.filename or data_dir
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return (
            f"BeltStack may not write {place}. Make the data folder {data_dir} yours and writable,"
            " or choose another one."
        )
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"The disk under {data_dir} is full: make room and start again."
    return f"The embedded PostgreSQL could not use {place}: {error.strerror}."
