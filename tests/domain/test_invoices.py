"""Invoices: what goes onto a draft, what issuing does, and that nothing edits them afterwards."""

import inspect
import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beltstack.domain.billing import EVERYTHING, LineWithoutPrice, charges_of
from beltstack.domain.changes import Change
from beltstack.domain.drafting import Bill, NegativeTotal, NothingToInvoice, draft_invoice
from beltstack.domain.errors import InvalidInput, Refusal, Refusals
from beltstack.domain.events import (
    InvoiceDiscarded,
    InvoiceDrafted,
    InvoiceIssued,
    InvoicePaid,
    InvoiceVoided,
    InvoiceWrittenOff,
)
from beltstack.domain.ids import CustomerId, InvoiceId, InvoiceLineId, LineItemId, SiteId, WorkOrderId
from beltstack.domain.invoices import (
    OWES_NOTHING,
    Invoice,
    InvoiceHasPayments,
    InvoiceImmutable,
    InvoiceState,
    PaymentExceedsBalance,
)
from beltstack.domain.lifecycle import TransitionNotAllowed
from beltstack.domain.line_items import PRICE_MOST, Coverage, LineItem, LineKind, new_line_item
from beltstack.domain.money import InvalidAmount
from beltstack.domain.taxes import TaxComponent, TaxMode, TaxRounding, TaxSnapshot

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = datetime(2026, 3, 9, 12, tzinfo=UTC)
TODAY = date(2026, 3, 2)
STANDARD = TaxSnapshot("STD", "Standard", (TaxComponent("State", Decimal("0.15")),))


def a_line(price: str | None = "100.00", **changes: object) -> LineItem:
    line = LineItem(
        id=LineItemId(UUID(int=1)),
        kind=LineKind.LABOR,
        description="Replace the capacitor",
        quantity=Decimal(1),
        unit_price=None if price is None else Decimal(price),
    )
    return replace(line, **changes)  # type: ignore[arg-type]


def a_text(description: str = "Thank you.", **changes: object) -> LineItem:
    return a_line(None, kind=LineKind.TEXT, description=description, quantity=Decimal(0), **changes)


def a_discount(price: str, **changes: object) -> LineItem:
    return a_line(price, kind=LineKind.DISCOUNT, description="Loyalty", **changes)


def drafted(*lines: LineItem, **changes: object) -> Change[Invoice]:
    currency = str(changes.get("currency", "USD"))
    charges = charges_of(
        [replace(line, id=LineItemId(UUID(int=1 + n))) for n, line in enumerate(lines)], EVERYTHING, currency=currency
    )
    asked: dict[str, object] = {
        "id": InvoiceId(UUID(int=10)),
        "line_ids": (InvoiceLineId(UUID(int=number)) for number in count(100)),
        "bills": [Bill(WorkOrderId(UUID(int=2)), charges, changes.pop("tax", STANDARD))],  # type: ignore[arg-type]
        "customer_id": CustomerId(UUID(int=3)),
        "site_id": SiteId(UUID(int=4)),
        "currency": "USD",
        "tax_mode": TaxMode.EXCLUSIVE,
        "tax_rounding": TaxRounding.PER_LINE,
        "terms_days": 30,
        "memo": None,
        "at": NOON,
    }
    return draft_invoice(**(asked | changes))  # type: ignore[arg-type]


def issued(*lines: LineItem) -> Invoice:
    return drafted(*(lines or (a_line(),))).after.issue(number="INV-7", on=TODAY, at=NOON).after


def in_state(state: InvoiceState) -> Invoice:
    return replace(issued(), state=state, number=None if state is InvoiceState.DRAFT else "INV-7")


def test_a_draft_has_the_lines_their_tax_and_the_sums() -> None:
    change = drafted(a_line("25.06"), a_line("25.61"), a_line("25.63"), memo=" Net 30. ")
    invoice = change.after
    assert change.before is None
    assert (invoice.state, invoice.number, invoice.issued_on, invoice.due_on) == (InvoiceState.DRAFT, None, None, None)
    assert (invoice.subtotal, invoice.tax, invoice.total) == (Decimal("76.30"), Decimal("11.44"), Decimal("87.74"))
    assert (invoice.paid, invoice.balance, invoice.memo) == (Decimal("0.00"), Decimal("87.74"), "Net 30.")
    assert [(line.id.int, line.position, line.amount, line.tax) for line in invoice.lines] == [
        (100, 0, Decimal("25.06"), Decimal("3.76")),
        (101, 1, Decimal("25.61"), Decimal("3.84")),
        (102, 2, Decimal("25.63"), Decimal("3.84")),
    ]
    (fact,) = change.facts
    assert isinstance(fact, InvoiceDrafted)
    assert (fact.total, fact.number, fact.stream) == (Decimal("87.74"), None, invoice.id)


