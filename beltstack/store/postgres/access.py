"""Getting in: the URLs, and the program's own role and database."""

from urllib.parse import quote

import psycopg
from psycopg import sql

from beltstack.store.postgres.home import PORT, ROLE, SUPERUSER, Home

CONNECT_SECONDS = 30


def url_of(home: Home, *, role: str, database: str) -> str:
    """A URL that libpq and SQLAlchemy read alike: the socket's folder, percent-encoded, as `host`."""
    password = home.password_of(role).read_text("ascii")
    return f"postgresql://{role}:{quote(password)}@/{database}?host={quote(str(home.sockets), safe='')}&port={PORT}"


def prepare(home: Home) -> None:
    """Make the program's role and database unless they are there already."""
    url = url_of(home, role=SUPERUSER, database="postgres")
    with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
        role = sql.Identifier(ROLE)
        if connection.execute("select 1 from pg_roles where rolname = %s", [ROLE]).fetchone() is None:
            rights = sql.SQL("create role {} login nosuperuser nobypassrls createrole createdb password {}")
            password = sql.Literal(home.password_of(ROLE).read_text("ascii"))
            connection.execute(rights.format(role, password))
        if connection.execute("select 1 from pg_database where datname = %s", [ROLE]).fetchone() is None:
            connection.execute(sql.SQL("create database {} owner {}").format(role, role))
