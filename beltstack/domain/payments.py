"""Payments: money received for one invoice, recorded once and never edited."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from beltstack.domain import checks
from beltstack.domain.changes import Change
from beltstack.domain.errors import InvalidInput, Problems
from beltstack.domain.events import PaymentRecorded
from beltstack.domain.ids import CustomerId, InvoiceId, PaymentId
from beltstack.domain.invoices import Invoice

REFERENCE_CHARACTERS = 100


class PaymentMethod(StrEnum):
    """CARD_EXTERNAL was taken on a terminal of its own, CARD_PROCESSOR through a connected processor."""

    CASH = "CASH"
    CHECK = "CHECK"
    CARD_EXTERNAL = "CARD_EXTERNAL"
    CARD_PROCESSOR = "CARD_PROCESSOR"
    BANK_TRANSFER = "BANK_TRANSFER"
    ACH = "ACH"
    FINANCING = "FINANCING"
    OTHER = "OTHER"


class InvalidReceiptDate(InvalidInput):
    code = "INVALID_RECEIPT_DATE"


@dataclass(frozen=True, slots=True)
class Payment:
    """`reference` is what the payer or the bank calls it: a check number, a transfer's text."""

    id: PaymentId
    invoice_id: InvoiceId
    customer_id: CustomerId
    amount: Decimal
    currency: str
    method: PaymentMethod
    received_on: date
    reference: str | None
    recorded_at: datetime
    version: int = 1


def record_payment(
    invoice: Invoice,
    *,
    id: PaymentId,  # noqa: A002 - the record's own name for it
    amount: Decimal,
    method: PaymentMethod,
    received_on: date,
    reference: str | None,
    at: datetime,
) -> tuple[Change[Invoice], Change[Payment]]:
    """Record money received for an issued invoice, at most its balance.

    Save the payment's change first: a ledger hears of the payment before it hears that the invoice is paid.
    """
    invoice.check_can_receive()
    problems = Problems()
    paid = problems.of(invoice.receive, amount, at=at)
    clean_reference = problems.of(checks.optional_line, reference, path=("reference",), longest=REFERENCE_CHARACTERS)
    problems.of(_check_received_on, received_on, at)
    problems.refuse_if_any()
    payment = Payment(
        id=id,
        invoice_id=invoice.id,
        customer_id=invoice.customer_id,
        # The difference, since it has the currency's decimals however the amount was written.
        amount=paid.after.paid - invoice.paid,
        currency=invoice.currency,
        method=method,
        received_on=received_on,
        reference=clean_reference,
        recorded_at=at,
    )
    return paid, Change(None, payment, (_recorded(payment),))


def _recorded(payment: Payment) -> PaymentRecorded:
    return PaymentRecorded(
        payment_id=payment.id,
        invoice_id=payment.invoice_id,
        customer_id=payment.customer_id,
        amount=payment.amount,
        currency=payment.currency,
        method=payment.method.value,
        received_on=payment.received_on,
        reference=payment.reference,
    )


def _check_received_on(received_on: date, at: datetime) -> None:
    # A day ahead of UTC is today already in the places east of it.
    if received_on > at.date() + timedelta(days=1):
        raise InvalidReceiptDate(
            "This day is still to come; a payment is recorded once received.", path=("received_on",)
        )
    if received_on.year < 1970:
        raise InvalidReceiptDate("This day is too long ago; check the year.", path=("received_on",))
