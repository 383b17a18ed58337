"""Values to JSON and back: decimals as strings, instants as ISO 8601, never a float."""

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar
from uuid import UUID

from cattrs import Converter
from cattrs.gen import make_dict_structure_fn

from beltstack.domain.events import Fact, facts_by_type

T = TypeVar("T")

converter = Converter(prefer_attrib_converters=False, forbid_extra_keys=False)
converter.register_unstructure_hook(Decimal, lambda value: format(value, "f"))
converter.register_structure_hook(Decimal, lambda value, _: Decimal(value))
converter.register_unstructure_hook(UUID, str)
converter.register_structure_hook(UUID, lambda value, _: UUID(value))
converter.register_unstructure_hook(datetime, lambda value: value.isoformat())
converter.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(value))
converter.register_unstructure_hook(date, lambda value: value.isoformat())
converter.register_structure_hook(date, lambda value, _: date.fromisoformat(value))
converter.register_unstructure_hook(Enum, lambda value: value.value)

_FACTS = facts_by_type()


class UnknownEvent(Exception):
    """A stored event's type or version is not known to this version of BeltStack."""


def to_json(value: Any) -> Any:
    """Dataclasses to dicts, tuples to lists, all the way down."""
    return converter.unstructure(value)


def from_json(kind: type[T], data: Any) -> T:
    """The dataclass `to_json` was given."""
    return converter.structure(data, kind)


def fact_from_json(type_: str, v: int, data: dict[str, Any]) -> Fact:
    kind = _FACTS.get(type_)
    if kind is None or kind.v != v:
        raise UnknownEvent(f"This version of BeltStack does not know {type_} in version {v}.")
    return from_json(kind, data)


def strict(kind: type[T], data: dict[str, Any]) -> T:
    """Like `from_json` for input from outside: an unknown key is an error."""
    return make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True)(data, kind)
