"""Connections and transactions: which database role acts, for which tenant, always transaction-locally."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from urllib.parse import quote

import psycopg
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from beltstack.domain.ids import TenantId
from beltstack.store.batches import BatchPool
from beltstack.store.roles import (
    CONNECT_SECONDS,
    DatabaseRole,
    DatabaseUnavailable,
    libpq_url,
    options,
    psycopg_url,
)
from beltstack.store.tables import SCHEMA
from beltstack.store.trips import begin

__all__ = [
    "CONNECT_SECONDS",
    "Database",
    "DatabaseRole",
    "DatabaseUnavailable",
    "UnsafeRole",
    "libpq_url",
    "options",
    "psycopg_url",
    "set_tenant",
]


class UnsafeRole(Exception):
    """The role would see other tenants' rows: BeltStack does not start with it."""


class Database:
    """One PostgreSQL database, with a pool for each role that is used."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = psycopg_url(url)
        self._pool_size = pool_size
        self._engines: dict[DatabaseRole, AsyncEngine] = {}
        self.reads = BatchPool(self.url, size=pool_size)
        """Single statements that only read, in one round trip each."""

    @asynccontextmanager
    async def transaction(
        self, tenant_id: TenantId | None, *, role: DatabaseRole = DatabaseRole.APP
    ) -> AsyncIterator[AsyncConnection]:
        """One transaction; committed at the end, rolled back on any exception. Without a tenant it sees no rows."""
        async with self._connect(role) as connection, connection.begin():
            if tenant_id is not None:
                await set_tenant(connection, tenant_id)
            yield connection

    @asynccontextmanager
    async def _connect(self, role: DatabaseRole) -> AsyncIterator[AsyncConnection]:
        try:
            connection = await self._engine(role).connect()
        except (OperationalError, PoolTimeout, TimeoutError, OSError) as error:
            raise DatabaseUnavailable(_advice(self.url)) from error
        try:
            yield connection
        except psycopg.OperationalError as error:
            # What goes in trips passes SQLAlchemy by, and its own word for a lost connection with it.
            if _is_lost(error):
                await connection.invalidate(error)
                raise DatabaseUnavailable(_advice(self.url)) from error
            raise
        except DBAPIError as error:
            if error.connection_invalidated:
                raise DatabaseUnavailable(_advice(self.url)) from error
            raise
        finally:
            await connection.close()

    async def check_roles(self) -> None:
        """Refuse to start with roles that row-level security does not bind."""
        for role in (DatabaseRole.APP, DatabaseRole.ENGINE):
            async with self.transaction(None, role=role) as connection:
                row = (await connection.execute(_ROLE_FACTS, {"schema": SCHEMA})).one()
            if row.rolsuper or row.rolbypassrls or row.owned:
                raise UnsafeRole(
                    f"The database role {row.name} is a superuser, bypasses row-level security or owns BeltStack's"
                    " tables, so tenants would not be kept apart. Run `beltstack migrate` to set the roles up."
                )

    async def close(self) -> None:
        for engine in self._engines.values():
            await engine.dispose()
        self._engines.clear()
        await self.reads.close()

    def _engine(self, role: DatabaseRole) -> AsyncEngine:
        if role not in self._engines:
            self._engines[role] = create_async_engine(
                self.url,
                pool_size=self._pool_size,
                max_overflow=0,
                pool_use_lifo=True,
                pool_timeout=CONNECT_SECONDS,
                json_deserializer=_exact_json,
                connect_args={"options": options(role), "connect_timeout": CONNECT_SECONDS},
            )
        return self._engines[role]


def _is_lost(error: psycopg.OperationalError) -> bool:
    """Whether the connection is gone: without a word, or with PostgreSQL's own that it shuts down."""
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))


async def set_tenant(connection: AsyncConnection, tenant_id: TenantId) -> None:
    """For this transaction only: a session setting would leak to the pool's next user."""
    await begin(connection, _SET_TENANT, {"tenant": str(tenant_id)})


def _advice(url: URL) -> str:
    where = url.host or url.query.get("host") or "the default socket"
    return (
        f"PostgreSQL at {quote(str(where), safe='/.:')} does not answer. Is it running, and does the URL name it"
        " rightly? BeltStack goes on by itself when it is back."
    )


# A float between the database and a Decimal would lose cents.
_exact_json = partial(json.loads, parse_float=Decimal)
_SET_TENANT = text("select set_config('app.tenant', :tenant, true)")
_ROLE_FACTS = text(
    """select rolname as name, rolsuper, rolbypassrls, exists (
         select from pg_tables where schemaname = :schema and tableowner = current_user) as owned
       from pg_roles where rolname = current_user"""
)
