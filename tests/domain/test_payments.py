"""Payments: recorded for an open invoice, at most its balance, and never edited."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beltstack.domain.billing import EVERYTHING, charges_of
from beltstack.domain.changes import Change
from beltstack.domain.drafting import Bill, draft_invoice
from beltstack.domain.errors import InvalidInput, Refusal, Refusals
from beltstack.domain.events import InvoicePaid, PaymentRecorded
from beltstack.domain.ids import CustomerId, InvoiceId, InvoiceLineId, LineItemId, PaymentId, SiteId, WorkOrderId
from beltstack.domain.invoices import Invoice, InvoiceState, PaymentExceedsBalance
from beltstack.domain.lifecycle import TransitionNotAllowed
from beltstack.domain.line_items import LineItem, LineKind
from beltstack.domain.money import InvalidAmount
from beltstack.domain.payments import InvalidReceiptDate, Payment, PaymentMethod, record_payment
from beltstack.domain.taxes import TaxMode, TaxRounding

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TODAY = date(2026, 3, 2)


def a_draft(total: str = "100.00", currency: str = "USD") -> Invoice:
    line = LineItem(LineItemId(UUID(int=1)), LineKind.FEE, "Call-out", Decimal(1), unit_price=Decimal(total))
    return draft_invoice(
        id=InvoiceId(UUID(int=10)),
        line_ids=iter([InvoiceLineId(UUID(int=100))]),
        bills=[Bill(WorkOrderId(UUID(int=2)), charges_of([line], EVERYTHING, currency=currency), None)],
        customer_id=CustomerId(UUID(int=3)),
        site_id=SiteId(UUID(int=4)),
        currency=currency,
        tax_mode=TaxMode.EXCLUSIVE,
        tax_rounding=TaxRounding.PER_LINE,
        terms_days=30,
        memo=None,
        at=NOON,
    ).after


def an_issued(total: str = "100.00", currency: str = "USD") -> Invoice:
    return a_draft(total, currency).issue(number="INV-7", on=TODAY, at=NOON).after


def recorded(invoice: Invoice, amount: str, **changes: object) -> tuple[Change[Invoice], Change[Payment]]:
    asked: dict[str, object] = {
        "id": PaymentId(UUID(int=20)),
        "amount": Decimal(amount),
        "method": PaymentMethod.CHECK,
        "received_on": TODAY,
        "reference": " 1042 ",
        "at": NOON,
    }
    return record_payment(invoice, **(asked | changes))  # type: ignore[arg-type]


def test_a_payment_of_the_balance_pays_the_invoice() -> None:
    invoice_change, payment_change = recorded(an_issued(), "100")
    assert invoice_change.after.state is InvoiceState.PAID
    assert [type(fact) for fact in invoice_change.facts] == [InvoicePaid]
    assert payment_change.before is None
    assert payment_change.after == Payment(
        id=PaymentId(UUID(int=20)),
        invoice_id=InvoiceId(UUID(int=10)),
        customer_id=CustomerId(UUID(int=3)),
        amount=Decimal("100.00"),
        currency="USD",
        method=PaymentMethod.CHECK,
        received_on=TODAY,
        reference="1042",
        recorded_at=NOON,
    )


def test_the_payment_s_own_change_tells_of_it_in_the_invoice_s_stream() -> None:
    invoice_change, payment_change = recorded(an_issued(), "40")
    assert (invoice_change.after.state, invoice_change.facts) == (InvoiceState.PARTIALLY_PAID, ())
    (fact,) = payment_change.facts
    assert isinstance(fact, PaymentRecorded)
    assert (fact.stream, str(fact.amount), fact.method) == (UUID(int=10), "40.00", "CHECK")


@pytest.mark.parametrize("state", list(InvoiceState))
def test_only_an_invoice_that_awaits_money_takes_a_payment(state: InvoiceState) -> None:
    invoice = replace(an_issued(), state=state)
    if state in {InvoiceState.ISSUED, InvoiceState.PARTIALLY_PAID}:
        assert recorded(invoice, "1")[0].after.paid == 1
        return
    # Alone: what is wrong with the payment itself does not matter then.
    with pytest.raises(TransitionNotAllowed):
        recorded(invoice, "1", reference="x" * 101)


def test_a_draft_s_refusal_says_to_issue_it_first() -> None:
    with pytest.raises(TransitionNotAllowed, match="issue it before you record a payment"):
        recorded(a_draft(), "1")


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "NaN", "Infinity", "1e30"])
def test_an_amount_that_nobody_pays_is_refused(amount: str) -> None:
    with pytest.raises(InvalidAmount) as refusal:
        recorded(an_issued(), amount)
    assert refusal.value.path == ("amount",)


def test_an_overpayment_is_refused() -> None:
    with pytest.raises(PaymentExceedsBalance):
        recorded(an_issued(), "100.01")
    partly = recorded(an_issued(), "60")[0].after
    with pytest.raises(PaymentExceedsBalance, match=r"40\.00 USD left"):
        recorded(partly, "40.01")


def test_money_counts_from_the_day_it_was_received_on_not_before() -> None:
    # It is already the third of March in Auckland.
    assert recorded(an_issued(), "1", received_on=date(2026, 3, 3))[1].after.received_on == date(2026, 3, 3)
    with pytest.raises(InvalidReceiptDate) as refusal:
        recorded(an_issued(), "1", received_on=date(2026, 3, 4))
    assert refusal.value.path == ("received_on",)
    with pytest.raises(InvalidReceiptDate):
        recorded(an_issued(), "1", received_on=date(206, 3, 2))


def test_a_reference_is_one_short_line_or_none() -> None:
    assert recorded(an_issued(), "1", reference="  ")[1].after.reference is None
    for reference in ("x" * 101, "two\nlines"):
        with pytest.raises(InvalidInput) as refusal:
            recorded(an_issued(), "1", reference=reference)
        assert refusal.value.path == ("reference",)


def test_all_problems_of_a_payment_are_told_together() -> None:
    with pytest.raises(Refusals) as refusals:
        recorded(an_issued(), "0", reference="x" * 10_000, received_on=date(2030, 1, 1))
    assert [refusal.path for refusal in refusals.value.refusals] == [("amount",), ("reference",), ("received_on",)]


@settings(deadline=None)
@given(st.lists(st.decimals(min_value=0, max_value=60, places=2), max_size=8))
def test_the_invoice_is_paid_by_exactly_the_payments_recorded(amounts: list[Decimal]) -> None:
    invoice = an_issued()
    payments: list[Payment] = []
    for amount in amounts:
        try:
            invoice_change, payment_change = recorded(invoice, str(amount))
        except Refusal:
            continue
        invoice = invoice_change.after
        payments.append(payment_change.after)
    assert invoice.paid == sum(payment.amount for payment in payments) <= invoice.total
    assert all(payment.amount > 0 for payment in payments)
    assert (invoice.state is InvoiceState.PAID) == (invoice.paid == invoice.total)
