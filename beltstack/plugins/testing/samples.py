"""Records and changes to hand to a plugin: valid by default, each tenant's under ids and a name of its own."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args, get_type_hints
from uuid import UUID, uuid5

from beltstack.domain.access import Actor, ActorKind, Role
from beltstack.domain.addresses import Address
from beltstack.domain.changes import Change
from beltstack.domain.customers import Customer, CustomerKind
from beltstack.domain.fieldwork import VisitChange
from beltstack.domain.ids import (
    AssignmentId,
    CustomerId,
    InvoiceId,
    InvoiceLineId,
    LineItemId,
    PaymentId,
    SiteId,
    TechnicianId,
    TenantId,
    VisitId,
    WorkOrderId,
)
from beltstack.domain.invoices import ComponentTax, Invoice, InvoiceLine, InvoiceState
from beltstack.domain.lifecycle import VisitState, WorkOrderState
from beltstack.domain.line_items import LineItem, LineKind
from beltstack.domain.payments import Payment, PaymentMethod
from beltstack.domain.sites import Site
from beltstack.domain.taxes import LineTax, TaxableLine, TaxComponent, TaxMode, TaxRounding, TaxSnapshot, tax_document
from beltstack.domain.visits import Assignment, TimeSpan, Visit
from beltstack.domain.work_orders import WorkOrder
from beltstack.plugins.context import TenantInfo
from beltstack.plugins.hookspecs import Plugin

NOON = datetime(2026, 3, 2, 18, tzinfo=UTC)
TODAY = date(2026, 3, 2)
TIMEZONE = "America/Chicago"
SALES_TAX = TaxSnapshot("TX", "Texas", (TaxComponent("State and city", Decimal("0.0825")),))


@dataclass(frozen=True, slots=True)
class Samples:
    """One tenant's records, those that the golden events speak of; `mark` stands in every name."""

    mark: str = "north"

    @property
    def namespace(self) -> UUID:
        return uuid5(UUID(int=0), self.mark)

    def id_of(self, what: str) -> UUID:
        """An id of the tenant's own for an id of the golden payloads, or for a word."""
        return uuid5(self.namespace, _GOLDEN.get(what, what))

    @property
    def tenant(self) -> TenantInfo:
        return TenantInfo(TenantId(self.namespace), f"{self.mark.title()} Air", "USD", TIMEZONE, TODAY)

    @property
    def actor(self) -> Actor:
        return Actor(TenantId(self.namespace), ActorKind.USER, self.id_of("actor"), frozenset({Role.DISPATCHER}))

    @property
    def customer(self) -> Customer:
        return Customer(
            id=CustomerId(self.id_of("customer")),
            kind=CustomerKind.RESIDENTIAL,
            name=f"Rosa {self.mark.title()}",
            email=f"rosa@{self.mark}.example",
            billing_address=_address(),
        )

    @property
    def site(self) -> Site:
        return Site(SiteId(self.id_of("site")), self.customer.id, "Home", TIMEZONE, _address())

    @property
    def work_order(self) -> WorkOrder:
        diagnosis = LineItem(
            id=LineItemId(self.id_of("diagnosis")),
            kind=LineKind.LABOR,
            description="Diagnosis",
            quantity=Decimal("1.5"),
            unit="h",
            unit_price=Decimal("129.00"),
            unit_cost=Decimal("40.00"),
        )
        capacitor = LineItem(
            id=LineItemId(self.id_of("capacitor")),
            kind=LineKind.PART,
            description="Capacitor",
            quantity=Decimal(1),
            unit=None,
            unit_price=Decimal("278.00"),
            unit_cost=Decimal("61.20"),
        )
        return WorkOrder(
            id=WorkOrderId(self.id_of("work order")),
            number="WO-1001",
            title="No cooling upstairs",
            customer_id=self.customer.id,
            site_id=self.site.id,
            currency="USD",
            created_at=NOON,
            state=WorkOrderState.IN_PROGRESS,
            line_items=(diagnosis, capacitor),
            visits=(self.visit,),
        )

    @property
    def visit(self) -> Visit:
        technician = TechnicianId(self.id_of("technician"))
        return Visit(
            id=VisitId(self.id_of("visit")),
            sequence=1,
            timezone=TIMEZONE,
            planned=TimeSpan(NOON, NOON + timedelta(hours=2)),
            state=VisitState.SCHEDULED,
            assignments=(Assignment(AssignmentId(self.id_of("assignment")), technician),),
        )

    @property
    def invoice(self) -> Invoice:
        """Issued, for what the work order has."""
        lines = tuple(
            InvoiceLine(
                id=InvoiceLineId(self.id_of(f"invoiced {item.description}")),
                line_item_id=item.id,
                kind=item.kind,
                description=item.description,
                quantity=item.quantity,
                unit=item.unit,
                unit_price=item.unit_price or Decimal(0),
                amount=(item.quantity * (item.unit_price or Decimal(0))).quantize(Decimal("0.01")),
                tax_snapshot=SALES_TAX,
                tax=Decimal("0.00"),
                position=position,
                work_order_id=self.work_order.id,
            )
            for position, item in enumerate(self.work_order.line_items)
        )
        taxable = [TaxableLine(line.amount, line.tax_snapshot) for line in lines]
        sums = tax_document(taxable, mode=TaxMode.EXCLUSIVE, rounding=TaxRounding.PER_LINE, currency="USD")
        return Invoice(
            id=InvoiceId(self.id_of("invoice")),
            work_order_id=self.work_order.id,
            customer_id=self.customer.id,
            site_id=self.site.id,
            number="INV-1001",
            state=InvoiceState.ISSUED,
            revision=1,
            currency="USD",
            tax_mode=TaxMode.EXCLUSIVE,
            tax_rounding=TaxRounding.PER_LINE,
            lines=tuple(_taxed(line, tax) for line, tax in zip(lines, sums.lines, strict=True)),
            subtotal=sums.subtotal,
            tax=sums.tax,
            total=sums.total,
            paid=Decimal("0.00"),
            memo=None,
            terms_days=30,
            drafted_at=NOON,
            issued_on=TODAY,
            due_on=date(2026, 4, 1),
            issued_at=NOON,
            paid_at=None,
            work_order_ids=(self.work_order.id,),
        )

    @property
    def payment(self) -> Payment:
        return Payment(
            id=PaymentId(self.id_of("payment")),
            invoice_id=self.invoice.id,
            customer_id=self.customer.id,
            amount=self.invoice.total,
            currency="USD",
            method=PaymentMethod.CHECK,
            received_on=date(2026, 3, 9),
            reference="Check 2041",
            recorded_at=NOON,
        )

    def change_for(self, veto: str) -> Any:
        """What a veto is asked about: the record as it is, and unchanged; a payment is new."""
        kind = get_type_hints(getattr(Plugin, veto))["change"]
        if kind is VisitChange:
            return VisitChange(self.visit, self.visit, (), work_order=self.work_order)
        (record,) = get_args(kind)
        return _CHANGES[record](self)


