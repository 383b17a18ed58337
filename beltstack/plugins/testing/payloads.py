"""Golden events: for every type of event one as it is told, and one with everything left out that may be absent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, NewType, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID, uuid5

from beltstack.domain.events import Fact, facts_by_type
from beltstack.plugins.golden import payloads

_READERS: dict[Any, Callable[[str], Any]] = {
    UUID: UUID,
    Decimal: Decimal,
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
}


@dataclass(frozen=True, slots=True)
class Told:
    """An event as a hook is told it; `words` says which payload it came from."""

    words: str
    fact: Fact


def golden_events(type_: str, *, namespace: UUID | None = None) -> list[Told]:
    """The full event first, then the bare one. Within a `namespace` every id is another, always the same one."""
    kind = facts_by_type()[type_]
    told = []
    for name, v, payload in payloads():
        if name == type_:
            fact = cast(Fact, _apart(_read(kind, payload), namespace))
            told += [Told(f"{name} v{v}", fact), Told(f"{name} v{v} without what may be absent", _bare(fact))]
    return told


def _read(kind: Any, value: Any) -> Any:
    if isinstance(kind, NewType):
        return _read(kind.__supertype__, value)
    if get_origin(kind) in {Union, UnionType}:
        (inner,) = (part for part in get_args(kind) if part is not NoneType)
        return None if value is None else _read(inner, value)
    if get_origin(kind) is tuple:
        return tuple(_read(get_args(kind)[0], item) for item in value)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        given = {item.name: _read(hints[item.name], value[item.name]) for item in fields(kind) if item.name in value}
        return cast(Any, kind)(**given)
    return _READERS[kind](value) if kind in _READERS else value


def _bare(fact: Fact) -> Fact:
    hints = get_type_hints(type(fact))
    empty: dict[str, Any] = {}
    for name, kind in hints.items():
        if NoneType in get_args(kind):
            empty[name] = None
        elif get_origin(kind) is tuple:
            empty[name] = ()
    return replace(fact, **_of(fact, empty))


def _apart(value: Any, namespace: UUID | None) -> Any:
    if namespace is None:
        return value
    if isinstance(value, UUID):
        return uuid5(namespace, str(value))
    if isinstance(value, tuple):
        return tuple(_apart(item, namespace) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{item.name: _apart(getattr(value, item.name), namespace) for item in fields(value)})
    return value


def _of(fact: Fact, given: Mapping[str, Any]) -> dict[str, Any]:
    names = {item.name for item in fields(fact)}
    return {name: value for name, value in given.items() if name in names}
