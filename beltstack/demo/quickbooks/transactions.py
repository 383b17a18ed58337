"""The rules of money: what an invoice adds up to, what a payment may be applied to, and what voiding leaves."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from beltstack.demo.quickbooks.answers import COMPANY_ZONE, Refused
from beltstack.demo.quickbooks.names import ADDRESSES, HOME_CURRENCY, address
from beltstack.demo.quickbooks.shelves import Entity, Shelves, cents

WORKED_OUT = {"Balance", "LinkedTxn", "UnappliedAmt", "Deposit"}
PSEUDO_TAX_CODES = ("TAX", "NON")
NET_DAYS = 30
UNDEPOSITED_FUNDS = {"value": "4", "name": "Undeposited Funds"}
DISCOUNTS_GIVEN = {"value": "86", "name": "Discounts given"}
HUNDRED = Decimal(100)


def invoice(given: Entity, before: Entity | None, shelves: Shelves) -> Entity:
    """Return the invoice to keep, with its lines numbered and its totals worked out.

    Raises `Refused`: 2020 CustomerRef, Line or Amount missing, 6070 amount is not quantity × price, 6090 a discount
    without figure, 6100 a tax code other than TAX or NON, 6000 a total below zero or below what was paid.
    """
    _require(given, "CustomerRef", "Line")
    for line in given["Line"]:
        _require(line, "DetailType")
    sales = [_sales_line(line, shelves) for line in _of(given, "SalesItemLineDetail", "DescriptionOnly")]
    _require({"Line": sales}, "Line")
    subtotal = sum((line["Amount"] for line in sales if "Amount" in line), Decimal(0))
    discounts = [_discount_line(line, subtotal) for line in _of(given, "DiscountLineDetail")]
    discount = sum((line["Amount"] for line in discounts), Decimal(0))
    tax = _tax(given, sales, subtotal, discount, shelves)
    total = subtotal - discount + tax["TotalTax"]
    paid = sum(amount for _, amount in shelves.applied(before["Id"])) if before else Decimal(0)
    if total < paid:
        raise Refused("6000", "Business Validation Error: Transaction amount must be 0 or greater.")
    # Lines for the subtotal are QuickBooks' own: what a client read and sends back is worked out afresh.
    subtotal_line: Entity = {"Amount": subtotal, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}}
    lines = [*_numbered(sales, before), subtotal_line, *discounts]
    figures = {"Line": lines, "TxnTaxDetail": tax, "TotalAmt": total}
    return {**_invoice_defaults(given, shelves), **given, **_addresses(given, shelves), **figures}


def payment(given: Entity, before: Entity | None, shelves: Shelves) -> Entity:
    """Return the payment to keep.

    Raises `Refused`: 2020 CustomerRef, TotalAmt or Amount missing, 2500 no such invoice, 610 a deleted one, 620 not
    an invoice, 6000 another customer's invoice, more than its balance, or more than the payment itself.
    """
    _require(given, "CustomerRef", "TotalAmt")
    lines = [_payment_line(line, given, shelves) for line in given.get("Line", [])]
    _check_balances(lines, before, shelves)
    if sum(line["Amount"] for line in lines) > given["TotalAmt"] or given["TotalAmt"] < 0:
        raise Refused("6000", "Business Validation Error: The amount applied cannot exceed the payment amount.")
    defaults = {
        "TxnDate": _today(shelves).isoformat(),
        "CurrencyRef": HOME_CURRENCY,
        "DepositToAccountRef": UNDEPOSITED_FUNDS,
        "ProcessPayment": False,
    }
    return {**defaults, **given, "TotalAmt": cents(given["TotalAmt"]), "Line": lines}


def voided(kind: str, before: Entity) -> Entity:
    """Return a transaction after voiding: every figure zero, and a note that says so in place of the old one."""
    nothing: dict[str, Any] = {"PrivateNote": "Voided", "TotalAmt": Decimal(0)}
    if kind == "Payment":
        return {**before, **nothing, "Line": []}
    lines = [_without_figures(line) for line in before["Line"]]
    return {**before, **nothing, "Line": lines, "TxnTaxDetail": {"TotalTax": Decimal(0)}}


def check_number(given: Entity, before: Entity | None, shelves: Shelves) -> None:
    """Raise `Refused` 6140 when another invoice carries the same DocNumber."""
    for other in shelves.all("Invoice"):
        if other is not before and other.get("DocNumber") == given["DocNumber"]:
            taken = f"DocNumber={given['DocNumber']} is assigned to TxnType=Invoice with TxnId={other['Id']}"
            advice = "You must specify a different number. This number has already been used."
            raise Refused("6140", f"Duplicate Document Number Error : {advice} {taken}")


def _require(given: Entity, *names: str) -> None:
    for name in names:
        if given.get(name) in (None, []):
            raise Refused("2020", f"Required parameter {name} is missing in the request", element=name)


def _today(shelves: Shelves) -> date:
    return shelves.clock().astimezone(COMPANY_ZONE).date()


def _sales_line(line: Entity, shelves: Shelves) -> Entity:
    detail = line.get("SalesItemLineDetail", {})
    if "ItemRef" not in detail:  # Intuit's reference: such a line is documentation, and its Amount is ignored
        return {"DetailType": "DescriptionOnly", "DescriptionLineDetail": {}} | {
            k: line[k] for k in ("Id", "Description") if k in line
        }
    _require(line, "Amount")
    amount = cents(line["Amount"])
    if {"Qty", "UnitPrice"} <= detail.keys() and cents(detail["Qty"] * detail["UnitPrice"]) != line["Amount"]:
        raise Refused(
            "6070", f"Amount is not equal to UnitPrice * Qty. Supplied value:{line['Amount']:,f}", element="Line"
        )
    taxable = shelves.get("Item", detail["ItemRef"]["value"])["Taxable"]
    code = detail.get("TaxCodeRef", {}).get("value") or PSEUDO_TAX_CODES[not taxable]
    if code not in PSEUDO_TAX_CODES:
        supplied = f"Valid line TaxCodes for US should be TAX or NON. Supplied value: {code}"
        raise Refused("6100", supplied, element="Line.SalesItemLineDetail.TaxCodeRef")
    return {**line, "Amount": amount, "SalesItemLineDetail": {**detail, "TaxCodeRef": {"value": code}}}


def _discount_line(line: Entity, subtotal: Decimal) -> Entity:
    detail = line.get("DiscountLineDetail", {})
    percent = detail.get("DiscountPercent") if detail.get("PercentBased") else None
    if percent is None and "Amount" not in line:
        raise Refused("6090", "Discount amount or percent should be provided.", element="Line")
    amount = line["Amount"] if percent is None else subtotal * percent / HUNDRED
    filled = {"PercentBased": percent is not None, "DiscountAccountRef": DISCOUNTS_GIVEN, **detail}
    return {**line, "Amount": cents(amount), "DiscountLineDetail": filled}


def _tax(given: Entity, sales: Sequence[Entity], subtotal: Decimal, discount: Decimal, shelves: Shelves) -> Entity:
    """Return the tax block: TotalTax as it was sent, or worked out from the TAX lines at the company's rate."""
    sent = given.get("TxnTaxDetail", {})
    if "TotalTax" in sent and not sent.get("UseAutomatedSalesTax"):
        return {**sent, "TotalTax": cents(sent["TotalTax"])}
    taxable = sum((line["Amount"] for line in sales if _is_taxable(line)), Decimal(0))
    if given.get("ApplyTaxAfterDiscount") and subtotal:
        taxable -= taxable * discount / subtotal
    total = cents(taxable * shelves.sales_tax_percent / HUNDRED)
    code = {"TxnTaxCodeRef": sent["TxnTaxCodeRef"]} if "TxnTaxCodeRef" in sent else {}
    if not total:
        return {**code, "TotalTax": total}
    percent = {"PercentBased": True, "TaxPercent": shelves.sales_tax_percent, "NetAmountTaxable": cents(taxable)}
    detail = {"TaxRateRef": {"value": "1"}, **percent}
    return {
        **code,
        "TotalTax": total,
        "TaxLine": [{"Amount": total, "DetailType": "TaxLineDetail", "TaxLineDetail": detail}],
    }


