"""Billing: where a work order's money stands, and which part of its lines an invoice takes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from beltstack.domain import checks
from beltstack.domain.errors import NotFound, Path, Problems, Refusal
from beltstack.domain.ids import LineItemId, VisitId
from beltstack.domain.invoices import InvoiceLine, InvoiceState
from beltstack.domain.line_items import PLACES, QUANTITY_MOST, Coverage, LineItem, LineKind
from beltstack.domain.money import round_half_up


class BillingState(StrEnum):
    NOT_BILLABLE = "NOT_BILLABLE"
    UNBILLED = "UNBILLED"
    PARTIALLY_BILLED = "PARTIALLY_BILLED"
    BILLED = "BILLED"
    PAID = "PAID"

    @property
    def is_billed(self) -> bool:
        """Whether an invoice stands for some of it."""
        return self in {BillingState.PARTIALLY_BILLED, BillingState.BILLED, BillingState.PAID}


class AlreadyBilled(Refusal):
    code = "ALREADY_BILLED"


class LineWithoutPrice(Refusal):
    code = "LINE_WITHOUT_PRICE"


@dataclass(frozen=True, slots=True)
class Portion:
    """Which part of some work an invoice takes; all that is left of what is not narrowed down.

    `lines` are quantities by line, None for as much as `percent` says; `visit_ids` leaves only the lines of these
    visits; `percent` is of each line's whole quantity.
    """

    lines: Mapping[LineItemId, Decimal | None] | None = None
    visit_ids: Sequence[VisitId] | None = None
    percent: Decimal | None = None

    def check(self, line_items: Iterable[LineItem], visit_ids: Iterable[VisitId]) -> None:
        """Refuse what is not of the work, and a percentage that is none."""
        problems = Problems()
        if self.percent is not None:
            least = Decimal("0.0001")
            problems.of(checks.decimal, self.percent, path=("percent",), least=least, most=100, places=PLACES)
        known = {line.id for line in line_items}
        for place, line_id in enumerate(self.lines or ()):
            if line_id not in known:
                path = ("lines", str(place), "line_item_id")
                problems.note(NotFound("This line item is not one of the work order.", path=path))
        trips = set(visit_ids)
        for place, visit_id in enumerate(self.visit_ids or ()):
            if visit_id not in trips:
                problems.note(NotFound("This visit is not one of the work order.", path=("visit_ids", str(place))))
        problems.refuse_if_any()

    def takes(self, line: LineItem) -> bool:
        """Whether an invoice of this portion shows the line at all."""
        if line.coverage is not Coverage.BILLABLE:
            return False
        if self.lines is not None and line.id not in self.lines:
            return False
        if self.visit_ids is not None and line.visit_id not in self.visit_ids:
            return False
        return self.percent is None or line.kind is not LineKind.TEXT

    def quantity_of(self, line: LineItem, path: Path) -> Decimal:
        """How much of the line it asks for."""
        asked = self.lines.get(line.id) if self.lines is not None else None
        if asked is not None:
            return checks.decimal(asked, path=path, least=0, most=QUANTITY_MOST, places=PLACES)
        if self.percent is None:
            return line.left_to_invoice
        share = round_half_up(Fraction(line.quantity) * Fraction(self.percent) / 100, PLACES)
        return min(line.left_to_invoice, share)


EVERYTHING = Portion()


@dataclass(frozen=True, slots=True)
class Charge:
    """A part of a line that an invoice charges: `line` as it is with that part invoiced, `amount` net of discount."""

    line: LineItem
    quantity: Decimal
    amount: Decimal


def billing_state(line_items: Sequence[LineItem], invoices: Sequence[InvoiceState], *, may_bill: bool) -> BillingState:
    """Where the money stands, by the states of the invoices that stand, drafts among them."""
    issued = [state for state in invoices if state is not InvoiceState.DRAFT]
    if not issued:
        is_billable = may_bill and any(line.is_billable for line in line_items)
        return BillingState.UNBILLED if is_billable else BillingState.NOT_BILLABLE
    if len(issued) < len(invoices) or any(line.left_to_invoice for line in line_items):
        return BillingState.PARTIALLY_BILLED
    return BillingState.PAID if all(state is InvoiceState.PAID for state in issued) else BillingState.BILLED


def charges_of(line_items: Sequence[LineItem], portion: Portion, *, currency: str) -> tuple[Charge, ...]:
    """What an invoice of this portion charges for, texts among it; refused where a price is missing."""
    problems = Problems()
    charges = [
        problems.of(_charge, line, portion, currency, ("lines", str(index)))
        for index, line in enumerate(line_items)
        if portion.takes(line)
    ]
    problems.refuse_if_any()
    return tuple(charge for charge in charges if charge is not None)


def with_charges(line_items: Iterable[LineItem], charges: Iterable[Charge]) -> tuple[LineItem, ...]:
    charged = {charge.line.id: charge.line for charge in charges}
    return tuple(charged.get(line.id, line) for line in line_items)


def without_charges(line_items: Iterable[LineItem], lines: Iterable[InvoiceLine]) -> tuple[LineItem, ...]:
    """The lines once these of an invoice do not stand any more."""
    gone = {line.line_item_id: line for line in lines}
    return tuple(
        line.release(gone[line.id].quantity, gone[line.id].amount)
        if line.id in gone and line.invoiced_quantity
        else line
        for line in line_items
    )


def check_not_invoiced(before: Iterable[LineItem], after: Iterable[LineItem]) -> None:
    """Refuse to change or remove what is on an invoice or a draft; its place among the lines may change."""
    new = {line.id: _content(line) for line in after}
    for line in before:
        if line.invoiced_quantity and new.get(line.id) != _content(line):
            raise AlreadyBilled(
                f"'{line.description[:80]}' is on an invoice: discard it while it is a draft, else correct it with a"
                " credit note."
            )


def _charge(line: LineItem, portion: Portion, currency: str, path: Path) -> Charge | None:
    """None where nothing of the line is left, or where so little is asked for that it has no quantity."""
    if line.kind is LineKind.TEXT:
        return Charge(line, Decimal(0), line.net(currency))
    if not line.is_priced:
        words = f"'{line.description[:80]}' has no price yet; give it one, or mark who bears it instead."
        raise LineWithoutPrice(words, path=path)
    quantity = portion.quantity_of(line, path)
    if quantity == 0:
        return None
    after, amount = line.charge(quantity, currency=currency, path=path)
    return Charge(after, quantity, amount)


def _content(line: LineItem) -> LineItem:
    return replace(line, position=0, version=1)
