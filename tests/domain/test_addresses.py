"""When two addresses are one place."""

from dataclasses import replace
from typing import Any

import pytest

from beltstack.domain.addresses import Address, is_same_place

HOME = Address("12 Elm St", "Unit 9", city="Chicago", postal_code="60607")


@pytest.mark.parametrize(
    "changes",
    [{}, {"line1": "12, ELM st."}, {"city": None}, {"postal_code": ""}, {"city": None, "postal_code": None}],
)
def test_a_place_is_known_however_it_is_written(changes: dict[str, Any]) -> None:
    assert is_same_place(HOME, replace(HOME, **changes))
    assert is_same_place(replace(HOME, **changes), HOME)


@pytest.mark.parametrize(
    "changes",
    [{"line1": "14 Elm St"}, {"line2": "Unit 8"}, {"line2": None}, {"city": "Evanston"}, {"postal_code": "60608"}],
)
def test_another_place_is_another_one(changes: dict[str, Any]) -> None:
    assert not is_same_place(HOME, replace(HOME, **changes))


def test_no_address_is_no_place() -> None:
    assert not is_same_place(None, HOME)
    assert not is_same_place(None, None)
