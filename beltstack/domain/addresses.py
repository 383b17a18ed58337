"""Postal addresses, as people write them."""

from dataclasses import dataclass

from beltstack.domain import checks
from beltstack.domain.errors import InvalidInput, Path, Problems
from beltstack.domain.words import words


@dataclass(frozen=True, slots=True)
class Address:
    """`country` is an ISO 3166 code of two letters; `region` a state or province, as written."""

    line1: str
    line2: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str = "US"


def checked_address(address: Address | None, *, path: Path) -> Address | None:
    """The address, each part trimmed and within its length."""
    if address is None:
        return None
    problems = Problems()
    clean = Address(
        line1=problems.of(checks.line, address.line1, path=(*path, "line1")),
        line2=problems.of(checks.optional_line, address.line2, path=(*path, "line2")),
        city=problems.of(checks.optional_line, address.city, path=(*path, "city"), longest=100),
        region=problems.of(checks.optional_line, address.region, path=(*path, "region"), longest=100),
        postal_code=problems.of(checks.optional_line, address.postal_code, path=(*path, "postal_code"), longest=20),
        country=problems.of(_country, address.country, path=(*path, "country")),
    )
    problems.refuse_if_any()
    return clean


def is_same_place(one: Address | None, other: Address | None) -> bool:
    """By their words, so that capitals and commas make no new place; a town left out on one side tells nothing."""
    if one is None or other is None:
        return False
    said = ((one.line1, other.line1), (one.line2, other.line2))
    known = ((one.city, other.city), (one.postal_code, other.postal_code))
    return all(words(a or "") == words(b or "") for a, b in said) and all(
        words(a) == words(b) for a, b in known if a and b
    )


def _country(value: str, *, path: Path) -> str:
    if len(value) != 2 or not value.isascii() or not value.isupper():
        raise InvalidInput("A country is its ISO code of two capital letters, like US.", path=path)
    return value
