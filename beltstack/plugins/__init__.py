"""The plugin SDK: the names a plugin may import, and nothing else.

A plugin is a class with a manifest; it overrides the hooks it cares about::

    class AcmeBooks(Plugin):
        manifest = Manifest(id="acmebooks", name="Acme Books", version="0.1.0", description="Invoices to Acme.")

        @hookimpl
        async def invoice_issued(self, event: InvoiceIssued, context: Context) -> None: ...
"""

from beltstack.domain.addresses import Address
from beltstack.domain.changes import Change
from beltstack.domain.customers import Customer
from beltstack.domain.deliveries import Reference
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
    InvoiceLineSnapshot,
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
from beltstack.domain.intake import Intake, NewWorkOrder
from beltstack.domain.invoices import Invoice, InvoiceLine
from beltstack.domain.line_items import LineItem, LineKind
from beltstack.domain.payments import Payment
from beltstack.domain.sites import Site
from beltstack.domain.taxes import TaxMode
from beltstack.domain.visits import Assignment, Visit
from beltstack.domain.work_orders import Priority, WorkOrder
from beltstack.plugins.context import Connection, Context, Envelope, Review, TenantInfo
from beltstack.plugins.errors import (
    NeedsAttention,
    OutcomeUnknown,
    PluginError,
    ReconnectNeeded,
    Rejected,
    RetryLater,
    Throttled,
    WaitFor,
)
from beltstack.plugins.fields import Columns, FieldType, PythonField, Rows, SqlField
from beltstack.plugins.hookspecs import Plugin, Veto, Vetoes, hookimpl
from beltstack.plugins.inbound import Inbound, ReceivesWebhooks
from beltstack.plugins.oauth import ConnectAnswer, ConnectRequest, ConnectsByOAuth
from beltstack.plugins.setup import (
    DeadLetters,
    FailMode,
    Job,
    Limits,
    Manifest,
    NoCredentials,
    NoSettings,
    Outbound,
    secret,
)
from beltstack.plugins.signing import BadSignature, new_secret, sign, signed_headers, verify

__all__ = [
    "Address", "Assignment", "BadSignature", "Change", "Columns", "ConnectAnswer", "ConnectRequest", "Connection",
    "ConnectsByOAuth", "ContactCreated", "ContactUpdated", "Context", "Customer", "CustomerArchived", "CustomerCreated",
    "CustomerUpdated", "DeadLetters", "Envelope", "EquipmentCreated", "EquipmentUpdated", "FailMode", "FieldType",
    "Inbound", "Intake", "Invoice", "InvoiceDiscarded", "InvoiceDrafted", "InvoiceIssued", "InvoiceLine",
    "InvoiceLineSnapshot", "InvoicePaid", "InvoiceVoided", "InvoiceWrittenOff", "Job", "Limits", "LineItem", "LineKind",
    "Manifest", "NeedsAttention", "NewWorkOrder", "NoCredentials", "NoSettings", "Outbound", "OutcomeUnknown",
    "Payment", "PaymentRecorded", "Plugin", "PluginDisabled", "PluginEnabled", "PluginError", "Priority", "PythonField",
    "ReceivesWebhooks", "ReconnectNeeded", "Reference", "Rejected", "RetryLater", "Review", "Rows", "Site",
    "SiteCreated", "SiteUpdated", "SqlField", "TaxMode", "TechnicianCreated", "TechnicianUpdated", "TenantInfo",
    "Throttled", "Veto", "Vetoes", "Visit", "VisitAccepted", "VisitAssigned", "VisitCanceled", "VisitChange",
    "VisitCompleted", "VisitDeclined", "VisitDispatched", "VisitEnRoute", "VisitOnSite", "VisitPaused",
    "VisitRescheduled", "VisitResumed", "VisitScheduled", "VisitUnassigned", "WaitFor", "WorkOrder",
    "WorkOrderApprovalRequested", "WorkOrderApproved", "WorkOrderCanceled", "WorkOrderClosed", "WorkOrderCompleted",
    "WorkOrderCreated", "WorkOrderDeleted", "WorkOrderHeld", "WorkOrderOpened", "WorkOrderReinstated",
    "WorkOrderRejected", "WorkOrderReopened", "WorkOrderResumed", "WorkOrderStarted", "WorkOrderUnlocked",
    "WorkOrderUpdated", "WorkOrderWorkCompleted", "hookimpl", "new_secret", "secret", "sign", "signed_headers",
    "verify",
]  # fmt: skip
