"""QuickBooks Online as a ledger: each customer once, each invoice once and exact, each payment applied."""

from beltstack.plugins import (
    ConnectAnswer,
    Connection,
    ConnectRequest,
    ConnectsByOAuth,
    Context,
    FailMode,
    InvoiceIssued,
    Limits,
    Manifest,
    PaymentRecorded,
    Plugin,
    hookimpl,
)
from beltstack_quickbooks import invoices, oauth, payments, readiness
from beltstack_quickbooks.calls import Books
from beltstack_quickbooks.settings import QuickBooksCredentials, QuickBooksSettings

__all__ = ["QuickBooks", "QuickBooksCredentials", "QuickBooksSettings"]


class QuickBooks(Plugin, ConnectsByOAuth):
    """What QuickBooks is told, one hook per fact."""

    manifest = Manifest(
        id="quickbooks",
        name="QuickBooks Online",
        version="0.1.0",
        description="Sends customers, issued invoices and payments to QuickBooks Online, each once and to the cent.",
        settings=QuickBooksSettings,
        credentials=QuickBooksCredentials,
        # Intuit counts 500 requests a minute and ten at once per company; two are left to the office's own tools.
        limits=Limits(calls=500, window_seconds=60, at_once=8),
        fail_mode=FailMode.OPEN,
        is_ledger=True,
    )

    def authorize_url(self, ask: ConnectRequest) -> str:
        """Intuit's page where the admin chooses a company."""
        return oauth.authorize_url(ask)

    async def connect(self, answer: ConnectAnswer, connection: Connection) -> QuickBooksCredentials:
        """The keys to the company that was chosen."""
        return await oauth.connected(answer, connection)

    async def check(self, connection: Connection) -> None:
        """Refuse a company that would renumber our invoices, is kept elsewhere than in the US, or lacks the item."""
        await readiness.check(Books(connection))

    @hookimpl
    async def invoice_issued(self, event: InvoiceIssued, context: Context) -> None:
        """Its customer first, then the invoice, then a look at what QuickBooks made of it."""
        await invoices.send(event, Books(context, context.attempt))

    @hookimpl
    async def payment_recorded(self, event: PaymentRecorded, context: Context) -> None:
        """Applied to the invoice it was received for."""
        await payments.send(event, Books(context, context.attempt))