def _is_taxable(line: Entity) -> bool:
    return bool(line.get("SalesItemLineDetail", {}).get("TaxCodeRef") == {"value": "TAX"})


def _numbered(lines: Sequence[Entity], before: Entity | None) -> list[Entity]:
    """Return the lines with Ids: those that name one of the invoice's own keep it, the others get the next."""
    used = {line["Id"] for line in before["Line"] if "Id" in line} if before else set()
    last = max(map(int, used), default=0)
    numbered = []
    for number, line in enumerate(lines, start=1):
        if line.get("Id") not in used:
            last += 1
            line = {**line, "Id": str(last)}  # noqa: PLW2901 - the line as it now is
        numbered.append({**line, "LineNum": number})
    return numbered


def _invoice_defaults(given: Entity, shelves: Shelves) -> Entity:
    written_on = date.fromisoformat(given["TxnDate"]) if "TxnDate" in given else _today(shelves)
    online = ("AllowIPNPayment", "AllowOnlinePayment", "AllowOnlineCreditCardPayment", "AllowOnlineACHPayment")
    return {
        **dict.fromkeys(online, False),
        "CustomField": [{"DefinitionId": "1", "Name": "Crew", "Type": "StringType"}],
        "TxnDate": written_on.isoformat(),
        "CurrencyRef": HOME_CURRENCY,
        "DueDate": (written_on + timedelta(days=NET_DAYS)).isoformat(),
        "ApplyTaxAfterDiscount": False,
        "PrintStatus": "NeedToPrint",
        "EmailStatus": "NotSet",
    }


