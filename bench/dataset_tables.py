"""Tables without their indexes and keys while they are filled: each is made anew, and checked, once the rows stand."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

# For a database that is gone after the run: nothing has to survive a crash while it is filled.
_HASTY = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "'4GB'",
    "autovacuum": "off",
    "checkpoint_timeout": "'1h'",
}


@contextmanager
def at_leisure(connection: psycopg.Connection) -> Iterator[None]:
    """The server does without durability while the block runs."""
    for name, value in _HASTY.items():
        connection.execute(f"alter system set {name} = {value}".encode())
    connection.execute("select pg_reload_conf()")
    connection.execute("set maintenance_work_mem = '1GB'; set work_mem = '256MB'")
    try:
        yield
    finally:
        for name in _HASTY:
            connection.execute(f"alter system reset {name}".encode())
        connection.execute("select pg_reload_conf()")
        connection.execute("checkpoint")


@contextmanager
def bare_tables(connection: psycopg.Connection, names: Sequence[str]) -> Iterator[None]:
    """CHECK constraints stay on; keys and indexes come back at the end, and refuse what does not fit."""
    wanted = list(names)
    keys = connection.execute(_CONSTRAINTS, {"names": wanted, "kinds": ["p", "u", "x"]}).fetchall()
    foreign = connection.execute(_FOREIGN, {"names": wanted}).fetchall()
    indexes = connection.execute(_INDEXES, {"names": wanted}).fetchall()
    for table, name, _ in (*foreign, *keys):
        connection.execute(
            sql.SQL("alter table {} drop constraint {}").format(sql.Identifier(table), sql.Identifier(name))
        )
    for name, _ in indexes:
        connection.execute(sql.SQL("drop index {}").format(sql.Identifier(name)))
    yield
    for table, name, definition in keys:
        _add(connection, table, name, definition)
    for _, definition in indexes:
        connection.execute(definition)
    # Statistics first: each foreign key is checked by a join.
    for table in names:
        connection.execute(sql.SQL("analyze {}").format(sql.Identifier(table)))
    for table, name, definition in foreign:
        _add(connection, table, name, definition)


def _add(connection: psycopg.Connection, table: str, name: str, definition: str) -> None:
    head = sql.SQL("alter table {} add constraint {} ").format(sql.Identifier(table), sql.Identifier(name))
    connection.execute(head + sql.SQL(definition))


_OF_OURS = "(select oid from pg_class where relnamespace = 'beltstack'::regnamespace and relname = any(%(names)s))"
_CONSTRAINTS = f"""
    select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
    where conrelid in {_OF_OURS} and contype = any(%(kinds)s::"char"[])
""".encode()
_FOREIGN = f"""
    select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
    where contype = 'f' and (conrelid in {_OF_OURS} or confrelid in {_OF_OURS})
""".encode()
_INDEXES = f"""
    select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) from pg_index i
    where i.indrelid in {_OF_OURS} and not exists (select from pg_constraint c where c.conindid = i.indexrelid)
""".encode()
