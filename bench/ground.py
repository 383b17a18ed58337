"""The ground a measure stands on: an embedded PostgreSQL of its own in a temporary folder, migrated and empty."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from beltstack.store.database import libpq_url
from beltstack.store.embedded import EmbeddedPostgres
from beltstack.store.migrate import migrate


@dataclass(frozen=True, slots=True)
class Ground:
    """`url` is what BeltStack is given; `admin_url` is of the superuser, for looking at every tenant's rows."""

    url: str
    admin_url: str

    def server_version(self) -> str:
        with psycopg.connect(self.admin_url) as connection:
            return connection.info.parameter_status("server_version") or "unknown"

    def vacuum(self) -> None:
        """Between rounds, so that no round pays for the one before it."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute("vacuum (analyze)")


@contextmanager
def a_ground() -> Iterator[Ground]:
    """A database that is gone afterwards."""
    # Not mkdtemp's: a folder that only its owner may pass through would keep out the account that serves root.
    folder = Path(tempfile.gettempdir()) / f"beltstack-bench-{secrets.token_hex(8)}"
    try:
        with EmbeddedPostgres(folder) as postgres:
            migrate(postgres.url)
            database = make_url(postgres.url).database
            yield Ground(postgres.url, libpq_url(make_url(postgres.admin_url).set(database=database)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
