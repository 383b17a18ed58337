"""QuickBooks' query language: SELECT * or COUNT(*), WHERE joined by AND, ORDERBY, STARTPOSITION, MAXRESULTS."""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from beltstack.demo.quickbooks.answers import COMPANY_ZONE, Refused

Entity = dict[str, Any]

DEFAULT_RESULTS, MOST_RESULTS = 100, 1000
VALUE = r"(?:'(?:[^'\\]|\\.)*'|[\w.+-]+)"
COMPARED = rf"[\w.]+\s*(?:=|!=|<=|>=|<|>|\blike\b)\s*{VALUE}"
CONDITION = rf"(?:{COMPARED}|[\w.]+\s+in\s*\(\s*{VALUE}(?:\s*,\s*{VALUE})*\s*\))"
OPERATOR = re.compile(r"\s*(!=|<=|>=|[=<>]|(?<=\s)like\b|(?<=\s)in\b)\s*", re.IGNORECASE)
ORDERED = r"[\w.]+(?:\s+(?:asc|desc)\b)?"
# python-quickbooks asks for "*, Sku" (the star holds it already) and writes ORDERBY in two words at times.
STATEMENT = re.compile(
    r"\s*select\s+(?:(?P<count>count\s*\(\s*\*\s*\))|\*(?:\s*,\s*\w+)*)\s+from\s+(?P<kind>\w+)"
    rf"(?:\s+where\s+(?P<where>{CONDITION}(?:\s+and\s+{CONDITION})*))?"
    rf"(?:\s+order\s*by\s+(?P<order>{ORDERED}(?:\s*,\s*{ORDERED})*))?"
    r"(?P<page>(?:\s+(?:startposition|maxresults)\s+\d{1,9})*)\s*",
    re.IGNORECASE | re.DOTALL,
)
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Query:
    """A query as it was asked: conditions are (property, operator, values), positions count from 1."""

    kind: str
    counts: bool
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]
    order: tuple[tuple[str, bool], ...]
    start_position: int
    max_results: int


def parse(text: str) -> Query:
    """Return the query; raises `Refused` 4000 when it cannot be read, 4001 for a position or size out of range."""
    read = STATEMENT.fullmatch(text)
    if read is None:
        raise Refused("4000", f"QueryParserError: Encountered a syntax error in: {text[:200]}", element=None)
    page = {name.lower(): int(size) for name, size in re.findall(r"([a-z]+)\s+(\d+)", read["page"], re.IGNORECASE)}
    for size, most in ((page.get("startposition", 1), None), (page.get("maxresults", 1), MOST_RESULTS)):
        if size < 1 or (most and size > most):
            bound = f"too large. Max allowed value is {most}" if size else "too small. Min allowed value is 1"
            raise Refused("4001", f"QueryValidationError: value {size} is {bound}", element=None)
    return Query(
        read["kind"],
        bool(read["count"]),
        tuple(_condition(one) for one in re.findall(CONDITION, read["where"] or "", STATEMENT.flags)),
        tuple(
            (one.split()[0], one.lower().endswith(" desc"))
            for one in re.findall(ORDERED, read["order"] or "", re.IGNORECASE)
        ),
        page.get("startposition", 1),
        page.get("maxresults", DEFAULT_RESULTS),
    )


def answer(query: Query, things: Sequence[Entity], known: set[str]) -> Entity:
    """Return QueryResponse over things in their natural order; raises `Refused` 4001 for an unknown property."""
    for name in [*(name for name, _, _ in query.conditions), *(name for name, _ in query.order)]:
        if name.split(".")[0] not in known:
            raise Refused(
                "4001", f"QueryValidationError: Property {name} not found for Entity {query.kind}", element=None
            )
    found = [thing for thing in things if all(_holds(thing, *condition) for condition in query.conditions)]
    if not any(name == "Active" for name, _, _ in query.conditions):
        found = [thing for thing in found if thing.get("Active", True)]
    if query.counts:
        return {"totalCount": len(found)}
    for name, descending in reversed(query.order):
        found.sort(key=lambda thing: _sortable(thing, name), reverse=descending)
    page = found[query.start_position - 1 :][: query.max_results]
    return {query.kind: page, "startPosition": query.start_position, "maxResults": len(page)} if page else {}


def _condition(text: str) -> tuple[str, str, tuple[str, ...]]:
    name, compared, values = re.split(
        r"\s*(!=|<=|>=|[=<>]|(?<=\s)like\b|(?<=\s)in\b)\s*", text, maxsplit=1, flags=re.IGNORECASE
    )
    return name.strip(), compared.upper(), tuple(_unquoted(one) for one in re.findall(VALUE, values, STATEMENT.flags))


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL) if text.startswith("'") else text


def _ordered(text: str) -> tuple[str, bool]:
    return text.split(maxsplit=1)[0], text.lower().endswith(" desc")


def _holds(thing: Entity, name: str, compared: str, asked: tuple[str, ...]) -> bool:
    held = _held(thing, name)
    if held is None:
        return compared == "!="
    if compared == "LIKE":
        pattern = ".*".join(map(re.escape, asked[0].split("%")))
        return re.fullmatch(pattern, str(held), re.IGNORECASE | re.DOTALL) is not None
    return any(_compare(held, "=" if compared == "IN" else compared, one) for one in asked)


def _compare(held: Any, compared: str, asked: str) -> bool:
    """Compare as the held value's own kind; text without regard to letter case, as names collide."""
    compare = COMPARISONS[compared]
    try:
        match held:
            case bool():
                return compare(str(held).lower(), asked.lower())
            case Decimal() | int():
                return compare(Decimal(held), Decimal(asked))
            case str() if re.match(r"\d{4}-\d{2}-\d{2}T", held):
                return compare(datetime.fromisoformat(held), _moment(asked))
        return compare(str(held).casefold(), asked.casefold())
    except (ArithmeticError, ValueError):
        raise Refused("4001", f"QueryValidationError: value {asked} does not fit the property", element=None) from None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=COMPANY_ZONE)


def _held(thing: Entity, name: str) -> Any:
    value: Any = thing
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value.get("value") if isinstance(value, dict) else value


def _sortable(thing: Entity, name: str) -> tuple[bool, Any]:
    held = _held(thing, name)
    if isinstance(held, str):
        held = int(held) if name == "Id" and held.isdecimal() else held.casefold()
    return held is not None, held
