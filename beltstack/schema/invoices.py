"""Invoices and payments."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import strawberry
from sqlalchemy import ColumnElement, FromClause, Numeric, case, or_, select

from beltstack.commands import invoices
from beltstack.commands.work import Work
from beltstack.domain.billing import Portion
from beltstack.domain.ids import InvoiceId, Noun, PaymentId, VisitId, WorkOrderId
from beltstack.domain.invoices import OWES_NOTHING, InvoiceState
from beltstack.domain.line_items import LineKind
from beltstack.domain.payments import PaymentMethod
from beltstack.domain.taxes import TaxMode, TaxRounding
from beltstack.planner.entities import Expression, ToMany, ToOne
from beltstack.schema.customers import Customer
from beltstack.schema.inputs import dry_run, expected_version, idempotency_key, key, new_key
from beltstack.schema.integrations import ExternalReference, external_references
from beltstack.schema.mutations import Mutation
from beltstack.schema.sites import Site
from beltstack.schema.types import Money, Node, bind, column, element, embedded_list, money, says
from beltstack.schema.work_orders import WorkOrder
from beltstack.store import tables


def _balance(row: FromClause) -> ColumnElement[Any]:
    owes_nothing = or_(*(row.c.state == state.value for state in sorted(OWES_NOTHING)))
    # Not 0: a zero with the currency's digits.
    return case((owes_nothing, row.c.total - row.c.total), else_=row.c.total - row.c.paid)


def _currency_of_invoice() -> Expression:
    return lambda row: (
        select(tables.invoice.c.currency)
        .where(tables.invoice.c.tenant_id == row.c.tenant_id, tables.invoice.c.id == row.c.invoice_id)
        .scalar_subquery()
    )


@bind(
    Noun.INVOICE,
    tables.invoice,
    fields={
        "external_references": external_references("invoice"),
        "subtotal": money("subtotal"),
        "tax": money("tax"),
        "total": money("total"),
        "paid": money("paid"),
        "balance": money(_balance),
        "work_order": ToOne("WorkOrder", "work_order_id"),
        "work_orders": ToMany(
            "WorkOrder",
            "invoice_id",
            order_by="position",
            through=tables.invoice_work_order,
            through_column="work_order_id",
        ),
        "customer": ToOne("Customer", "customer_id"),
        "site": ToOne("Site", "site_id"),
        "lines": ToMany("InvoiceLine", "invoice_id", order_by="position"),
        "payments": ToMany("Payment", "invoice_id"),
    },
)
@strawberry.type(description="What a customer owes for a work order. Once issued it never changes.")
class Invoice(Node):
    version: int = says("Counts the changes.")
    number: str | None = says("Given at issue, without gaps; null while it is a draft.")
    state: InvoiceState = says("Where it stands.")
    revision: int = says("Counts what a ledger may be told of it.")
    work_order: WorkOrder = says("What it bills; the first, where it bills several.")
    work_orders: list[WorkOrder] = says("All that it bills, in their order.")
    is_progress: bool = says("Whether it bills work that goes on.")
    customer: Customer = says("Who owes it.")
    site: Site = says("Where the work was done; decides the tax.")
    tax_mode: TaxMode = says("Whether its prices hold the tax.")
    tax_rounding: TaxRounding = says("Where its tax is rounded.")
    subtotal: Money = says("Before tax.")
    tax: Money = says("The tax.")
    total: Money = says("With tax.")
    paid: Money = says("What was received for it.")
    balance: Money = says("What is still owed.")
    memo: str | None = says("A note to the customer.")
    terms_days: int = says("How many days after its issue it is due.")
    issued_on: date | None = says("Its date.")
    due_on: date | None = says("When it is due.")
    issued_at: datetime | None = says("When it was issued.")
    paid_at: datetime | None = says("When it was paid in full.")
    lines: list["InvoiceLine"] = says("Its lines, in their order.")
    payments: list["Payment"] = says("What was received for it, in the order it was recorded.")
    external_references: list[ExternalReference] = says(
        "The documents that stand for it in connected systems, like QuickBooks."
    )


@strawberry.type(description="One authority's part of a line's tax, as it stood when the line was drafted.")
class TaxPart:
    name: str = says("The authority.")
    rate: Decimal = says("Its rate: 0.15 is 15 %.")
    amount: Decimal = says("Its part of the tax, in the invoice's currency.")


@bind(
    Noun.INVOICE_LINE,
    tables.invoice_line,
    expressions={"tax_code": lambda row: row.c.tax_snapshot["code"].astext},
    fields={
        "unit_price": money("unit_price", currency=_currency_of_invoice(), nullable=True),
        "amount": money("amount", currency=_currency_of_invoice()),
        "tax": money("tax", currency=_currency_of_invoice()),
        "tax_components": embedded_list(
            TaxPart,
            column("tax_components"),
            name=element("name"),
            rate=element("rate", Numeric()),
            amount=element("amount", Numeric()),
        ),
        "work_order": ToOne("WorkOrder", "work_order_id"),
    },
)
@strawberry.type(description="One line of an invoice, as it stood when it was drafted.")
class InvoiceLine(Node):
    kind: LineKind = says("What it stands for.")
    description: str = says("What the customer reads.")
    quantity: Decimal = says("How many units.")
    unit: str | None = says("What is counted.")
    unit_price: Money | None = says("Price of one unit.")
    amount: Money = says("Net of discount.")
    tax: Money = says("Its part of the tax.")
    tax_code: str | None = says("The code of the tax charged.")
    tax_components: list[TaxPart] = says("Each authority's part of the tax; together they are its tax.")
    work_order: WorkOrder = says("Whose line it bills.")


@bind(
    Noun.PAYMENT,
    tables.payment,
    fields={
        "amount": money("amount"),
        "invoice": ToOne("Invoice", "invoice_id"),
        "customer": ToOne("Customer", "customer_id"),
    },
)
@strawberry.type(description="Money received for an invoice.")
class Payment(Node):
    version: int = says("Counts the changes.")
    invoice: Invoice = says("What it was received for.")
    customer: Customer = says("Who paid.")
    amount: Money = says("How much.")
    method: PaymentMethod = says("How.")
    received_on: date = says("When it was received.")
    reference: str | None = says("A check's number and the like.")
    recorded_at: datetime = says("When it was recorded here.")


@strawberry.input(description="A line to invoice.")
class InvoicedLineInput:
    line_item_id: strawberry.ID = key(Noun.LINE_ITEM, "The line.")
    quantity: Decimal | None = strawberry.field(
        description="How many of its units; all that are left to invoice, if left out.", default=None
    )


@strawberry.input(
    description="Which work to draft an invoice for: all that is left to invoice of it, narrowed down by `lines`,"
    " `visitIds` and `percent`."
)
class InvoiceDraftInput:
    work_order_id: strawberry.ID = key(Noun.WORK_ORDER, "The work order.")
    more_work_order_ids: list[strawberry.ID] | None = key(
        Noun.WORK_ORDER, "Further work orders of the same customer.", default=None
    )
    lines: list[InvoicedLineInput] | None = strawberry.field(description="Only these lines.", default=None)
    visit_ids: list[strawberry.ID] | None = key(Noun.VISIT, "Only the lines of these trips.", default=None)
    percent: Decimal | None = strawberry.field(
        description="Only this part of every line without a quantity of its own, like 30 for 30 %.", default=None
    )
    is_progress: bool = strawberry.field(
        description="Invoice work that is not completed yet; its other lines stay open.", default=False
    )
    id: strawberry.ID | None = new_key(Noun.INVOICE)
    memo: str | None = strawberry.field(description="A note to the customer.", default=None)
    terms_days: int | None = strawberry.field(
        description="How many days after its issue it is due; the tenant's terms if left out.", default=None
    )
    idempotency_key: str | None = idempotency_key()
    dry_run: bool = dry_run()


@strawberry.input(description="Which draft to issue.")
class InvoiceIssueInput:
    id: strawberry.ID = key(Noun.INVOICE, "The draft.")
    expected_version: int = expected_version()
    issued_on: date | None = strawberry.field(description="Its date; today, where you are, if left out.", default=None)
    idempotency_key: str | None = idempotency_key()
    dry_run: bool = dry_run()


@strawberry.input(description="Which draft to discard.")
class InvoiceDiscardInput:
    id: strawberry.ID = key(Noun.INVOICE, "The draft.")
    expected_version: int = expected_version()
    idempotency_key: str | None = idempotency_key()
    dry_run: bool = dry_run()


@strawberry.input(description="Which invoice, and why.")
class InvoiceReasonInput:
    id: strawberry.ID = key(Noun.INVOICE, "The issued invoice.")
    expected_version: int = expected_version()
    reason: str = says("Why; it is kept and told to the plugins.")
    idempotency_key: str | None = idempotency_key()
    dry_run: bool = dry_run()


@strawberry.input(description="What was received, and for which invoice.")
class PaymentRecordInput:
    invoice_id: strawberry.ID = key(Noun.INVOICE, "The issued invoice.")
    amount: Decimal = says("How much, in the invoice's currency; at most its balance.")
    method: PaymentMethod = says("How.")
    id: strawberry.ID | None = new_key(Noun.PAYMENT)
    received_on: date | None = strawberry.field(description="When; today, where you are, if left out.", default=None)
    reference: str | None = strawberry.field(description="A check's number and the like.", default=None)
    idempotency_key: str | None = idempotency_key()
    dry_run: bool = dry_run()


async def draft(
    work: Work,
    *,
    id: InvoiceId,  # noqa: A002 - the input's own name
    lines: tuple[dict[str, Any], ...] | None,
    visit_ids: tuple[VisitId, ...] | None,
    percent: Decimal | None,
    more_work_order_ids: tuple[WorkOrderId, ...] | None,
    **values: Any,
) -> InvoiceId:
    chosen = None if lines is None else {line["line_item_id"]: line["quantity"] for line in lines}
    portion = Portion(lines=chosen, visit_ids=visit_ids, percent=percent)
    return await invoices.draft(
        work, invoice_id=id, portion=portion, more_work_order_ids=more_work_order_ids or (), **values
    )


async def record(work: Work, *, id: PaymentId, **values: Any) -> PaymentId:  # noqa: A002 - the input's own name
    return await invoices.record_payment(work, payment_id=id, **values)


MUTATIONS = (
    Mutation("invoice.draft", "Draft an invoice of everything billable.", InvoiceDraftInput, Noun.INVOICE, draft),
    Mutation("invoice.issue", "Give a draft its number; it stands.", InvoiceIssueInput, Noun.INVOICE, invoices.issue),
    Mutation("invoice.discard", "Throw a draft away.", InvoiceDiscardInput, Noun.INVOICE, invoices.discard),
    Mutation(
        "invoice.void", "Take back what was issued and not paid.", InvoiceReasonInput, Noun.INVOICE, invoices.void
    ),
    Mutation("invoice.write_off", "Give up what is left.", InvoiceReasonInput, Noun.INVOICE, invoices.write_off),
    Mutation("payment.record", "Record money received.", PaymentRecordInput, Noun.PAYMENT, record),
)
