"""What the schema binds: a type's name to a table, its fields to expressions, its relations to other entities."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Table

from beltstack.domain.access import Action
from beltstack.domain.ids import Noun

Expression = Callable[[FromClause], ColumnElement[Any]]
"""A field's value as SQL over one row of its entity's table."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A value of several parts without an id of its own, like money. Null where `present` is given and is null."""

    kind: type[Any]
    parts: Mapping[str, Expression]
    present: Expression | None = None


@dataclass(frozen=True, slots=True)
class ToOne:
    """The entity that this row's `column` names."""

    entity: str
    column: str


@dataclass(frozen=True, slots=True)
class ToMany:
    """The entities whose `column` names this row, in the order of `order_by`; `paged` ones are connections."""

    entity: str
    column: str
    order_by: str = "id"
    paged: bool = False
    through: Table | None = None
    """A table of pairs between the two; `column` and `order_by` are its columns."""
    through_column: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Entity:
    """`fields` names every plain field; those without an expression of their own are columns of the same name.

    There is one for each type, compared by identity: what the planner makes of it once is kept by it.
    """

    name: str
    noun: Noun
    table: Table
    kind: type[Any]
    fields: tuple[str, ...]
    expressions: Mapping[str, Expression] = field(default_factory=dict)
    embedded: Mapping[str, Embedded] = field(default_factory=dict)
    relations: Mapping[str, ToOne | ToMany] = field(default_factory=dict)
    hidden: Mapping[str, Action] = field(default_factory=dict)
    """Fields that are null without this right."""
    key: str = "tenant_id"
    action: Action = Action.READ
    """The right without which the entity is not there."""

    def expression(self, name: str, row: FromClause) -> ColumnElement[Any]:
        own = self.expressions.get(name)
        return own(row) if own else row.c[name]


class Registry:
    """Every entity by its type's name, and by the noun of its ids."""

    def __init__(self) -> None:
        self.by_name: dict[str, Entity] = {}
        self.by_noun: dict[Noun, Entity] = {}

    def add(self, entity: Entity) -> None:
        if entity.name in self.by_name or entity.noun in self.by_noun:
            raise ValueError(f"{entity.name} is bound twice")
        self.by_name[entity.name] = entity
        self.by_noun[entity.noun] = entity
