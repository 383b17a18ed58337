"""One transaction as the repositories see it: its connection, its tenant, who acts, when, and who listens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ClauseElement, Executable, Row, Table, Update, bindparam, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from beltstack.domain.access import Actor
from beltstack.domain.errors import StaleObject
from beltstack.domain.ids import TenantId
from beltstack.store.trips import Trips


def nobody_listens(_: str) -> Sequence[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Session:
    """`now` is the command's instant: the store asks no clock. `listeners` names the plugins an event type concerns."""

    connection: AsyncConnection
    actor: Actor
    now: datetime
    request_id: str | None = None
    listeners: Callable[[str], Sequence[str]] = nobody_listens
    told: list[str] = field(default_factory=list)
    """The types of the facts saved so far, for the audit."""
    trips: Trips | None = None
    """Where statements wait for each other; None sends each at once. Whoever gives it flushes it."""

    @property
    def tenant_id(self) -> TenantId:
        return self.actor.tenant_id

    def new_id(self) -> UUID:
        return uuid7()

    async def write(self, statement: ClauseElement, values: dict[str, Any]) -> None:
        """Something that no constraint can refuse; it may wait for the next trip."""
        if self.trips is not None:
            self.trips.defer(statement, values)
        else:
            await self.connection.execute(statement, values)  # type: ignore[call-overload]

    def foresee(self, statement: ClauseElement, values: dict[str, Any]) -> None:
        """`rows` will be asked for this: it may come with an earlier trip."""
        if self.trips is not None:
            self.trips.foresee(statement, values)

    async def rows(self, statement: ClauseElement, values: dict[str, Any]) -> list[Any]:
        """What `all` answers; from an earlier trip, where it was foreseen."""
        if self.trips is not None:
            (rows,) = await self.trips.rows((statement, values))
            return rows
        return list((await self.connection.execute(statement, values)).all())  # type: ignore[call-overload]

    async def together(self, *asked: tuple[ClauseElement, dict[str, Any]]) -> list[list[Any]]:
        """The rows of several statements, one after the other."""
        if self.trips is not None:
            return await self.trips.rows(*asked)
        return [await self.rows(statement, values) for statement, values in asked]

    async def all(self, statement: Executable, values: dict[str, Any] | None = None) -> list[Row[Any]]:
        return list((await self.connection.execute(statement, values or {})).all())

    async def first(self, statement: Executable, values: dict[str, Any] | None = None) -> Row[Any] | None:
        row: Row[Any] | None = (await self.connection.execute(statement, values or {})).first()
        return row

    async def insert(self, table: Table, *rows: dict[str, Any]) -> None:
        """Insert rows of one table, the tenant added."""
        if rows:
            await self.connection.execute(insert(table), [{"tenant_id": self.tenant_id, **row} for row in rows])

    async def insert_entity(self, table: Table, *rows: dict[str, Any]) -> None:
        """Insert records people edit, with who made them and when."""
        by = {"created_at": self.now, "created_by": self.actor.id, "updated_at": self.now, "updated_by": self.actor.id}
        await self.insert(table, *({**row, **by} for row in rows))

    async def update_entity(self, table: Table, row: dict[str, Any], *, version: int) -> None:
        """Write a record that stands at `version`, as its next version; StaleObject if it does not stand there."""
        changed = {name: value for name, value in row.items() if name not in {"id", "version"}}
        key = {"of_tenant": self.tenant_id, "of_id": row["id"], "of_version": version}
        by = {"version": version + 1, "updated_at": self.now, "updated_by": self.actor.id}
        done = await self.connection.execute(_update_of(table), {**changed, **by, **key})
        if done.rowcount != 1:
            raise StaleObject("This record was changed meanwhile; read it again.", path=("expected_version",))


@cache
def _update_of(table: Table) -> Update:
    """What is executed with it says which columns are set."""
    return update(table).where(
        table.c.tenant_id == bindparam("of_tenant"),
        table.c.id == bindparam("of_id"),
        table.c.version == bindparam("of_version"),
    )