def _unchanged(record: Any) -> Change[Any]:
    return Change(record, record, ())


def _address() -> Address:
    return Address(line1="12 Elm St", city="Chicago", region="IL", postal_code="60601")


_CHANGES: dict[type[Any], Callable[[Samples], Change[Any]]] = {
    Customer: lambda samples: _unchanged(samples.customer),
    WorkOrder: lambda samples: _unchanged(samples.work_order),
    Invoice: lambda samples: _unchanged(samples.invoice),
    Payment: lambda samples: Change(None, samples.payment, ()),
}
# The ids that the golden payloads name.
_GOLDEN = {
    "customer": "019c0f2e-5b00-7000-8000-000000000001",
    "site": "019c0f2e-5b00-7000-8000-000000000003",
    "technician": "019c0f2e-5b00-7000-8000-000000000005",
    "work order": "019c0f2e-5b00-7000-8000-000000000006",
    "visit": "019c0f2e-5b00-7000-8000-000000000007",
    "assignment": "019c0f2e-5b00-7000-8000-000000000008",
    "invoice": "019c0f2e-5b00-7000-8000-000000000009",
    "payment": "019c0f2e-5b00-7000-8000-000000000010",
}


def _taxed(line: InvoiceLine, tax: LineTax) -> InvoiceLine:
    components = zip(SALES_TAX.components, tax.components, strict=True)
    parts = tuple(ComponentTax(component.name, component.rate, part) for component, part in components)
    return replace(line, tax=tax.tax, tax_components=parts)
