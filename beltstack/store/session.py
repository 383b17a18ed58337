"""One transaction as the repositories see it: its connection, its tenant, who acts and when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, Table, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from beltstack.domain.access import Actor
from beltstack.domain.errors import StaleObject
from beltstack.domain.ids import TenantId


@dataclass(frozen=True, slots=True)
class Session:
    """`now` is the command's instant; the store never asks a clock."""

    connection: AsyncConnection
    actor: Actor
    now: datetime
    request_id: str | None = None

    @property
    def tenant_id(self) -> TenantId:
        return self.actor.tenant_id

    async def all(self, statement: Select[Any]) -> list[Row[Any]]:
        return list((await self.connection.execute(statement)).all())

    async def first(self, statement: Select[Any]) -> Row[Any] | None:
        row: Row[Any] | None = (await self.connection.execute(statement)).first()
        return row

    async def insert(self, table: Table, *rows: dict[str, Any]) -> None:
        """Insert rows of one table, the tenant added."""
        if rows:
            await self.connection.execute(insert(table), [{"tenant_id": self.tenant_id, **row} for row in rows])

    async def insert_entity(self, table: Table, row: dict[str, Any]) -> None:
        """Insert a record people edit, with who made it and when."""
        stamp = {"created_at": self.now, "updated_at": self.now}
        await self.insert(table, {**row, **stamp, "created_by": self.actor.id, "updated_by": self.actor.id})

    async def update_entity(self, table: Table, row: dict[str, Any], *, version: int) -> None:
        """Write a record that stands at `version`, as its next version. The row is locked or this is StaleObject."""
        changed = {name: value for name, value in row.items() if name not in {"id", "version"}}
        done = await self.connection.execute(
            update(table)
            .where(table.c.tenant_id == self.tenant_id, table.c.id == row["id"], table.c.version == version)
            .values(**changed, version=version + 1, updated_at=self.now, updated_by=self.actor.id)
        )
        if done.rowcount != 1:
            raise StaleObject("This record was changed meanwhile; read it again.")
