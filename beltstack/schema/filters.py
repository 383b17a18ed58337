"""The operators of filters, and the inputs that `where` and `orderBy` of a list are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Annotated, Any

import strawberry
from strawberry.types.base import StrawberryList, StrawberryOptional

from beltstack.domain.ids import Noun
from beltstack.planner.entities import Expression, Filter, Order


def _optional(description: str, name: str | None = None) -> Any:
    return strawberry.field(name=name, description=description, default=strawberry.UNSET)


@strawberry.input(description="Compares text without regard to case and accents.", one_of=True)
class StringFilter:
    eq: str | None = _optional("The same text.")
    in_: list[str] | None = _optional("One of these texts, at most 250.", "in")
    contains: str | None = _optional("Holds this text; reads everything of yours, so prefer `search`.")
    starts_with: str | None = _optional("Begins with this text.")
    is_null: bool | None = _optional("Whether there is none.")


@strawberry.input(description="Compares a name of the program's own.", one_of=True)
class NameFilter:
    eq: str | None = _optional("This one.")
    in_: list[str] | None = _optional("One of these, at most 250.", "in")


@strawberry.input(description="Compares an id; one of another kind matches nothing.", one_of=True)
class IdFilter:
    eq: strawberry.ID | None = _optional("This one.")
    in_: list[strawberry.ID] | None = _optional("One of these, at most 250.", "in")
    is_null: bool | None = _optional("Whether there is none.")


@strawberry.input(description="From an instant up to, and without, another.")
class DateTimeRange:
    from_: datetime = strawberry.field(name="from", description="The first instant that counts.")
    to: datetime = strawberry.field(description="The first one that does not.")


@strawberry.input(description="Compares an instant.", one_of=True)
class DateTimeFilter:
    eq: datetime | None = _optional("At this instant.")
    lt: datetime | None = _optional("Before it.")
    lte: datetime | None = _optional("Before it or at it.")
    gt: datetime | None = _optional("After it.")
    gte: datetime | None = _optional("At it or after it.")
    between: DateTimeRange | None = _optional("From one up to, and without, another.")
    is_null: bool | None = _optional("Whether there is none.")


@strawberry.input(description="From a day up to, and without, another.")
class DateRange:
    from_: date = strawberry.field(name="from", description="The first day that counts.")
    to: date = strawberry.field(description="The first one that does not.")


@strawberry.input(description="Compares a day of the calendar.", one_of=True)
class DateFilter:
    eq: date | None = _optional("On this day.")
    lt: date | None = _optional("Before it.")
    lte: date | None = _optional("Before it or on it.")
    gt: date | None = _optional("After it.")
    gte: date | None = _optional("On it or after it.")
    between: DateRange | None = _optional("From one up to, and without, another.")
    is_null: bool | None = _optional("Whether there is none.")


@cache
def enum_filter(kind: type[Enum]) -> type[Any]:
    """`<Enum>Filter`. A column holds an enum's value and a document its name: they have to be the same."""
    if any(member.name != member.value for member in kind):
        raise ValueError(f"{kind.__name__}: a filter needs values like their names")
    members = {
        "__annotations__": {"eq": kind | None, "in_": list[kind] | None},  # type: ignore[valid-type]
        "eq": _optional("This one."),
        "in_": _optional("One of these.", "in"),
    }
    made = type(f"{kind.__name__}Filter", (), members)
    return strawberry.input(made, one_of=True, description=f"Compares a {kind.__name__}.")


@strawberry.enum(description="Which end of an order comes first.")
class OrderDirection(Enum):
    ASC = strawberry.enum_value("ASC", description="The smallest first.")
    DESC = strawberry.enum_value("DESC", description="The greatest first.")


CREATED = "CREATED"


@dataclass(frozen=True, slots=True)
class By:
    """One field of a `where`: its operators, what a person reads about it, and what it compares."""

    operators: type[Any]
    description: str
    filter: Filter


