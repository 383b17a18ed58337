"""Invoices: drafted from work orders' lines, issued once under a number, and from then on only paid."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from beltstack.domain import checks
from beltstack.domain.changes import Change
from beltstack.domain.errors import InvalidInput, Problems, Refusal
from beltstack.domain.events import (
    InvoiceDiscarded,
    InvoiceDrafted,
    InvoiceFact,
    InvoiceIssued,
    InvoiceLineSnapshot,
    InvoicePaid,
    InvoiceVoided,
    InvoiceWrittenOff,
)
from beltstack.domain.ids import CustomerId, InvoiceId, InvoiceLineId, LineItemId, SiteId, WorkOrderId
from beltstack.domain.lifecycle import TransitionNotAllowed
from beltstack.domain.line_items import LineKind
from beltstack.domain.money import InvalidAmount, amount
from beltstack.domain.taxes import TaxMode, TaxRounding, TaxSnapshot

F = TypeVar("F", bound=InvoiceFact)

TERMS_DAYS_MOST = 365
MEMO_CHARACTERS = 1_000
NUMBER_CHARACTERS = 40
WORK_ORDERS_MOST = 40
"""How many work orders one invoice bills: every event of it names them all."""
REASON_CHARACTERS = 2_000

# What an event tells of the lines: it holds 16 KiB as JSON with everything else in it.
TOLD_LINES_MOST = 40
TOLD_DESCRIPTION_CHARACTERS = 200
_TOLD_BYTES = 12_000
_TOLD_BYTES_BESIDES_TEXT = 180


class InvoiceState(StrEnum):
    DRAFT = "DRAFT"
    ISSUED = "ISSUED"
    PARTIALLY_PAID = "PARTIALLY_PAID"
    PAID = "PAID"
    VOID = "VOID"
    WRITTEN_OFF = "WRITTEN_OFF"

    @property
    def words(self) -> str:
        return self.value.lower().replace("_", " ")


OPEN_FOR_PAYMENT = frozenset({InvoiceState.ISSUED, InvoiceState.PARTIALLY_PAID})
OWES_NOTHING = frozenset({InvoiceState.VOID, InvoiceState.WRITTEN_OFF})
"""Whatever it comes to: nobody waits for money any more."""


class InvoiceImmutable(Refusal):
    """An issued invoice stands as it is."""

    code = "INVOICE_IMMUTABLE"


class InvoiceHasPayments(Refusal):
    """Money that was received cannot be received for nothing."""

    code = "INVOICE_HAS_PAYMENTS"


class PaymentExceedsBalance(Refusal):
    code = "PAYMENT_EXCEEDS_BALANCE"


@dataclass(frozen=True, slots=True)
class ComponentTax:
    """One authority's part of a line's tax, at the rate it had."""

    name: str
    rate: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """A line as it was when drafted. `amount` is net of discount; it contains tax when the invoice is INCLUSIVE."""

    id: InvoiceLineId
    line_item_id: LineItemId | None
    kind: LineKind
    description: str
    quantity: Decimal
    unit: str | None
    unit_price: Decimal
    amount: Decimal
    tax_snapshot: TaxSnapshot | None
    tax: Decimal
    position: int
    work_order_id: WorkOrderId
    tax_components: tuple[ComponentTax, ...] = ()
    """The parts of `tax`, in the order of the snapshot's components; they sum to it."""

    @property
    def snapshot(self) -> InvoiceLineSnapshot:
        return InvoiceLineSnapshot(
            description=self.description,
            kind=self.kind.value,
            quantity=self.quantity,
            unit_price=self.unit_price,
            amount=self.amount,
            tax_code=self.tax_snapshot.code if self.tax_snapshot else None,
            tax=self.tax,
        )


