"""Facts: what happened, in the past tense, with the snapshot a listener needs so that it need not call back."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from beltstack.domain.ids import (
    AssignmentId,
    ContactId,
    CustomerId,
    EquipmentId,
    IntegrationId,
    InvoiceId,
    PaymentId,
    SiteId,
    TechnicianId,
    VisitId,
    WorkOrderId,
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened. `type` and `v` name the payload's shape; `stream` is the record it belongs to."""

    type: ClassVar[str]
    v: ClassVar[int] = 1

    @property
    def stream(self) -> UUID:
        """Facts of one stream are told to a plugin in their order."""
        raise AssertionError(f"{type(self).__name__} names no stream")


# ── customers, sites, equipment, technicians ──────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class CustomerFact(Fact):
    customer_id: CustomerId
    name: str

    @property
    def stream(self) -> UUID:
        return self.customer_id


class CustomerCreated(CustomerFact):
    type = "customer.created"


class CustomerUpdated(CustomerFact):
    type = "customer.updated"


class CustomerArchived(CustomerFact):
    type = "customer.archived"


@dataclass(frozen=True, slots=True)
class ContactFact(Fact):
    contact_id: ContactId
    customer_id: CustomerId

    @property
    def stream(self) -> UUID:
        return self.customer_id


class ContactCreated(ContactFact):
    type = "contact.created"


class ContactUpdated(ContactFact):
    type = "contact.updated"


@dataclass(frozen=True, slots=True)
class SiteFact(Fact):
    site_id: SiteId
    customer_id: CustomerId

    @property
    def stream(self) -> UUID:
        return self.site_id


class SiteCreated(SiteFact):
    type = "site.created"


class SiteUpdated(SiteFact):
    type = "site.updated"


@dataclass(frozen=True, slots=True)
class EquipmentFact(Fact):
    equipment_id: EquipmentId
    site_id: SiteId
    status: str

    @property
    def stream(self) -> UUID:
        return self.equipment_id


class EquipmentCreated(EquipmentFact):
    type = "equipment.created"


class EquipmentUpdated(EquipmentFact):
    type = "equipment.updated"


@dataclass(frozen=True, slots=True)
class TechnicianFact(Fact):
    technician_id: TechnicianId
    name: str

    @property
    def stream(self) -> UUID:
        return self.technician_id


class TechnicianCreated(TechnicianFact):
    type = "technician.created"


class TechnicianUpdated(TechnicianFact):
    type = "technician.updated"


# ── work orders ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class WorkOrderFact(Fact):
    """`from_state` equals `state` where the fact moved nothing; `total` is before tax, in `currency`."""

    work_order_id: WorkOrderId
    number: str
    title: str
    from_state: str
    state: str
    priority: str
    customer_id: CustomerId
    site_id: SiteId
    total: Decimal
    currency: str
    reason: str | None = None

    @property
    def stream(self) -> UUID:
        return self.work_order_id


class WorkOrderCreated(WorkOrderFact):
    type = "work_order.created"


class WorkOrderOpened(WorkOrderFact):
    type = "work_order.opened"


class WorkOrderUpdated(WorkOrderFact):
    type = "work_order.updated"


class WorkOrderDeleted(WorkOrderFact):
    type = "work_order.deleted"


class WorkOrderStarted(WorkOrderFact):
    type = "work_order.started"


class WorkOrderHeld(WorkOrderFact):
    type = "work_order.held"


class WorkOrderResumed(WorkOrderFact):
    type = "work_order.resumed"


class WorkOrderWorkCompleted(WorkOrderFact):
    type = "work_order.work_completed"


class WorkOrderApprovalRequested(WorkOrderFact):
    type = "work_order.approval_requested"


class WorkOrderApproved(WorkOrderFact):
    type = "work_order.approved"


class WorkOrderRejected(WorkOrderFact):
    type = "work_order.rejected"


class WorkOrderCompleted(WorkOrderFact):
    type = "work_order.completed"


class WorkOrderReopened(WorkOrderFact):
    type = "work_order.reopened"


class WorkOrderClosed(WorkOrderFact):
    type = "work_order.closed"


class WorkOrderUnlocked(WorkOrderFact):
    type = "work_order.unlocked"


class WorkOrderCanceled(WorkOrderFact):
    type = "work_order.canceled"


class WorkOrderReinstated(WorkOrderFact):
    type = "work_order.reinstated"


# ── visits: they belong to their work order's stream ──────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class VisitFact(Fact):
    visit_id: VisitId
    work_order_id: WorkOrderId
    state: str
    planned_start: datetime | None
    planned_end: datetime | None
    technician_ids: tuple[TechnicianId, ...] = ()
    outcome: str | None = None

    @property
    def stream(self) -> UUID:
        return self.work_order_id


