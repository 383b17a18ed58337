"""Drafting: how parts of one or several work orders' lines become an invoice's, taxed and summed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from beltstack.domain import checks
from beltstack.domain.billing import Charge
from beltstack.domain.changes import Change
from beltstack.domain.errors import InvalidInput, Problems, Refusal
from beltstack.domain.ids import CustomerId, InvoiceId, InvoiceLineId, SiteId, WorkOrderId
from beltstack.domain.invoices import (
    MEMO_CHARACTERS,
    TERMS_DAYS_MOST,
    WORK_ORDERS_MOST,
    ComponentTax,
    Invoice,
    InvoiceLine,
    InvoiceState,
)
from beltstack.domain.line_items import LineItem, LineKind
from beltstack.domain.money import AMOUNT_MOST, InvalidAmount, minor_units, round_half_up
from beltstack.domain.taxes import DocumentTax, LineTax, TaxableLine, TaxMode, TaxRounding, TaxSnapshot, tax_document


class NothingToInvoice(Refusal):
    code = "NOTHING_TO_INVOICE"


class NegativeTotal(Refusal):
    code = "NEGATIVE_TOTAL"


class DifferentCustomers(Refusal):
    """An invoice is owed by one customer, in one currency."""

    code = "DIFFERENT_CUSTOMERS"


@dataclass(frozen=True, slots=True)
class Bill:
    """What one work order puts on an invoice; `tax` None means that nothing of it is taxed."""

    work_order_id: WorkOrderId
    charges: tuple[Charge, ...]
    tax: TaxSnapshot | None


@dataclass(frozen=True, slots=True)
class _Part:
    work_order_id: WorkOrderId
    charge: Charge
    tax: TaxSnapshot | None


def draft_invoice(
    *,
    id: InvoiceId,  # noqa: A002 - the record's own name for it
    line_ids: Iterator[InvoiceLineId],
    bills: Sequence[Bill],
    customer_id: CustomerId,
    site_id: SiteId,
    currency: str,
    tax_mode: TaxMode,
    tax_rounding: TaxRounding,
    terms_days: int,
    memo: str | None,
    at: datetime,
    is_progress: bool = False,
) -> Change[Invoice]:
    """A draft of what the bills charge, in their order; `line_ids` has an id for each line."""
    problems = Problems()
    clean_memo = problems.of(checks.optional_text, memo, path=("memo",), longest=MEMO_CHARACTERS)
    problems.of(_check_terms, terms_days)
    parts = [
        _Part(bill.work_order_id, charge, _tax_of(charge.line, bill.tax)) for bill in bills for charge in bill.charges
    ]
    problems.of(_check_parts, [part.charge for part in parts])
    problems.refuse_if_any()
    taxable = [TaxableLine(part.charge.amount, part.tax) for part in parts]
    sums = tax_document(taxable, mode=tax_mode, rounding=tax_rounding, currency=currency)
    check_sums(sums, currency)
    return Invoice(
        id=id,
        work_order_id=bills[0].work_order_id,
        work_order_ids=tuple(bill.work_order_id for bill in bills),
        customer_id=customer_id,
        site_id=site_id,
        number=None,
        state=InvoiceState.DRAFT,
        revision=1,
        currency=currency,
        tax_mode=tax_mode,
        tax_rounding=tax_rounding,
        lines=tuple(_lines(parts, sums.lines, line_ids)),
        subtotal=sums.subtotal,
        tax=sums.tax,
        total=sums.total,
        paid=round_half_up(Decimal(0), minor_units(currency)),
        memo=clean_memo,
        terms_days=terms_days,
        is_progress=is_progress,
        drafted_at=at,
        issued_on=None,
        due_on=None,
        issued_at=None,
        paid_at=None,
    ).drafted()


def check_work_orders(work_order_ids: Sequence[WorkOrderId]) -> None:
    """Not too many of them."""
    if len(work_order_ids) > WORK_ORDERS_MOST:
        raise InvalidInput(f"An invoice bills at most {WORK_ORDERS_MOST} work orders.", path=("more_work_order_ids",))


def check_sums(sums: DocumentTax, currency: str) -> None:
    """Refuse a document that would owe the customer money, or more than an amount holds."""
    if sums.total < 0:
        raise NegativeTotal(
            f"The discounts take {-sums.total:,} {currency} more than the other lines come to; lower them.",
            path=("lines",),
        )
    if sums.tax < 0:
        raise NegativeTotal(
            f"The discounts bring the tax to {sums.tax:,} {currency}; put them on the lines they belong to,"
            " or make them untaxed.",
            path=("lines",),
        )
    if sums.total > AMOUNT_MOST:
        raise InvalidAmount(
            f"This invoice comes to {sums.total:,} {currency}; an invoice holds at most {AMOUNT_MOST:,}.",
            path=("lines",),
        )


def _lines(
    parts: Iterable[_Part], taxed: Iterable[LineTax], line_ids: Iterator[InvoiceLineId]
) -> Iterator[InvoiceLine]:
    for position, (part, after) in enumerate(zip(parts, taxed, strict=True)):
        line = part.charge.line
        yield InvoiceLine(
            id=next(line_ids),
            work_order_id=part.work_order_id,
            line_item_id=line.id,
            kind=line.kind,
            description=line.description,
            quantity=part.charge.quantity,
            unit=line.unit,
            unit_price=line.unit_price or Decimal(0),
            amount=part.charge.amount,
            tax_snapshot=part.tax,
            tax=after.tax,
            tax_components=_components(part.tax, after),
            position=position,
        )


def _components(tax: TaxSnapshot | None, taxed: LineTax) -> tuple[ComponentTax, ...]:
    if tax is None:
        return ()
    return tuple(
        ComponentTax(component.name, component.rate, part)
        for component, part in zip(tax.components, taxed.components, strict=True)
    )


def _tax_of(line: LineItem, tax: TaxSnapshot | None) -> TaxSnapshot | None:
    return tax if line.taxable and line.kind is not LineKind.TEXT else None


def _check_parts(charges: Sequence[Charge]) -> None:
    if not any(charge.line.is_billable and charge.line.kind is not LineKind.DISCOUNT for charge in charges):
        words = "No line is left that is charged to the customer; add one, or make a covered one billable."
        raise NothingToInvoice(words, path=("lines",))


def _check_terms(terms_days: int) -> None:
    if not 0 <= terms_days <= TERMS_DAYS_MOST:
        raise InvalidInput(f"Payment is due within 0 to {TERMS_DAYS_MOST} days.", path=("terms_days",))
