"""Invoices and payments: draft from a work order, issue under a number, record what was received."""

from datetime import date
from decimal import Decimal

from beltstack.commands.work import Work
from beltstack.domain import payments
from beltstack.domain.access import Action
from beltstack.domain.changes import Change, expect_version
from beltstack.domain.ids import InvoiceId, InvoiceLineId, PaymentId, WorkOrderId
from beltstack.domain.invoices import Invoice, InvoiceState, draft_invoice
from beltstack.domain.payments import PaymentMethod
from beltstack.domain.taxes import TaxSnapshot
from beltstack.domain.tenants import Tenant
from beltstack.domain.work_orders import AlreadyBilled, BillingState, WorkOrder


async def draft(
    work: Work, *, invoice_id: InvoiceId, work_order_id: WorkOrderId, memo: str | None, terms_days: int | None
) -> InvoiceId:
    """A draft of everything billable on a completed work order."""
    work.must_be_able_to(Action.DRAFT_INVOICE)
    work_order = await work.work_orders.get(work_order_id, lock=True, path=("work_order_id",))
    work_order.check_can_be_billed()
    if standing := await work.invoices.standing_for(work_order_id):
        name = f"invoice {standing.number}" if standing.number else "a draft"
        raise AlreadyBilled(f"There is {name} for this work order already.", path=("work_order_id",))
    tenant = await work.tenants.get()
    change = draft_invoice(
        id=invoice_id,
        line_ids=[InvoiceLineId(work.session.new_id()) for _ in work_order.line_items],
        lines=work_order.line_items,
        work_order_id=work_order.id,
        customer_id=work_order.customer_id,
        site_id=work_order.site_id,
        currency=work_order.currency,
        tax=await _tax(work, work_order, tenant),
        tax_mode=tenant.tax_mode,
        tax_rounding=tenant.tax_rounding,
        terms_days=tenant.payment_terms_days if terms_days is None else terms_days,
        memo=memo,
        at=work.now,
    )
    await work.invoices.save(change)
    return invoice_id


async def discard(work: Work, *, invoice_id: InvoiceId, expected_version: int) -> InvoiceId:
    work.must_be_able_to(Action.DRAFT_INVOICE)
    _, invoice = await _load(work, invoice_id)
    change = invoice.discard()
    expect_version(invoice.version, expected_version, "invoice")
    await work.review("before_invoice_discard", change, await work.tenants.get())
    await work.invoices.remove(change)
    return invoice_id


async def issue(work: Work, *, invoice_id: InvoiceId, expected_version: int, issued_on: date | None) -> InvoiceId:
    """Give the draft its number. From then on it stands; the number is taken last, so none is lost."""
    work.must_be_able_to(Action.ISSUE_INVOICE)
    work_order, invoice = await _load(work, invoice_id)
    if invoice.issued_at is not None:
        return invoice_id
    expect_version(invoice.version, expected_version, "invoice")
    invoice.check_can_issue()
    work_order.check_can_be_billed()
    tenant = await work.tenants.get()
    on = issued_on or work.today(tenant)
    tenant.check_period(on)
    await work.review("before_invoice_issue", Change(invoice, invoice.as_issued(on=on, at=work.now)), tenant)
    await _follow(work, work_order, BillingState.BILLED if invoice.balance else BillingState.PAID, tenant)
    number = await work.numbers.next("invoice")
    await work.invoices.save(invoice.issue(number=f"INV-{number}", on=on, at=work.now))
    return invoice_id


async def void(work: Work, *, invoice_id: InvoiceId, expected_version: int, reason: str) -> InvoiceId:
    """Take back what was issued; its work order can be invoiced again. Voided already is as it should be."""
    work.must_be_able_to(Action.VOID_INVOICE)
    work_order, invoice = await _load(work, invoice_id)
    if invoice.state is InvoiceState.VOID:
        return invoice_id
    expect_version(invoice.version, expected_version, "invoice")
    change = invoice.void(reason=reason)
    tenant = await _in_open_books(work, invoice)
    await work.review("before_invoice_void", change, tenant)
    await work.invoices.save(change)
    await _follow(work, work_order, BillingState.UNBILLED, tenant)
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
    work_order, invoice = await _load(work, invoice_id, path=("invoice_id",))
    work_order.check_own(work.actor)
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
        await _follow(work, work_order, BillingState.PAID, tenant)
    return payment_id


async def _load(work: Work, invoice_id: InvoiceId, *, path: tuple[str, ...] = ()) -> tuple[WorkOrder, Invoice]:
    """The work order is locked before its invoice: the lock order everywhere."""
    work.foresee_review()
    work_order_id = await work.invoices.work_order_of(invoice_id, path=path)
    work_order = await work.work_orders.get(work_order_id, lock=True)
    return work_order, await work.invoices.get(invoice_id, lock=True)


async def _in_open_books(work: Work, invoice: Invoice) -> Tenant:
    """A void changes the books of the day the invoice was issued on."""
    tenant = await work.tenants.get()
    if invoice.issued_on is not None:
        tenant.check_period(invoice.issued_on, path=())
    return tenant


async def _follow(work: Work, work_order: WorkOrder, billing_state: BillingState, tenant: Tenant) -> None:
    await work.save_work_order(work_order.billed(billing_state), tenant)


async def _tax(work: Work, work_order: WorkOrder, tenant: Tenant) -> TaxSnapshot | None:
    """Exempt customers pay none; else the site's code, else the tenant's."""
    customer = await work.customers.get(work_order.customer_id)
    site = await work.sites.get(work_order.site_id)
    tax_code_id = site.tax_code_id or tenant.default_tax_code_id
    if customer.tax_exempt or tax_code_id is None:
        return None
    return (await work.tax_codes.get(tax_code_id)).snapshot
