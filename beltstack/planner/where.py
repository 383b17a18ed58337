"""`where` and `search`: conditions from the tree of an argument, its values as binds."""

import re
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, FromClause, Text, Uuid, and_, cast, false, func, not_, or_, true
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.types import ARRAY, TypeEngine

from beltstack.domain.errors import NotFound, Refusal
from beltstack.domain.ids import noun_of, parse_id
from beltstack.planner.arguments import Leaf, Tree, Variables
from beltstack.planner.entities import Entity

if TYPE_CHECKING:
    from beltstack.planner.compile import Compiler

LIST_MOST = 250


class BadFilter(Refusal):
    """A filter that cannot be applied: a list that is too long."""

    code = "BAD_FILTER"


def condition(compiler: "Compiler", entity: Entity, row: FromClause, where: dict[str, Any]) -> ColumnElement[bool]:
    """All that is said in one `where` object holds together."""
    parts: list[ColumnElement[bool]] = []
    for name, tree in where.items():
        if _is_null(tree):
            continue
        if name == "and":
            parts.extend(condition(compiler, entity, row, one) for one in tree)
        elif name == "or":
            parts.append(or_(false(), *(condition(compiler, entity, row, one) for one in tree)))
        elif name == "not":
            parts.append(not_(condition(compiler, entity, row, tree)))
        else:
            parts.append(_compared(compiler, row.c[entity.filters[name]], tree))
    return and_(true(), *parts)


def _compared(compiler: "Compiler", column: ColumnElement[Any], operators: dict[str, Tree]) -> ColumnElement[bool]:
    """One field's operators; exactly one is given (`@oneOf`)."""
    ((name, tree),) = [(name, tree) for name, tree in operators.items() if not _is_null(tree)]
    if name == "between":
        assert isinstance(tree, dict)
        low, high = (_value(compiler, column, tree[end]) for end in ("from", "to"))
        return and_(column >= low, column < high)
    assert isinstance(tree, Leaf)
    if name == "isNull":
        return column.is_(None) if tree.now else column.is_not(None)
    if name == "in":
        listed = compiler.bind(lambda variables: _list(tree.of(variables), column), ARRAY(_kind(column)))
        return column == func.any(listed)
    if name in {"contains", "startsWith"}:
        pattern = compiler.bind(_pattern(tree, anywhere=name == "contains"), Text())
        return func.lower(column).like(pattern, escape="\\")
    value = _value(compiler, column, tree)
    return {"eq": column == value, "lt": column < value, "lte": column <= value, "gt": column > value,
            "gte": column >= value}[name]  # fmt: skip


def searched(compiler: "Compiler", column: ColumnElement[Any], tree: Leaf) -> ColumnElement[bool]:
    """Rows whose normalised text fits what a person typed; never a syntax error."""
    query = compiler.bind(lambda variables: text_query(str(tree.of(variables))), Text())
    return func.to_tsvector("simple", column).op("@@")(cast(query, TSQUERY))


def normalised(text: str) -> str:
    """Lower case without accents: what the search column holds and what is looked for."""
    folded = unicodedata.normalize("NFKD", text.lower())
    return "".join(letter for letter in folded if not unicodedata.combining(letter))


def text_query(text: str) -> str:
    """A tsquery: words match by prefix, "phrases" in order, -not excludes, OR separates alternatives."""
    alternatives: list[list[str]] = [[]]
    for minus, phrase, word in re.findall(r'(-?)(?:"([^"]*)"|(\S+))', normalised(text)[:200]):
        if word == "or" and not minus:
            alternatives.append([])
            continue
        words = re.findall(r"\w+", phrase or word)
        if words:
            joined = " <-> ".join(f"'{one}'" for one in words) if phrase else " & ".join(f"'{one}':*" for one in words)
            alternatives[-1].append(f"!({joined})" if minus else f"({joined})")
    return " | ".join(" & ".join(one) for one in alternatives if one)


def _is_null(tree: Tree) -> bool:
    return isinstance(tree, Leaf) and tree.now is None


def _value(compiler: "Compiler", column: ColumnElement[Any], tree: Tree) -> ColumnElement[Any]:
    assert isinstance(tree, Leaf)
    return compiler.bind(lambda variables: _plain(tree.of(variables), column), _kind(column))


def _kind(column: ColumnElement[Any]) -> TypeEngine[Any]:
    return column.type


def _plain(value: Any, column: ColumnElement[Any]) -> Any:
    if isinstance(column.type, Uuid):
        return _uuid(value)
    return getattr(value, "value", value)


def _uuid(value: Any) -> Any:
    """An id that is none, or malformed, is no row's."""
    noun = noun_of(str(value))
    try:
        return parse_id(noun, str(value)) if noun else None
    except NotFound:
        return None


def _list(values: Any, column: ColumnElement[Any]) -> list[Any]:
    if len(values) > LIST_MOST:
        raise BadFilter(f"A list in a filter holds at most {LIST_MOST} values; this one has {len(values)}.")
    return [_plain(value, column) for value in values]


def _pattern(tree: Leaf, *, anywhere: bool) -> Callable[[Variables], str]:
    def pattern(variables: Variables) -> str:
        text = re.sub(r"([\\%_])", r"\\\1", str(tree.of(variables)).lower())
        return f"%{text}%" if anywhere else f"{text}%"

    return pattern
