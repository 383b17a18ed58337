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
from beltstack.domain.events import InvoiceIssued, InvoiceLineSnapshot, PaymentRecorded, WorkOrderCompleted
from beltstack.domain.intake import Intake, NewWorkOrder
from beltstack.domain.invoices import Invoice, InvoiceLine
from beltstack.domain.line_items import LineItem, LineKind
from beltstack.domain.sites import Site
from beltstack.domain.taxes import TaxMode
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
from beltstack.plugins.setup import DeadLetters, FailMode, Limits, Manifest, NoCredentials, NoSettings, secret
from beltstack.plugins.signing import BadSignature, new_secret, sign, signed_headers, verify

__all__ = [
    "Address", "BadSignature", "Change", "Columns", "ConnectAnswer", "ConnectRequest", "Connection",
    "ConnectsByOAuth", "Context", "Customer", "DeadLetters", "Envelope", "FailMode", "FieldType", "Inbound", "Intake",
    "Invoice", "InvoiceIssued", "InvoiceLine", "InvoiceLineSnapshot", "Limits", "LineItem", "LineKind", "Manifest",
    "NeedsAttention", "NewWorkOrder", "NoCredentials", "NoSettings", "OutcomeUnknown", "PaymentRecorded", "Plugin",
    "PluginError", "Priority", "PythonField", "ReceivesWebhooks", "ReconnectNeeded", "Reference", "Rejected",
    "RetryLater", "Review", "Rows", "Site", "SqlField", "TaxMode", "TenantInfo", "Throttled", "Veto", "Vetoes",
    "WaitFor", "WorkOrder", "WorkOrderCompleted", "hookimpl", "new_secret", "secret", "sign", "signed_headers",
    "verify",
]  # fmt: skip