class VisitScheduled(VisitFact):
    type = "visit.scheduled"


class VisitRescheduled(VisitFact):
    type = "visit.rescheduled"


class VisitDispatched(VisitFact):
    type = "visit.dispatched"


class VisitEnRoute(VisitFact):
    type = "visit.en_route"


class VisitOnSite(VisitFact):
    type = "visit.on_site"


class VisitPaused(VisitFact):
    type = "visit.paused"


class VisitResumed(VisitFact):
    type = "visit.resumed"


class VisitCompleted(VisitFact):
    type = "visit.completed"


class VisitCanceled(VisitFact):
    type = "visit.canceled"


@dataclass(frozen=True, slots=True)
class AssignmentFact(Fact):
    """What concerns one technician's part of a visit."""

    assignment_id: AssignmentId
    visit_id: VisitId
    work_order_id: WorkOrderId
    technician_id: TechnicianId

    @property
    def stream(self) -> UUID:
        return self.work_order_id


class VisitAssigned(AssignmentFact):
    type = "visit.assigned"


class VisitUnassigned(AssignmentFact):
    type = "visit.unassigned"


class VisitAccepted(AssignmentFact):
    type = "visit.accepted"


class VisitDeclined(AssignmentFact):
    type = "visit.declined"


# ── money ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class InvoiceLineSnapshot:
    """`amount` is net of discount; before tax when the invoice is EXCLUSIVE, with tax when INCLUSIVE."""

    description: str
    kind: str
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    tax_code: str | None
    tax: Decimal


@dataclass(frozen=True, slots=True)
class InvoiceFact(Fact):
    """Amounts are in `currency`. `revision` counts what a ledger may be told of this invoice."""

    invoice_id: InvoiceId
    revision: int
    number: str | None
    customer_id: CustomerId
    site_id: SiteId
    work_order_id: WorkOrderId
    work_order_ids: tuple[WorkOrderId, ...]
    """All that it bills; `work_order_id` is the first of them."""
    currency: str
    tax_mode: str
    subtotal: Decimal
    tax: Decimal
    total: Decimal
    issued_on: date | None
    due_on: date | None

    @property
    def stream(self) -> UUID:
        return self.invoice_id


@dataclass(frozen=True, slots=True)
class InvoiceDrafted(InvoiceFact):
    type = "invoice.drafted"


@dataclass(frozen=True, slots=True)
class InvoiceDiscarded(InvoiceFact):
    type = "invoice.discarded"


@dataclass(frozen=True, slots=True)
class InvoiceIssued(InvoiceFact):
    type = "invoice.issued"

    lines: tuple[InvoiceLineSnapshot, ...] = ()
    """The first lines, at most 40: an event holds 16 KiB. A ledger reads the invoice itself."""
    line_count: int = 0


@dataclass(frozen=True, slots=True)
class InvoicePaid(InvoiceFact):
    type = "invoice.paid"


@dataclass(frozen=True, slots=True)
class InvoiceVoided(InvoiceFact):
    type = "invoice.voided"

    reason: str


@dataclass(frozen=True, slots=True)
class InvoiceWrittenOff(InvoiceFact):
    type = "invoice.written_off"

    reason: str
    written_off: Decimal
    """What was left to pay, and is given up."""


@dataclass(frozen=True, slots=True)
class PaymentRecorded(Fact):
    """A payment belongs to its invoice's stream, so a ledger hears of the invoice first."""

    type = "payment.recorded"

    payment_id: PaymentId
    invoice_id: InvoiceId
    customer_id: CustomerId
    amount: Decimal
    currency: str
    method: str
    received_on: date
    reference: str | None

    @property
    def stream(self) -> UUID:
        return self.invoice_id


# ── integrations ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class IntegrationFact(Fact):
    integration_id: IntegrationId
    plugin_id: str
    instance: str

    @property
    def stream(self) -> UUID:
        return self.integration_id


class PluginEnabled(IntegrationFact):
    type = "plugin.enabled"


class PluginDisabled(IntegrationFact):
    type = "plugin.disabled"


def facts_by_type() -> dict[str, type[Fact]]:
    """Every kind of fact there is, by its type's name."""
    # Not by __subclasses__: it also lists the classes that `slots=True` has replaced by others of the same name.
    kinds = [kind for kind in globals().values() if isinstance(kind, type) and issubclass(kind, Fact)]
    return {kind.type: kind for kind in kinds if "type" in vars(kind)}
