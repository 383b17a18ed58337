"""A real PostgreSQL for the tests: one server for all processes of a run, one database for each."""

import os
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from beltstack.commands.tenancy import create_tenant, create_token
from beltstack.demo.veto import FindingsRule
from beltstack.domain.access import Role
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database, libpq_url
from beltstack.store.embedded import EmbeddedPostgres
from beltstack.store.migrate import migrate
from beltstack.store.sealing import Sealer, new_key
from tests.api import Api, Company


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A login that may create databases: BELTSTACK_TEST_DATABASE_URL, or an embedded server of this run's."""
    if given := os.environ.get("BELTSTACK_TEST_DATABASE_URL"):
        yield given
        return
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", secrets.token_hex(8))
    with EmbeddedPostgres(Path(tempfile.gettempdir()) / f"beltstack-tests-{run}") as postgres:
        yield postgres.url


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """An empty database of its own on the server, gone afterwards."""
    name = f"test_{secrets.token_hex(8)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    try:
        yield libpq_url(make_url(server_url).set(database=name))
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            drop_database(connection, name)


def drop_database(connection: psycopg.Connection, name: str) -> None:
    """Whoever is still connected is cut off; the server's own vacuum, which no login may end, is waited for."""
    deadline = time.monotonic() + 60
    while True:
        try:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


@pytest.fixture(scope="session")
def database_url(server_url: str) -> Iterator[str]:
    """A migrated database for this process."""
    with fresh_database(server_url) as url:
        migrate(url)
        yield url


@pytest.fixture(scope="session")
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def sealer() -> Sealer:
    return Sealer.of_key(new_key())


@pytest.fixture(scope="session")
def host() -> PluginHost:
    """The installed plugins and the demo's veto."""
    return PluginHost.discover(extra=[f"{FindingsRule.__module__}:{FindingsRule.__qualname__}"])


@pytest.fixture
async def company(database: Database, host: PluginHost, sealer: Sealer) -> Company:
    """A tenant of its own for each test, with a caller for each role."""
    return await a_company(database, host, sealer)


@pytest.fixture
def another_company(database: Database, host: PluginHost, sealer: Sealer) -> Callable[[], Awaitable[Company]]:
    return lambda: a_company(database, host, sealer)


async def a_company(database: Database, host: PluginHost, sealer: Sealer) -> Company:
    slug = f"t-{secrets.token_hex(8)}"
    tenant = await create_tenant(database, slug=slug, name="North Air", currency="USD", timezone="America/Chicago")

    async def call(*roles: Role, technician: object = None) -> Api:
        token = await create_token(
            database,
            slug=slug,
            roles=roles,
            label="test",
            at=datetime.now(UTC),
            technician_id=technician,  # type: ignore[arg-type]
        )
        return Api(database, host, sealer, token)

    return Company(tenant=tenant, as_role=call, owner=await call(Role.OWNER))
