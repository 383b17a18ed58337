"""Checks of single values from outside; each returns the clean value or refuses with the reason."""

import re
import unicodedata
from datetime import datetime
from decimal import Decimal
from functools import cache
from zoneinfo import available_timezones

from beltstack.domain.errors import InvalidInput, Path

NAME_CHARACTERS = 255
TEXT_CHARACTERS = 10_000
# Control characters, and the separators of lines and paragraphs.
_NOT_IN_A_LINE = frozenset({"Cc", "Zl", "Zp"})
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}\.[^@\s.]{1,63}")


class InvalidTimezone(InvalidInput):
    code = "INVALID_TIMEZONE"


def line(value: str, *, path: Path, longest: int = NAME_CHARACTERS) -> str:
    """One line of text, trimmed, not blank, without control characters."""
    clean = optional_line(value, path=path, longest=longest)
    if clean is None:
        raise InvalidInput("This must not be blank.", path=path)
    return clean


def optional_line(value: str | None, *, path: Path, longest: int = NAME_CHARACTERS) -> str | None:
    """Like `line`, but blank means none."""
    clean = _within(value, longest, path)
    if clean and any(unicodedata.category(character) in _NOT_IN_A_LINE for character in clean):
        raise InvalidInput("This must be one line without control characters.", path=path)
    return clean or None


def optional_text(value: str | None, *, path: Path, longest: int = TEXT_CHARACTERS) -> str | None:
    """Text of several lines; blank means none."""
    clean = _within(value, longest, path)
    if clean and any(unicodedata.category(c) == "Cc" and c not in "\n\r\t" for c in clean):
        raise InvalidInput("This must not hold control characters other than line breaks and tabs.", path=path)
    return clean or None


def text(value: str, *, path: Path, longest: int = TEXT_CHARACTERS) -> str:
    """Text of several lines, not blank."""
    clean = optional_text(value, path=path, longest=longest)
    if clean is None:
        raise InvalidInput("This must not be blank.", path=path)
    return clean


def optional_email(value: str | None, *, path: Path) -> str | None:
    clean = optional_line(value, path=path, longest=254)
    if clean is not None and not _EMAIL.fullmatch(clean):
        raise InvalidInput("This is no e-mail address: write it like name@example.com.", path=path)
    return clean


def timezone(value: str, *, path: Path) -> str:
    """An IANA time zone name."""
    if value not in _timezones():
        raise InvalidTimezone(
            f"'{value[:80]}' is no time zone: use a name of the IANA list, like America/Chicago.", path=path
        )
    return value


def moment(value: datetime, *, path: Path) -> datetime:
    """An instant with its offset, between the years 1970 and 2200."""
    if value.tzinfo is None:
        raise InvalidInput("This needs an offset, like 2026-03-01T09:00:00-06:00.", path=path)
    if not 1970 <= value.year <= 2200:
        raise InvalidInput("This is outside the years 1970 to 2200.", path=path)
    return value


def decimal(value: Decimal, *, path: Path, least: Decimal | int, most: Decimal | int, places: int) -> Decimal:
    """A number within its bounds and with no more decimal places than can be kept exactly."""
    if not value.is_finite():
        raise InvalidInput("This must be a number.", path=path)
    if not least <= value <= most:
        raise InvalidInput(f"This must lie between {least} and {most}.", path=path)
    if value != round(value, places):
        raise InvalidInput(f"This may have at most {places} decimal places.", path=path)
    # Plus zero, so that -0 is kept as 0.
    return round(value, places) + 0


@cache
def _timezones() -> frozenset[str]:
    # Asking walks the whole time zone database: once is enough.
    return frozenset(available_timezones())


def _within(value: str | None, longest: int, path: Path) -> str:
    clean = (value or "").strip()
    if any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in clean):
        raise InvalidInput("This must not hold the NUL character or half of a surrogate pair.", path=path)
    if len(clean) > longest:
        raise InvalidInput(f"This is {len(clean):,} characters long; at most {longest:,} fit.", path=path)
    return clean
