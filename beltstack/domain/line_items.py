"""Line items: what was done or used on a work order, what it costs, and who bears it."""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from beltstack.domain import checks
from beltstack.domain.errors import InvalidInput, Path, Problems, Refusal
from beltstack.domain.ids import CatalogItemId, LineItemId, VisitId
from beltstack.domain.money import AMOUNT_MOST, InvalidAmount, amount, minor_units, round_half_up

QUANTITY_LEAST = Decimal("0.0001")
QUANTITY_MOST = Decimal("999999.9999")
PRICE_MOST = Decimal("9999999999.9999")
"""The largest price of one unit: NUMERIC(14,4)."""
PLACES = 4
"""Decimals of quantities, unit prices, unit costs and percentages; sums have those of the currency."""
DESCRIPTION_CHARACTERS = 4_000
UNIT_CHARACTERS = 30
POSITION_MOST = 100_000


class LineKind(StrEnum):
    """TEXT only says something; DISCOUNT takes an amount off the whole document."""

    LABOR = "LABOR"
    PART = "PART"
    MATERIAL = "MATERIAL"
    FEE = "FEE"
    TRAVEL = "TRAVEL"
    EXPENSE = "EXPENSE"
    DISCOUNT = "DISCOUNT"
    TEXT = "TEXT"


class Coverage(StrEnum):
    """Who bears the line: the customer (BILLABLE), or somebody else for the reason named."""

    BILLABLE = "BILLABLE"
    WARRANTY = "WARRANTY"
    CONTRACT = "CONTRACT"
    GOODWILL = "GOODWILL"
    INTERNAL = "INTERNAL"


class InvalidLine(InvalidInput):
    """A value that does not go with the line's kind."""

    code = "INVALID_LINE"


class DiscountTooLarge(Refusal):
    code = "DISCOUNT_TOO_LARGE"


class MoreThanLeft(Refusal):
    """More of a line than is not on an invoice yet."""

    code = "MORE_THAN_LEFT"


@dataclass(frozen=True, slots=True)
class LineItem:
    """Prices and costs are of one unit, in the work order's currency; `unit_price` None still awaits a price.

    A part of the line's own price comes off by `discount_percent` (0 to 100) and then `discount_amount`. What comes
    off the whole document is a DISCOUNT line with a unit price of zero or below and no discounts of its own.
    """

    id: LineItemId
    kind: LineKind
    description: str
    quantity: Decimal
    unit: str | None = None
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None
    discount_percent: Decimal = Decimal(0)
    discount_amount: Decimal = Decimal(0)
    coverage: Coverage = Coverage.BILLABLE
    taxable: bool = True
    visit_id: VisitId | None = None
    catalog_item_id: CatalogItemId | None = None
    position: int = 0
    invoiced_quantity: Decimal = Decimal(0)
    """How many of the units are on invoices that stand, drafts among them."""
    invoiced_amount: Decimal = Decimal(0)
    """What these are charged with, as `net` counts it."""
    version: int = 1

    @property
    def left_to_invoice(self) -> Decimal:
        """How many of the units the customer has still to be charged for."""
        return self.quantity - self.invoiced_quantity if self.is_billable else Decimal(0)

    @property
    def is_billable(self) -> bool:
        """Whether the customer pays for it."""
        return self.coverage is Coverage.BILLABLE and self.kind is not LineKind.TEXT

    @property
    def is_priced(self) -> bool:
        """Whether it has the price it needs: texts need none, nor does what the customer does not pay for."""
        return not self.is_billable or self.unit_price is not None

    def net(self, currency: str) -> Decimal:
        """What the customer is charged before tax is added: zero for a line that others bear or that has no price."""
        if not self.is_billable or self.unit_price is None:
            return round_half_up(Decimal(0), minor_units(currency))
        # Fractions, since quantity, price and percentage together may have more digits than a decimal context keeps.
        gross = Fraction(self.quantity) * Fraction(self.unit_price)
        charged = gross * (100 - Fraction(self.discount_percent)) / 100 - Fraction(self.discount_amount)
        return round_half_up(charged, minor_units(currency))

    def charge(self, quantity: Decimal, *, currency: str, path: Path = ()) -> tuple["LineItem", Decimal]:
        """The line once `quantity` more of it is on an invoice, and what that comes to.

        What the parts come to never exceeds the whole, and the last part takes exactly what is left of it.
        """
        if not 0 < quantity <= self.left_to_invoice:
            raise MoreThanLeft(
                f"{self.left_to_invoice:f} of '{self.description[:80]}' are left to invoice; {quantity:f} are not.",
                path=path,
            )
        whole = self.net(currency)
        charged = self.invoiced_quantity + quantity
        # Counted up to here and not part by part, so that a cent rounded up once is not rounded up again.
        up_to_here = round_half_up(Fraction(whole) * Fraction(charged) / Fraction(self.quantity), minor_units(currency))
        part = up_to_here - self.invoiced_amount
        if part and (part < 0) != (whole < 0):
            part = round_half_up(Decimal(0), minor_units(currency))
        return self._with_invoiced(charged, self.invoiced_amount + part), part

    def release(self, quantity: Decimal, charged: Decimal) -> "LineItem":
        """The line once so much of it is on no invoice any more."""
        return self._with_invoiced(self.invoiced_quantity - quantity, self.invoiced_amount - charged)

    def _with_invoiced(self, quantity: Decimal, charged: Decimal) -> "LineItem":
        return replace(self, invoiced_quantity=quantity, invoiced_amount=charged)

    def revise(self, changes: dict[str, Any], *, currency: str) -> "LineItem":
        """The line with some fields changed, checked as a whole."""
        return checked_line_item(replace(self, **changes), currency=currency)