def test_an_inclusive_draft_s_total_is_the_sum_of_its_prices() -> None:
    invoice = drafted(a_line("115.00"), tax_mode=TaxMode.INCLUSIVE).after
    assert (invoice.subtotal, invoice.tax, invoice.total) == (Decimal(100), Decimal(15), Decimal(115))
    assert invoice.lines[0].amount == Decimal(115)


def test_texts_come_along_at_zero_and_untaxed() -> None:
    invoice = drafted(a_line(), a_text()).after
    text = invoice.lines[1]
    assert [text.quantity, text.unit_price, text.amount, text.tax] == [Decimal(0)] * 4
    assert text.tax_snapshot is None


def test_what_others_bear_stays_off_the_invoice() -> None:
    warranty = a_line("50.00", coverage=Coverage.WARRANTY)
    invoice = drafted(warranty, a_line(), a_text("Ours alone.", coverage=Coverage.INTERNAL)).after
    assert [(line.id.int, line.position) for line in invoice.lines] == [(100, 0)]
    assert invoice.subtotal == Decimal("100.00")


def test_an_untaxable_line_and_an_exempt_customer_bear_no_tax() -> None:
    assert drafted(a_line(), a_line(taxable=False)).after.tax == Decimal("15.00")
    exempt = drafted(a_line(), tax=None).after
    assert (exempt.tax, exempt.lines[0].tax_snapshot) == (Decimal(0), None)


@pytest.mark.parametrize("lines", [(), (a_text(), a_discount("0")), (a_line(coverage=Coverage.WARRANTY),)])
def test_without_a_charged_line_there_is_nothing_to_invoice(lines: tuple[LineItem, ...]) -> None:
    with pytest.raises(NothingToInvoice) as refusal:
        drafted(*lines)
    assert refusal.value.path == ("lines",)


def test_every_charged_line_without_a_price_is_named() -> None:
    with pytest.raises(Refusals) as refusals:
        drafted(a_line(None), a_line(), a_line(None, description="Travel"), a_line(None, coverage=Coverage.WARRANTY))
    assert {type(refusal) for refusal in refusals.value.refusals} == {LineWithoutPrice}
    assert [refusal.path for refusal in refusals.value.refusals] == [("lines", "0"), ("lines", "2")]
    assert "'Travel' has no price yet" in refusals.value.refusals[1].message


def test_discounts_may_bring_the_total_to_zero_but_not_below() -> None:
    assert drafted(a_line(), a_discount("-100.00")).after.total == 0
    with pytest.raises(NegativeTotal) as refusal:
        drafted(a_line(), a_discount("-100.01"), tax=None)
    assert refusal.value.message == "The discounts take 0.01 USD more than the other lines come to; lower them."
    assert refusal.value.path == ("lines",)


def test_a_discount_cannot_turn_the_tax_around() -> None:
    with pytest.raises(NegativeTotal, match=r"bring the tax to -3\.00 USD"):
        drafted(a_line(taxable=False), a_discount("-20.00"))


def test_a_total_beyond_what_an_invoice_holds_is_refused() -> None:
    huge = a_line(str(PRICE_MOST), quantity=Decimal(9))
    assert drafted(huge, tax=None).after.total == Decimal("90000000000.00")
    with pytest.raises(InvalidAmount) as refusal:
        drafted(huge, huge, tax=None)
    assert refusal.value.path == ("lines",)


@pytest.mark.parametrize("terms_days", [-1, 366])
def test_terms_are_within_a_year(terms_days: int) -> None:
    with pytest.raises(InvalidInput) as refusal:
        drafted(a_line(), terms_days=terms_days)
    assert refusal.value.path == ("terms_days",)


