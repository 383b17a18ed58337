"""JSON as PostgreSQL text: `concat` over typed pieces, cheaper than json_build_object and with the scale kept."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Numeric,
    Text,
    Uuid,
    cast,
    func,
    literal_column,
)
from sqlalchemy.dialects.postgresql import JSONB

NULL = literal_column("'null'", Text)
# concat takes a hundred arguments.
_AT_ONCE = 96


def quoted(text: str) -> ColumnElement[str]:
    """A piece of the answer that is the same in every row; never a bind."""
    return literal_column("'" + text.replace("'", "''") + "'", Text)


def joined(pieces: Sequence[ColumnElement[Any]]) -> ColumnElement[str]:
    """The pieces one after another; a null counts as nothing."""
    merged = _merged(pieces)
    while len(merged) > _AT_ONCE:
        merged = [func.concat(*merged[i : i + _AT_ONCE]) for i in range(0, len(merged), _AT_ONCE)]
    return func.concat(*merged) if len(merged) > 1 else merged[0]


def json_object(members: Sequence[tuple[str, Sequence[ColumnElement[Any]]]]) -> list[ColumnElement[Any]]:
    """The pieces of `{"key":value,…}`; each value is given by its own pieces, none of them null."""
    pieces: list[ColumnElement[Any]] = [quoted("{")]
    for place, (key, value) in enumerate(members):
        pieces.append(quoted(f'{"," if place else ""}"{key}":'))
        pieces.extend(value)
    return [*pieces, quoted("}")]


def json_value(value: ColumnElement[Any], *, nullable: bool, plain: bool = False) -> list[ColumnElement[Any]]:
    """The pieces of one leaf. `plain` text needs no escaping: an enum's value, an id."""
    kind = value.type
    if isinstance(kind, (Integer, Boolean, JSONB)):
        text = cast(value, Text)
        return [func.coalesce(text, NULL)] if nullable else [text]
    if isinstance(kind, (Numeric, Uuid)) or plain:
        if not nullable:
            return [quoted('"'), value, quoted('"')]
        return [func.coalesce(quoted('"').op("||")(cast(value, Text)).op("||")(quoted('"')), NULL)]
    if isinstance(kind, (Text, DateTime, Date, ARRAY)):
        text = cast(func.to_json(value), Text)
        return [func.coalesce(text, NULL)] if nullable else [text]
    raise TypeError(f"no JSON is defined for {kind!r}")


def _merged(pieces: Sequence[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """Neighbouring constants as one."""
    merged: list[ColumnElement[Any]] = []
    for piece in pieces:
        if merged and _is_constant(piece) and _is_constant(merged[-1]):
            merged[-1] = literal_column(f"{_constant(merged[-1])[:-1]}{_constant(piece)[1:]}", Text)
        else:
            merged.append(piece)
    return merged


def _is_constant(piece: ColumnElement[Any]) -> bool:
    return bool(getattr(piece, "is_literal", False)) and _constant(piece).startswith("'")


def _constant(piece: ColumnElement[Any]) -> str:
    return str(getattr(piece, "name", ""))
