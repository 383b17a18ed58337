"""Keyset paging: cursors carry where a page ended, never how many rows came before."""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Date, DateTime
from sqlalchemy.types import TypeEngine

from beltstack.domain.errors import Refusal

PAGE_DEFAULT = 50
PAGE_MOST = 100
VERSION = 1


class BadCursor(Refusal):
    """A cursor of another list, another order, or none at all."""

    code = "BAD_CURSOR"


class BadPage(Refusal):
    """A page size out of bounds, or both directions at once."""

    code = "BAD_PAGE"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a row stands in an order: its sort value, if the order has one, and its id."""

    value: str | int | date | datetime | None
    id: UUID


def checked_size(size: Any) -> int:
    if not isinstance(size, int) or not 1 <= size <= PAGE_MOST:
        raise BadPage(f"A page holds 1 to {PAGE_MOST} rows; you asked for {size}.")
    return size


def tag_of(tenant_id: UUID, name: str) -> str:
    """Tells the cursors of one list in one order of one tenant from all others; `name` says which list and order."""
    return hashlib.blake2s(f"{tenant_id} {name}".encode(), digest_size=6).hexdigest()


def parse_cursor(text: Any, tag: str, kind: TypeEngine[Any] | None) -> Cursor:
    """`kind` is the type of the order's column. A cursor that has another tag is refused."""
    try:
        raw = base64.urlsafe_b64decode(str(text) + "=" * (-len(str(text)) % 4))
        version, given, value, identifier = json.loads(raw)
        if version != VERSION or given != tag or not _is_of(value, kind):
            raise ValueError(given)
        return Cursor(_sort_value(value, kind), UUID(identifier))
    # RecursionError: JSON may be nested deeper than the parser goes.
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError, binascii.Error) as error:
        raise BadCursor("This cursor is not one of this list and this order; start again without it.") from error


def _is_of(value: Any, kind: TypeEngine[Any] | None) -> bool:
    if kind is None:
        return value is None
    return type(value) is (int if isinstance(kind, BigInteger) else str)


def _sort_value(text: Any, kind: TypeEngine[Any] | None) -> str | int | date | datetime | None:
    """What PostgreSQL wrote as JSON, read back; a forged one is a ValueError."""
    if text is None or kind is None:
        return None
    if isinstance(kind, BigInteger):
        if abs(text) >= 2**63:
            raise ValueError(text)
        return int(text)
    if isinstance(kind, DateTime):
        return datetime.fromisoformat(text).astimezone(UTC)
    if isinstance(kind, Date):
        return date.fromisoformat(text)
    if "\0" in text:
        raise ValueError(text)
    return str(text).encode().decode()
