"""What is left to invoice of a line: parts that never come to more than the whole, and exactly to it at the end."""

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beltstack.domain.billing import (
    EVERYTHING,
    AlreadyBilled,
    BillingState,
    Portion,
    billing_state,
    charges_of,
    check_not_invoiced,
    with_charges,
    without_charges,
)
from beltstack.domain.drafting import Bill, draft_invoice
from beltstack.domain.errors import InvalidInput, Refusals
from beltstack.domain.ids import CustomerId, InvoiceId, InvoiceLineId, LineItemId, SiteId, VisitId, WorkOrderId
from beltstack.domain.invoices import Invoice, InvoiceState
from beltstack.domain.line_items import LineItem, LineKind, MoreThanLeft
from beltstack.domain.taxes import TaxMode, TaxRounding
from tests.makers import NOON, an_id

S = InvoiceState


def a_line(number: int = 1, *, price: str = "10.00", quantity: str = "4", **changes: object) -> LineItem:
    line = LineItem(LineItemId(an_id(number)), LineKind.PART, "Filter", Decimal(quantity), unit_price=Decimal(price))
    return replace(line, **changes)  # type: ignore[arg-type]


def an_invoice(
    lines: tuple[LineItem, ...], portion: Portion, currency: str = "USD"
) -> tuple[Invoice, tuple[LineItem, ...]]:
    """The draft of a portion, and the lines once it stands."""
    charges = charges_of(lines, portion, currency=currency)
    change = draft_invoice(
        id=InvoiceId(an_id(90)),
        line_ids=(InvoiceLineId(UUID(int=number)) for number in range(100)),
        bills=[Bill(WorkOrderId(an_id(91)), charges, None)],
        customer_id=CustomerId(an_id(92)),
        site_id=SiteId(an_id(93)),
        currency=currency,
        tax_mode=TaxMode.EXCLUSIVE,
        tax_rounding=TaxRounding.PER_LINE,
        terms_days=30,
        memo=None,
        at=NOON,
    )
    return change.after, with_charges(lines, charges)


quantities = st.decimals(min_value="0.0001", max_value=50, places=4)
prices = st.decimals(min_value=0, max_value=1000, places=4)


@given(
    quantity=quantities, price=prices, percent=st.decimals(min_value=0, max_value=100, places=2),
    shares=st.lists(st.integers(1, 100), min_size=1, max_size=8), currency=st.sampled_from(["USD", "JPY", "KWD"]),
)  # fmt: skip
def test_the_parts_of_a_line_come_to_the_whole_and_never_to_more(
    quantity: Decimal, price: Decimal, percent: Decimal, shares: list[int], currency: str
) -> None:
    line = replace(a_line(), quantity=quantity, unit_price=price, discount_percent=percent)
    whole = line.net(currency)
    for share in shares:
        asked = (line.left_to_invoice * share / 100).quantize(Decimal("0.0001"))
        if not 0 < asked <= line.left_to_invoice:
            continue
        line, part = line.charge(asked, currency=currency)
        assert part >= 0
        assert line.invoiced_amount <= whole
    if line.left_to_invoice:
        line, _ = line.charge(line.left_to_invoice, currency=currency)
    assert (line.left_to_invoice, line.invoiced_amount) == (Decimal(0), whole)


@given(st.lists(st.tuples(st.sampled_from([1, 2, 3, 4]), st.booleans()), max_size=20))
def test_parts_that_are_given_back_can_be_invoiced_again_to_the_cent(steps: list[tuple[int, bool]]) -> None:
    line = a_line(price="0.005", quantity="17")
    standing: list[tuple[Decimal, Decimal]] = []
    whole = line.net("USD")
    for quantity, gives_back in steps:
        if gives_back and standing:
            line = line.release(*standing.pop(0))
        elif quantity <= line.left_to_invoice:
            line, part = line.charge(Decimal(quantity), currency="USD")
            standing.append((Decimal(quantity), part))
        assert line.invoiced_amount >= 0
    if line.left_to_invoice:
        line, part = line.charge(line.left_to_invoice, currency="USD")
        standing.append((Decimal(0), part))
    assert sum((part for _, part in standing), Decimal(0)) == line.invoiced_amount
    assert line.left_to_invoice == 0
    assert whole - Decimal("0.01") <= line.invoiced_amount <= whole + Decimal("0.01")


