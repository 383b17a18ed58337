"""Keyset paging: cursors carry where a page ended, never how many rows came before."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

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
    """Where a row stands in an order: its sort value as text, if the order has one, and its id."""

    value: str | None
    id: UUID


def checked_size(size: Any) -> int:
    if not isinstance(size, int) or not 1 <= size <= PAGE_MOST:
        raise BadPage(f"A page holds 1 to {PAGE_MOST} rows; you asked for {size}.")
    return size


def parse_cursor(text: Any, order: str) -> Cursor:
    """`order` names the list's order; a cursor of another one is refused."""
    try:
        raw = base64.urlsafe_b64decode(str(text) + "=" * (-len(str(text)) % 4))
        version, name, value, identifier = json.loads(raw)
        if version != VERSION or name != order or not isinstance(value, (str, type(None))):
            raise ValueError(name)
        return Cursor(value, UUID(identifier))
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise BadCursor("This cursor is not one of this list and this order; start again without it.") from error
