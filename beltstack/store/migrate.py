"""Bring a database to this version: its roles, its schema, then Alembic's migrations, as the owner role."""

import time
from importlib import import_module

import psycopg
from psycopg import sql

from beltstack.store.database import DatabaseRole, DatabaseUnavailable, psycopg_url
from beltstack.store.tables import SCHEMA

HEAD = "0001"
"""The newest migration."""
OLDEST_SERVER = 150000
ROLE_TRIES = 10
# One lock for all databases of a cluster would not help: advisory locks are per database, roles are per cluster.
_MIGRATION_LOCK = 7_261_001


class CannotMigrate(Exception):
    """The login may not set up the roles or the schema; the message says what it lacks."""


def migrate(url: str) -> None:
    """Idempotent, and safe to run from several processes at once."""
    libpq = psycopg_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(libpq, autocommit=True, connect_timeout=5) as connection:
            _check_server(connection)
            connection.execute("select pg_advisory_lock(%s)", (_MIGRATION_LOCK,))
            _make_roles(connection)
            _make_schema(connection)
            # Alembic takes a tenth of a server's memory, and most servers only look whether others have migrated.
            import_module("beltstack.store.upgrade").upgrade(url)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(f"PostgreSQL could not be reached to migrate it: {_first_line(error)}.") from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise CannotMigrate(
            f"This login may not set BeltStack's database up ({_first_line(error)}). Use a login that owns the"
            " database and has CREATEROLE for `beltstack migrate`."
        ) from error


def check_migrated(url: str) -> None:
    """Refuse a database that is not at this version; only `beltstack migrate` changes one that is not ours."""
    libpq = psycopg_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(libpq, connect_timeout=5, options=f"-c role={DatabaseRole.OWNER}") as connection:
            row = connection.execute(_VERSION).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidParameterValue):
        row = None
    except psycopg.OperationalError as error:
        if "permission denied to set role" in str(error):
            raise CannotMigrate(
                "This login is no member of the roles beltstack_owner, beltstack_app and beltstack_engine: run"
                " `beltstack migrate` with it, or grant it those roles."
            ) from error
        if "beltstack_owner" in str(error):
            raise CannotMigrate("This database was never set up for BeltStack: run `beltstack migrate`.") from error
        raise DatabaseUnavailable(f"PostgreSQL could not be reached: {_first_line(error)}.") from error
    if row is None or row[0] != HEAD:
        found = "never set up for BeltStack" if row is None else f"at version {row[0]}"
        raise CannotMigrate(f"This database is {found}; this program needs {HEAD}. Run `beltstack migrate`.")


_VERSION = sql.SQL("select version_num from {}.alembic_version").format(sql.Identifier(SCHEMA))


def _check_server(connection: psycopg.Connection) -> None:
    if connection.info.server_version < OLDEST_SERVER:
        raise CannotMigrate(
            f"This PostgreSQL is version {connection.info.server_version // 10000}; BeltStack needs 15 or newer."
        )


def _make_roles(connection: psycopg.Connection) -> None:
    """Roles belong to the cluster: somebody may be making them for another of its databases at this very moment."""
    for _ in range(ROLE_TRIES - 1):
        try:
            return _try_roles(connection)
        except (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateObject, psycopg.errors.InternalError_):
            time.sleep(0.1)
    return _try_roles(connection)


def _try_roles(connection: psycopg.Connection) -> None:
    for role in DatabaseRole:
        name = sql.Identifier(role.value)
        if not connection.execute("select 1 from pg_roles where rolname = %s", (role.value,)).fetchone():
            connection.execute(sql.SQL("create role {} nologin nosuperuser nobypassrls").format(name))
        if not _may_become(connection, name):
            connection.execute(sql.SQL("grant {} to current_user").format(name))


def _may_become(connection: psycopg.Connection, role: sql.Identifier) -> bool:
    try:
        connection.execute(sql.SQL("set role {}").format(role))
        connection.execute("reset role")
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def _make_schema(connection: psycopg.Connection) -> None:
    database = sql.Identifier(connection.info.dbname)
    connection.execute(
        sql.SQL("create schema if not exists {} authorization beltstack_owner").format(sql.Identifier(SCHEMA))
    )
    # The delivery engine's tables are disposable: its role makes and drops their schema by itself.
    connection.execute(sql.SQL("grant create on database {} to beltstack_engine").format(database))


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
