"""The repository of a noun whose record is one row: get, find, save."""

from collections.abc import Callable
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from cattrs import Converter
from sqlalchemy import Row, Select, Table, bindparam, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError

from beltstack.domain.changes import Change
from beltstack.domain.errors import AlreadyExists, NotFound, Path, Refusal
from beltstack.domain.ids import Noun
from beltstack.store.codecs import to_json
from beltstack.store.outbox import tell
from beltstack.store.session import Session

T = TypeVar("T")

# Rows come as Python values already; only enums, tuples and JSON need building.
_rows = Converter()


def _parsed(parse: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda value, _: parse(value) if isinstance(value, (str, int)) else value


_rows.register_structure_hook(UUID, _parsed(UUID))
_rows.register_structure_hook(datetime, _parsed(datetime.fromisoformat))
_rows.register_structure_hook(date, _parsed(date.fromisoformat))
_rows.register_structure_hook(Decimal, _parsed(Decimal))


def from_row(kind: type[T], row: Row[Any] | dict[str, Any]) -> T:
    """The frozen value of a row whose columns are named like its fields."""
    return _rows.structure(row if isinstance(row, dict) else row._asdict(), kind)


def to_row(value: Any, table: Table) -> dict[str, Any]:
    """The row of a frozen value: the fields that are columns of the table."""
    row = {}
    for field in fields(value):
        if field.name not in table.c:
            continue
        part = getattr(value, field.name)
        if isinstance(table.c[field.name].type, JSONB) and part is not None:
            part = to_json(part)
        elif isinstance(part, StrEnum):
            part = part.value
        elif isinstance(part, tuple):
            part = [member.value if isinstance(member, StrEnum) else member for member in part]
        row[field.name] = part
    return row


class Repository(Generic[T]):
    """Frozen values in, frozen values out. `save` is the only way to persist: the row and its facts together."""

    noun: ClassVar[Noun]
    table: ClassVar[Table]
    kind: ClassVar[type[Any]]
    conflicts: ClassVar[dict[str, str]] = {}
    """Unique constraints, and what to say when one is hit."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def get(self, identifier: UUID, *, lock: bool = False, path: Path = ()) -> T:
        """The record, its row locked if asked; NotFound where it is missing or another tenant's."""
        values = {"of_tenant": self.session.tenant_id, "of_id": identifier}
        rows = await self.session.rows(_one_of(self.table, lock), values)
        if not rows:
            raise self.missing(path)
        return self.value(rows[0])

    async def save(self, change: Change[T]) -> None:
        await self.write(change)
        await tell(self.session, change.facts)

    async def write(self, change: Change[T]) -> None:
        """The row alone; `save` is what commands use."""
        if change.before == change.after:
            return
        row = {**to_row(change.after, self.table), **self.found_by(change.after)}
        if change.before is None:
            await self.guarded(lambda: self.session.insert_entity(self.table, row))
        else:
            version: int = getattr(change.before, "version")  # noqa: B009 - T has no bound that says so
            await self.guarded(lambda: self.session.update_entity(self.table, row, version=version))

    def found_by(self, value: T) -> dict[str, Any]:
        """Columns that are there for searching, filtering and sorting only; see `searchable`."""
        return {}

    def value(self, row: Row[Any]) -> T:
        value: T = from_row(self.kind, row)
        return value

    def missing(self, path: Path = ()) -> NotFound:
        return NotFound(f"There is no {self.noun.words} with this id.", path=path)

    async def guarded(self, write: Callable[[], Any]) -> None:
        """Turn a hit unique key into a refusal that names it."""
        try:
            await write()
        except IntegrityError as error:
            raise self.refusal(error) from error

    def refusal(self, error: IntegrityError) -> Refusal:
        """What a constraint's violation means to the caller; anything unknown is a defect and passes on."""
        name = constraint_of(error)
        if name is not None and name.endswith("_pkey"):
            return AlreadyExists("This id is in use already; choose a new one.", path=("id",))
        if name in self.conflicts:
            return AlreadyExists(self.conflicts[name])
        raise error


@cache
def _one_of(table: Table, lock: bool) -> Select[Any]:
    statement = select(table).where(table.c.tenant_id == bindparam("of_tenant"), table.c.id == bindparam("of_id"))
    return statement.with_for_update() if lock else statement


def constraint_of(error: IntegrityError) -> str | None:
    """The name of the constraint that was violated."""
    name: str | None = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    return name