def test_issuing_sets_the_number_and_the_days_and_tells_the_lines() -> None:
    change = drafted(a_line(), a_text()).after.issue(number=" INV-7 ", on=TODAY, at=NOON)
    invoice = change.after
    assert (invoice.state, invoice.number, invoice.issued_at) == (InvoiceState.ISSUED, "INV-7", NOON)
    assert (invoice.issued_on, invoice.due_on) == (TODAY, date(2026, 4, 1))
    (fact,) = change.facts
    assert isinstance(fact, InvoiceIssued)
    assert (fact.number, fact.total, fact.line_count, fact.revision) == ("INV-7", Decimal("115.00"), 2, 1)
    assert [(line.description, line.kind, line.amount, line.tax_code, line.tax) for line in fact.lines] == [
        ("Replace the capacitor", "LABOR", Decimal("100.00"), "STD", Decimal("15.00")),
        ("Thank you.", "TEXT", Decimal(0), None, Decimal(0)),
    ]


def test_an_invoice_of_zero_is_paid_at_issue() -> None:
    change = drafted(a_line("0")).after.issue(number="INV-7", on=TODAY, at=NOON)
    assert (change.after.state, change.after.paid_at) == (InvoiceState.PAID, NOON)
    assert [type(fact) for fact in change.facts] == [InvoiceIssued, InvoicePaid]


@pytest.mark.parametrize("state", [state for state in InvoiceState if state is not InvoiceState.DRAFT])
def test_only_a_draft_can_be_issued(state: InvoiceState) -> None:
    invoice = in_state(state)
    for attempt in (invoice.check_can_issue, lambda: invoice.issue(number="INV-8", on=TODAY, at=LATER)):
        with pytest.raises(TransitionNotAllowed) as refusal:
            attempt()
        assert refusal.value.message == f"Invoice INV-7 is {state.words}; only a draft can be issued."


