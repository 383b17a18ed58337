"""A real context over memory for the plugin's tests, and makers of what it sends: valid by default."""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast
from uuid import UUID, uuid4

import anyio.to_process
import httpx
import jsonschema
import pytest
from beltstack_quickbooks import QuickBooks, QuickBooksCredentials, QuickBooksSettings
from beltstack_quickbooks.mapping import Entity

from beltstack.demo.quickbooks import LoopbackQuickBooks
from beltstack.domain.customers import CustomerKind
from beltstack.domain.ids import (
    CustomerId,
    EventId,
    IntegrationId,
    InvoiceId,
    InvoiceLineId,
    PaymentId,
    SiteId,
    TenantId,
    WorkOrderId,
)
from beltstack.domain.invoices import InvoiceState
from beltstack.domain.taxes import TaxableLine, TaxComponent, TaxRounding, TaxSnapshot, tax_document
from beltstack.plugins import (
    Address,
    Customer,
    Envelope,
    Invoice,
    InvoiceIssued,
    InvoiceLine,
    LineKind,
    NeedsAttention,
    PaymentRecorded,
    Reference,
    Site,
    TaxMode,
    TenantInfo,
    WorkOrder,
)
from beltstack.plugins.context import Credentials, Records, References

P = ParamSpec("P")
T = TypeVar("T")

ROOT = Path(__file__).parents[2]
TENANT = TenantInfo(TenantId(uuid4()), "Loopback Heating & Air", "USD", "America/Chicago", date(2026, 3, 2))
NOON = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
SALES_TAX = TaxSnapshot("COOK", "Cook County", (TaxComponent("County", Decimal("0.1025")),))
REQUIRED = {"Customer": ("DisplayName",), "Invoice": ("CustomerRef", "Line"), "Payment": ("CustomerRef", "TotalAmt")}


# ── Intuit's schema and recordings ────────────────────────────────────────────────────────────────


def accounting_data() -> Path:
    """Where the third-party recordings lie; skips where they are absent and need not be there."""
    folder = Path(os.environ.get("BELTSTACK_ACCOUNTING_DATA", ROOT.parent / "shared/data/accounting"))
    if folder.is_dir():
        return folder
    words = f"The accounting data is not in {folder}; set BELTSTACK_ACCOUNTING_DATA to where it is."
    if os.environ.get("CI") == "true" or "BELTSTACK_ACCOUNTING_DATA" in os.environ:
        pytest.fail(words)
    pytest.skip(words)


def check_payload(kind: str, body: Entity) -> None:
    """Hold a body that is sent against Intuit's own schema; an update need not bring what a new thing must."""
    schema = _schema(accounting_data())
    demanded = [] if "Id" in body else list(REQUIRED[kind])
    jsonschema.Draft202012Validator(
        {"$defs": schema["$defs"], "$ref": f"#/$defs/{kind}", "required": demanded}
    ).validate(body)


@cache
def _schema(folder: Path) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((folder / "derived/qbo_v3.schema.json").read_text())
    return schema


# ── makers ────────────────────────────────────────────────────────────────────────────────────────


def a_customer(**changes: Any) -> Customer:
    customer = Customer(
        id=CustomerId(uuid4()),
        kind=CustomerKind.RESIDENTIAL,
        name="Rosa Delgado",
        email="rosa@example.com",
        phone="(312) 555-0175",
        billing_address=Address("12 Elm St", city="Chicago", region="IL", postal_code="60607"),
    )
    return replace(customer, **changes)


def a_site(customer: Customer, **changes: Any) -> Site:
    place = Address("900 Pier Rd", "Unit 9", "Evanston", "IL", "60201")
    site = Site(SiteId(uuid4()), customer.id, "Pier 9", "America/Chicago", place)
    return replace(site, **changes)


def a_line(
    amount: str = "190.00",
    *,
    quantity: str = "2",
    unit_price: str = "95.00",
    kind: LineKind = LineKind.LABOR,
    tax: TaxSnapshot | None = SALES_TAX,
    description: str = "Diagnosis",
    unit: str | None = "h",
) -> InvoiceLine:
    """A line whose tax `an_invoice` works out."""
    return InvoiceLine(
        id=InvoiceLineId(uuid4()),
        line_item_id=None,
        kind=kind,
        description=description,
        quantity=Decimal(quantity),
        unit=unit,
        unit_price=Decimal(unit_price),
        amount=Decimal(amount),
        tax_snapshot=tax,
        tax=Decimal("0.00"),
        position=0,
        work_order_id=WorkOrderId(uuid4()),
    )


def an_invoice(customer: Customer, site: Site, *lines: InvoiceLine, **changes: Any) -> Invoice:
    """An issued invoice with the domain's own sums."""
    lines = lines or (a_line(),)
    mode: TaxMode = changes.get("tax_mode", TaxMode.EXCLUSIVE)
    taxable = [TaxableLine(line.amount, line.tax_snapshot) for line in lines]
    sums = tax_document(taxable, mode=mode, rounding=TaxRounding.PER_LINE, currency="USD")
    invoice = Invoice(
        id=InvoiceId(uuid4()),
        work_order_id=WorkOrderId(uuid4()),
        customer_id=customer.id,
        site_id=site.id,
        number="INV-1042",
        state=InvoiceState.ISSUED,
        revision=1,
        currency="USD",
        tax_mode=mode,
        tax_rounding=TaxRounding.PER_LINE,
        lines=tuple(replace(line, tax=tax.tax) for line, tax in zip(lines, sums.lines, strict=True)),
        subtotal=sums.subtotal,
        tax=sums.tax,
        total=sums.total,
        paid=Decimal("0.00"),
        memo=None,
        terms_days=14,
        drafted_at=NOON,
        issued_on=date(2026, 3, 2),
        due_on=date(2026, 3, 16),
        issued_at=NOON,
        paid_at=None,
    )
    return replace(invoice, **changes)


