"""JSON Schema (2020-12) from a settings dataclass: what an admin's form is drawn from."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_PLAIN: Mapping[Any, Mapping[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    # As a text, so that no digit is lost on the way.
    Decimal: {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"},
    date: {"type": "string", "format": "date"},
    datetime: {"type": "string", "format": "date-time"},
}


def json_schema(kind: type[Any], *, all_secret: bool = False) -> dict[str, Any]:
    """The schema of a frozen dataclass. A field's metadata may have a `description`, and `secret` makes it writeOnly.

    A default that is a secret's is not told. Raises TypeError for a type that JSON has nothing for.
    """
    return {"$schema": DIALECT, **_object(kind, all_secret=all_secret)}


def _object(kind: type[Any], *, all_secret: bool) -> dict[str, Any]:
    hints = get_type_hints(kind)
    taken = [field for field in fields(kind) if field.init]
    return {
        "type": "object",
        "title": kind.__name__,
        "properties": {field.name: _property(field, hints[field.name], all_secret=all_secret) for field in taken},
        "required": [field.name for field in taken if _is_required(field)],
        "additionalProperties": False,
    }


def _property(field: "Field[Any]", hint: Any, *, all_secret: bool) -> dict[str, Any]:
    is_secret = all_secret or bool(field.metadata.get("secret"))
    schema = _of_type(hint, all_secret=all_secret)
    if description := field.metadata.get("description"):
        schema["description"] = description
    if is_secret:
        return schema | {"writeOnly": True}
    if field.default is not MISSING:
        schema["default"] = _plain(field.default)
    elif field.default_factory is not MISSING:
        schema["default"] = _plain(field.default_factory())
    return schema


def _of_type(hint: Any, *, all_secret: bool = False) -> dict[str, Any]:
    if hint in _PLAIN:
        return dict(_PLAIN[hint])
    if hint is Any:
        return {}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [member.value for member in hint]}
    if isinstance(hint, type) and is_dataclass(hint):
        return _object(hint, all_secret=all_secret)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, UnionType):
        return _of_union(arguments, all_secret=all_secret)
    if origin is dict:
        return {"type": "object", "additionalProperties": _of_type(arguments[1], all_secret=all_secret)}
    if origin in (list, set, frozenset) or (origin is tuple and arguments[-1] is Ellipsis):
        return {"type": "array", "items": _of_type(arguments[0], all_secret=all_secret)}
    if origin is tuple:
        each = [_of_type(one, all_secret=all_secret) for one in arguments]
        return {"type": "array", "prefixItems": each, "minItems": len(each), "maxItems": len(each)}
    raise TypeError(f"Settings cannot hold {hint}: JSON has nothing for it.")


def _of_union(members: tuple[Any, ...], *, all_secret: bool) -> dict[str, Any]:
    schemas = [_of_type(one, all_secret=all_secret) for one in members if one is not NoneType]
    if NoneType in members:
        schemas.append({"type": "null"})
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _plain(value: Any) -> Any:
    """A default as JSON."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(one) for one in value]
    return value


def _is_required(field: "Field[Any]") -> bool:
    return field.default is MISSING and field.default_factory is MISSING
