"""A settings dataclass tells the form that an admin fills in."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

import pytest

from beltstack.plugins.settings_schema import DIALECT, json_schema
from beltstack.plugins.setup import secret


class Mode(StrEnum):
    TEST = "test"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Account:
    number: int
    name: str = "Sales"


@dataclass(frozen=True, slots=True)
class Settings:
    region: str = field(metadata={"description": "Where the company is."})
    account: Account
    mode: Mode = Mode.LIVE
    pace: Literal["slow", "fast"] = "slow"
    share: Decimal = Decimal("0.10")
    factor: float = 1.5
    is_strict: bool = False
    since: date | None = None
    tags: tuple[str, ...] = ("a",)
    pair: tuple[int, str] = (1, "b")
    either: int | str = 3
    key: str = secret(default="hunter2")


FOUND: dict[str, Any] = json_schema(Settings)


def test_what_has_no_default_is_required_and_nothing_else_is_known() -> None:
    assert (FOUND["$schema"], FOUND["type"], FOUND["additionalProperties"]) == (DIALECT, "object", False)
    assert FOUND["required"] == ["region", "account"]


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("region", {"type": "string", "description": "Where the company is."}),
        ("mode", {"enum": ["test", "live"], "default": "live"}),
        ("pace", {"enum": ["slow", "fast"], "default": "slow"}),
        ("share", {"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "default": "0.10"}),
        ("factor", {"type": "number", "default": 1.5}),
        ("is_strict", {"type": "boolean", "default": False}),
        ("since", {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}], "default": None}),
        ("tags", {"type": "array", "items": {"type": "string"}, "default": ["a"]}),
        ("either", {"anyOf": [{"type": "integer"}, {"type": "string"}], "default": 3}),
    ],
)
def test_a_field_is_what_its_type_says(name: str, schema: dict[str, Any]) -> None:
    assert FOUND["properties"][name] == schema


def test_a_dataclass_inside_is_an_object_and_a_pair_has_two_places() -> None:
    assert FOUND["properties"]["account"]["required"] == ["number"]
    assert FOUND["properties"]["account"]["properties"]["name"] == {"type": "string", "default": "Sales"}
    pair = FOUND["properties"]["pair"]
    assert (pair["prefixItems"], pair["minItems"]) == ([{"type": "integer"}, {"type": "string"}], 2)


def test_a_secret_is_write_only_and_its_default_is_not_told() -> None:
    assert FOUND["properties"]["key"] == {"type": "string", "writeOnly": True}
    assert "hunter2" not in str(FOUND)
    assert all(one["writeOnly"] for one in json_schema(Account, all_secret=True)["properties"].values())


def test_what_json_has_nothing_for_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Odd:
        what: complex

    with pytest.raises(TypeError, match="complex"):
        json_schema(Odd)