def test_more_than_is_left_is_not_invoiced() -> None:
    line, _ = a_line().charge(Decimal(3), currency="USD")
    with pytest.raises(MoreThanLeft, match="1 of 'Filter' are left"):
        line.charge(Decimal(2), currency="USD")


def test_a_portion_is_chosen_by_lines_by_visits_or_by_percent() -> None:
    visit = VisitId(an_id(50))
    lines = (a_line(1), a_line(2, visit_id=visit), a_line(3, quantity="1"))

    def amounts(portion: Portion) -> list[tuple[int, str]]:
        charges = charges_of(lines, portion, currency="USD")
        return [(lines.index(next(one for one in lines if one.id == c.line.id)), str(c.amount)) for c in charges]

    assert amounts(EVERYTHING) == [(0, "40.00"), (1, "40.00"), (2, "10.00")]
    assert amounts(Portion(lines={lines[0].id: Decimal(1), lines[2].id: None})) == [(0, "10.00"), (2, "10.00")]
    assert amounts(Portion(visit_ids=[visit])) == [(1, "40.00")]
    assert amounts(Portion(percent=Decimal(30))) == [(0, "12.00"), (1, "12.00"), (2, "3.00")]


@pytest.mark.parametrize("percent", ["0", "100.01", "-1", "0.00001"])
def test_a_percentage_that_is_none_is_refused(percent: str) -> None:
    with pytest.raises(InvalidInput):
        Portion(percent=Decimal(percent)).check((), ())


def test_lines_and_visits_of_other_work_are_refused_all_together() -> None:
    portion = Portion(lines={LineItemId(an_id(9)): None}, visit_ids=[VisitId(an_id(8))])
    with pytest.raises(Refusals) as refused:
        portion.check((a_line(),), ())
    assert [refusal.path for refusal in refused.value.refusals] == [("lines", "0", "line_item_id"), ("visit_ids", "0")]


def test_what_a_discarded_draft_held_is_left_to_invoice_again() -> None:
    lines = (a_line(1), a_line(2))
    draft, after = an_invoice(lines, Portion(percent=Decimal(30)))
    assert [line.left_to_invoice for line in after] == [Decimal("2.8"), Decimal("2.8")]
    assert without_charges(after, draft.lines) == lines


def test_what_is_on_an_invoice_is_neither_changed_nor_removed_but_may_change_its_place() -> None:
    _, after = an_invoice((a_line(1), a_line(2)), Portion(lines={a_line(1).id: None}))
    check_not_invoiced(after, (replace(after[1], description="Other"), replace(after[0], position=7)))
    for edited in ((after[1],), (replace(after[0], unit_price=Decimal(9)), after[1])):
        with pytest.raises(AlreadyBilled):
            check_not_invoiced(after, edited)


@pytest.mark.parametrize(
    ("left", "invoices", "state"),
    [
        (True, [], BillingState.UNBILLED),
        (True, [S.DRAFT], BillingState.UNBILLED),
        (True, [S.PAID], BillingState.PARTIALLY_BILLED),
        (False, [S.PAID, S.DRAFT], BillingState.PARTIALLY_BILLED),
        (False, [S.PAID, S.ISSUED], BillingState.BILLED),
        (False, [S.WRITTEN_OFF], BillingState.BILLED),
        (False, [S.PAID, S.PAID], BillingState.PAID),
    ],
)
def test_the_billing_state_follows_from_what_is_left_and_what_stands(
    left: bool, invoices: list[InvoiceState], state: BillingState
) -> None:
    line = a_line() if left else a_line().charge(Decimal(4), currency="USD")[0]
    assert billing_state((line,), invoices, may_bill=True) is state
