"""`where` and `search`: conditions from the tree of an argument, its values as binds.

Row-level security lets only leakproof operators use an index: comparisons of text, ids, instants and days are, LIKE,
`lower` and the match of a tsquery are not. So text is compared in columns the store has folded, prefixes are ranges,
and `search` asks a function of the database that looks into the index itself, for the transaction's tenant only.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Integer,
    Text,
    Uuid,
    and_,
    cast,
    exists,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.types import ARRAY

from beltstack.domain.errors import NotFound, Refusal
from beltstack.domain.ids import noun_of, parse_id
from beltstack.domain.words import KEY_CHARACTERS, folded_key, tenant_mark, words
from beltstack.planner.arguments import TENANT, Leaf, Tree, Variables, as_list, values_of
from beltstack.planner.entities import Entity, Filter
from beltstack.planner.json_sql import quoted

if TYPE_CHECKING:
    from beltstack.planner.compile import Compiler

LIST_MOST = 250
SEARCH_CHARACTERS = 200
# Behind every other letter, byte by byte.
_LAST = "\U0010ffff"


class BadFilter(Refusal):
    """A filter that cannot be applied: a list too long, no operator or several, a time outside the calendar."""

    code = "BAD_FILTER"


def condition(compiler: "Compiler", entity: Entity, row: FromClause, where: Tree) -> ColumnElement[bool]:
    """All that is said in one `where` object holds together. A comparison with null is false, never unknown."""
    assert isinstance(where, dict)
    parts: list[ColumnElement[bool]] = []
    given = {name: tree for name, tree in where.items() if not _is_null(tree)}
    for name, tree in given.items():
        if name == "and":
            parts.extend(condition(compiler, entity, row, one) for one in _bounded(tree))
        elif name == "or":
            parts.append(or_(false(), *(condition(compiler, entity, row, one) for one in _bounded(tree))))
        elif name == "not":
            parts.append(not_(func.coalesce(condition(compiler, entity, row, tree), false())))
        else:
            by = entity.filters[name]
            beside = [(entity.filters[one], given[one]) for one in given if one in by.copies]
            parts.append(_filtered(compiler, by, row, tree, beside))
    return and_(true(), *parts)


@dataclass(frozen=True, slots=True)
class Newest:
    """What a page needs of all that is found: the `most` newest of what came in before `behind`."""

    most: ColumnElement[int]
    behind: ColumnElement[UUID]


def searched(
    compiler: "Compiler", function: str, row: FromClause, tree: Leaf, newest: Newest | None = None
) -> ColumnElement[bool]:
    """Rows in which what a person typed is found; never a syntax error. At least the `newest` of them."""

    def typed(variables: Variables) -> list[list[str]]:
        return _alternatives(str(tree.of(variables)), tenant_mark(variables[TENANT]))

    asked = compiler.bind(lambda variables: text_query(typed(variables)), Text())
    needed = compiler.bind(lambda variables: needed_words(typed(variables)), ARRAY(Text))
    behind, most = (newest.behind, newest.most) if newest else (cast(null(), Uuid()), cast(null(), Integer))
    words_of = getattr(func, function)(cast(asked, TSQUERY), cast(needed, ARRAY(TSQUERY)), behind, most)
    found: ColumnElement[bool] = row.c.id.in_(select(words_of))
    return found


def _alternatives(text: str, mark: str) -> list[list[str]]:
    """The tsqueries that hold together in each of the alternatives of a search.

    Words match by prefix, "phrases" in order, -not excludes, OR separates. `mark` is what each of the tenant's words
    begins with in the index.
    """
    alternatives: list[list[str]] = [[]]
    for minus, phrase, term in re.findall(r'(-?)(?:"([^"]*)"|([^\s"]+))', text[:SEARCH_CHARACTERS]):
        if term == "OR" and not minus:
            alternatives.append([])
        elif found := words(phrase or term):
            # WO-1001 is two words side by side; the last word of a term may be unfinished.
            side_by_side = " <-> ".join(f"'{mark}{word}'" for word in found) + ("" if phrase else ":*")
            alternatives[-1].append(f"!({side_by_side})" if minus else f"({side_by_side})")
    return [one for one in alternatives if one]


def text_query(alternatives: list[list[str]]) -> str | None:
    """All of a search as one tsquery; None where no word is."""
    return " | ".join(f"({' & '.join(one)})" for one in alternatives) or None


def needed_words(alternatives: list[list[str]]) -> list[str]:
    """What every row that is found has, each by itself; nothing where there are alternatives."""
    return [one for one in alternatives[0] if not one.startswith("!")] if len(alternatives) == 1 else []


def _filtered(
    compiler: "Compiler", by: Filter, row: FromClause, tree: Tree, beside: Sequence[tuple[Filter, Tree]]
) -> ColumnElement[bool]:
    """`beside` are other conditions on the row that a pair can tell, too: an index of pairs narrows by them."""
    if by.through is None:
        return _compared(compiler, by, row.c[by.column], tree)
    pair = by.through.alias(f"f{compiler.count()}")
    mine = (pair.c.tenant_id == compiler.tenant, pair.c[by.through_column or "id"] == row.c.id)
    counts = by.only(pair) if by.only else true()
    name, operand = _operator(tree)
    if name == "isNull":
        # None is no pair at all; the pair's own column is never null.
        one = exists().where(*mine, counts)
        return not_(one) if _now(operand) else one
    copied = (_compared(compiler, other, pair.c[other.column], its) for other, its in beside)
    return exists().where(*mine, counts, _compared(compiler, by, pair.c[by.column], tree), *copied)


def _compared(compiler: "Compiler", by: Filter, column: ColumnElement[Any], tree: Tree) -> ColumnElement[bool]:
    name, operand = _operator(tree)
    if name == "isNull":
        return _is_absent(by, column) if _now(operand) else not_(_is_absent(by, column))
    compared = _OPERATORS[name](compiler, by, column, operand)
    return compared if by.absent is None else and_(compared, column < literal(by.absent, column.type))


def _operator(tree: Tree) -> tuple[str, Tree]:
    """The one operator that is given for a field (`@oneOf`)."""
    assert isinstance(tree, dict)
    if len(tree) != 1 or any(_is_null(one) for one in tree.values()):
        raise BadFilter("Give exactly one operator for each field of a filter, and not null.")
    ((name, operand),) = tree.items()
    return name, operand


def _is_absent(by: Filter, column: ColumnElement[Any]) -> ColumnElement[bool]:
    return column.is_(None) if by.absent is None else column == literal(by.absent, column.type)


def _equal(compiler: "Compiler", by: Filter, column: ColumnElement[Any], tree: Tree) -> ColumnElement[bool]:
    now = _now(tree)
    if isinstance(now, Enum) or (by.noun is None and not by.is_key and isinstance(column.type, Text)):
        # An enum's value decides the plan: as a constant it can use statistics and partial indexes.
        return column == quoted(str(_plain(by, column, now)))
    return column == _value(compiler, by, column, tree)


def _among(compiler: "Compiler", by: Filter, column: ColumnElement[Any], tree: Tree) -> ColumnElement[bool]:
    read = values_of(tree)

    def values(variables: Variables) -> list[Any]:
        given = read(variables)
        if len(given) > LIST_MOST:
            raise BadFilter(f"A list in a filter holds at most {LIST_MOST} values; this one has {len(given)}.")
        return [_plain(by, column, value) for value in given]

    return column == func.any(compiler.bind(values, ARRAY(column.type)))


def _between(compiler: "Compiler", by: Filter, column: ColumnElement[Any], tree: Tree) -> ColumnElement[bool]:
    """It holds its start and not its end."""
    assert isinstance(tree, dict)
    low, high = (_value(compiler, by, column, tree[end]) for end in ("from", "to"))
    return and_(column >= low, column < high)


def _beginning(compiler: "Compiler", by: Filter, column: ColumnElement[Any], tree: Tree) -> ColumnElement[bool]:
    low = _value(compiler, by, column, tree)
    high = compiler.bind(_read(tree, lambda value: _and_all_behind(_plain(by, column, value))), column.type)
    return and_(column >= low, column < high)


def _containing(compiler: "Compiler", by: Filter, column: ColumnElement[Any], tree: Tree) -> ColumnElement[bool]:
    return func.strpos(column, _value(compiler, by, column, tree)) > 0


def _ordered(operator: str) -> Callable[["Compiler", Filter, ColumnElement[Any], Tree], ColumnElement[bool]]:
    return lambda compiler, by, column, tree: column.bool_op(operator)(_value(compiler, by, column, tree))


_OPERATORS: dict[str, Callable[["Compiler", Filter, ColumnElement[Any], Tree], ColumnElement[bool]]] = {
    "eq": _equal,
    "in": _among,
    "lt": _ordered("<"),
    "lte": _ordered("<="),
    "gt": _ordered(">"),
    "gte": _ordered(">="),
    "between": _between,
    "startsWith": _beginning,
    "contains": _containing,
}


def _value(compiler: "Compiler", by: Filter, column: ColumnElement[Any], tree: Tree) -> ColumnElement[Any]:
    return compiler.bind(_read(tree, lambda value: _plain(by, column, value)), column.type)


def _read(tree: Tree, made: Callable[[Any], Any]) -> Callable[[Variables], Any]:
    assert isinstance(tree, Leaf)
    leaf = tree
    return lambda variables: made(leaf.of(variables))


def _plain(by: Filter, column: ColumnElement[Any], value: Any) -> Any:
    """A value as the column holds it; None, which is no row's, where none could."""
    if isinstance(column.type, Uuid):
        return _uuid(by, str(value))
    if isinstance(column.type, DateTime):
        return _instant(datetime.fromisoformat(value) if isinstance(value, str) else value)
    if isinstance(column.type, Date):
        return date.fromisoformat(value) if isinstance(value, str) else value
    if isinstance(value, Enum):
        return value.value
    return _folded(value) if by.is_key else value


def _uuid(by: Filter, value: str) -> UUID | None:
    noun = by.noun or noun_of(value)
    try:
        return parse_id(noun, value) if noun else None
    except NotFound:
        return None


def _instant(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise BadFilter("This time lies outside the years 1 to 9999.") from None


def _folded(text: str) -> str | None:
    """No text of ours holds a NUL or half a character."""
    return None if any(one == "\0" or "\ud800" <= one <= "\udfff" for one in text) else folded_key(text)


def _and_all_behind(text: str | None) -> str | None:
    """Behind the longest key that begins with this one, even where its every other letter is the last there is."""
    return None if text is None else text + _LAST * (KEY_CHARACTERS + 1 - len(text))


def _bounded(tree: Tree) -> list[Tree]:
    listed = [one for one in as_list(tree) if not _is_null(one)]
    if len(listed) > LIST_MOST:
        raise BadFilter(f"`and` and `or` hold at most {LIST_MOST} filters; here are {len(listed)}.")
    return listed


def _now(tree: Tree) -> Any:
    assert isinstance(tree, Leaf)
    return tree.now


def _is_null(tree: Tree) -> bool:
    return isinstance(tree, Leaf) and tree.now is None
