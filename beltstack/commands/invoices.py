"""Invoices and payments: draft from work orders, issue under a number, record what was received."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from itertools import repeat

from beltstack.commands.work import Work
from beltstack.domain import payments
from beltstack.domain.access import Action, Actor
from beltstack.domain.billing import EVERYTHING, AlreadyBilled, Portion, charges_of, with_charges, without_charges
from beltstack.domain.changes import Change, expect_version
from beltstack.domain.drafting import Bill, DifferentCustomers, check_work_orders, draft_invoice
from beltstack.domain.errors import Path
from beltstack.domain.ids import InvoiceId, InvoiceLineId, PaymentId, WorkOrderId
from beltstack.domain.invoices import Invoice, InvoiceState
from beltstack.domain.payments import PaymentMethod
from beltstack.domain.taxes import TaxSnapshot
from beltstack.domain.tenants import Tenant
from beltstack.domain.work_orders import WorkOrder


async def draft(
    work: Work,
    *,
    invoice_id: InvoiceId,
    work_order_id: WorkOrderId,
    more_work_order_ids: Sequence[WorkOrderId] = (),
    portion: Portion = EVERYTHING,
    is_progress: bool = False,
    memo: str | None = None,
    terms_days: int | None = None,
) -> InvoiceId:
    """A draft of what is left to invoice of one or several work orders, or of a portion of it."""
    work.must_be_able_to(Action.DRAFT_INVOICE)
    asked = tuple(dict.fromkeys((work_order_id, *more_work_order_ids)))
    check_work_orders(asked)
    work_orders = await _asked_for(work, work_order_id, more_work_order_ids)
    portion.check(
        (line for one in work_orders.values() for line in one.line_items),
        (visit.id for one in work_orders.values() for visit in one.visits),
    )
    tenant = await work.tenants.get()
    bills, changes = [], []
    for index, one in enumerate(asked):
        path = ("more_work_order_ids", str(more_work_order_ids.index(one))) if index else ("work_order_id",)
        work_order = work_orders[one]
        _check_same_debt(work_orders[work_order_id], work_order, path)
        bill, noted = await _bill(work, work_order, portion, tenant, is_progress=is_progress, path=path)
        bills.append(bill)
        changes.append(noted)
    first = work_orders[work_order_id]
    change = draft_invoice(
        id=invoice_id,
        line_ids=(InvoiceLineId(work.session.new_id()) for _ in repeat(None)),
        bills=bills,
        customer_id=first.customer_id,
        site_id=first.site_id,
        currency=first.currency,
        tax_mode=tenant.tax_mode,
        tax_rounding=tenant.tax_rounding,
        terms_days=tenant.payment_terms_days if terms_days is None else terms_days,
        memo=memo,
        at=work.now,
        is_progress=is_progress,
    )
    await work.invoices.save(change)
    for noted in changes:
        await work.save_work_order(noted, tenant)
    return invoice_id


async def discard(work: Work, *, invoice_id: InvoiceId, expected_version: int) -> InvoiceId:
    """Throw a draft away; what it held is left to invoice again."""
    work.must_be_able_to(Action.DRAFT_INVOICE)
    work_orders, invoice = await _load(work, invoice_id)
    change = invoice.discard()
    expect_version(invoice.version, expected_version, "invoice")
    tenant = await work.tenants.get()
    await work.review("before_invoice_discard", change, tenant)
    await work.invoices.remove(change)
    await _follow(work, work_orders, invoice, tenant, releases=True)
    return invoice_id


async def issue(work: Work, *, invoice_id: InvoiceId, expected_version: int, issued_on: date | None) -> InvoiceId:
    """Give the draft its number. From then on it stands; the number is taken last, so none is lost."""
    work.must_be_able_to(Action.ISSUE_INVOICE)
    work_orders, invoice = await _load(work, invoice_id)
    if invoice.issued_at is not None:
        return invoice_id
    expect_version(invoice.version, expected_version, "invoice")
    invoice.check_can_issue()
    for work_order in work_orders:
        work_order.check_can_be_billed(is_progress=invoice.is_progress)
    tenant = await work.tenants.get()
    on = issued_on or work.today(tenant)
    tenant.check_period(on)
    proposed = invoice.as_issued(on=on, at=work.now)
    await work.review("before_invoice_issue", Change(invoice, proposed), tenant)
    await _follow(work, work_orders, proposed, tenant)
    number = await work.numbers.next("invoice")
    await work.invoices.save(invoice.issue(number=f"INV-{number}", on=on, at=work.now))
    return invoice_id


async def void(work: Work, *, invoice_id: InvoiceId, expected_version: int, reason: str) -> InvoiceId:
    """Take back what was issued; its work order can be invoiced again. Voided already is as it should be."""
    work.must_be_able_to(Action.VOID_INVOICE)
    work_orders, invoice = await _load(work, invoice_id)
    if invoice.state is InvoiceState.VOID:
        return invoice_id
    expect_version(invoice.version, expected_version, "invoice")
    change = invoice.void(reason=reason)
    tenant = await _in_open_books(work, invoice)
    await work.review("before_invoice_void", change, tenant)
    await work.invoices.save(change)
    await _follow(work, work_orders, change.after, tenant, releases=True)
    return invoice_id


async def write_off(work: Work, *, invoice_id: InvoiceId, expected_version: int, reason: str) -> InvoiceId:
    """Give up what is left to pay. Written off already is as it should be."""
    work.must_be_able_to(Action.WRITE_OFF_INVOICE)
    _, invoice = await _load(work, invoice_id)
    if invoice.state is InvoiceState.WRITTEN_OFF:
        return invoice_id
    expect_version(invoice.version, expected_version, "invoice")
    change = invoice.write_off(reason=reason)
    await work.review("before_invoice_write_off", change, await work.tenants.get())
    await work.invoices.save(change)
    return invoice_id


async def record_payment(
    work: Work,
    *,
    payment_id: PaymentId,
    invoice_id: InvoiceId,
    amount: Decimal,
    method: PaymentMethod,
    received_on: date | None,
    reference: str | None,
) -> PaymentId:
    """Money came in for an issued invoice."""
    work.must_be_able_to(Action.RECORD_PAYMENT)
    work_orders, invoice = await _load(work, invoice_id, path=("invoice_id",))
    check_own(work.actor, work_orders)
    tenant = await work.tenants.get()
    invoice_change, payment_change = payments.record_payment(
        invoice,
        id=payment_id,
        amount=amount,
        method=method,
        received_on=received_on or work.today(tenant),
        reference=reference,
        at=work.now,
    )
    await work.review("before_payment_record", payment_change, tenant)
    await work.payments.save(payment_change)
    await work.invoices.save(invoice_change)
    if invoice_change.after.state is InvoiceState.PAID:
        await _follow(work, work_orders, invoice_change.after, tenant)
    return payment_id


async def _asked_for(
    work: Work, work_order_id: WorkOrderId, more: Sequence[WorkOrderId]
) -> dict[WorkOrderId, WorkOrder]:
    """Locked in one order for everybody, so that two who want the same never wait for each other."""
    paths: dict[WorkOrderId, Path] = {one: ("more_work_order_ids", str(place)) for place, one in enumerate(more)}
    paths[work_order_id] = ("work_order_id",)
    return {one: await work.work_orders.get(one, lock=True, path=paths[one]) for one in sorted(paths)}


async def _load(work: Work, invoice_id: InvoiceId, *, path: Path = ()) -> tuple[list[WorkOrder], Invoice]:
    """The work orders are locked before their invoice: the lock order everywhere."""
    work.foresee_review()
    owners = await work.invoices.work_orders_of(invoice_id, path=path)
    work_orders = [await work.work_orders.get(one, lock=True) for one in owners]
    return work_orders, await work.invoices.get(invoice_id, lock=True)


def check_own(actor: Actor, work_orders: Sequence[WorkOrder]) -> None:
    """Who works only in the field takes money for work that is all their own."""
    for work_order in work_orders:
        work_order.check_own(actor)


def _check_same_debt(first: WorkOrder, other: WorkOrder, path: Path) -> None:
    if (other.customer_id, other.currency) != (first.customer_id, first.currency):
        raise DifferentCustomers(
            f"Work order {other.number} is another customer's, or in another currency, than {first.number}:"
            " invoice it apart.",
            path=path,
        )


async def _bill(
    work: Work, work_order: WorkOrder, portion: Portion, tenant: Tenant, *, is_progress: bool, path: Path
) -> tuple[Bill, Change[WorkOrder]]:
    """What the work order puts on a draft, and the work order with that noted."""
    work_order.check_can_be_billed(is_progress=is_progress, path=path)
    charges = charges_of(work_order.line_items, portion, currency=work_order.currency)
    standing = await work.invoices.standing_for(work_order.id)
    if standing and not any(charge.quantity for charge in charges):
        words = "a draft" if InvoiceState.DRAFT in standing else "an invoice"
        raise AlreadyBilled(f"Everything asked of {work_order.number} is on {words} already.", path=path)
    after = with_charges(work_order.line_items, charges)
    bill = Bill(work_order.id, charges, await _tax(work, work_order, tenant))
    return bill, work_order.billed(after, [*standing, InvoiceState.DRAFT])


async def _in_open_books(work: Work, invoice: Invoice) -> Tenant:
    """A void changes the books of the day the invoice was issued on."""
    tenant = await work.tenants.get()
    if invoice.issued_on is not None:
        tenant.check_period(invoice.issued_on, path=())
    return tenant


async def _follow(
    work: Work, work_orders: Iterable[WorkOrder], invoice: Invoice, tenant: Tenant, *, releases: bool = False
) -> None:
    """Note on the work orders what became of an invoice of theirs; `releases` gives back what it charged."""
    for work_order in work_orders:
        lines = work_order.line_items
        if releases:
            lines = without_charges(lines, invoice.lines_of(work_order.id))
        standing = await work.invoices.standing_for(work_order.id, instead=None if releases else invoice)
        await work.save_work_order(work_order.billed(lines, standing), tenant)


async def _tax(work: Work, work_order: WorkOrder, tenant: Tenant) -> TaxSnapshot | None:
    """Exempt customers pay none; else the site's code, else the tenant's."""
    customer = await work.customers.get(work_order.customer_id)
    site = await work.sites.get(work_order.site_id)
    tax_code_id = site.tax_code_id or tenant.default_tax_code_id
    if customer.tax_exempt or tax_code_id is None:
        return None
    return (await work.tax_codes.get(tax_code_id)).snapshot
