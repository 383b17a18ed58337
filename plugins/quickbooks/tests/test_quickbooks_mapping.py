"""What BeltStack's records become in QuickBooks: exact, complete, and allowed by Intuit's own schema."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from beltstack_quickbooks import mapping
from beltstack_quickbooks.mapping import Entity
from hypothesis import given, settings
from hypothesis import strategies as st
from quickbooks_harness import SALES_TAX, a_customer, a_line, a_payment, a_site, an_invoice, check_payload

from beltstack.domain.taxes import TaxComponent, TaxSnapshot
from beltstack.plugins import Address, Invoice, InvoiceLine, LineKind, TaxMode

CUSTOMER = a_customer(id=UUID("01980000-0000-7000-8000-000000000001"))
SITE = a_site(CUSTOMER)
EXEMPT = TaxSnapshot("EX", "Exempt", (TaxComponent("None", Decimal(0)),))


def body_of(*lines: InvoiceLine, **changes: Any) -> Entity:
    return body(an_invoice(CUSTOMER, SITE, *lines, **changes))


def body(invoice: Invoice) -> Entity:
    sent = mapping.invoice_body(invoice, customer=CUSTOMER, site=SITE, customer_ref="58", item_id="1")
    check_payload("Invoice", sent)
    return sent


def total_of(sent: Entity) -> Decimal:
    """What QuickBooks adds an invoice up to."""
    signs = {"SalesItemLineDetail": 1, "DiscountLineDetail": -1, "DescriptionOnly": 0}
    lines = sum(signs[line["DetailType"]] * line.get("Amount", Decimal(0)) for line in sent["Line"])
    return Decimal(lines) + Decimal(sent["TxnTaxDetail"]["TotalTax"])


def test_a_customer_goes_in_under_the_name_the_office_uses() -> None:
    sent = mapping.customer_body(
        replace(CUSTOMER, given_name="Rosa", family_name="Delgado", company="Delgado Hotels LLC")
    )
    assert sent == {
        "DisplayName": "Rosa Delgado",
        "GivenName": "Rosa",
        "FamilyName": "Delgado",
        "CompanyName": "Delgado Hotels LLC",
        "PrimaryPhone": {"FreeFormNumber": "(312) 555-0175"},
        "PrimaryEmailAddr": {"Address": "rosa@example.com"},
        "BillAddr": {
            "Line1": "12 Elm St",
            "City": "Chicago",
            "CountrySubDivisionCode": "IL",
            "PostalCode": "60607",
            "Country": "US",
        },
        "Notes": "beltstack:01980000-0000-7000-8000-000000000001",
    }
    check_payload("Customer", sent)


def test_what_a_customer_lacks_is_not_sent_empty() -> None:
    bare = mapping.customer_body(replace(CUSTOMER, email=None, phone=None, billing_address=None))
    assert bare.keys() == {"DisplayName", "Notes"}


def test_contact_data_too_long_for_quickbooks_holds_no_invoice_up() -> None:
    long = replace(CUSTOMER, given_name="R" * 101, phone="312 555 0175, after six ask for Ana", email="a" * 97 + "@b.c")
    sent = mapping.customer_body(long)
    assert sent["GivenName"] == "R" * 100
    assert sent.keys() & {"PrimaryPhone", "PrimaryEmailAddr"} == set()


def test_an_invoice_goes_in_whole() -> None:
    invoice = an_invoice(CUSTOMER, SITE, a_line("190.00", quantity="2.0000", unit_price="95.0000"), memo="Thank you")
    assert body(invoice) == {
        "DocNumber": "INV-1042",
        "TxnDate": "2026-03-02",
        "DueDate": "2026-03-16",
        "CustomerRef": {"value": "58"},
        "CurrencyRef": {"value": "USD"},
        "BillAddr": mapping.customer_body(CUSTOMER)["BillAddr"],
        "ShipAddr": {
            "Line1": "900 Pier Rd",
            "Line2": "Unit 9",
            "City": "Evanston",
            "CountrySubDivisionCode": "IL",
            "PostalCode": "60201",
            "Country": "US",
        },
        "BillEmail": {"Address": "rosa@example.com"},
        "CustomerMemo": {"value": "Thank you"},
        "PrivateNote": f"beltstack:{invoice.id}",
        "Line": [
            {
                "DetailType": "SalesItemLineDetail",
                "Amount": Decimal("190.00"),
                "Description": "Diagnosis",
                "SalesItemLineDetail": {
                    "ItemRef": {"value": "1"},
                    "TaxCodeRef": {"value": "TAX"},
                    "Qty": Decimal(2),
                    "UnitPrice": Decimal("95.00"),
                },
            }
        ],
        "TxnTaxDetail": {"TotalTax": Decimal("19.48")},
        "ApplyTaxAfterDiscount": False,
    }


def test_dates_are_the_days_of_the_invoice_whatever_the_hour() -> None:
    sent = body_of(issued_on=date(2026, 12, 31), due_on=date(2027, 1, 30))
    assert (sent["TxnDate"], sent["DueDate"]) == ("2026-12-31", "2027-01-30")


@pytest.mark.parametrize(
    ("amount", "quantity", "unit_price", "unit", "words"),
    [
        ("126.64", "1.3330", "95.0000", "h", "1.333 h @ 95.00"),
        ("72.00", "2", "40.00", None, "2 @ 40.00 less 8.00"),
        ("0.33", "3", "0.1111", "m", "3 m @ 0.1111"),
    ],
)
def test_an_amount_that_is_no_exact_product_is_sent_alone_and_told_in_words(
    amount: str, quantity: str, unit_price: str, unit: str | None, words: str
) -> None:
    [line] = body_of(a_line(amount, quantity=quantity, unit_price=unit_price, unit=unit))["Line"]
    assert (line["Amount"], line["Description"]) == (Decimal(amount), f"Diagnosis\n{words}")
    assert line["SalesItemLineDetail"].keys() == {"ItemRef", "TaxCodeRef"}


def test_a_description_keeps_room_for_the_sum_in_words() -> None:
    long = a_line("126.64", quantity="1.333", unit_price="95", description="x" * 4000)
    [line] = body_of(long)["Line"]
    assert len(line["Description"]) == 4000
    assert line["Description"].endswith("x\n1.333 h @ 95.00")


@pytest.mark.parametrize(("tax", "code"), [(SALES_TAX, "TAX"), (EXEMPT, "NON"), (None, "NON")])
def test_a_line_is_taxed_when_its_snapshot_has_a_rate(tax: TaxSnapshot | None, code: str) -> None:
    [line] = body_of(a_line(tax=tax))["Line"]
    assert line["SalesItemLineDetail"]["TaxCodeRef"] == {"value": code}


@pytest.mark.parametrize(("tax", "after"), [(SALES_TAX, True), (None, False)])
def test_discounts_become_the_one_discount_quickbooks_knows(tax: TaxSnapshot | None, after: bool) -> None:
    off = {"kind": LineKind.DISCOUNT, "quantity": "1", "tax": tax}
    sent = body_of(
        a_line("190.00"),
        a_line("-10.00", unit_price="-10.00", description="Loyalty", **off),  # type: ignore[arg-type]
        a_line("-5.50", unit_price="-5.50", description="Late arrival", **off),  # type: ignore[arg-type]
    )
    assert sent["Line"][1:] == [
        {
            "DetailType": "DiscountLineDetail",
            "Amount": Decimal("15.50"),
            "Description": "Loyalty; Late arrival",
            "DiscountLineDetail": {"PercentBased": False},
        }
    ]
    assert sent["ApplyTaxAfterDiscount"] is after


def test_a_text_line_only_says_something() -> None:
    text = a_line("0.00", quantity="0", unit_price="0", kind=LineKind.TEXT, tax=None, description="Filter by owner")
    assert body_of(a_line(), text)["Line"][1] == {
        "DetailType": "DescriptionOnly",
        "Description": "Filter by owner",
        "DescriptionLineDetail": {},
    }


def test_prices_with_tax_in_them_are_sent_without() -> None:
    invoice = an_invoice(
        CUSTOMER, SITE, a_line("110.25", quantity="1", unit_price="110.25"), tax_mode=TaxMode.INCLUSIVE
    )
    sent = body(invoice)
    assert (sent["Line"][0]["Amount"], sent["TxnTaxDetail"]["TotalTax"]) == (Decimal("100.00"), Decimal("10.25"))
    assert sent["Line"][0]["Description"] == "Diagnosis\n1 h @ 110.25, tax included"


def test_a_site_without_an_address_leaves_the_place_to_quickbooks() -> None:
    sent = mapping.invoice_body(
        an_invoice(CUSTOMER, SITE), customer=CUSTOMER, site=replace(SITE, address=None), customer_ref="58", item_id="1"
    )
    assert "ShipAddr" not in sent


def test_a_payment_is_applied_whole_to_its_invoice() -> None:
    payment = a_payment(an_invoice(CUSTOMER, SITE), amount=Decimal("209.48"))
    sent = mapping.payment_body(payment, customer_ref="58", invoice_ref="145")
    assert sent == {
        "TxnDate": "2026-03-05",
        "CustomerRef": {"value": "58"},
        "CurrencyRef": {"value": "USD"},
        "TotalAmt": Decimal("209.48"),
        "PaymentRefNum": "4711",
        "PrivateNote": f"beltstack:{payment.payment_id} check 4711",
        "Line": [{"Amount": Decimal("209.48"), "LinkedTxn": [{"TxnId": "145", "TxnType": "Invoice"}]}],
    }
    check_payload("Payment", sent)


def test_a_reference_too_long_for_its_field_stands_in_the_note() -> None:
    payment = a_payment(an_invoice(CUSTOMER, SITE), reference="transfer of the 5th, second half")
    sent = mapping.payment_body(payment, customer_ref="58", invoice_ref="145")
    assert "PaymentRefNum" not in sent
    assert sent["PrivateNote"].endswith("check transfer of the 5th, second half")


def test_request_ids_are_one_per_tenant_document_and_revision() -> None:
    tenant, other, document = uuid4(), uuid4(), uuid4()
    ids = {
        mapping.request_id(tenant, "invoice", document),
        mapping.request_id(tenant, "invoice", document, revision=2),
        mapping.request_id(tenant, "payment", document),
        mapping.request_id(other, "invoice", document),
    }
    assert len(ids) == 4
    assert mapping.request_id(tenant, "invoice", document) in ids
    assert max(map(len, ids)) <= 50


def test_json_keeps_every_digit() -> None:
    written = mapping.exact_json({"a": Decimal("1E+2"), "b": [Decimal("0.10"), 'é"', None, True]})
    assert written == '{"a":100,"b":[0.10,"\\u00e9\\"",null,true]}'
    assert json.loads(written)["b"][1] == 'é"'


def test_the_hash_tells_contents_apart() -> None:
    sent = mapping.customer_body(CUSTOMER)
    assert mapping.content_hash(sent) == mapping.content_hash(dict(sent))
    assert mapping.content_hash(sent) != mapping.content_hash(sent | {"DisplayName": "Rosa D."})


cents = (
    st.integers(0, 10**7).map(lambda units: Decimal(units) / 100).map(lambda amount: amount.quantize(Decimal("0.01")))
)
numbers = st.decimals("0.0001", "9999", places=4)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)
taxes = st.sampled_from([SALES_TAX, EXEMPT, None])
sold = st.sampled_from([LineKind.LABOR, LineKind.PART, LineKind.FEE])


@st.composite
def lines_of(draw: st.DrawFn) -> InvoiceLine:
    quantity, price = draw(numbers), draw(numbers)
    gross = (quantity * price).quantize(Decimal("0.01"), "ROUND_HALF_UP")
    off = min(gross, draw(st.sampled_from([Decimal("0.00"), Decimal("0.01"), gross])))
    made = a_line(str(gross - off), kind=draw(sold), tax=draw(taxes), description=draw(texts))
    return replace(made, quantity=quantity, unit_price=price)


@given(st.lists(lines_of(), min_size=1, max_size=6), st.sampled_from(TaxMode), cents)
@settings(max_examples=60, deadline=None)
def test_whatever_is_invoiced_adds_up_in_quickbooks(lines: list[InvoiceLine], mode: TaxMode, off: Decimal) -> None:
    off = min(off, sum((line.amount for line in lines), Decimal(0)))
    discount = a_line(f"-{off}", quantity="1", unit_price=f"-{off}", kind=LineKind.DISCOUNT, tax=None)
    invoice = an_invoice(CUSTOMER, SITE, *lines, discount, tax_mode=mode)
    sent = body(invoice)
    assert total_of(sent) == invoice.total
    for line in sent["Line"]:
        detail = line.get("SalesItemLineDetail", {})
        if "Qty" in detail:
            assert detail["Qty"] * detail["UnitPrice"] == line["Amount"]
        assert len(line["Description"]) <= 4000


@given(st.builds(Address, texts, st.none() | texts, st.none() | texts, st.none() | texts, st.none() | texts), texts)
@settings(max_examples=40, deadline=None)
def test_any_customer_is_one_intuit_allows(address: Address, name: str) -> None:
    check_payload("Customer", mapping.customer_body(replace(CUSTOMER, name=name, billing_address=address)))
