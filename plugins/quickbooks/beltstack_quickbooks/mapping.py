"""What BeltStack's records are in QuickBooks: pure, exact, and the same for the same record."""

import hashlib
import json
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID, uuid5

from beltstack.plugins import Address, Customer, Invoice, InvoiceLine, LineKind, PaymentRecorded, Site, TaxMode

Entity = dict[str, Any]

DOC_NUMBER_CHARACTERS = 21
PAYMENT_REFERENCE_CHARACTERS = 21
DESCRIPTION_CHARACTERS = 4_000
_PHONE_CHARACTERS = 30
_EMAIL_CHARACTERS = 100
_NAME_PART_CHARACTERS = 100
_REQUESTS = UUID("5d0c4bd1-6b0e-5c62-9d0b-6f0a3f1b7a51")


def request_id(tenant_id: UUID, noun: str, record_id: UUID, *, revision: int = 1) -> str:
    """The id under which QuickBooks does a request once, however often it comes: 36 of its 50 characters."""
    return str(uuid5(_REQUESTS, f"{tenant_id}/{noun}/{record_id}/{revision}"))


def marker(record_id: UUID) -> str:
    """What says in a private note whose copy this is. Voiding in QuickBooks overwrites it."""
    return f"beltstack:{record_id}"


def content_hash(body: Mapping[str, Any]) -> str:
    """A digest of what is sent, by which a change is noticed."""
    return hashlib.sha256(exact_json(body).encode()).hexdigest()


def exact_json(value: Any) -> str:
    """JSON in which a Decimal is a number with every digit it has; the standard encoder would need a float."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(name)}:{exact_json(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(exact_json, value)) + "]"
    return json.dumps(value)


def figure(entity: Mapping[str, Any], *path: str) -> Decimal:
    """An amount of an answer, zero where it is absent. JSON writes whole ones without decimals."""
    value: Any = entity
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return Decimal(value) if isinstance(value, int | Decimal) else Decimal(0)


def customer_body(customer: Customer) -> Entity:
    """A `Customer`. A part of the name that is too long is cut, a phone or e-mail too long for QuickBooks left out.

    `Taxable` is not sent: companies on automated sales tax demand a reason with it, and every line says TAX or NON.
    """
    return _present(
        DisplayName=customer.name,
        GivenName=_cut(customer.given_name),
        FamilyName=_cut(customer.family_name),
        CompanyName=_cut(customer.company),
        PrimaryPhone=_wrapped("FreeFormNumber", customer.phone, _PHONE_CHARACTERS),
        PrimaryEmailAddr=_wrapped("Address", customer.email, _EMAIL_CHARACTERS),
        BillAddr=_address(customer.billing_address),
        Notes=marker(customer.id),
    )


def invoice_body(invoice: Invoice, *, customer: Customer, site: Site, customer_ref: str, item_id: str) -> Entity:
    """An `Invoice`. Lines are before tax whatever the invoice's mode; their sum and `TotalTax` make its total."""
    assert invoice.issued_on is not None and invoice.due_on is not None, "an issued invoice has its dates"  # noqa: PT018
    charged = [line for line in invoice.lines if line.kind is not LineKind.DISCOUNT]
    discounts = [line for line in invoice.lines if line.kind is LineKind.DISCOUNT]
    return _present(
        DocNumber=invoice.number,
        TxnDate=invoice.issued_on.isoformat(),
        DueDate=invoice.due_on.isoformat(),
        CustomerRef={"value": customer_ref},
        CurrencyRef={"value": invoice.currency},
        BillAddr=_address(customer.billing_address),
        # Sales tax in the US follows the place of the work, so the site is where it is "shipped" to.
        ShipAddr=_address(site.address),
        BillEmail=_wrapped("Address", customer.email, _EMAIL_CHARACTERS),
        CustomerMemo={"value": invoice.memo} if invoice.memo else None,
        PrivateNote=marker(invoice.id),
        Line=[*(_line(line, invoice, item_id) for line in charged), *_discount(discounts, invoice)],
        TxnTaxDetail={"TotalTax": invoice.tax},
        # Always said: QuickBooks reads silence as tax first, discount after.
        ApplyTaxAfterDiscount=any(_is_taxed(line) for line in discounts),
    )


