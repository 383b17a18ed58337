"""Sending an issued invoice: once, whatever is lost on the way, and compared to the cent afterwards."""

from decimal import Decimal

from beltstack.plugins import Invoice, InvoiceIssued, NeedsAttention, Reference
from beltstack_quickbooks import customers
from beltstack_quickbooks.calls import Books
from beltstack_quickbooks.faults import NUMBER_TAKEN
from beltstack_quickbooks.mapping import (
    DOC_NUMBER_CHARACTERS,
    Entity,
    content_hash,
    figure,
    invoice_body,
    marker,
    request_id,
)

ENTITY = "invoice"
_MARK = "beltstack:"


async def send(event: InvoiceIssued, books: Books) -> None:
    """Make the invoice be in QuickBooks and stand there with the same figures.

    Raises NeedsAttention where another document holds its number or QuickBooks reckons otherwise; it is linked then.
    """
    invoice = await books.connection.records.invoice(event.invoice_id)
    if linked := await books.connection.references.find(ENTITY, invoice.id):
        # Told before: the office may have mended a difference meanwhile, so the figures are looked at again.
        _check_figures(await books.read("Invoice", linked.external_id, record=_words(invoice)), invoice)
        return
    _check_number(invoice)
    body = await _body(invoice, books)
    found = await _found_or_created(invoice, body, books)
    await books.connection.references.link(
        Reference(
            ENTITY,
            invoice.id,
            found["Id"],
            external_version=found["SyncToken"],
            external_url=f"https://app.qbo.intuit.com/app/invoice?txnId={found['Id']}",
            content_hash=content_hash(body),
        )
    )
    _check_figures(found, invoice)
    books.connection.log.info("invoice %s is QuickBooks' %s", invoice.number, found["Id"])


async def _body(invoice: Invoice, books: Books) -> Entity:
    records = books.connection.records
    customer = await records.customer(invoice.customer_id)
    owner = await customers.ensure_linked(customer, books)
    site = await records.site(invoice.site_id)
    item_id = books.settings.item_id
    return invoice_body(invoice, customer=customer, site=site, customer_ref=owner.external_id, item_id=item_id)


async def _found_or_created(invoice: Invoice, body: Entity, books: Books) -> Entity:
    key = request_id(books.connection.tenant.id, ENTITY, invoice.id, revision=invoice.revision)
    log = books.connection.log
    # Looked for only where an earlier attempt may have left it: QuickBooks meters what is read.
    if books.attempt > 1:
        log.info("%s: requestid %s may have arrived before; looking first", _words(invoice), key)
        if found := await _same_number(invoice, body, books):
            log.info("%s: found as QuickBooks' invoice %s; nothing is sent again", _words(invoice), found["Id"])
            return found
    log.info("%s: sending requestid %s", _words(invoice), key)
    try:
        return await books.create("Invoice", body, request_id=key, record=_words(invoice))
    except NeedsAttention as refusal:
        if refusal.code != NUMBER_TAKEN:
            raise
        if found := await _same_number(invoice, body, books):
            return found
        raise


async def _same_number(invoice: Invoice, body: Entity, books: Books) -> Entity | None:
    """Our invoice under its number, None where the number is free; raises NeedsAttention where it is another's."""
    found = await books.find("Invoice", record=_words(invoice), DocNumber=body["DocNumber"])
    marked = [one for one in found if marker(invoice.id) in str(one.get("PrivateNote", ""))]
    alike = [one for one in found if _is_alike(one, body, invoice)]
    for candidates in (marked, alike):
        if len(candidates) == 1:
            return candidates[0]
    if found:
        raise _conflict(invoice, found[0])
    return None


def _is_alike(found: Entity, body: Entity, invoice: Invoice) -> bool:
    """Whether it is the same by amount, customer and date, and nobody marked it as another's."""
    return (
        figure(found, "TotalAmt") == invoice.total
        and found.get("CustomerRef", {}).get("value") == body["CustomerRef"]["value"]
        and found.get("TxnDate") == body["TxnDate"]
        and _MARK not in str(found.get("PrivateNote", ""))
    )


def _conflict(invoice: Invoice, found: Entity) -> NeedsAttention:
    whose = found.get("CustomerRef", {}).get("name", "somebody")
    return NeedsAttention(
        f"QuickBooks already has a different invoice {invoice.number}: {whose}, {figure(found, 'TotalAmt'):,.2f} of"
        f" {found.get('TxnDate', 'no date')}. Give that one another number in QuickBooks, then replay this delivery.",
        code=NUMBER_TAKEN,
    )


def _check_number(invoice: Invoice) -> None:
    number = invoice.number or ""
    if len(number) > DOC_NUMBER_CHARACTERS:
        raise NeedsAttention(
            f"Invoice {number} has a number of {len(number)} characters; QuickBooks takes {DOC_NUMBER_CHARACTERS}."
            " Enter it there by hand, and shorten the prefix of your invoice numbers.",
            code="NUMBER_TOO_LONG",
        )


def _check_figures(found: Entity, invoice: Invoice) -> None:
    """Compare what QuickBooks made of it with what the customer was told; nothing is re-totalled in silence."""
    currency = found.get("CurrencyRef", {}).get("value", invoice.currency)
    pairs = (
        ("total", invoice.total, figure(found, "TotalAmt")),
        ("tax", invoice.tax, figure(found, "TxnTaxDetail", "TotalTax")),
    )
    wrong = [
        f"its {name} is {ours:,} here and {_shown(theirs)} there" for name, ours, theirs in pairs if ours != theirs
    ]
    if currency != invoice.currency:
        wrong.append(f"it is in {invoice.currency} here and in {currency} there")
    if wrong:
        raise NeedsAttention(
            f"Invoice {invoice.number} is in QuickBooks with other figures: {'; '.join(wrong)}. Correct it in"
            " QuickBooks, then replay this delivery; it is compared again.",
            code="FIGURES_DIFFER",
        )


def _shown(theirs: Decimal) -> str:
    return f"{theirs:,.2f}" if theirs == round(theirs, 2) else f"{theirs:,}"


def _words(invoice: Invoice) -> str:
    return f"invoice {invoice.number}"
