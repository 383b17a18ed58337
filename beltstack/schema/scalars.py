"""Scalars: exact decimals as strings, instants with an offset, JSON objects."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

DECIMAL_CHARACTERS = 40
JSON_DEPTH = 32


def _parse_decimal(value: Any) -> Decimal:
    if not isinstance(value, str) or len(value) > DECIMAL_CHARACTERS or not value.isascii():
        raise GraphQLError('A Decimal is a string like "129.50": never a number, which would pass through a float.')
    try:
        parsed = Decimal(value)
    except InvalidOperation:
        raise GraphQLError(f'"{value}" is no decimal number; write it like "129.50".') from None
    if not parsed.is_finite() or "e" in value.lower() or "_" in value or value != value.strip():
        raise GraphQLError(f'"{value}" is no plain decimal number; write it like "129.50".')
    return parsed


def _parse_datetime(value: Any) -> datetime:
    try:
        parsed = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise GraphQLError("A DateTime is ISO 8601 with an offset, like 2026-03-01T09:00:00-06:00.") from None
    if parsed.tzinfo is None:
        raise GraphQLError("A DateTime needs an offset, like 2026-03-01T09:00:00-06:00.")
    return parsed


def _parse_date(value: Any) -> date:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        raise GraphQLError("A Date is written like 2026-03-01.")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise GraphQLError(f'"{value}" is no date of the calendar; write it like 2026-03-01.') from None


def _parse_json(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise GraphQLError("This must be a JSON object.")
    _check_json(value, depth=0)
    return value


def _check_json(value: Any, *, depth: int) -> None:
    """Refuse what JSON in a column cannot hold."""
    if depth > JSON_DEPTH:
        raise GraphQLError(f"This JSON is nested more than {JSON_DEPTH} deep.")
    if (isinstance(value, str) and "\x00" in value) or (isinstance(value, float) and not isfinite(value)):
        raise GraphQLError("This JSON holds a NUL character or an infinite number.")
    inner = (*value.keys(), *value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        _check_json(one, depth=depth + 1)


def _json(value: Any) -> Any:
    """As it was given: the database answers its fractions as Decimals."""
    if isinstance(value, dict):
        return {name: _json(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_json(one) for one in value]
    return float(value) if isinstance(value, Decimal) else value


def instant(value: datetime) -> str:
    """As PostgreSQL writes it in a session of UTC: no zeros at the end of a fraction."""
    text = value.astimezone(UTC).replace(tzinfo=None).isoformat()
    return f"{text.rstrip('0') if '.' in text else text}+00:00"


JSONObject = NewType("JSONObject", dict)  # type: ignore[type-arg]

SCALARS: dict[object, ScalarDefinition] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description='An exact decimal number as a string, like "129.50". Never a float.',
        serialize=lambda value: format(value, "f"),
        parse_value=_parse_decimal,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="An instant: ISO 8601. Inputs need an offset; answers are in UTC: 2026-03-02T15:00:00.5+00:00.",
        serialize=instant,
        parse_value=_parse_datetime,
    ),
    date: strawberry.scalar(
        name="Date",
        description="A day of the calendar without a time zone, like 2026-03-01.",
        serialize=date.isoformat,
        parse_value=_parse_date,
    ),
    JSONObject: strawberry.scalar(
        name="JSONObject",
        description="A JSON object whose shape a plugin's manifest defines.",
        serialize=_json,
        parse_value=_parse_json,
    ),
}
