"""A server of our own, for what would disturb the one that the other tests share."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from beltstack.store.embedded import EmbeddedPostgres
from beltstack.store.migrate import CannotMigrate, check_migrated
from beltstack.store.postgres.home import Home


@dataclass(frozen=True)
class OwnServer:
    """`url` and `second_url` are of migrated databases; `admin_url` of the superuser in the first one."""

    home: Home
    url: str
    second_url: str
    admin_url: str
    refused_at_first: str
    """What was said of the database before anything was set up."""


@pytest.fixture(scope="session")
def own_server() -> Iterator[OwnServer]:
    """Set up by three processes at once: two for one of its databases, one for the other."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as postgres:
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute("create database second")
        second_url = postgres.url.replace("/beltstack?", "/second?")
        with pytest.raises(CannotMigrate) as refusal:
            check_migrated(postgres.url)
        migrate_at_once(postgres.url, postgres.url, second_url)
        admin_url = postgres.admin_url.replace("/postgres?", "/beltstack?")
        yield OwnServer(home_of(postgres), postgres.url, second_url, admin_url, str(refusal.value))


def home_of(postgres: EmbeddedPostgres) -> Home:
    """Where the server lives, as it says itself: not always where it was told to."""
    with psycopg.connect(postgres.admin_url) as connection:
        row = connection.execute("select current_setting('data_directory')").fetchone()
    assert row is not None
    return Home(Path(row[0]).parent)


def migrate_at_once(*urls: str) -> None:
    """A process for each, as several programs that start together are; each has to succeed."""
    code = "import sys; from beltstack.store.migrate import migrate; sys.stdin.read(1); migrate(sys.argv[1])"
    running = [
        subprocess.Popen([sys.executable, "-c", code, url], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for url in urls
    ]
    said = [process.communicate(timeout=60)[1] for process in _all_let_go(running)]
    assert [process.returncode for process in running] == [0] * len(urls), said


def _all_let_go(running: list["subprocess.Popen[str]"]) -> list["subprocess.Popen[str]"]:
    for process in running:
        assert process.stdin is not None
        process.stdin.write("g")
        process.stdin.flush()
    return running
