"""Migrations bring a database to what the code says, once, and refuse in words what they cannot bring there."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import Connection, create_engine, text

from beltstack.store.database import Database, DatabaseRole, DatabaseUnavailable, UnsafeRole, options, psycopg_url
from beltstack.store.migrate import HEAD, CannotMigrate, check_migrated, migrate
from beltstack.store.tables import metadata
from beltstack.store.upgrade import MIGRATIONS
from tests.conftest import fresh_database
from tests.store.conftest import OwnServer

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"

# Everything of a schema that can differ: columns, constraints, indexes.
CATALOGUE = """
    select 'column', table_name, column_name,
           concat_ws(' ', data_type, udt_name, is_nullable, column_default, numeric_precision, numeric_scale)
    from information_schema.columns where table_schema = 'beltstack' and table_name <> 'alembic_version'
    union all
    select 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
    where connamespace = 'beltstack'::regnamespace and conrelid <> 0 and contype <> 'x'
      and conrelid::regclass::text <> 'alembic_version'
    union all
    select 'index', tablename, indexname, indexdef from pg_indexes
    where schemaname = 'beltstack' and tablename <> 'alembic_version' and indexname <> 'assignment_no_double_booking'
"""


@contextmanager
def as_owner(url: str) -> Iterator[Connection]:
    engine = create_engine(psycopg_url(url), connect_args={"options": options(DatabaseRole.OWNER)})
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def catalogue_of(url: str) -> set[tuple[str, ...]]:
    with as_owner(url) as connection:
        return {tuple(row) for row in connection.execute(text(CATALOGUE))}


def test_alembic_finds_nothing_left_to_migrate(database_url: str) -> None:
    with as_owner(database_url) as connection:
        ours = {"include_name": lambda name, kind, _: not (kind == "table" and name == "alembic_version")}
        context = MigrationContext.configure(connection, opts={"compare_type": True, **ours})
        differences = compare_metadata(context, metadata)
    assert [one for one in differences if "assignment_no_double_booking" not in str(one)] == []


def test_a_server_looks_for_the_newest_migration_there_is() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == HEAD


def test_the_migrations_make_what_the_tables_in_the_code_would(server_url: str, database_url: str) -> None:
    with fresh_database(server_url) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create schema beltstack authorization beltstack_owner")
        with as_owner(url) as connection:
            metadata.create_all(connection)
        assert catalogue_of(url) == catalogue_of(database_url)


def test_migrating_again_changes_nothing(database_url: str) -> None:
    before = catalogue_of(database_url)
    migrate(database_url)
    assert catalogue_of(database_url) == before
    check_migrated(database_url)


def test_several_that_migrate_a_new_server_at_once_leave_good_databases(
    own_server: OwnServer, database_url: str
) -> None:
    for url in (own_server.url, own_server.second_url):
        check_migrated(url)
        assert catalogue_of(url) == catalogue_of(database_url)


# ── refusals ──────────────────────────────────────────────────────────────────────────────────────


def test_a_server_that_was_never_set_up_is_refused_with_the_way_out(own_server: OwnServer) -> None:
    assert "never set up" in own_server.refused_at_first
    assert "`beltstack migrate`" in own_server.refused_at_first


def test_a_database_that_was_never_set_up_is_refused_with_the_way_out(server_url: str, database_url: str) -> None:
    with fresh_database(server_url) as url, pytest.raises(CannotMigrate, match=r"never set up.*`beltstack migrate`"):
        check_migrated(url)


def test_another_version_is_refused_and_named(server_url: str) -> None:
    with fresh_database(server_url) as url:
        migrate(url)
        with as_owner(url) as connection:
            connection.execute(text("update alembic_version set version_num = '0000'"))
        with pytest.raises(CannotMigrate, match="at version 0000; this program needs"):
            check_migrated(url)


@pytest.mark.parametrize("do", [migrate, check_migrated])
def test_a_server_that_is_not_there_is_told_in_one_line(do: object) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"could not be reached.*\.$") as refusal:
        do(NOWHERE)  # type: ignore[operator]
    assert "\n" not in str(refusal.value)


def test_a_login_without_the_rights_hears_what_it_lacks(own_server: OwnServer) -> None:
    with psycopg.connect(own_server.admin_url, autocommit=True) as admin:
        admin.execute("create role poor login password 'poor'")
        admin.execute("create database theirs")
    url = psycopg_url(own_server.url).set(username="poor", password="poor", database="theirs", drivername="postgresql")
    with pytest.raises(CannotMigrate, match="CREATEROLE"):
        migrate(url.render_as_string(hide_password=False))


# ── roles that would see too much ─────────────────────────────────────────────────────────────────


async def test_the_roles_that_migrate_makes_are_accepted(database: Database) -> None:
    await database.check_roles()


@pytest.mark.parametrize(
    ("spoil", "mend"),
    [
        ("alter role {} superuser", "alter role {} nosuperuser"),
        ("alter role {} bypassrls", "alter role {} nobypassrls"),
        ("alter table beltstack.lane owner to {}", "alter table beltstack.lane owner to beltstack_owner"),
    ],
    ids=["superuser", "bypassrls", "owner"],
)
@pytest.mark.parametrize("role", ["beltstack_app", "beltstack_engine"])
async def test_a_role_that_row_level_security_does_not_bind_is_refused(
    own_server: OwnServer, role: str, spoil: str, mend: str
) -> None:
    database = Database(own_server.url)
    with psycopg.connect(own_server.admin_url, autocommit=True) as admin:
        admin.execute(sql.SQL(spoil).format(sql.Identifier(role)))
        try:
            with pytest.raises(UnsafeRole, match=f"{role} .*`beltstack migrate`"):
                await database.check_roles()
        finally:
            admin.execute(sql.SQL(mend).format(sql.Identifier(role)))
            await database.close()
