"""What the types of every noun are made of: the node, values, connections, and the binding to tables."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from inspect import Parameter, Signature
from typing import Annotated, Any, Generic, TypeVar

import strawberry
from sqlalchemy import Table, Text, cast
from sqlalchemy.types import TypeEngine
from strawberry.types.base import StrawberryOptional
from strawberry.types.enum import StrawberryEnumDefinition as EnumDefinition
from strawberry.types.field import StrawberryField

from beltstack.domain.access import Action
from beltstack.domain.ids import Noun
from beltstack.planner.entities import Embedded, EmbeddedList, Entity, Expression, Field, Leaf, Registry
from beltstack.schema.listings import LISTINGS

T = TypeVar("T")
K = TypeVar("K", bound=type[Any])

REGISTRY = Registry()
KINDS: dict[str, type[Any]] = {}
"""The class of each entity's type, by the type's name."""


def says(description: str) -> Any:
    """A plain field with its description."""
    return strawberry.field(description=description)


@strawberry.interface(description="Anything with an id of its own.")
class Node:
    id: strawberry.ID = says("Opaque, and the same for ever.")


@strawberry.type(description="An exact amount of money.")
class Money:
    amount: Decimal = says("In the currency's own units, never in cents.")
    currency: str = says("ISO 4217, like USD.")


@strawberry.type(description="A postal address.")
class Address:
    line1: str = says("Street and number.")
    line2: str | None = says("Apartment, suite and the like.")
    city: str | None = says("City.")
    region: str | None = says("State or province, as written.")
    postal_code: str | None = says("Postal code.")
    country: str = says("ISO 3166, two letters, like US.")


@strawberry.type(description="A span of time; it holds its start and not its end.")
class TimeSpan:
    start: datetime = says("When it starts.")
    end: datetime = says("When it ends.")


@strawberry.type(description="Where a page lies within its list.")
class PageInfo:
    has_next_page: bool = says("Whether more follows after `endCursor`.")
    has_previous_page: bool = says("Whether more lies before `startCursor`.")
    start_cursor: str | None = says("The cursor of the first row.")
    end_cursor: str | None = says("The cursor of the last row.")


@strawberry.type(description="A row of a page, with its cursor.")
class Edge(Generic[T]):
    node: T = says("The row.")
    cursor: str = says("Where it lies; hand it to `after` or `before`.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = says("The rows with their cursors.")
    nodes: list[T] = says("The rows.")
    page_info: PageInfo = says("What lies beyond this page.")
    total_count: int | None = says("How many rows the list has; counted only when asked for.")


FIRST = strawberry.argument(description="How many rows, 1 to 100; 50 if neither `first` nor `last` is given.")
AFTER = strawberry.argument(description="Only rows after this cursor.")
LAST = strawberry.argument(description="How many rows from the end, 1 to 100; not together with `first`.")
BEFORE = strawberry.argument(description="Only rows before this cursor.")


PAGE = {
    "first": Annotated[int | None, FIRST],
    "after": Annotated[str | None, AFTER],
    "last": Annotated[int | None, LAST],
    "before": Annotated[str | None, BEFORE],
}


def connection(noun: Noun, description: str) -> Any:
    """A paged relation of an entity to this noun: its arguments are the planner's to read."""
    return strawberry.field(resolver=page_of(noun), description=description)


def page_of(noun: Noun, answer: Any = Signature.empty) -> Callable[..., Any]:
    """A resolver with the arguments that every list of the noun takes, and no answer: the planner's to give."""

    def page(**_: Any) -> Any:
        raise AssertionError("the planner is the only resolver of an entity's fields")

    taken = PAGE | (LISTINGS[noun].arguments() if noun in LISTINGS else {})
    parameters = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=kind) for name, kind in taken.items()
    ]
    page.__signature__ = Signature(parameters, return_annotation=answer)  # type: ignore[attr-defined]
    page.__annotations__ = taken if answer is Signature.empty else taken | {"return": answer}
    return page


