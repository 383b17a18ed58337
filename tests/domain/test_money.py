"""Money is kept exactly: no float, no lost cent, no odd currency."""

from decimal import Context, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beltstack.domain.errors import Path
from beltstack.domain.money import (
    AMOUNT_MOST,
    CURRENCIES,
    CurrencyMismatch,
    InvalidAmount,
    InvalidCurrency,
    Money,
    amount,
    currency,
    minor_units,
    round_half_up,
    settle,
    split,
)

AT: Path = ("price",)
AMOUNTS = st.decimals(min_value=-AMOUNT_MOST, max_value=AMOUNT_MOST, places=2)
WEIGHTS = st.lists(st.decimals(min_value=0, max_value=1_000_000, places=4), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("code", "places"),
    [("USD", 2), ("EUR", 2), ("JPY", 0), ("ISK", 0), ("HUF", 2), ("UGX", 0), ("KWD", 3), ("TND", 3), ("XCG", 2)],
)
def test_a_currency_has_the_decimals_of_iso_4217(code: str, places: int) -> None:
    assert minor_units(code) == places


def test_every_currency_is_three_capitals_and_of_0_2_or_3_decimals() -> None:
    assert len(CURRENCIES) == 155
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in CURRENCIES)
    assert {minor_units(code) for code in CURRENCIES} == {0, 2, 3}


@pytest.mark.parametrize("code", ["usd", "US", "", "XXX", "XAU", "HRK", "BGN", "ZWL", "USD ", "$", "U" * 10_000])
def test_what_is_no_currency_in_use_is_refused_where_it_was_given(code: str) -> None:
    with pytest.raises(InvalidCurrency) as refusal:
        currency(code, path=("currency",))
    assert refusal.value.path == ("currency",)
    assert "ISO 4217" in refusal.value.message
    assert len(refusal.value.message) < 200


def test_halves_are_rounded_away_from_zero() -> None:
    assert [str(round_half_up(Decimal(text), 2)) for text in ("0.005", "0.015", "-0.005", "2.5", "1.00499999")] == [
        "0.01",
        "0.02",
        "-0.01",
        "2.50",
        "1.00",
    ]


def test_there_is_no_negative_zero() -> None:
    assert str(round_half_up(Decimal("-0.001"), 2)) == "0.00"
    assert str(round_half_up(Fraction(-1, 1000), 2)) == "0.00"
    assert str(amount(Decimal("-0"), currency="USD", path=AT)) == "0.00"


@settings(deadline=None)
@given(st.decimals(min_value=-(10**12), max_value=10**12, places=9), st.integers(0, 4))
def test_a_fraction_is_rounded_as_its_decimal_is(value: Decimal, places: int) -> None:
    assert round_half_up(Fraction(value), places) == round_half_up(value, places)


def test_rounding_does_not_depend_on_the_thread_s_decimal_context() -> None:
    with localcontext(Context(prec=3)):
        assert round_half_up(Decimal("123456.785"), 2) == Decimal("123456.79")
        assert round_half_up(Fraction(123456785, 1000), 2) == Decimal("123456.79")
    long = Decimal("123456789012345678901234567890.125")
    assert round_half_up(long, 2) == round_half_up(Fraction(long), 2) == Decimal("123456789012345678901234567890.13")


@settings(deadline=None)
@given(AMOUNTS, WEIGHTS)
def test_the_parts_of_a_split_sum_to_the_whole(total: Decimal, weights: list[Decimal]) -> None:
    parts = split(total, weights, 2)
    assert len(parts) == len(weights)
    assert sum(parts) == total


@settings(deadline=None)
@given(AMOUNTS, WEIGHTS.filter(any))
def test_no_part_of_a_split_is_a_whole_cent_from_its_exact_share(total: Decimal, weights: list[Decimal]) -> None:
    whole = Fraction(sum(weights))
    for part, weight in zip(split(total, weights, 2), weights, strict=True):
        assert abs(Fraction(part) - Fraction(total) * Fraction(weight) / whole) < Fraction(1, 100)
        assert weight or not part


