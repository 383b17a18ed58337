"""What inputs are made of: ids that become UUIDs, patches that tell absent from null, the arguments all share."""

from dataclasses import fields
from typing import Any
from uuid import UUID

import strawberry
from strawberry.types.maybe import Some
from uuid_utils.compat import uuid7

from beltstack.domain.addresses import Address
from beltstack.domain.errors import InvalidInput, Path, Problems
from beltstack.domain.ids import Noun, parse_id, parse_new_id

LIST_MOST = 250
KEY_CHARACTERS = 255


def says(description: str, **kwargs: Any) -> Any:
    """An input field with its description."""
    return strawberry.field(description=description, **kwargs)


def key(noun: Noun, description: str, **kwargs: Any) -> Any:
    """An id of something that exists."""
    return strawberry.field(description=description, metadata={"noun": noun}, **kwargs)


def new_key(noun: Noun) -> Any:
    """An id that the client may choose for what it creates."""
    description = f"An id of your own for the new {noun.words}: `{noun.value}_` and a UUID of version 7."
    return strawberry.field(description=description, metadata={"noun": noun, "new": True}, default=None)


def idempotency_key() -> Any:
    return says(
        "Repeat the request with the same key and the same arguments and you get the first answer, for 7 days.",
        default=None,
    )


def expected_version() -> Any:
    return says("The version you read; if somebody changed it since, you get STALE_OBJECT and the current object.")


def dry_run() -> Any:
    return says("Run every guard and every veto and change nothing.", default=False)


@strawberry.input(description="A postal address.")
class AddressInput:
    line1: str = says("Street and number.")
    line2: str | None = says("Apartment, suite and the like.", default=None)
    city: str | None = says("City.", default=None)
    region: str | None = says("State or province, as written.", default=None)
    postal_code: str | None = says("Postal code.", default=None)
    country: str = says("ISO 3166, two letters.", default="US")

    def to_domain(self) -> Address:
        return Address(self.line1, self.line2, self.city, self.region, self.postal_code, self.country)


SHARED = frozenset({"idempotency_key", "dry_run"})


def parsed(given: Any) -> dict[str, Any]:
    """An input's values by name: ids as UUIDs, addresses as the domain's, patches as dicts of what is present.

    Every problem of the input is told together.
    """
    problems = Problems()
    values = _values(given, (), problems)
    if given is not None and (chosen := getattr(given, "idempotency_key", None)) is not None:
        problems.of(_check_key, chosen)
    problems.refuse_if_any()
    return values


def _values(given: Any, path: Path, problems: Problems) -> dict[str, Any]:
    values = {}
    for field in fields(given):
        value = getattr(given, field.name)
        here = (*path, field.name)
        if field.name in SHARED:
            continue
        if _is_patch(given):
            if value is None:
                continue
            value = value.value if isinstance(value, Some) else value
        values[field.name] = _value(value, field.metadata, here, problems)
    return values


def _value(value: Any, metadata: Any, path: Path, problems: Problems) -> Any:
    noun, is_new = metadata.get("noun"), metadata.get("new", False)
    if noun is not None and is_new:
        return uuid7() if value is None else problems.of(parse_new_id, noun, value, path=path)
    if value is None:
        return None
    if noun is not None and isinstance(value, list):
        problems.of(_check_length, value, path)
        return tuple(problems.of(parse_id, noun, one, path=(*path, str(i))) for i, one in enumerate(value))
    if noun is not None:
        identifier: UUID = problems.of(parse_id, noun, value, path=path)
        return identifier
    if isinstance(value, AddressInput):
        return value.to_domain()
    if isinstance(value, list):
        problems.of(_check_length, value, path)
        return tuple(_value(one, {}, (*path, str(i)), problems) for i, one in enumerate(value))
    if hasattr(type(value), "__strawberry_definition__") and hasattr(value, "__dataclass_fields__"):
        return _values(value, path, problems)
    return value


def _is_patch(given: Any) -> bool:
    return type(given).__name__.endswith("Patch")


def _check_length(value: list[Any], path: Path) -> None:
    if len(value) > LIST_MOST:
        raise InvalidInput(f"This list has {len(value)} entries; at most {LIST_MOST} fit.", path=path)


def _check_key(chosen: str) -> None:
    if not chosen.strip() or len(chosen) > KEY_CHARACTERS or "\x00" in chosen:
        raise InvalidInput(
            f"An idempotency key is 1 to {KEY_CHARACTERS} characters of your choice.", path=("idempotency_key",)
        )