def bind(
    noun: Noun,
    table: Table,
    *,
    fields: Mapping[str, Field] | None = None,
    expressions: Mapping[str, Expression] | None = None,
    hidden: Mapping[str, Action] | None = None,
    key: str = "tenant_id",
    action: Action = Action.READ,
) -> Callable[[K], K]:
    """Tell the planner where a type's fields come from, by their Python names.

    `fields` names what is more than one value. A plain field is its expression, or the column of its name.
    """

    def register(kind: K) -> K:
        definition = kind.__strawberry_definition__
        bound: dict[str, Field] = {}
        for field in definition.fields:
            name = field.python_name
            if name == "id":
                continue
            if fields and name in fields:
                bound[_camel(name)] = _hidden(fields[name], (hidden or {}).get(name))
            else:
                expression = (expressions or {}).get(name) or _column_of(table, name, definition.name)
                bound[_camel(name)] = _leaf(field, expression, (hidden or {}).get(name))
        KINDS[definition.name] = kind
        REGISTRY.add(Entity(definition.name, noun, table, bound, key=key, action=action, **_listed(noun, table)))
        return kind

    return register


def _listed(noun: Noun, table: Table) -> dict[str, Any]:
    if noun not in LISTINGS:
        return {}
    listing = LISTINGS[noun]
    search = f"found_in_{table.name}" if listing.search else None
    return {"filters": listing.filters(), "orders": listing.planned_orders(), "search": search}


def _leaf(field: StrawberryField, expression: Expression, action: Action | None = None) -> Leaf:
    declared = field.type
    is_nullable = isinstance(declared, StrawberryOptional)
    inner = declared.of_type if isinstance(declared, StrawberryOptional) else declared
    is_plain = isinstance(inner, EnumDefinition) or inner is strawberry.ID
    return Leaf(expression, nullable=is_nullable, plain=is_plain, action=action)


def _hidden(field: Field, action: Action | None) -> Field:
    """The same field for those with the right only."""
    if action is None:
        return field
    if not isinstance(field, (Leaf, Embedded)):
        raise TypeError(f"{type(field).__name__} cannot be hidden")
    return replace(field, action=action)


def _column_of(table: Table, name: str, type_name: str) -> Expression:
    if name not in table.c:
        raise ValueError(f"{type_name}.{name}: neither a column nor an expression")
    return column(name)


def embedded(kind: type[Any], present: Expression | None = None, **parts: Expression) -> Embedded:
    """A value of several parts: each field of the type needs its expression."""
    return Embedded(kind.__strawberry_definition__.name, _parts(kind, parts), present)


def embedded_list(kind: type[Any], elements: Expression, **parts: Expression) -> EmbeddedList:
    """A list of values in a JSON column; each part is an expression over one element, its `value`."""
    return EmbeddedList(kind.__strawberry_definition__.name, elements, _parts(kind, parts))


def _parts(kind: type[Any], parts: Mapping[str, Expression]) -> dict[str, Leaf]:
    declared = {field.python_name: field for field in kind.__strawberry_definition__.fields}
    if declared.keys() != parts.keys():
        raise ValueError(f"{kind.__name__}: bind exactly its fields; differing: {declared.keys() ^ parts.keys()}")
    return {_camel(name): _leaf(declared[name], expression) for name, expression in parts.items()}


def money(amount: Expression | str, *, currency: Expression | str = "currency", nullable: bool = False) -> Embedded:
    """Money from two columns, or expressions, of the row."""
    amount_of = column(amount) if isinstance(amount, str) else amount
    currency_of = column(currency) if isinstance(currency, str) else currency
    return embedded(Money, amount_of if nullable else None, amount=amount_of, currency=currency_of)


def address(name: str) -> Embedded:
    """An address from a JSON column."""
    parts = ("line1", "line2", "city", "region", "postal_code", "country")
    return embedded(Address, _json_text(name, "line1"), **{part: _json_text(name, part) for part in parts})


def time_span(name: str) -> Embedded:
    """A span from the columns `<name>_start` and `<name>_end`."""
    start, end = column(f"{name}_start"), column(f"{name}_end")
    return embedded(TimeSpan, start, start=start, end=end)


def column(name: str) -> Expression:
    return lambda row: row.c[name]


def element(name: str, kind: TypeEngine[Any] | None = None) -> Expression:
    """A part of an element of a JSON list."""
    return lambda row: (
        row.c.value.op("->>", return_type=Text())(name)
        if kind is None
        else cast(row.c.value.op("->>", return_type=Text())(name), kind)
    )


def _json_text(name: str, part: str) -> Expression:
    return lambda row: row.c[name][part].astext


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
