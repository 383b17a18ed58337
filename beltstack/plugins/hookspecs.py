"""Every hook there is, in the order of a work order's life. Vendors subclass `Plugin` and override with `@hookimpl`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pluggy

from beltstack.domain.changes import Change
from beltstack.domain.customers import Customer
from beltstack.domain.events import (
    ContactCreated,
    ContactUpdated,
    CustomerArchived,
    CustomerCreated,
    CustomerUpdated,
    EquipmentCreated,
    EquipmentUpdated,
    InvoiceDiscarded,
    InvoiceDrafted,
    InvoiceIssued,
    InvoicePaid,
    InvoiceVoided,
    InvoiceWrittenOff,
    PaymentRecorded,
    PluginDisabled,
    PluginEnabled,
    SiteCreated,
    SiteUpdated,
    TechnicianCreated,
    TechnicianUpdated,
    VisitAccepted,
    VisitAssigned,
    VisitCanceled,
    VisitCompleted,
    VisitDeclined,
    VisitDispatched,
    VisitEnRoute,
    VisitOnSite,
    VisitPaused,
    VisitRescheduled,
    VisitResumed,
    VisitScheduled,
    VisitUnassigned,
    WorkOrderApprovalRequested,
    WorkOrderApproved,
    WorkOrderCanceled,
    WorkOrderClosed,
    WorkOrderCompleted,
    WorkOrderCreated,
    WorkOrderDeleted,
    WorkOrderHeld,
    WorkOrderOpened,
    WorkOrderReinstated,
    WorkOrderRejected,
    WorkOrderReopened,
    WorkOrderResumed,
    WorkOrderStarted,
    WorkOrderUnlocked,
    WorkOrderUpdated,
    WorkOrderWorkCompleted,
)
from beltstack.domain.fieldwork import VisitChange
from beltstack.domain.invoices import Invoice
from beltstack.domain.payments import Payment
from beltstack.domain.work_orders import WorkOrder
from beltstack.plugins.context import Connection, Context, Review
from beltstack.plugins.fields import PluginField
from beltstack.plugins.setup import Manifest

PROJECT = "beltstack"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True, slots=True)
class Veto:
    """A plugin's no: a sentence for the person, a code for programs, where in the input it lies."""

    message: str
    code: str = "VETO"
    path: tuple[str, ...] = ()


Vetoes = Veto | Sequence[Veto] | None