@pytest.mark.parametrize(("number", "on", "path"), [(" ", TODAY, "number"), ("x" * 41, TODAY, "number")])
def test_an_invoice_without_a_fit_number_is_refused(number: str, on: date, path: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        drafted(a_line()).after.issue(number=number, on=on, at=NOON)
    assert refusal.value.path == (path,)


@pytest.mark.parametrize("on", [date(1, 1, 1), date(9999, 12, 31)])
def test_an_invoice_of_an_absurd_day_is_refused(on: date) -> None:
    with pytest.raises(InvalidInput) as refusal:
        drafted(a_line()).after.issue(number="INV-7", on=on, at=NOON)
    assert refusal.value.path == ("issued_on",)


@pytest.mark.parametrize("description", ["Filter", "x" * 4_000, "漢" * 4_000, "\U0001f9f0" * 4_000, '"\n' * 2_000])
def test_what_an_event_tells_of_the_lines_fits_into_it(description: str) -> None:
    charge = a_line("99999999.9999", description=description, quantity=Decimal("999.9999"))
    pair = (charge, replace(charge, kind=LineKind.DISCOUNT, unit_price=Decimal("-99999999.9999")))
    tax = replace(STANDARD, code="漢" * 40)
    lines = [new_line_item(line, currency="KWD") for line in pair * 50]
    change = drafted(*lines, tax=tax, tax_mode=TaxMode.INCLUSIVE, currency="KWD", memo="m" * 1_000)
    fact = change.after.issue(number="9" * 40, on=TODAY, at=NOON).facts[0]
    assert isinstance(fact, InvoiceIssued)
    assert fact.line_count == 100
    assert 4 <= len(fact.lines) <= 40
    assert len(json.dumps(asdict(fact), default=str)) < 16_384 - 500


def test_an_event_tells_forty_usual_lines_with_long_texts_shortened() -> None:
    usual = drafted(*[a_line()] * 41).after.issue(number="INV-7", on=TODAY, at=NOON).facts[0]
    assert isinstance(usual, InvoiceIssued)
    assert (len(usual.lines), usual.line_count) == (40, 41)
    long = drafted(a_line(description="x" * 201)).after.issue(number="INV-7", on=TODAY, at=NOON)
    assert isinstance(long.facts[0], InvoiceIssued)
    assert long.facts[0].lines[0].description == "x" * 199 + "…"
    assert long.after.lines[0].description == "x" * 201


def test_a_draft_can_be_discarded() -> None:
    draft = drafted(a_line()).after
    change = draft.discard()
    assert change.after == draft
    assert [type(fact) for fact in change.facts] == [InvoiceDiscarded]


@pytest.mark.parametrize("state", [state for state in InvoiceState if state is not InvoiceState.DRAFT])
def test_what_is_issued_cannot_be_discarded(state: InvoiceState) -> None:
    with pytest.raises(InvoiceImmutable, match="credit note"):
        in_state(state).discard()


def test_an_unpaid_invoice_is_voided_and_keeps_its_number() -> None:
    change = issued().void(reason=" The wrong customer ")
    assert (change.after.state, change.after.number, change.after.balance) == (InvoiceState.VOID, "INV-7", Decimal(0))
    (fact,) = change.facts
    assert isinstance(fact, InvoiceVoided)
    assert (fact.reason, fact.total) == ("The wrong customer", Decimal("115.00"))


def test_what_was_paid_for_is_not_voided() -> None:
    with pytest.raises(InvoiceHasPayments, match=r"INV-7 has 15\.00 USD of payments"):
        issued().receive(Decimal(15), at=NOON).after.void(reason="x")
    with pytest.raises(InvoiceHasPayments):
        issued().receive(Decimal(115), at=NOON).after.void(reason="x")


def test_what_is_left_to_pay_is_written_off_and_what_was_paid_stays() -> None:
    change = issued().receive(Decimal(15), at=NOON).after.write_off(reason="Insolvent")
    assert (change.after.state, change.after.paid, change.after.balance) == (
        InvoiceState.WRITTEN_OFF, Decimal(15), Decimal(0),
    )  # fmt: skip
    (fact,) = change.facts
    assert isinstance(fact, InvoiceWrittenOff)
    assert (fact.reason, fact.written_off) == ("Insolvent", Decimal("100.00"))


@pytest.mark.parametrize("state", [InvoiceState.DRAFT, InvoiceState.PAID, InvoiceState.VOID, InvoiceState.WRITTEN_OFF])
def test_only_what_awaits_money_is_written_off(state: InvoiceState) -> None:
    with pytest.raises(TransitionNotAllowed):
        in_state(state).write_off(reason="x")


@pytest.mark.parametrize("state", [InvoiceState.DRAFT, InvoiceState.VOID, InvoiceState.WRITTEN_OFF])
def test_what_does_not_stand_is_not_voided(state: InvoiceState) -> None:
    with pytest.raises(TransitionNotAllowed):
        in_state(state).void(reason="x")


@pytest.mark.parametrize("reason", ["", "  ", "x" * 2001])
def test_a_void_and_a_write_off_have_a_reason(reason: str) -> None:
    for move in (issued().void, issued().write_off):
        with pytest.raises(InvalidInput) as refusal:
            move(reason=reason)
        assert refusal.value.path == ("reason",)


def test_payments_bring_an_invoice_to_paid() -> None:
    first = issued().receive(Decimal(15), at=NOON)
    assert (first.after.state, first.after.balance, first.facts) == (
        InvoiceState.PARTIALLY_PAID,
        Decimal("100.00"),
        (),
    )
    last = first.after.receive(Decimal("100.0"), at=LATER)
    assert (last.after.state, last.after.balance, last.after.paid_at) == (InvoiceState.PAID, Decimal(0), LATER)
    assert [type(fact) for fact in last.facts] == [InvoicePaid]


def test_more_than_the_balance_is_refused() -> None:
    with pytest.raises(PaymentExceedsBalance) as refusal:
        issued().receive(Decimal("115.01"), at=NOON)
    assert refusal.value.message == "Invoice INV-7 has 115.00 USD left to pay; 115.01 is more than that."
    assert refusal.value.path == ("amount",)
    with pytest.raises(PaymentExceedsBalance):
        issued().receive(Decimal(100), at=NOON).after.receive(Decimal("15.01"), at=LATER)


def test_a_payment_is_more_than_zero() -> None:
    with pytest.raises(InvalidAmount, match="more than zero"):
        issued().receive(Decimal(0), at=NOON)


@pytest.mark.parametrize("state", [InvoiceState.DRAFT, InvoiceState.PAID, InvoiceState.VOID, InvoiceState.WRITTEN_OFF])
def test_an_invoice_that_awaits_no_money_receives_none(state: InvoiceState) -> None:
    with pytest.raises(TransitionNotAllowed):
        in_state(state).receive(Decimal(1), at=NOON)


ADDED_UP = {"state", "paid", "paid_at"}
"""All that may differ once an invoice is issued: by payments, a void, a write-off."""

METHODS: dict[str, Callable[[Invoice, Decimal, str], object]] = {
    "as_issued": lambda invoice, _amount, _number: invoice.as_issued(on=TODAY, at=LATER),
    "check_can_issue": lambda invoice, _amount, _number: invoice.check_can_issue(),
    "check_can_receive": lambda invoice, _amount, _number: invoice.check_can_receive(),
    "drafted": lambda invoice, _amount, _number: Change(invoice, invoice.drafted().after),
    "lines_of": lambda invoice, _amount, _number: invoice.lines_of(invoice.work_order_id),
    "issue": lambda invoice, _amount, number: invoice.issue(number=number, on=TODAY, at=LATER),
    "discard": lambda invoice, _amount, _number: invoice.discard(),
    "receive": lambda invoice, amount, _number: invoice.receive(amount, at=LATER),
    "void": lambda invoice, _amount, reason: invoice.void(reason=reason),
    "write_off": lambda invoice, _amount, reason: invoice.write_off(reason=reason),
}


def test_the_property_below_knows_every_method_of_an_invoice() -> None:
    public = {name for name, _ in inspect.getmembers(Invoice, inspect.isfunction) if not name.startswith("_")}
    assert public == set(METHODS)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(METHODS)),
            st.decimals(min_value=-10, max_value=130, places=2),
            st.text(min_size=1, max_size=5),
        ),
        max_size=12,
    )
)
def test_nothing_edits_what_an_issued_invoice_says(steps: list[tuple[str, Decimal, str]]) -> None:
    original = issued(a_line(), a_text())
    invoice = original
    for name, amount, number in steps:
        try:
            change = METHODS[name](invoice, amount, number)
        except (Refusal, Refusals):
            continue
        if isinstance(change, Change):
            assert change.before == invoice
            assert not {type(fact) for fact in change.facts} & {InvoiceIssued, InvoiceDiscarded}
            invoice = change.after
        for field in fields(Invoice):
            if field.name not in ADDED_UP:
                assert getattr(invoice, field.name) == getattr(original, field.name)
        assert 0 <= invoice.paid <= invoice.total
        assert (invoice.state is InvoiceState.PAID) == (invoice.paid_at is not None)
        assert (invoice.balance == 0) == (invoice.state in {InvoiceState.PAID, *OWES_NOTHING})
        assert invoice.paid == 0 or invoice.state is not InvoiceState.VOID


