"""Records and changes to hand to a plugin: valid by default, each tenant's under ids and a name of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, get_args, get_type_hints
from uuid import UUID, uuid5

from beltstack.domain.access import Actor, ActorKind, Role
from beltstack.domain.addresses import Address
from beltstack.domain.changes import Change
from beltstack.domain.customers import Customer, CustomerKind
from beltstack.domain.ids import CustomerId, InvoiceId, InvoiceLineId, LineItemId, SiteId, TenantId, WorkOrderId
from beltstack.domain.invoices import Invoice, InvoiceLine, InvoiceState
from beltstack.domain.line_items import LineItem, LineKind
from beltstack.domain.sites import Site
from beltstack.domain.taxes import TaxMode, TaxRounding
from beltstack.domain.work_orders import WorkOrder
from beltstack.plugins.context import TenantInfo
from beltstack.plugins.hookspecs import Plugin

# The ids that the golden payloads name.
CUSTOMER = "019c0f2e-5b00-7000-8000-000000000001"
SITE = "019c0f2e-5b00-7000-8000-000000000003"
WORK_ORDER = "019c0f2e-5b00-7000-8000-000000000006"
INVOICE = "019c0f2e-5b00-7000-8000-000000000009"

NOON = datetime(2026, 3, 2, 18, tzinfo=UTC)
TODAY = date(2026, 3, 2)
AMOUNT, NOTHING = Decimal("190.00"), Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Samples:
    """One tenant's records, those that the golden events speak of; `mark` stands in every name."""

    mark: str = "north"

    @property
    def namespace(self) -> UUID:
        return uuid5(UUID(int=0), self.mark)

    def id_of(self, golden: str) -> UUID:
        """The tenant's own id for an id of the golden payloads."""
        return uuid5(self.namespace, golden)

    @property
    def tenant(self) -> TenantInfo:
        return TenantInfo(TenantId(self.namespace), f"{self.mark.title()} Air", "USD", "America/Chicago", TODAY)

    @property
    def actor(self) -> Actor:
        return Actor(TenantId(self.namespace), ActorKind.USER, self.id_of("actor"), frozenset({Role.DISPATCHER}))

    @property
    def customer(self) -> Customer:
        return Customer(
            id=CustomerId(self.id_of(CUSTOMER)),
            kind=CustomerKind.RESIDENTIAL,
            name=f"Rosa {self.mark.title()}",
            email=f"rosa@{self.mark}.example",
            billing_address=_address(),
        )

    @property
    def site(self) -> Site:
        return Site(SiteId(self.id_of(SITE)), self.customer.id, "Home", "America/Chicago", _address())

    @property
    def work_order(self) -> WorkOrder:
        line = LineItem(
            id=LineItemId(self.id_of("line item")),
            kind=LineKind.LABOR,
            description="Diagnosis",
            quantity=Decimal(2),
            unit="h",
            unit_price=Decimal("95.00"),
            unit_cost=Decimal("40.00"),
        )
        return WorkOrder(
            id=WorkOrderId(self.id_of(WORK_ORDER)),
            number="WO-1001",
            title="No cooling upstairs",
            customer_id=self.customer.id,
            site_id=self.site.id,
            currency="USD",
            created_at=NOON,
            line_items=(line,),
        )

    @property
    def invoice(self) -> Invoice:
        line = InvoiceLine(
            id=InvoiceLineId(self.id_of("invoice line")),
            line_item_id=None,
            kind=LineKind.LABOR,
            description="Diagnosis",
            quantity=Decimal(2),
            unit="h",
            unit_price=Decimal("95.00"),
            amount=AMOUNT,
            tax_snapshot=None,
            tax=NOTHING,
            position=0,
        )
        return Invoice(
            id=InvoiceId(self.id_of(INVOICE)),
            work_order_id=self.work_order.id,
            customer_id=self.customer.id,
            site_id=self.site.id,
            number="INV-1001",
            state=InvoiceState.ISSUED,
            revision=1,
            currency="USD",
            tax_mode=TaxMode.EXCLUSIVE,
            tax_rounding=TaxRounding.PER_LINE,
            lines=(line,),
            subtotal=AMOUNT,
            tax=NOTHING,
            total=AMOUNT,
            paid=NOTHING,
            memo=None,
            terms_days=30,
            drafted_at=NOON,
            issued_on=TODAY,
            due_on=date(2026, 4, 1),
            issued_at=NOON,
            paid_at=None,
        )

    def change_for(self, hook: str) -> Any:
        """What the veto `hook` is asked about: the record as it is, and unchanged; None where no sample fits."""
        (record, *_) = get_args(get_type_hints(getattr(Plugin, hook))["change"]) or (None,)
        makers: dict[Any, Callable[[], Any]] = {
            Customer: lambda: self.customer,
            Invoice: lambda: self.invoice,
            Site: lambda: self.site,
            WorkOrder: lambda: self.work_order,
        }
        return Change(makers[record](), makers[record](), ()) if record in makers else None


def _address() -> Address:
    return Address(line1="12 Elm St", city="Chicago", region="IL", postal_code="60601")
