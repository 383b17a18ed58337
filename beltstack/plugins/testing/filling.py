"""Settings and credentials out of a plugin's own dataclasses: addresses lead to the remote, texts can be told apart."""

from dataclasses import MISSING, fields
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any, get_args, get_type_hints
from uuid import UUID


def filled(kind: type[Any], *, url: str, mark: str) -> Any:
    """A value of `kind`: fields named like an address get `url`, secret and required ones a value made from `mark`."""
    hints = get_type_hints(kind)
    given = {}
    for item in fields(kind):
        is_given = item.default is not MISSING or item.default_factory is not MISSING
        if item.name.endswith(("url", "address", "endpoint")):
            given[item.name] = url
        elif item.metadata.get("secret") or not is_given:
            given[item.name] = _value(hints[item.name], name=item.name, mark=mark)
    return kind(**given)


def _value(kind: Any, *, name: str, mark: str) -> Any:
    kind = next((part for part in get_args(kind) if part is not NoneType), kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    makers = {bool: False, int: 1, float: 1.0, Decimal: Decimal(1), UUID: UUID(int=1)}
    return makers.get(kind, f"{name.replace('_', '-')}-of-{mark}")