@dataclass(frozen=True, slots=True)
class Invoice:
    """Amounts are in `currency`; `revision` counts what a ledger may be told of this invoice.

    Once issued, only `state`, `paid` and `paid_at` still change: by payments, a void or a write-off.
    """

    id: InvoiceId
    work_order_id: WorkOrderId
    """The first of those it bills."""
    customer_id: CustomerId
    site_id: SiteId
    number: str | None
    state: InvoiceState
    revision: int
    currency: str
    tax_mode: TaxMode
    tax_rounding: TaxRounding
    lines: tuple[InvoiceLine, ...]
    subtotal: Decimal
    tax: Decimal
    total: Decimal
    paid: Decimal
    memo: str | None
    terms_days: int
    drafted_at: datetime
    issued_on: date | None
    due_on: date | None
    issued_at: datetime | None
    paid_at: datetime | None
    is_progress: bool = False
    """Whether it may be issued before the work is completed."""
    work_order_ids: tuple[WorkOrderId, ...] = ()
    """All that it bills, in their order."""
    version: int = 1

    @property
    def balance(self) -> Decimal:
        """What is still to be paid."""
        return self.total - (self.total if self.state in OWES_NOTHING else self.paid)

    def drafted(self) -> Change["Invoice"]:
        """The fact that there is a new draft."""
        return Change(None, self, (self._fact(InvoiceDrafted),))

    def lines_of(self, work_order_id: WorkOrderId) -> tuple[InvoiceLine, ...]:
        return tuple(line for line in self.lines if line.work_order_id == work_order_id)

    def check_can_issue(self) -> None:
        """Refuse what could not be issued whatever its number, so that the number can be taken last."""
        if self.state is not InvoiceState.DRAFT:
            raise TransitionNotAllowed(f"{self._name} is {self.state.words}; only a draft can be issued.")

    def issue(self, *, number: str, on: date, at: datetime) -> Change["Invoice"]:
        """Make the draft an invoice, due `terms_days` after `on`. One of zero is paid at once."""
        self.check_can_issue()
        problems = Problems()
        clean_number = problems.of(checks.line, number, path=("number",), longest=NUMBER_CHARACTERS)
        proposed = problems.of(self.as_issued, on=on, at=at)
        problems.refuse_if_any()
        after = replace(proposed, number=clean_number)
        issued = replace(after._fact(InvoiceIssued), lines=_told(self.lines), line_count=len(self.lines))
        facts = (issued, after._fact(InvoicePaid)) if after.state is InvoiceState.PAID else (issued,)
        return Change(self, after, facts)

    def as_issued(self, *, on: date, at: datetime) -> "Invoice":
        """The invoice that the draft would be, still without its number."""
        self.check_can_issue()
        _check_day(on)
        is_paid = self.balance == 0
        return replace(
            self,
            state=InvoiceState.PAID if is_paid else InvoiceState.ISSUED,
            issued_on=on,
            due_on=on + timedelta(days=self.terms_days),
            issued_at=at,
            paid_at=at if is_paid else None,
        )

    def discard(self) -> Change["Invoice"]:
        """Only a draft may go without a trace; what is issued stands."""
        if self.state is not InvoiceState.DRAFT:
            raise InvoiceImmutable(
                f"{self._name} is {self.state.words} and stands; correct it by a credit note instead of discarding it."
            )
        return Change(self, self, (self._fact(InvoiceDiscarded),))

    def void(self, *, reason: str) -> Change["Invoice"]:
        """As if it had not been issued, but for its number, which stays taken. Only while nothing was paid."""
        reason = self._checked_end(reason, "voided")
        if self.paid:
            raise InvoiceHasPayments(
                f"{self._name} has {self.paid:,} {self.currency} of payments; what was paid for cannot be voided."
            )
        after = replace(self, state=InvoiceState.VOID, paid_at=None)
        return Change(self, after, (after._fact(InvoiceVoided, reason=reason),))

    def write_off(self, *, reason: str) -> Change["Invoice"]:
        """Give up what is left to pay; what was paid stays."""
        reason = self._checked_end(reason, "written off")
        if self.state not in OPEN_FOR_PAYMENT:
            raise TransitionNotAllowed(f"{self._name} is {self.state.words}: nothing is left to write off.")
        after = replace(self, state=InvoiceState.WRITTEN_OFF)
        return Change(self, after, (after._fact(InvoiceWrittenOff, reason=reason, written_off=self.balance),))

    def receive(self, received: Decimal, *, at: datetime) -> Change["Invoice"]:
        """Count a payment of `received`, more than zero and at most the balance."""
        self.check_can_receive()
        clean = amount(received, currency=self.currency, path=("amount",))
        if clean == 0:
            raise InvalidAmount("A payment is more than zero.", path=("amount",))
        if clean > self.balance:
            raise PaymentExceedsBalance(
                f"{self._name} has {self.balance:,} {self.currency} left to pay; {clean:,} is more than that.",
                path=("amount",),
            )
        is_paid = clean == self.balance
        after = replace(
            self,
            state=InvoiceState.PAID if is_paid else InvoiceState.PARTIALLY_PAID,
            paid=self.paid + clean,
            paid_at=at if is_paid else None,
        )
        return Change(self, after, (after._fact(InvoicePaid),) if is_paid else ())

    def check_can_receive(self) -> None:
        """Refuse a payment on an invoice that awaits none."""
        if self.state is InvoiceState.DRAFT:
            raise TransitionNotAllowed("This invoice is a draft; issue it before you record a payment.")
        if self.state not in OPEN_FOR_PAYMENT:
            raise TransitionNotAllowed(f"{self._name} is {self.state.words} and awaits no payment.")

    def _checked_end(self, reason: str, what: str) -> str:
        """The reason; refused where the invoice does not stand."""
        if self.state is InvoiceState.DRAFT:
            raise TransitionNotAllowed(f"This invoice is a draft and cannot be {what}; discard it instead.")
        if self.state in OWES_NOTHING:
            raise TransitionNotAllowed(f"{self._name} is {self.state.words} already.")
        return checks.text(reason, path=("reason",), longest=REASON_CHARACTERS)

    @property
    def _name(self) -> str:
        return f"Invoice {self.number}" if self.number else "This invoice"

    def _fact(self, kind: type[F], **more: Any) -> F:
        return kind(
            invoice_id=self.id,
            revision=self.revision,
            number=self.number,
            customer_id=self.customer_id,
            site_id=self.site_id,
            work_order_id=self.work_order_id,
            work_order_ids=self.work_order_ids,
            currency=self.currency,
            tax_mode=self.tax_mode.value,
            subtotal=self.subtotal,
            tax=self.tax,
            total=self.total,
            issued_on=self.issued_on,
            due_on=self.due_on,
            **more,
        )


def _told(lines: Sequence[InvoiceLine]) -> tuple[InvoiceLineSnapshot, ...]:
    """The first lines, as many as an event has room for, their descriptions shortened."""
    told: list[InvoiceLineSnapshot] = []
    room = _TOLD_BYTES
    for line in lines[:TOLD_LINES_MOST]:
        snapshot = replace(line.snapshot, description=_shortened(line.description))
        room -= _TOLD_BYTES_BESIDES_TEXT + len(json.dumps([snapshot.description, snapshot.tax_code]))
        if room < 0:
            break
        told.append(snapshot)
    return tuple(told)


def _shortened(description: str) -> str:
    if len(description) <= TOLD_DESCRIPTION_CHARACTERS:
        return description
    return description[: TOLD_DESCRIPTION_CHARACTERS - 1] + "…"


def _check_day(on: date) -> None:
    if not 1970 <= on.year <= 2200:
        raise InvalidInput("This is outside the years 1970 to 2200.", path=("issued_on",))
