"""Keyset paging: cursors carry where a page ended, never how many rows came before."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from beltstack.domain.errors import Refusal

PAGE_DEFAULT = 50
PAGE_MOST = 100
_PREFIX = "1:ID:"


class BadCursor(Refusal):
    """A cursor of another list, another order, or none at all."""

    code = "BAD_CURSOR"


class BadPage(Refusal):
    """A page size out of bounds, or both directions at once."""

    code = "BAD_PAGE"


@dataclass(frozen=True, slots=True)
class Page:
    """`size` rows after or before a row; newest first is the order of every list by default."""

    size: int
    backward: bool = False
    after: UUID | None = None
    before: UUID | None = None


@dataclass(frozen=True, slots=True)
class Paged:
    """The rows of one page and what lies beyond it."""

    rows: tuple[Any, ...]
    has_next: bool
    has_previous: bool
    total: int | None


def page_of(arguments: dict[str, Any]) -> Page:
    """A page from a connection's arguments: first/after or last/before."""
    first, last = arguments.get("first"), arguments.get("last")
    if first is not None and last is not None:
        raise BadPage("Ask for `first` or for `last`, not for both.")
    size = last if last is not None else PAGE_DEFAULT if first is None else first
    if not 1 <= size <= PAGE_MOST:
        raise BadPage(f"A page holds 1 to {PAGE_MOST} rows; you asked for {size}.")
    return Page(
        size=size,
        backward=last is not None,
        after=_parse(arguments.get("after")),
        before=_parse(arguments.get("before")),
    )


def slot_of(relation: str, arguments: Mapping[str, Any]) -> str:
    """Where an object keeps its page: two aliases, or two ways to the object, may ask for different pages."""
    return f"_{relation} {[arguments.get(name) for name in ('first', 'after', 'last', 'before')]}"


def cursor_of(identifier: UUID) -> str:
    return base64.urlsafe_b64encode(f"{_PREFIX}{identifier}".encode()).decode().rstrip("=")


def _parse(cursor: str | None) -> UUID | None:
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        if not text.startswith(_PREFIX):
            raise ValueError(text)
        return UUID(text.removeprefix(_PREFIX))
    except (ValueError, binascii.Error) as error:
        raise BadCursor("This cursor is not one of this list; start again without it.") from error