class Plugin:
    """A vendor's plugin: a manifest and the hooks it overrides.

    `before_…` are vetoes: asked before anything is written, and pure: the same input gives the same answer; no network,
    no sleep, 50 ms. The others are reactions: told by a worker after the commit, at least once, in order per record.
    """

    manifest: ClassVar[Manifest]
    fields: ClassVar[tuple[PluginField, ...]] = ()
    """What it adds to the API's types."""

    async def check(self, connection: Connection) -> None:
        """Whether the connection would work; raise NeedsAttention with what is to be mended.

        Asked when an integration is enabled, checked or gets other settings, outside of any transaction, for 20 seconds
        at most. It must not write anywhere: the settings may be ones that are never taken.
        """

    async def run_job(self, name: str, connection: Connection) -> None:
        """One of the manifest's jobs is due. Raise what a reaction would; it comes round again, later each time."""

    # ── customers and what is theirs ──────────────────────────────────────────────────────────────────

    @hookspec
    async def customer_created(self, event: CustomerCreated, context: Context) -> None:
        """A customer was taken in."""

    @hookspec
    async def customer_updated(self, event: CustomerUpdated, context: Context) -> None:
        """Something about a customer was changed."""

    @hookspec
    def before_customer_archive(self, change: Change[Customer], context: Review) -> Vetoes:
        """A customer is about to be put away."""

    @hookspec
    async def customer_archived(self, event: CustomerArchived, context: Context) -> None:
        """A customer was put away."""

    @hookspec
    async def contact_created(self, event: ContactCreated, context: Context) -> None:
        """A person to talk to was added to a customer."""

    @hookspec
    async def contact_updated(self, event: ContactUpdated, context: Context) -> None:
        """Something about a contact was changed."""

    @hookspec
    async def site_created(self, event: SiteCreated, context: Context) -> None:
        """A place where work is done was added to a customer."""

    @hookspec
    async def site_updated(self, event: SiteUpdated, context: Context) -> None:
        """Something about a site was changed."""

    @hookspec
    async def equipment_created(self, event: EquipmentCreated, context: Context) -> None:
        """A machine at a site was recorded."""

    @hookspec
    async def equipment_updated(self, event: EquipmentUpdated, context: Context) -> None:
        """Something about a machine was changed."""

    @hookspec
    async def technician_created(self, event: TechnicianCreated, context: Context) -> None:
        """A technician was added."""

    @hookspec
    async def technician_updated(self, event: TechnicianUpdated, context: Context) -> None:
        """Something about a technician was changed."""

    # ── work orders: from the call to the plan ────────────────────────────────────────────────────────

    @hookspec
    def before_work_order_create(self, change: Change[WorkOrder], context: Review) -> Vetoes:
        """A work order is about to be taken in, with its first lines; it has no number yet."""

    @hookspec
    async def work_order_created(self, event: WorkOrderCreated, context: Context) -> None:
        """A work order was taken in, as DRAFT or OPEN."""

    @hookspec
    def before_work_order_submit(self, change: Change[WorkOrder], context: Review) -> Vetoes:
        """A draft is about to be accepted."""

    @hookspec
    async def work_order_opened(self, event: WorkOrderOpened, context: Context) -> None:
        """A draft was accepted."""

    @hookspec
    async def work_order_updated(self, event: WorkOrderUpdated, context: Context) -> None:
        """What a work order says, or its lines, were changed."""

    @hookspec
    async def work_order_deleted(self, event: WorkOrderDeleted, context: Context) -> None:
        """A draft was deleted."""

    @hookspec
    def before_line_item_change(self, change: Change[WorkOrder], context: Review) -> Vetoes:
        """Lines are about to be added, changed or removed: compare `line_items` before and after."""

    # ── visits: planned and sent ──────────────────────────────────────────────────────────────────────

    @hookspec
    def before_visit_schedule(self, change: VisitChange, context: Review) -> Vetoes:
        """A visit is about to be planned, or planned anew."""

    @hookspec
    async def visit_scheduled(self, event: VisitScheduled, context: Context) -> None:
        """A visit was planned for the first time."""

    @hookspec
    async def visit_rescheduled(self, event: VisitRescheduled, context: Context) -> None:
        """A planned visit was planned anew."""

    @hookspec
    def before_visit_assign(self, change: VisitChange, context: Review) -> Vetoes:
        """A technician is about to be put on a visit."""

    @hookspec
    async def visit_assigned(self, event: VisitAssigned, context: Context) -> None:
        """A technician was put on a visit."""

    @hookspec
    async def visit_unassigned(self, event: VisitUnassigned, context: Context) -> None:
        """A technician was taken off a visit."""

    @hookspec
    def before_visit_dispatch(self, change: VisitChange, context: Review) -> Vetoes:
        """The technicians of a visit are about to be sent."""

    @hookspec
    async def visit_dispatched(self, event: VisitDispatched, context: Context) -> None:
        """The technicians of a visit were sent."""

    @hookspec
    async def visit_accepted(self, event: VisitAccepted, context: Context) -> None:
        """A technician agreed to go."""

    @hookspec
    async def visit_declined(self, event: VisitDeclined, context: Context) -> None:
        """A technician did not agree to go."""

    @hookspec
    async def visit_canceled(self, event: VisitCanceled, context: Context) -> None:
        """A visit was called off."""

    # ── visits: in the field ──────────────────────────────────────────────────────────────────────────

    @hookspec
    def before_visit_start(self, change: VisitChange, context: Review) -> Vetoes:
        """A technician is about to set out or, where no travel was recorded, to begin on site."""

    @hookspec
    async def visit_en_route(self, event: VisitEnRoute, context: Context) -> None:
        """A technician set out."""

    @hookspec
    async def visit_on_site(self, event: VisitOnSite, context: Context) -> None:
        """A technician arrived."""

    @hookspec
    async def work_order_started(self, event: WorkOrderStarted, context: Context) -> None:
        """Somebody set out or arrived for the first time."""

    @hookspec
    async def visit_paused(self, event: VisitPaused, context: Context) -> None:
        """A technician's work pauses."""

    @hookspec
    async def visit_resumed(self, event: VisitResumed, context: Context) -> None:
        """A technician's work goes on."""

    @hookspec
    def before_visit_complete(self, change: VisitChange, context: Review) -> Vetoes:
        """A visit is about to end, whatever its outcome: `change.after.state` says which."""

    @hookspec
    async def visit_completed(self, event: VisitCompleted, context: Context) -> None:
        """A visit is over, with its outcome."""

    # ── work orders: held, completed, approved, closed ────────────────────────────────────────────────

    @hookspec
    def before_work_order_hold(self, change: Change[WorkOrder], context: Review) -> Vetoes:
        """Work is about to be put on hold; `change.after.hold_reason` says why."""

    @hookspec
    async def work_order_held(self, event: WorkOrderHeld, context: Context) -> None:
        """A work order was put on hold."""

    @hookspec
    def before_work_order_resume(self, change: Change[WorkOrder], context: Review) -> Vetoes:
        """Work is about to go on after a hold."""

    @hookspec
    async def work_order_resumed(self, event: WorkOrderResumed, context: Context) -> None:
        """Work goes on after a hold."""

    @hookspec
    def before_work_order_complete(self, change: Change[WorkOrder], context: Review) -> Vetoes:
        """The field work is about to be closed. `change.after` is the work order as it would be."""

    @hookspec
    async def work_order_work_completed(self, event: WorkOrderWorkCompleted, context: Context) -> None:
        """The field work is done, whether or not it still needs approval."""

    @hookspec
    async def work_order_approval_requested(self, event: WorkOrderApprovalRequested, context: Context) -> None:
        """A manager's approval is asked for."""

    @hookspec
    def before_work_order_approve(self, change: Change[WorkOrder], context: Review) -> Vetoes:
        """A manager is about to confirm completed work."""

    @hookspec
    async def work_order_approved(self, event: WorkOrderApproved, context: Context) -> None:
        """A manager confirmed completed work."""

    @hookspec
    def before_work_order_reject(self, change: Change[WorkOrder], context: Review) -> Vetoes:
        """A manager is about to send completed work back."""

    @hookspec
    async def work_order_rejected(self, event: WorkOrderRejected, context: Context) -> None:
        """A manager sent completed work back."""

    @hookspec
    async def work_order_completed(self, event: WorkOrderCompleted, context: Context) -> None:
        """The work is done and, where policy asks for it, approved."""

    @hookspec
    def before_work_order_reopen(self, change: Change[WorkOrder], context: Review) -> Vetoes:
        """Completed work is about to be taken up again."""

    @hookspec
    async def work_order_reopened(self, event: WorkOrderReopened, context: Context) -> None:
        """Completed work was taken up again."""

    @hookspec
    def before_work_order_close(self, change: Change[WorkOrder], context: Review) -> Vetoes:
        """A billed work order is about to be locked."""

    @hookspec
    async def work_order_closed(self, event: WorkOrderClosed, context: Context) -> None:
        """A work order was locked after billing."""

    @hookspec
    def before_work_order_unlock(self, change: Change[WorkOrder], context: Review) -> Vetoes:
        """The lock of a closed work order is about to be undone."""

    @hookspec
    async def work_order_unlocked(self, event: WorkOrderUnlocked, context: Context) -> None:
        """The lock of a work order was undone."""

    @hookspec
    def before_work_order_cancel(self, change: Change[WorkOrder], context: Review) -> Vetoes:
        """Work is about to be called off; `change.after.cancel_reason` says why."""

    @hookspec
    async def work_order_canceled(self, event: WorkOrderCanceled, context: Context) -> None:
        """A work order was called off; the visits that ended with it were told before."""

    @hookspec
    def before_work_order_reinstate(self, change: Change[WorkOrder], context: Review) -> Vetoes:
        """Canceled work is about to be taken up again."""

    @hookspec
    async def work_order_reinstated(self, event: WorkOrderReinstated, context: Context) -> None:
        """Canceled work was taken up again."""

    # ── the money ─────────────────────────────────────────────────────────────────────────────────────

    @hookspec
    async def invoice_drafted(self, event: InvoiceDrafted, context: Context) -> None:
        """A draft was made of a work order's billable lines."""

    @hookspec
    def before_invoice_discard(self, change: Change[Invoice], context: Review) -> Vetoes:
        """A draft is about to be thrown away; `change.after` is the draft as it stands."""

    @hookspec
    async def invoice_discarded(self, event: InvoiceDiscarded, context: Context) -> None:
        """A draft was thrown away. It never had a number."""

    @hookspec
    def before_invoice_issue(self, change: Change[Invoice], context: Review) -> Vetoes:
        """A draft is about to become an invoice; it has no number yet."""

    @hookspec
    async def invoice_issued(self, event: InvoiceIssued, context: Context) -> None:
        """An invoice got its number and will not change any more. Read it whole with `context.records.invoice`."""

    @hookspec
    def before_payment_record(self, change: Change[Payment], context: Review) -> Vetoes:
        """Money received for an issued invoice is about to be recorded."""

    @hookspec
    async def payment_recorded(self, event: PaymentRecorded, context: Context) -> None:
        """Money was received for an issued invoice; told after the invoice itself."""

    @hookspec
    async def invoice_paid(self, event: InvoicePaid, context: Context) -> None:
        """Nothing is left to pay of an invoice; told after its last payment."""

    @hookspec
    def before_invoice_void(self, change: Change[Invoice], context: Review) -> Vetoes:
        """An invoice for which nothing was paid is about to be taken back."""

    @hookspec
    async def invoice_voided(self, event: InvoiceVoided, context: Context) -> None:
        """An invoice was taken back. Its number stays taken, its work can be invoiced anew."""

    @hookspec
    def before_invoice_write_off(self, change: Change[Invoice], context: Review) -> Vetoes:
        """What is left to pay of an invoice is about to be given up."""

    @hookspec
    async def invoice_written_off(self, event: InvoiceWrittenOff, context: Context) -> None:
        """What was left to pay of an invoice was given up."""

    # ── the integrations ──────────────────────────────────────────────────────────────────────────────

    @hookspec
    async def plugin_enabled(self, event: PluginEnabled, context: Context) -> None:
        """The tenant began to use a plugin, which may be another."""

    @hookspec
    async def plugin_disabled(self, event: PluginDisabled, context: Context) -> None:
        """The tenant stopped using a plugin, which may be another."""