@settings(deadline=None)
@given(AMOUNTS, WEIGHTS)
def test_splitting_a_credit_mirrors_splitting_the_charge(total: Decimal, weights: list[Decimal]) -> None:
    assert split(-total, weights, 2) == tuple(-part for part in split(total, weights, 2))


def test_the_cent_left_over_goes_to_the_largest_remainder_and_then_to_the_first() -> None:
    assert split(Decimal("1.00"), [Decimal(1)] * 3, 2) == (Decimal("0.34"), Decimal("0.33"), Decimal("0.33"))
    assert split(Decimal(10), [Decimal(1), Decimal(2)], 0) == (Decimal(3), Decimal(7))


def test_where_all_weights_are_zero_all_count_alike() -> None:
    assert split(Decimal("0.03"), [Decimal(0)] * 2, 2) == (Decimal("0.02"), Decimal("0.01"))
    assert split(Decimal(0), [], 2) == ()


@pytest.mark.parametrize(
    ("total", "weights"), [("1.005", ["1", "1"]), ("1", []), ("1", ["-1", "2"])], ids=["too fine", "nobody", "negative"]
)
def test_what_cannot_be_split_is_refused(total: str, weights: list[str]) -> None:
    with pytest.raises(InvalidAmount):
        split(Decimal(total), [Decimal(weight) for weight in weights], 2)


def test_settling_never_moves_a_part_by_a_whole_unit() -> None:
    with pytest.raises(InvalidAmount):
        settle(Decimal("3.00"), [Fraction(1), Fraction(1)], 2)


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity", "1e999999", "-0.01", "0.001", "1e-999999"])
def test_an_absurd_amount_is_refused_where_it_was_given(text: str) -> None:
    with pytest.raises(InvalidAmount) as refusal:
        amount(Decimal(text), currency="USD", path=AT)
    assert refusal.value.path == AT


def test_a_float_is_no_amount() -> None:
    with pytest.raises(InvalidAmount):
        amount(1.5, currency="USD", path=AT)  # type: ignore[arg-type]


def test_an_amount_has_no_more_decimals_than_its_currency() -> None:
    assert str(amount(Decimal("1.230"), currency="USD", path=AT)) == "1.23"
    assert str(amount(Decimal("1.234"), currency="KWD", path=AT)) == "1.234"
    with pytest.raises(InvalidAmount, match=r"An amount in JPY has no decimal places\."):
        amount(Decimal("1.5"), currency="JPY", path=AT)
    with pytest.raises(InvalidAmount, match=r"An amount in USD has at most 2 decimal places\."):
        amount(Decimal("1.234"), currency="USD", path=AT)


def test_an_amount_is_at_most_what_a_document_holds() -> None:
    assert amount(Decimal("99999999999.99"), currency="USD", path=AT) == Decimal("99999999999.99")
    with pytest.raises(InvalidAmount, match="between 0 and"):
        amount(Decimal(100000000000), currency="USD", path=AT)


def test_money_of_one_value_looks_the_same_however_it_was_written() -> None:
    assert Money(Decimal(5), "USD") == Money(Decimal("5.000"), "USD")
    assert str(Money(Decimal(5), "USD").amount) == "5.00"
    assert str(Money(Decimal("5E+2"), "JPY").amount) == "500"


def test_money_of_one_currency_is_added_and_taken_away() -> None:
    assert Money(Decimal("1.10"), "USD") + Money(Decimal("2.20"), "USD") == Money(Decimal("3.30"), "USD")
    assert Money(Decimal("1.10"), "USD") - Money(Decimal("2.20"), "USD") == Money(Decimal("-1.10"), "USD")


def test_money_of_two_currencies_is_never_reckoned_together() -> None:
    with pytest.raises(CurrencyMismatch):
        Money(Decimal(1), "USD") + Money(Decimal(1), "CAD")
    with pytest.raises(CurrencyMismatch):
        Money(Decimal(1), "USD") - Money(Decimal(1), "CAD")


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1.001", "100000000000"])
def test_money_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidAmount):
        Money(Decimal(text), "USD")
