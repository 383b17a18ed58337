"""Line items and the price list they come from: what is charged, and which input is refused."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beltstack.domain.catalog import CatalogItem, InvalidCatalogItem, new_catalog_item
from beltstack.domain.errors import Path, Refusal, Refusals
from beltstack.domain.ids import CatalogItemId, LineItemId
from beltstack.domain.line_items import (
    PRICE_MOST,
    QUANTITY_MOST,
    Coverage,
    DiscountTooLarge,
    LineItem,
    LineKind,
    new_line_item,
)
from beltstack.domain.money import InvalidAmount, round_half_up

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SOLD = [kind for kind in LineKind if kind not in {LineKind.TEXT, LineKind.DISCOUNT}]


def a_line(**changes: object) -> LineItem:
    line = LineItem(
        id=LineItemId(UUID(int=1)),
        kind=LineKind.LABOR,
        description="Replace the capacitor",
        quantity=Decimal("1.5"),
        unit="h",
        unit_price=Decimal(95),
        unit_cost=Decimal(40),
    )
    return replace(line, **changes)  # type: ignore[arg-type]


def a_text(**changes: object) -> LineItem:
    nothing = {"quantity": Decimal(0), "unit": None, "unit_price": None, "unit_cost": None}
    return a_line(kind=LineKind.TEXT, **(nothing | changes))


def a_discount(**changes: object) -> LineItem:
    line = {"kind": LineKind.DISCOUNT, "quantity": Decimal(1), "unit_price": Decimal(-20), "unit_cost": None}
    return a_line(**(line | changes))


def a_catalog_item(**changes: object) -> CatalogItem:
    item = CatalogItem(
        CatalogItemId(UUID(int=9)), "CAP-45", LineKind.PART, "Capacitor 45/5", "each", Decimal("38.50"), Decimal("9.20")
    )
    return replace(item, **changes)  # type: ignore[arg-type]


def refusal_of(line: LineItem, currency: str = "USD") -> Refusal:
    with pytest.raises(Refusal) as refusal:
        new_line_item(line, currency=currency)
    return refusal.value


@pytest.mark.parametrize(
    ("changes", "net"),
    [
        ({}, "142.50"),
        ({"discount_percent": Decimal(10)}, "128.25"),
        ({"discount_percent": Decimal(10), "discount_amount": Decimal("8.25")}, "120.00"),
        ({"discount_percent": Decimal(100)}, "0.00"),
        ({"discount_amount": Decimal("142.50")}, "0.00"),
        ({"quantity": Decimal("0.3333"), "unit_price": Decimal("0.0150")}, "0.00"),
        ({"quantity": Decimal(1), "unit_price": Decimal("0.0050")}, "0.01"),
        ({"unit_price": None}, "0.00"),
    ],
)
def test_the_net_is_quantity_times_price_less_the_discounts(changes: dict[str, object], net: str) -> None:
    assert str(new_line_item(a_line(**changes), currency="USD").net("USD")) == net


def test_thirty_minutes_less_a_second_are_charged_to_the_cent() -> None:
    hours = Decimal("0.4997")  # 1799 s
    assert a_line(quantity=hours, unit_price=Decimal(25)).net("USD") == Decimal("12.49")


def test_the_net_has_the_currency_s_decimals() -> None:
    line = a_line(quantity=Decimal(1), unit_price=Decimal("10.1235"))
    assert [str(line.net(code)) for code in ("JPY", "USD", "KWD")] == ["10", "10.12", "10.124"]


@pytest.mark.parametrize("coverage", [coverage for coverage in Coverage if coverage is not Coverage.BILLABLE])
def test_what_others_bear_charges_the_customer_nothing(coverage: Coverage) -> None:
    line = new_line_item(a_line(coverage=coverage), currency="USD")
    assert line.net("USD") == 0
    assert not line.is_billable


def test_only_a_charged_line_needs_a_price() -> None:
    assert not a_line(unit_price=None).is_priced
    assert a_line(unit_price=Decimal(0)).is_priced
    assert a_line(unit_price=None, coverage=Coverage.WARRANTY).is_priced
    assert a_text().is_priced
    assert not a_text().is_billable


def test_a_text_and_a_discount_are_taken() -> None:
    assert new_line_item(a_text(), currency="USD").net("USD") == 0
    assert new_line_item(a_discount(), currency="USD").net("USD") == Decimal("-20.00")


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (a_line(quantity=Decimal(0)), ("quantity",)),
        (a_line(quantity=Decimal(-1)), ("quantity",)),
        (a_line(quantity=Decimal("0.00001")), ("quantity",)),
        (a_line(quantity=QUANTITY_MOST + 1), ("quantity",)),
        (a_line(quantity=Decimal("NaN")), ("quantity",)),
        (a_line(unit_price=Decimal("-0.01")), ("unit_price",)),
        (a_line(unit_price=Decimal("1.00001")), ("unit_price",)),
        (a_line(unit_price=PRICE_MOST + 1), ("unit_price",)),
        (a_line(unit_price=Decimal("Infinity")), ("unit_price",)),
        (a_line(unit_cost=Decimal("-0.01")), ("unit_cost",)),
        (a_line(discount_percent=Decimal(-1)), ("discount_percent",)),
        (a_line(discount_percent=Decimal("100.0001")), ("discount_percent",)),
        (a_line(discount_amount=Decimal(-1)), ("discount_amount",)),
        (a_line(discount_amount=Decimal("0.001")), ("discount_amount",)),
        (a_line(description=" "), ("description",)),
        (a_line(description="x" * 10_000), ("description",)),
        (a_line(unit="h" * 31), ("unit",)),
        (a_line(position=-1), ("position",)),
        (a_text(quantity=Decimal(1)), ("quantity",)),
        (a_text(unit_price=Decimal(0)), ("unit_price",)),
        (a_text(unit_cost=Decimal(1)), ("unit_cost",)),
        (a_text(discount_percent=Decimal(1)), ("discount_percent",)),
        (a_discount(unit_price=Decimal("0.01")), ("unit_price",)),
        (a_discount(unit_cost=Decimal(1)), ("unit_cost",)),
        (a_discount(quantity=Decimal(0)), ("quantity",)),
        (a_discount(discount_percent=Decimal(5)), ("discount_percent",)),
        (a_discount(discount_amount=Decimal(5)), ("discount_amount",)),
    ],
)
def test_a_value_that_no_line_may_have_is_refused_where_it_stands(line: LineItem, path: Path) -> None:
    assert refusal_of(line).path == path


def test_all_problems_of_a_line_are_told_together() -> None:
    with pytest.raises(Refusals) as refusals:
        new_line_item(a_line(description="", quantity=Decimal(0), unit_price=Decimal(-1)), currency="USD")
    assert [refusal.path for refusal in refusals.value.refusals] == [("description",), ("quantity",), ("unit_price",)]


@pytest.mark.parametrize("coverage", Coverage)
def test_a_discount_beyond_the_line_s_own_price_is_refused(coverage: Coverage) -> None:
    refusal = refusal_of(a_line(discount_amount=Decimal("142.51"), coverage=coverage))
    assert isinstance(refusal, DiscountTooLarge)
    assert refusal.message == "The discount takes 0.01 USD more than the line comes to; lower it."
    assert refusal.path == ("discount_amount",)


@pytest.mark.parametrize("line", [a_line(), a_discount()])
def test_a_line_is_at_most_what_a_document_holds(line: LineItem) -> None:
    absurd = replace(line, quantity=QUANTITY_MOST, unit_price=PRICE_MOST if line.kind in SOLD else -PRICE_MOST)
    assert isinstance(refusal_of(absurd), InvalidAmount)


def test_a_revised_line_is_checked_as_a_whole() -> None:
    line = new_line_item(a_line(discount_amount=Decimal(100)), currency="USD")
    assert line.revise({"quantity": Decimal(2)}, currency="USD") == replace(line, quantity=Decimal(2))
    with pytest.raises(DiscountTooLarge):
        line.revise({"quantity": Decimal(1)}, currency="USD")


PRICES = st.decimals(min_value=0, max_value=PRICE_MOST, places=4)


@settings(deadline=None)
@given(
    quantity=st.decimals(min_value=Decimal("0.0001"), max_value=QUANTITY_MOST, places=4),
    price=PRICES,
    percent=st.decimals(min_value=0, max_value=100, places=4),
    discount=st.decimals(min_value=0, max_value=10_000, places=2),
    kind=st.sampled_from(SOLD),
)
def test_a_line_that_is_taken_is_charged_exactly_and_never_below_zero(
    quantity: Decimal, price: Decimal, percent: Decimal, discount: Decimal, kind: LineKind
) -> None:
    line = a_line(kind=kind, quantity=quantity, unit_price=price, discount_percent=percent, discount_amount=discount)
    exact = Fraction(quantity) * Fraction(price) * (1 - Fraction(percent) / 100) - Fraction(discount)
    expected = round_half_up(exact, 2)
    try:
        taken = new_line_item(line, currency="USD")
    except DiscountTooLarge:
        assert expected < 0
    except InvalidAmount:
        assert expected > Decimal("99999999999.9999")
    else:
        assert taken == line
        assert taken.net("USD") == expected >= 0


def test_a_catalog_item_is_kept_and_tells_nobody() -> None:
    change = new_catalog_item(a_catalog_item(name=" Capacitor 45/5 ", sku=" "))
    assert change.after == a_catalog_item(sku=None)
    assert change.before is None
    assert change.facts == ()


def test_a_text_is_not_kept_in_the_price_list() -> None:
    with pytest.raises(InvalidCatalogItem) as refusal:
        new_catalog_item(a_catalog_item(kind=LineKind.TEXT, unit_cost=None, unit_price=Decimal(0)))
    assert refusal.value.path == ("kind",)


def test_a_catalog_item_s_price_follows_its_kind() -> None:
    with pytest.raises(Refusal) as refusal:
        new_catalog_item(a_catalog_item(unit_price=Decimal(-1)))
    assert refusal.value.path == ("unit_price",)
    discount = a_catalog_item(kind=LineKind.DISCOUNT, unit_price=Decimal(-25), unit_cost=None)
    assert new_catalog_item(discount).after == discount


def test_a_catalog_item_is_revised_and_archived_once() -> None:
    item = a_catalog_item()
    assert item.revise({"unit_price": Decimal("41.00")}).after.unit_price == Decimal("41.00")
    with pytest.raises(Refusal):
        item.revise({"name": ""})
    archived = item.archive(at=NOON).after
    assert archived.archived_at == NOON
    assert archived.archive(at=datetime(2026, 5, 1, tzinfo=UTC)).is_nothing
