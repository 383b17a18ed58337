"""Sending a payment taken in the field: once, and applied to its invoice."""

from beltstack.plugins import NeedsAttention, PaymentRecorded, Reference, WaitFor
from beltstack_quickbooks import customers, invoices
from beltstack_quickbooks.calls import Books
from beltstack_quickbooks.mapping import Entity, content_hash, figure, marker, payment_body, request_id

ENTITY = "payment"


async def send(event: PaymentRecorded, books: Books) -> None:
    """Make the payment be in QuickBooks, applied to its invoice.

    Raises WaitFor until customer and invoice are linked, NeedsAttention where QuickBooks holds another amount.
    """
    references = books.connection.references
    if linked := await references.find(ENTITY, event.payment_id):
        _check_amount(await books.read("Payment", linked.external_id, record=_words(event)), event)
        return
    owner = await references.find(customers.ENTITY, event.customer_id)
    invoice = await references.find(invoices.ENTITY, event.invoice_id)
    if owner is None:
        raise WaitFor(customers.ENTITY, event.customer_id)
    if invoice is None:
        raise WaitFor(invoices.ENTITY, event.invoice_id)
    body = payment_body(event, customer_ref=owner.external_id, invoice_ref=invoice.external_id)
    found = await _found_or_created(event, body, books)
    await references.link(
        Reference(
            ENTITY,
            event.payment_id,
            found["Id"],
            external_version=found["SyncToken"],
            external_url=f"https://app.qbo.intuit.com/app/recvpayment?txnId={found['Id']}",
            content_hash=content_hash(body),
        )
    )
    _check_amount(found, event)


async def _found_or_created(event: PaymentRecorded, body: Entity, books: Books) -> Entity:
    if books.attempt > 1 and (found := await _marked(event, body, books)):
        return found
    return await books.create(
        "Payment",
        body,
        request_id=request_id(books.connection.tenant.id, ENTITY, event.payment_id),
        record=_words(event),
    )


async def _marked(event: PaymentRecorded, body: Entity, books: Books) -> Entity | None:
    """The payment that carries our marker. Payments cannot be looked up by number, so by customer and day."""
    found = await books.find(
        "Payment", record=_words(event), CustomerRef=body["CustomerRef"]["value"], TxnDate=body["TxnDate"]
    )
    note = marker(event.payment_id)
    return next((one for one in found if note in str(one.get("PrivateNote", ""))), None)


def _check_amount(found: Entity, event: PaymentRecorded) -> None:
    theirs = figure(found, "TotalAmt")
    if theirs != event.amount:
        raise NeedsAttention(
            f"The payment of {event.amount:,} {event.currency} is in QuickBooks with {theirs:,.2f}. Correct it"
            " there, then replay this delivery; it is compared again.",
            code="FIGURES_DIFFER",
        )


def _words(event: PaymentRecorded) -> str:
    return f"the payment of {event.amount:,} {event.currency}"