@dataclass(frozen=True, slots=True)
class Listing:
    """How the lists of a noun are narrowed and sorted. `orders` is a column and its description by the order's name."""

    name: str
    where: Mapping[str, By]
    orders: Mapping[str, tuple[str, str]]
    settled: Mapping[str, Expression] | None = None
    """By the order's name, which rows have their place in it already."""
    search: str | None = None
    """What `search` looks into, in words; the database has a function `found_in_<table>` for it."""

    def filters(self) -> dict[str, Filter]:
        return {name: by.filter for name, by in self.where.items()}

    def planned_orders(self) -> dict[str, Order]:
        named = {
            name: Order(name, column, only=(self.settled or {}).get(name)) for name, (column, _) in self.orders.items()
        }
        return {CREATED: Order(CREATED), **named}

    def arguments(self) -> dict[str, Any]:
        """The arguments of its connections, by Python name, as annotations."""
        found: dict[str, Any] = {}
        if self.where:
            found["where"] = Annotated[_where(self) | None, strawberry.argument(description="Only what fits.")]
        words = "The order; newest first if left out. What is equal is sorted by its creation, in the same direction."
        found["order_by"] = Annotated[_order(self) | None, strawberry.argument(description=words)]
        if self.search:
            words = (
                f'Words to find in {self.search}: each may be unfinished; "side by side", -without, this OR that.'
                " Case and accents do not matter."
            )
            found["search"] = Annotated[str | None, strawberry.argument(description=words)]
        return found


def enum(kind: type[Enum], description: str, column: str) -> By:
    return By(enum_filter(kind), description, Filter(column))


def text(description: str, column: str) -> By:
    """`column` holds the folded text."""
    return By(StringFilter, description, Filter(column, is_key=True))


def name(description: str, column: str) -> By:
    """`column` holds names in small letters."""
    return By(NameFilter, description, Filter(column, is_key=True))


def identifier(noun: Noun | None, description: str, column: str, **through: Any) -> By:
    return By(IdFilter, description, Filter(column, noun, **through))


def instant(description: str, column: str, *, absent: datetime | None = None) -> By:
    return By(DateTimeFilter, description, Filter(column, absent=absent))


def day(description: str, column: str, *, absent: date | None = None) -> By:
    return By(DateFilter, description, Filter(column, absent=absent))


_made: dict[str, Any] = {}


def _where(listing: Listing) -> type[Any]:
    """The `<Noun>Where` input: its fields, and how several of it are joined."""
    name = f"{listing.name}Where"
    if name not in _made:
        _made[name] = _new_where(listing, name)
    made: type[Any] = _made[name]
    return made


def _new_where(listing: Listing, name: str) -> type[Any]:
    members: dict[str, Any] = {"__annotations__": {}}
    for field, by in listing.where.items():
        members["__annotations__"][f"by_{field}"] = by.operators | None
        members[f"by_{field}"] = _optional(by.description, field)
    # Of its own kind: the type is put in once there is one.
    for field, words in (("and", "All of these."), ("or", "At least one of these."), ("not", "Everything but this.")):
        members["__annotations__"][f"{field}_"] = bool | None
        members[f"{field}_"] = _optional(words, field)
    what = f"What is wanted of a list of {listing.name}: everything said here together."
    made: Any = strawberry.input(type(name, (), members), description=what)
    for one in made.__strawberry_definition__.fields:
        if one.python_name in {"and_", "or_"}:
            one.type = StrawberryOptional(of_type=StrawberryList(of_type=made))
        elif one.python_name == "not_":
            one.type = StrawberryOptional(of_type=made)
    kind: type[Any] = made
    return kind


def _order(listing: Listing) -> type[Any]:
    """The `<Noun>Order` input with its enum of orders."""
    name = f"{listing.name}Order"
    if name not in _made:
        _made[name] = _new_order(listing, name)
    made: type[Any] = _made[name]
    return made


def _new_order(listing: Listing, name: str) -> type[Any]:
    told = {CREATED: "When it was created, as its id tells."} | {
        one: words for one, (_, words) in listing.orders.items()
    }
    fields = Enum(  # type: ignore[misc]
        f"{name}Field", {one: strawberry.enum_value(one, description=words) for one, words in told.items()}
    )
    described = strawberry.enum(fields, description=f"What a list of {listing.name} can be sorted by.")
    members = {
        "__annotations__": {"field": described, "direction": OrderDirection},
        "field": strawberry.field(description="What to sort by."),
        "direction": strawberry.field(description="Which end comes first."),
    }
    return strawberry.input(type(name, (), members), description=f"The order of a list of {listing.name}.")