def issued(invoice: Invoice) -> InvoiceIssued:
    return invoice._fact(InvoiceIssued)


def a_payment(invoice: Invoice, **changes: Any) -> PaymentRecorded:
    payment = PaymentRecorded(
        payment_id=PaymentId(uuid4()),
        invoice_id=invoice.id,
        customer_id=invoice.customer_id,
        amount=invoice.total,
        currency=invoice.currency,
        method="CHECK",
        received_on=date(2026, 3, 5),
        reference="4711",
    )
    return replace(payment, **changes)


# ── a context over memory ─────────────────────────────────────────────────────────────────────────


@dataclass
class MemoryRecords:
    found: dict[UUID, Any] = field(default_factory=dict)

    def hold(self, *things: Any) -> None:
        self.found |= {thing.id: thing for thing in things}

    async def customer(self, customer_id: CustomerId) -> Customer:
        return cast(Customer, self.found[customer_id])

    async def site(self, site_id: SiteId) -> Site:
        return cast(Site, self.found[site_id])

    async def work_order(self, work_order_id: WorkOrderId) -> WorkOrder:
        return cast(WorkOrder, self.found[work_order_id])

    async def invoice(self, invoice_id: InvoiceId) -> Invoice:
        return cast(Invoice, self.found[invoice_id])


@dataclass
class MemoryReferences:
    """Unique both ways, as the core keeps them."""

    kept: dict[tuple[str, UUID], Reference] = field(default_factory=dict)

    async def find(self, entity: str, entity_id: UUID) -> Reference | None:
        return self.kept.get((entity, entity_id))

    async def link(self, reference: Reference) -> None:
        key = (reference.entity, reference.entity_id)
        theirs = (reference.entity, reference.external_id)
        if any((one.entity, one.external_id) == theirs and at != key for at, one in self.kept.items()):
            raise NeedsAttention(f"{reference.entity} {reference.external_id} is linked to another record.")
        self.kept[key] = reference


@dataclass
class MemoryCredentials:
    """One at a time renews; whoever waited gets what was renewed meanwhile."""

    held: Any
    stored: list[Any] = field(default_factory=list)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self, kind: type[T]) -> T:
        assert isinstance(self.held, kind)
        return self.held

    async def renew(self, kind: type[T], stale: T, refresh: Callable[[T], Awaitable[T]]) -> T:
        async with self._lock:
            current = await self.read(kind)
            if current == stale:
                current = await refresh(stale)
                self.held = current
                self.stored.append(current)
            return current


@dataclass
class MemoryContext:
    """A `Context` whose blocking calls run in a real child process."""

    settings: QuickBooksSettings
    credentials: Credentials
    http: httpx.AsyncClient
    records: Records
    references: References
    tenant: TenantInfo = TENANT
    integration_id: IntegrationId = field(default_factory=lambda: IntegrationId(uuid4()))
    event: Envelope = field(default_factory=lambda: Envelope(EventId(uuid4()), "invoice.issued", NOON, uuid4(), 1))
    attempt: int = 1
    idempotency_key: str = "event:quickbooks"
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("quickbooks"))
    calls: int = 0
    spent: BaseException | None = None

    def settings_as(self, kind: type[T]) -> T:
        assert isinstance(self.settings, kind)
        return self.settings

    async def blocking(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await anyio.to_process.run_sync(partial(function, *args, **kwargs), cancellable=True)

    async def before_call(self) -> None:
        if self.spent is not None:
            raise self.spent
        self.calls += 1


class Desk:
    """A loopback company, a context connected to it, and one invoice waiting to be sent."""

    def __init__(self, company: LoopbackQuickBooks, http: httpx.AsyncClient) -> None:
        self.company = company
        self.plugin = QuickBooks()
        settings = QuickBooksSettings(
            item_id="1",
            client_id=company.client_id,
            base_url=company.url,
            token_url=f"{company.url}/oauth2/v1/tokens/bearer",
        )
        keys = QuickBooksCredentials(**company.connect(), client_secret=company.client_secret)
        self.credentials = MemoryCredentials(keys)
        self.records = MemoryRecords()
        self.context = MemoryContext(settings, self.credentials, http, self.records, MemoryReferences())
        self.customer = a_customer()
        self.site = a_site(self.customer)
        self.take(an_invoice(self.customer, self.site))

    def take(self, invoice: Invoice) -> None:
        """Have another invoice wait instead."""
        self.invoice = invoice
        self.records.hold(self.customer, self.site, invoice)

    def rename(self, **changes: Any) -> None:
        """Change the customer as the office would."""
        self.customer = replace(self.customer, **changes)
        self.records.hold(self.customer)

    async def send(self, *, attempt: int = 1) -> None:
        self.context.attempt = attempt
        await self.plugin.invoice_issued(issued(self.invoice), self.context)

    async def pay(self, payment: PaymentRecorded, *, attempt: int = 1) -> None:
        self.context.attempt = attempt
        await self.plugin.payment_recorded(payment, self.context)

    def sent(self, operation: str) -> list[Any]:
        """The requests of an operation that reached the company's door."""
        return [request for request in self.company.books.request_log if request.operation == operation]

    async def reference(self, entity: str, entity_id: UUID) -> Reference:
        found = await self.context.references.find(entity, entity_id)
        assert found is not None, f"{entity} is not linked"
        return found

    def check_what_was_sent(self) -> None:
        """Every body that reached the company is one Intuit's schema allows."""
        for request in self.company.books.request_log:
            kind = request.operation.partition("_")[2].capitalize()
            if request.method == "POST" and kind in REQUIRED:
                check_payload(kind, request.body)
