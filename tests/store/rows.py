"""Everything a tenant has, as the owner role sees it: for tests that say what did not change."""

from typing import Any

from sqlalchemy import text

from beltstack.domain.ids import TenantId
from beltstack.store import tables
from beltstack.store.database import Database, DatabaseRole

Rows = dict[str, list[str]]


async def rows_of(database: Database, tenant_id: TenantId) -> Rows:
    """Every row of every table that is the tenant's, as JSON text."""
    selects = [
        f"select '{name}' as name, to_jsonb(t)::text as row from {name} t where {_key(name)} = :tenant"
        for name in tables.metadata.tables
    ]
    statement = text(" union all ".join(selects) + " order by 1, 2")
    async with database.transaction(None, role=DatabaseRole.OWNER) as connection:
        found = (await connection.execute(statement, {"tenant": tenant_id})).all()
    rows: Rows = {}
    for name, row in found:
        rows.setdefault(name, []).append(row)
    return rows


async def count_of(database: Database, tenant_id: TenantId, table: str) -> int:
    return len((await rows_of(database, tenant_id)).get(table, []))


async def as_owner(database: Database, statement: str, **values: Any) -> list[Any]:
    """What an operator could do by hand; the rows it answers, if any."""
    async with database.transaction(None, role=DatabaseRole.OWNER) as connection:
        done = await connection.execute(text(statement), values)
        return list(done.all()) if done.returns_rows else []


def _key(table: str) -> str:
    return "id" if table == "tenant" else "tenant_id"
