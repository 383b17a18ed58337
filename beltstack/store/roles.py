"""The database's roles, and how a session of one starts."""

from enum import StrEnum

from sqlalchemy import URL, make_url

from beltstack.store.tables import SCHEMA

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 15


class DatabaseRole(StrEnum):
    """OWNER migrates; APP serves one tenant at a time; ENGINE sees all tenants' deliveries and nothing else."""

    OWNER = "beltstack_owner"
    APP = "beltstack_app"
    ENGINE = "beltstack_engine"


class DatabaseUnavailable(Exception):
    """The database does not answer; the message says what to do."""


def options(role: DatabaseRole, *, search_path: str = SCHEMA) -> str:
    """libpq's `options`: what a session starts with."""
    milliseconds = STATEMENT_SECONDS * 1000
    return f"-c role={role} -c search_path={search_path} -c timezone=UTC -c statement_timeout={milliseconds}"


def psycopg_url(url: str) -> URL:
    """A SQLAlchemy URL for psycopg 3 from any PostgreSQL URL."""
    return make_url(url).set(drivername="postgresql+psycopg")


def libpq_url(url: URL) -> str:
    """The same database as libpq writes it, password included."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
