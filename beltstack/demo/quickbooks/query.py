"""QuickBooks' query language: SELECT * or COUNT(*), WHERE joined by AND, ORDERBY, STARTPOSITION, MAXRESULTS."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from beltstack.demo.quickbooks.answers import COMPANY_ZONE, Refused

Entity = dict[str, Any]

DEFAULT_RESULTS, MOST_RESULTS = 100, 1000
TOKEN = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|(<=|>=|!=|[=<>(),*])|([\w.+:-]+))""", re.DOTALL)
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda held, asked: bool(held == asked),
    "!=": lambda held, asked: bool(held != asked),
    "<": lambda held, asked: bool(held < asked),
    ">": lambda held, asked: bool(held > asked),
    "<=": lambda held, asked: bool(held <= asked),
    ">=": lambda held, asked: bool(held >= asked),
}


@dataclass(slots=True)
class Query:
    """A query as it was asked; positions count from 1."""

    kind: str
    counts: bool
    conditions: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    order: list[tuple[str, bool]] = field(default_factory=list)
    start_position: int = 1
    max_results: int = DEFAULT_RESULTS


def parse(text: str) -> Query:
    """Return the query; raises `Refused` 4000 when it cannot be read, 4001 for a position or size out of range."""
    return _Reader(text).query()


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


def _holds(thing: Entity, name: str, operator: str, asked: tuple[str, ...]) -> bool:
    held = _held(thing, name)
    if held is None:
        return operator == "!="
    if operator == "LIKE":
        pattern = "".join(".*" if char == "%" else re.escape(char) for char in asked[0])
        return re.fullmatch(pattern, str(held), re.IGNORECASE | re.DOTALL) is not None
    if operator == "IN":
        return any(_compared(held, "=", one) for one in asked)
    return _compared(held, operator, asked[0])


def _compared(held: Any, operator: str, asked: str) -> bool:
    """Compare as the held value's own kind; text without regard to letter case, as names collide."""
    compare = COMPARISONS[operator]
    try:
        match held:
            case bool():
                return compare(str(held).lower(), asked.lower())
            case Decimal() | int():
                return compare(Decimal(held), Decimal(asked))
            case str() if re.match(r"\d{4}-\d{2}-\d{2}T", held):
                return compare(datetime.fromisoformat(held), _moment(asked))
            case _:
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
    return (held is not None, int(held) if name == "Id" and held.isdigit() else held)


class _Reader:
    """Takes a query apart, one token after the other."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, bool]] = []
        at, text = 0, text.strip()
        while at < len(text):
            token = TOKEN.match(text, at)
            if token is None:
                raise self._unreadable(text[at : at + 1])
            quoted = token[1] is not None
            self._tokens.append(
                (re.sub(r"\\(.)", r"\1", token[1], flags=re.DOTALL) if quoted else token[2] or token[3], quoted)
            )
            at = token.end()
        self._tokens.append(("<EOF>", False))

    def query(self) -> Query:
        self._expect("SELECT")
        counts = self._skip("COUNT")
        if counts:
            self._expect("(")
        self._expect("*")
        if counts:
            self._expect(")")
        while self._skip(","):  # python-quickbooks asks for "*, Sku"; the star holds it already
            self._value()
        self._expect("FROM")
        query = Query(self._value(), counts)
        if self._skip("WHERE"):
            query.conditions.append(self._condition())
            while self._skip("AND"):
                query.conditions.append(self._condition())
        while self._tokens[0][0] != "<EOF>":
            self._clause(query)
        return query

    def _condition(self) -> tuple[str, str, tuple[str, ...]]:
        name, operator = self._value(), self._value().upper()
        if operator == "IN":
            self._expect("(")
            values = [self._value()]
            while self._skip(","):
                values.append(self._value())
            self._expect(")")
            return name, operator, tuple(values)
        if operator not in (*COMPARISONS, "LIKE"):
            raise self._unreadable(operator)
        return name, operator, (self._value(),)

    def _clause(self, query: Query) -> None:
        if self._skip("STARTPOSITION"):
            query.start_position = self._size()
        elif self._skip("MAXRESULTS"):
            query.max_results = self._size(MOST_RESULTS)
        elif self._skip("ORDERBY") or (self._skip("ORDER") and self._skip("BY")):
            query.order.append(self._order())
            while self._skip(","):
                query.order.append(self._order())
        else:
            raise self._unreadable(self._tokens[0][0])

    def _order(self) -> tuple[str, bool]:
        name = self._value()
        return name, self._skip("DESC") or (self._skip("ASC") and False)

    def _size(self, most: int | None = None) -> int:
        text = self._value()
        if not (text.isascii() and text.isdigit()):
            raise self._unreadable(text)
        if int(text) < 1:
            raise Refused(
                "4001", f"QueryValidationError: value {text} is too small. Min allowed value is 1", element=None
            )
        if most and int(text) > most:
            raise Refused(
                "4001", f"QueryValidationError: value {text} is too large. Max allowed value is {most}", element=None
            )
        return int(text)

    def _value(self) -> str:
        value, quoted = self._tokens.pop(0) if len(self._tokens) > 1 else self._tokens[0]
        if not quoted and value in ("<EOF>", *"(),"):
            raise self._unreadable(value)
        return value

    def _skip(self, word: str) -> bool:
        value, quoted = self._tokens[0]
        if quoted or value.upper() != word:
            return False
        self._tokens.pop(0)
        return True

    def _expect(self, word: str) -> None:
        if not self._skip(word):
            raise self._unreadable(self._tokens[0][0])

    @staticmethod
    def _unreadable(near: str) -> Refused:
        return Refused("4000", f'QueryParserError: Encountered " "{near}" at line 1', element=None)
