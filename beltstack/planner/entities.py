"""What the schema binds: a type's name to a table, its fields to expressions, its relations to other entities."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Table

from beltstack.domain.access import Action
from beltstack.domain.ids import Noun

Expression = Callable[[FromClause], ColumnElement[Any]]
"""A field's value as SQL over one row of its entity's table."""

Condition = Callable[[ColumnElement[Any]], ColumnElement[bool]]
"""What holds for a tenant, as SQL over its id."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A field that is one value. `plain` text needs no escaping: an enum's."""

    expression: Expression
    nullable: bool
    plain: bool = False
    action: Action | None = None
    """Null, with an error beside it, without this right."""
    while_on: Condition | None = None
    """Null in the tenants for which this does not hold; asked once for a statement, whatever its rows."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A value of several parts without an id of its own, like money; null where `present` is given and is null."""

    type_name: str
    parts: Mapping[str, Leaf]
    present: Expression | None = None
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class EmbeddedList:
    """A list of such values that a JSON column holds; each part is picked from an element by its key."""

    type_name: str
    elements: Expression
    parts: Mapping[str, Leaf]


@dataclass(frozen=True, slots=True)
class ToOne:
    """The entity that this row's `column` names."""

    entity: str
    column: str
    nullable: bool = True


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


@dataclass(frozen=True, slots=True)
class Batched:
    """A field that Python fills in after the SQL, for all objects of an answer at once.

    `requires` names expressions of the row; `fill` is handed the request's context, each object's values and the
    selection below the field, and returns one JSON-ready value for each.
    """

    requires: Mapping[str, Expression]
    fill: Callable[[Any, Sequence[Mapping[str, Any]], Any], Awaitable[Sequence[Any]]]
    nullable: bool = False
    """Whether a refusal of `fill` makes the field null, with an error beside it, and spares the rest of the answer."""


Field = Leaf | Embedded | EmbeddedList | ToOne | ToMany | Batched


@dataclass(frozen=True, slots=True)
class Filter:
    """What `where` compares. Only columns behind an index; `is_key` ones hold text as `folded_key` makes it."""

    column: str
    noun: Noun | None = None
    """Of ids: whose they are. An id of another noun matches nothing."""
    is_key: bool = False
    absent: Any = None
    """What stands in the column for null, beyond every real value."""
    through: Table | None = None
    """A table of pairs that has the column; its `through_column` names this row."""
    through_column: str | None = None
    only: Expression | None = None
    """Which of these pairs count."""
    copies: frozenset[str] = frozenset()
    """Other filters, of the row's own columns, that the pair has copies of under the same names."""


@dataclass(frozen=True, slots=True)
class Order:
    """A sort order an index carries. The id breaks ties; `column` None sorts by id alone, which is by age."""

    name: str
    column: str | None = None
    descending: bool = False
    only: Expression | None = None
    """Which rows have their place in it already."""


@dataclass(frozen=True, slots=True, eq=False)
class Entity:
    """A type with rows of its own; every read adds the tenant, and the right without which it is not there."""

    name: str
    noun: Noun
    table: Table
    fields: Mapping[str, Field] = field(default_factory=dict)
    """By GraphQL name."""
    filters: Mapping[str, Filter] = field(default_factory=dict)
    """What `where` may name, by GraphQL name."""
    orders: Mapping[str, Order] = field(default_factory=dict)
    """What `orderBy` may name."""
    search: str | None = None
    """The function that answers the ids of the rows in which a tsquery is found."""
    key: str = "tenant_id"
    action: Action = Action.READ
    restrict: Callable[[Select[Any], FromClause], Select[Any]] | None = None


class Registry:
    """Every entity by its type's name, and by the noun of its ids."""

    def __init__(self) -> None:
        self.by_name: dict[str, Entity] = {}
        self.by_noun: dict[Noun, Entity] = {}

    def add(self, entity: Entity) -> None:
        if entity.name in self.by_name or entity.noun in self.by_noun:
            raise ValueError(f"{entity.name} is bound twice")
        self._put(entity)

    def with_fields(self, added: Mapping[str, Mapping[str, Field]]) -> "Registry":
        """Another registry in which these types have these fields, too."""
        found = Registry()
        for name, entity in self.by_name.items():
            more = added.get(name)
            found._put(replace(entity, fields={**entity.fields, **more}) if more else entity)
        return found

    def _put(self, entity: Entity) -> None:
        self.by_name[entity.name] = entity
        self.by_noun[entity.noun] = entity