def _addresses(given: Entity, shelves: Shelves) -> Entity:
    """Return the addresses sent, or the customer's own where none was."""
    buyer = shelves.get("Customer", given["CustomerRef"]["value"])
    return {name: address(given.get(name) or buyer[name]) for name in ADDRESSES if name in given or name in buyer}


def _of(given: Entity, *kinds: str) -> list[Entity]:
    return [line for line in given["Line"] if line["DetailType"] in kinds]


def _payment_line(line: Entity, given: Entity, shelves: Shelves) -> Entity:
    _require(line, "Amount", "LinkedTxn")
    link, *more = line["LinkedTxn"]
    if more or link.get("TxnType") != "Invoice":
        raise Refused("620", f"Transaction {link.get('TxnId')} of type {link.get('TxnType')} cannot be linked")
    if shelves.find("Invoice", link.get("TxnId", "")) is None:
        raise Refused("2500", f"Invalid Reference Id : Transactions element id {link.get('TxnId')} not found")
    if shelves.get("Invoice", link["TxnId"])["CustomerRef"]["value"] != given["CustomerRef"]["value"]:
        raise Refused("6000", "Business Validation Error: The invoice belongs to another customer.")
    if line["Amount"] < 0:
        raise Refused("6000", "Business Validation Error: The amount applied cannot be negative.")
    return {"Amount": cents(line["Amount"]), "LinkedTxn": [link]}


def _check_balances(lines: Sequence[Entity], before: Entity | None, shelves: Shelves) -> None:
    for invoice_id in {line["LinkedTxn"][0]["TxnId"] for line in lines}:
        here = sum(line["Amount"] for line in lines if line["LinkedTxn"][0]["TxnId"] == invoice_id)
        elsewhere = sum(
            amount for _, amount in shelves.applied(invoice_id, without_payment=before["Id"] if before else None)
        )
        if here + elsewhere > shelves.get("Invoice", invoice_id)["TotalAmt"]:
            raise Refused("6000", "Business Validation Error: The amount applied cannot exceed the open balance.")


def _without_figures(line: Entity) -> Entity:
    detail = line.get("SalesItemLineDetail", {})
    zero = {"SalesItemLineDetail": {**detail, "Qty": Decimal(0)}} if "Qty" in detail else {}
    return {**line, **({"Amount": Decimal(0)} if "Amount" in line else {}), **zero}


RULES: dict[str, Callable[[Entity, Entity | None, Shelves], Entity]] = {"Invoice": invoice, "Payment": payment}
