"""What the types of every noun are made of: the node, values, connections, and the binding to tables."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import strawberry
from sqlalchemy import Table
from strawberry.types.field import StrawberryField

from beltstack.domain.access import Action
from beltstack.domain.ids import Noun
from beltstack.planner.entities import Embedded, Entity, Expression, Registry, ToMany, ToOne
from beltstack.planner.paging import Paged, cursor_of, slot_of
from beltstack.schema.context import Asking

T = TypeVar("T")
K = TypeVar("K", bound=type[Any])

REGISTRY = Registry()


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


def connection_of(paged: Paged) -> Connection[Any]:
    """A page as GraphQL shows it."""
    cursors = [cursor_of(row._id) for row in paged.rows]
    return Connection(
        edges=[Edge(node=row, cursor=cursor) for row, cursor in zip(paged.rows, cursors, strict=True)],
        nodes=list(paged.rows),
        page_info=PageInfo(
            has_next_page=paged.has_next,
            has_previous_page=paged.has_previous,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        ),
        total_count=paged.total,
    )


FIRST = strawberry.argument(description="How many rows, 1 to 100; 50 if neither `first` nor `last` is given.")
AFTER = strawberry.argument(description="Only rows after this cursor.")
LAST = strawberry.argument(description="How many rows from the end, 1 to 100; not together with `first`.")
BEFORE = strawberry.argument(description="Only rows before this cursor.")


def connection(description: str) -> Any:
    """A paged relation of an entity. The planner read the arguments and put the page on the object already."""

    def page(  # type: ignore[no-untyped-def]
        root: Any,
        info: Asking,
        first: Annotated[int | None, FIRST] = None,
        after: Annotated[str | None, AFTER] = None,
        last: Annotated[int | None, LAST] = None,
        before: Annotated[str | None, BEFORE] = None,
    ):
        asked = {"first": first, "after": after, "last": last, "before": before}
        return connection_of(root.__dict__[slot_of(info.python_name, asked)])

    return strawberry.field(resolver=page, description=description)


def bind(
    noun: Noun,
    table: Table,
    *,
    expressions: Mapping[str, Expression] | None = None,
    embedded: Mapping[str, Embedded] | None = None,
    relations: Mapping[str, ToOne | ToMany] | None = None,
    hidden: Mapping[str, Action] | None = None,
    key: str = "tenant_id",
    action: Action = Action.READ,
) -> Callable[[K], K]:
    """Tell the planner where a type's fields come from. A plain field without an expression is a column."""

    def register(kind: K) -> K:
        definition = kind.__strawberry_definition__
        elsewhere = {*(embedded or {}), *(relations or {})}
        plain = tuple(
            field.python_name
            for field in definition.fields
            if isinstance(field, StrawberryField) and not field.base_resolver and field.python_name not in elsewhere
        )
        entity = Entity(
            name=definition.name,
            noun=noun,
            table=table,
            kind=kind,
            fields=(*plain, *(name for name in expressions or {} if name not in plain)),
            expressions=expressions or {},
            embedded=embedded or {},
            relations=relations or {},
            hidden=hidden or {},
            key=key,
            action=action,
        )
        unknown = [name for name in plain if name not in table.c and name not in entity.expressions]
        if unknown:
            raise ValueError(f"{entity.name}: no column and no expression for {', '.join(unknown)}")
        REGISTRY.add(entity)
        return kind

    return register


def money(amount: Expression | str, *, currency: Expression | str = "currency", nullable: bool = False) -> Embedded:
    """Money from two columns, or expressions, of the row."""
    amount_of = column(amount) if isinstance(amount, str) else amount
    currency_of = column(currency) if isinstance(currency, str) else currency
    return Embedded(Money, {"amount": amount_of, "currency": currency_of}, present=amount_of if nullable else None)


def address(name: str) -> Embedded:
    """An address from a JSON column."""
    parts = ("line1", "line2", "city", "region", "postal_code", "country")
    return Embedded(Address, {part: _json_text(name, part) for part in parts}, present=_json_text(name, "line1"))


def time_span(name: str) -> Embedded:
    """A span from the columns `<name>_start` and `<name>_end`."""
    start, end = column(f"{name}_start"), column(f"{name}_end")
    return Embedded(TimeSpan, {"start": start, "end": end}, present=start)


def column(name: str) -> Expression:
    return lambda row: row.c[name]


def _json_text(name: str, part: str) -> Expression:
    return lambda row: row.c[name][part].astext


def uuid_of(one: Any) -> UUID:
    """The id inside an object that the planner made."""
    identifier: UUID = one._id
    return identifier