def test_no_field_of_an_invoice_can_be_assigned() -> None:
    invoice = issued()
    for field in fields(Invoice):
        with pytest.raises(FrozenInstanceError):
            setattr(invoice, field.name, None)


CHARGES = st.lists(
    st.tuples(
        st.decimals(min_value=0, max_value=10_000, places=4),
        st.decimals(min_value=Decimal("0.0001"), max_value=100, places=4),
        st.decimals(min_value=0, max_value=100, places=2),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


@settings(deadline=None)
@given(CHARGES, st.sampled_from(list(TaxMode)), st.sampled_from(list(TaxRounding)))
def test_a_draft_s_sums_are_the_sums_of_its_lines(
    charges: list[tuple[Decimal, Decimal, Decimal, bool]], mode: TaxMode, rounding: TaxRounding
) -> None:
    lines = [
        a_line(str(price), quantity=quantity, discount_percent=percent, taxable=taxable)
        for price, quantity, percent, taxable in charges
    ]
    invoice = drafted(*lines, tax_mode=mode, tax_rounding=rounding).after
    amounts = sum(line.amount for line in invoice.lines)
    assert [line.amount for line in invoice.lines] == [line.net("USD") for line in lines]
    assert invoice.tax == sum(line.tax for line in invoice.lines)
    assert invoice.subtotal + invoice.tax == invoice.total
    assert amounts == (invoice.subtotal if mode is TaxMode.EXCLUSIVE else invoice.total)