def payment_body(event: PaymentRecorded, *, customer_ref: str, invoice_ref: str) -> Entity:
    """A `Payment` of the whole amount to one invoice. A reference too long for its field stands in the note."""
    reference = event.reference or ""
    fits = 0 < len(reference) <= PAYMENT_REFERENCE_CHARACTERS
    method = event.method.replace("_", " ").lower()
    return _present(
        TxnDate=event.received_on.isoformat(),
        CustomerRef={"value": customer_ref},
        CurrencyRef={"value": event.currency},
        TotalAmt=event.amount,
        PaymentRefNum=reference if fits else None,
        PrivateNote=f"{marker(event.payment_id)} {method} {reference}".strip(),
        Line=[{"Amount": event.amount, "LinkedTxn": [{"TxnId": invoice_ref, "TxnType": "Invoice"}]}],
    )


def _line(line: InvoiceLine, invoice: Invoice, item_id: str) -> Entity:
    if line.kind is LineKind.TEXT:
        text: Entity = {"DetailType": "DescriptionOnly", "Description": line.description}
        return text | {"DescriptionLineDetail": {}}
    amount = _before_tax(line, invoice)
    detail: Entity = {"ItemRef": {"value": item_id}, "TaxCodeRef": {"value": "TAX" if _is_taxed(line) else "NON"}}
    description = line.description
    # QuickBooks refuses an Amount that is not Qty * UnitPrice (6070), and how it rounds is its own affair:
    # only an exact product is sent as one, any other is told in words.
    if line.quantity * line.unit_price == amount:
        detail |= {"Qty": _plain(line.quantity), "UnitPrice": _plain(line.unit_price, places=2)}
    else:
        description = _with_sum(line, invoice)
    sales: Entity = {"DetailType": "SalesItemLineDetail", "Amount": amount, "Description": description}
    return sales | {"SalesItemLineDetail": detail}


def _discount(lines: list[InvoiceLine], invoice: Invoice) -> list[Entity]:
    """The one discount an invoice may have in QuickBooks: the sum of all, each named in its description."""
    amount = -sum((_before_tax(line, invoice) for line in lines), Decimal(0))
    if amount == 0:
        return []
    description = "; ".join(line.description for line in lines)[:DESCRIPTION_CHARACTERS]
    told: Entity = {"DetailType": "DiscountLineDetail", "Amount": amount, "Description": description}
    return [told | {"DiscountLineDetail": {"PercentBased": False}}]


def _with_sum(line: InvoiceLine, invoice: Invoice) -> str:
    """The description with its sum in words: "1.333 h @ 95.00", "2 @ 40.00 less 8.00"."""
    words = f"{_plain(line.quantity):f}{f' {line.unit}' if line.unit else ''} @ {_plain(line.unit_price, places=2):f}"
    off = (line.quantity * line.unit_price).quantize(line.amount, ROUND_HALF_UP) - line.amount
    if off > 0:
        words += f" less {off:f}"
    if invoice.tax_mode is TaxMode.INCLUSIVE and line.tax:
        words += ", tax included"
    return f"{line.description[: DESCRIPTION_CHARACTERS - len(words) - 1]}\n{words}"


def _before_tax(line: InvoiceLine, invoice: Invoice) -> Decimal:
    return line.amount - line.tax if invoice.tax_mode is TaxMode.INCLUSIVE else line.amount


def _is_taxed(line: InvoiceLine) -> bool:
    return line.tax_snapshot is not None and any(component.rate for component in line.tax_snapshot.components)


def _plain(number: Decimal, *, places: int = 0) -> Decimal:
    """The number without the zeros that only its column gave it, but with `places` decimals."""
    short = number.normalize()
    exponent = short.as_tuple().exponent
    assert isinstance(exponent, int), "quantities and prices are finite"
    return short.quantize(Decimal((0, (1,), min(exponent, -places))))


def _address(address: Address | None) -> Entity | None:
    if address is None:
        return None
    return _present(
        Line1=address.line1,
        Line2=address.line2,
        City=address.city,
        CountrySubDivisionCode=address.region,
        PostalCode=address.postal_code,
        Country=address.country,
    )


def _wrapped(name: str, text: str | None, longest: int) -> Entity | None:
    return {name: text} if text and len(text) <= longest else None


def _cut(text: str | None) -> str | None:
    return text[:_NAME_PART_CHARACTERS].strip() if text else None


def _present(**parts: Any) -> Entity:
    """The parts that are there: QuickBooks takes an empty property for one to be cleared."""
    return {name: part for name, part in parts.items() if part is not None}