def new_line_item(line: LineItem, *, currency: str) -> LineItem:
    """Check a line from outside; all its problems are told together."""
    return checked_line_item(line, currency=currency)


def checked_line_item(line: LineItem, *, currency: str) -> LineItem:
    problems = Problems()
    clean = replace(
        line,
        description=problems.of(checks.text, line.description, path=("description",), longest=DESCRIPTION_CHARACTERS),
        quantity=problems.of(_checked_quantity, line),
        unit=problems.of(checked_unit, line.unit, path=("unit",)),
        unit_price=problems.of(_checked_line_price, line),
        unit_cost=problems.of(checked_cost, line.unit_cost, kind=line.kind, path=("unit_cost",)),
        discount_percent=problems.of(_checked_percent, line),
        discount_amount=problems.of(_checked_discount, line, currency),
        position=problems.of(_checked_position, line.position),
    )
    problems.refuse_if_any()
    _check_net(clean, currency)
    return clean


def checked_price(price: Decimal, *, kind: LineKind, path: Path) -> Decimal:
    """A unit price: zero or more, but zero or less for a DISCOUNT."""
    if kind is LineKind.DISCOUNT:
        return checks.decimal(price, path=path, least=-PRICE_MOST, most=0, places=PLACES)
    return checks.decimal(price, path=path, least=0, most=PRICE_MOST, places=PLACES)


def checked_cost(cost: Decimal | None, *, kind: LineKind, path: Path) -> Decimal | None:
    """A unit cost of zero or more; what is not sold has none."""
    if cost is None:
        return None
    if kind in {LineKind.TEXT, LineKind.DISCOUNT}:
        raise InvalidLine(f"A {kind.lower()} line has no cost.", path=path)
    return checks.decimal(cost, path=path, least=0, most=PRICE_MOST, places=PLACES)


def checked_unit(unit: str | None, *, path: Path) -> str | None:
    return checks.optional_line(unit, path=path, longest=UNIT_CHARACTERS)


def _checked_quantity(line: LineItem) -> Decimal:
    path = ("quantity",)
    if line.kind is LineKind.TEXT:
        if line.quantity != 0:
            raise InvalidLine("A text line has the quantity 0.", path=path)
        return Decimal(0)
    return checks.decimal(line.quantity, path=path, least=QUANTITY_LEAST, most=QUANTITY_MOST, places=PLACES)


def _checked_line_price(line: LineItem) -> Decimal | None:
    path = ("unit_price",)
    if line.unit_price is None:
        return None
    if line.kind is LineKind.TEXT:
        raise InvalidLine("A text line has no price; choose another kind of line to charge for it.", path=path)
    return checked_price(line.unit_price, kind=line.kind, path=path)


def _checked_percent(line: LineItem) -> Decimal:
    path = ("discount_percent",)
    percent = checks.decimal(line.discount_percent, path=path, least=0, most=100, places=PLACES)
    if percent and line.kind in {LineKind.TEXT, LineKind.DISCOUNT}:
        raise InvalidLine(f"A {line.kind.lower()} line has no discount of its own.", path=path)
    return percent


def _checked_discount(line: LineItem, currency: str) -> Decimal:
    path = ("discount_amount",)
    discount = amount(line.discount_amount, currency=currency, path=path)
    if discount and line.kind in {LineKind.TEXT, LineKind.DISCOUNT}:
        raise InvalidLine(f"A {line.kind.lower()} line has no discount of its own.", path=path)
    return discount


def _checked_position(position: int) -> int:
    if not 0 <= position <= POSITION_MOST:
        raise InvalidInput(f"A position lies between 0 and {POSITION_MOST:,}.", path=("position",))
    return position


def _check_net(line: LineItem, currency: str) -> None:
    # As if the customer paid: the coverage may change later, and the line must still hold then.
    net = replace(line, coverage=Coverage.BILLABLE).net(currency)
    if net < 0 and line.kind is not LineKind.DISCOUNT:
        raise DiscountTooLarge(
            f"The discount takes {-net:,} {currency} more than the line comes to; lower it.",
            path=("discount_amount",),
        )
    if abs(net) > AMOUNT_MOST:
        raise InvalidAmount(
            f"This line comes to {net:,} {currency}; a line holds at most {AMOUNT_MOST:,}.", path=("quantity",)
        )
