"""An invoice is drafted from finished work, issued once under the next number, and from then on only paid."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from beltstack.domain.ids import Noun
from tests.api import Company
from tests.schema.every import EVERY_MUTATION, an_input, answer_to, places_of
from tests.schema.shop import INVOICE, ORDER, Shop, a_shop
from tests.store.rows import rows_of

# Xero's own example of rounding: 15 % of these is 11.445.
XERO_LINES = [{"description": price, "unitPrice": price} for price in ("25.06", "25.61", "25.63")]
SUMS = """invoice { id version subtotal { amount } tax { amount } total { amount }
    lines { amount { amount } tax { amount } } }"""
PAID = (
    "payment { id amount { amount } invoice { state paid { amount } balance { amount } workOrder { billingState } } }"
)


async def set_policy(shop: Shop, **patch: Any) -> None:
    version = (await shop.api.ask("{ tenant { version } }"))["tenant"]["version"]
    await shop.api.do("tenantUpdate", "tenant { id }", expectedVersion=version, patch=patch)


async def a_tax(shop: Shop, rate: str, code: str = "GST") -> str:
    given = {"code": code, "name": code, "components": [{"name": code, "rate": rate}]}
    made: str = (await shop.api.do("taxCodeCreate", "taxCode { id }", **given))["id"]
    return made


async def drafted_sums(shop: Shop, **given: Any) -> Any:
    order = await shop.completed(**given)
    return await shop.api.do("invoiceDraft", SUMS, workOrderId=order["id"])


def sum_of(lines: Any, part: str) -> Decimal:
    return sum((Decimal(line[part]["amount"]) for line in lines), Decimal(0))


# ── numbers without gaps ──────────────────────────────────────────────────────────────────────────


async def test_eight_that_issue_at_once_among_failures_leave_no_gap_and_no_double(shop: Shop) -> None:
    drafts = [await shop.drafted() for _ in range(8)]
    waste = await shop.drafted()
    named = [{"id": draft["id"], "expectedVersion": draft["version"]} for draft in drafts]
    spoiled = {"id": waste["id"], "expectedVersion": waste["version"]}
    answers, *_ = await asyncio.gather(
        asyncio.gather(*(shop.api.send("invoiceIssue", INVOICE, **one) for one in named)),
        # These take the number and give it back: refused after it, tried only, stale.
        *(shop.api.send("invoiceIssue", INVOICE, issuedOn="2201-01-01", **spoiled) for _ in range(4)),
        *(shop.api.send("invoiceIssue", INVOICE, dryRun=True, **spoiled) for _ in range(4)),
        shop.api.send("invoiceIssue", INVOICE, id=waste["id"], expectedVersion=9),
    )
    assert sorted(answer["invoice"]["number"] for answer in answers) == [
        f"INV-{number}" for number in range(1001, 1009)
    ]
    assert (await shop.move("invoiceIssue", waste, INVOICE))["number"] == "INV-1009"


async def test_a_draft_has_no_number_and_a_discarded_one_never_had(shop: Shop) -> None:
    draft = await shop.drafted()
    assert (draft["number"], draft["state"]) == (None, "DRAFT")
    gone = await shop.api.send("invoiceDiscard", INVOICE, id=draft["id"], expectedVersion=draft["version"])
    assert gone == {"invoice": None, "userErrors": []}
    again = await shop.api.do("invoiceDraft", INVOICE, workOrderId=draft["workOrder"]["id"])
    assert (await shop.move("invoiceIssue", again, INVOICE))["number"] == "INV-1001"


async def test_tenants_count_for_themselves(shop: Shop, another_company: Any) -> None:
    other = await a_shop((await another_company()).owner)
    assert ((await shop.issued())["number"], (await other.issued())["number"]) == ("INV-1001", "INV-1001")


async def test_nothing_is_dated_in_a_locked_period(shop: Shop) -> None:
    draft = await shop.drafted()
    await set_policy(shop, booksLockedThrough="2026-06-30")
    named = {"id": draft["id"], "expectedVersion": draft["version"]}
    refusal = await shop.api.refusal("invoiceIssue", issuedOn="2026-06-30", **named)
    assert (refusal["code"], refusal["path"]) == ("PERIOD_LOCKED", ["input", "issuedOn"])
    issued = await shop.api.do("invoiceIssue", "invoice { number issuedOn dueOn }", issuedOn="2026-07-01", **named)
    assert issued == {"number": "INV-1001", "issuedOn": "2026-07-01", "dueOn": "2026-07-31"}


async def test_a_voided_invoice_keeps_its_number_and_its_work_is_invoiced_anew(shop: Shop) -> None:
    issued = await shop.issued()
    named = {"id": issued["id"], "expectedVersion": issued["version"]}
    fields = "invoice { id version number state balance { amount } workOrder { id billingState } }"
    voided = await shop.api.do("invoiceVoid", fields, reason="The wrong customer", **named)
    assert (voided["number"], voided["state"], voided["balance"]["amount"]) == ("INV-1001", "VOID", "0.00")
    assert voided["workOrder"]["billingState"] == "UNBILLED"
    assert await shop.api.do("invoiceVoid", fields, reason="Once more", **named) == voided
    refusal = await shop.api.refusal("paymentRecord", invoiceId=issued["id"], amount="1.00", method="CASH")
    assert refusal["code"] == "TRANSITION_NOT_ALLOWED"
    anew = await shop.api.do("invoiceDraft", INVOICE, workOrderId=issued["workOrder"]["id"])
    assert (await shop.move("invoiceIssue", anew, INVOICE))["number"] == "INV-1002"


async def test_what_was_paid_in_part_is_written_off_and_not_voided(shop: Shop) -> None:
    issued = await shop.issued()
    await shop.api.do("paymentRecord", "payment { id }", invoiceId=issued["id"], amount="29.00", method="CASH")
    named = {"id": issued["id"], "expectedVersion": issued["version"] + 1, "reason": "The customer is insolvent"}
    assert (await shop.api.refusal("invoiceVoid", **named))["code"] == "INVOICE_HAS_PAYMENTS"
    fields = "invoice { state paid { amount } balance { amount } workOrder { billingState } }"
    assert await shop.api.do("invoiceWriteOff", fields, **named) == {
        "state": "WRITTEN_OFF", "paid": {"amount": "29.00"}, "balance": {"amount": "0.00"},
        "workOrder": {"billingState": "BILLED"},
    }  # fmt: skip
    blank = await shop.api.refusal(
        "invoiceWriteOff", **named | {"reason": " ", "id": (await shop.issued())["id"], "expectedVersion": 2}
    )
    assert blank["path"] == ["input", "reason"]


async def test_nothing_is_voided_in_a_locked_period(shop: Shop) -> None:
    draft = await shop.drafted()
    named = {"id": draft["id"], "expectedVersion": draft["version"]}
    issued = await shop.api.do("invoiceIssue", INVOICE, issuedOn="2026-06-30", **named)
    await set_policy(shop, booksLockedThrough="2026-06-30")
    named = {"id": issued["id"], "expectedVersion": issued["version"], "reason": "x"}
    refusal = await shop.api.refusal("invoiceVoid", **named)
    assert refusal["code"] == "PERIOD_LOCKED"


# ── what is billed ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("rounding", "tax", "total"), [("PER_LINE", "11.44", "87.74"), ("PER_DOCUMENT", "11.45", "87.75")]
)
async def test_tax_is_rounded_where_the_tenant_says(rounding: str, tax: str, total: str, shop: Shop) -> None:
    await set_policy(shop, taxRounding=rounding, defaultTaxCodeId=await a_tax(shop, "0.15"))
    draft = await drafted_sums(shop, lineItems=XERO_LINES)
    sums = [draft[name]["amount"] for name in ("subtotal", "tax", "total")]
    assert sums == ["76.30", tax, total]
    assert sum_of(draft["lines"], "tax") == Decimal(tax)


async def test_prices_may_contain_the_tax(shop: Shop) -> None:
    await set_policy(shop, taxMode="INCLUSIVE", defaultTaxCodeId=await a_tax(shop, "0.15"))
    draft = await drafted_sums(shop, lineItems=[{"description": "x", "unitPrice": "115.00"}])
    assert [draft[name]["amount"] for name in ("subtotal", "tax", "total")] == ["100.00", "15.00", "115.00"]


async def test_the_site_s_tax_goes_before_the_tenant_s_and_an_exempt_customer_pays_none(shop: Shop) -> None:
    lines = [{"description": "x", "unitPrice": "100.00"}, {"description": "y", "unitPrice": "50.00", "taxable": False}]
    taxes = []
    for patch in ("tenant", "site", "customer"):
        if patch == "tenant":
            await set_policy(shop, defaultTaxCodeId=await a_tax(shop, "0.10", "TEN"))
        elif patch == "site":
            given = {"taxCodeId": await a_tax(shop, "0.20", "TWENTY")}
            await shop.api.do("siteUpdate", "site { id }", id=shop.site, expectedVersion=1, patch=given)
        else:
            exempt = {"taxExempt": True}
            await shop.api.do("customerUpdate", "customer { id }", id=shop.customer, expectedVersion=1, patch=exempt)
        taxes.append((await drafted_sums(shop, lineItems=lines))["tax"]["amount"])
    assert taxes == ["10.00", "20.00", "0.00"]


async def test_only_what_the_customer_bears_is_on_the_invoice(shop: Shop) -> None:
    lines = [
        {"description": "Labor", "unitPrice": "95.00", "quantity": "1.5"},
        {"description": "Part", "kind": "PART", "unitPrice": "38.50", "coverage": "WARRANTY"},
        {"description": "A burnt capacitor.", "kind": "TEXT", "quantity": "0"},
        {"description": "Friend", "kind": "DISCOUNT", "unitPrice": "-10.00"},
    ]
    order = await shop.completed(lineItems=lines)
    draft = await shop.api.do(
        "invoiceDraft", "invoice { total { amount } lines { description } }", workOrderId=order["id"]
    )
    assert draft["total"] == {"amount": "132.50"}
    assert [line["description"] for line in draft["lines"]] == ["Labor", "A burnt capacitor.", "Friend"]


async def test_unfinished_uncharged_or_billed_work_is_not_invoiced(shop: Shop) -> None:
    open_order, covered, billed = (
        await shop.order(),
        await shop.completed(lineItems=[{"description": "x", "unitPrice": "1.00", "coverage": "GOODWILL"}]),
        await shop.issued(),
    )
    orders = [open_order["id"], covered["id"], billed["workOrder"]["id"]]
    refusals = [await shop.api.refusal("invoiceDraft", workOrderId=order) for order in orders]
    assert [one["code"] for one in refusals] == ["NOT_COMPLETED", "NOTHING_TO_INVOICE", "ALREADY_BILLED"]


async def test_work_reopened_under_a_draft_is_not_issued(shop: Shop) -> None:
    draft = await shop.drafted()
    order = await shop.read(draft["workOrder"])
    await shop.move("workOrderReopen", order, reason="A line is missing")
    refusal = await shop.api.refusal("invoiceIssue", id=draft["id"], expectedVersion=draft["version"])
    assert refusal["code"] == "NOT_COMPLETED"


# ── it stands ─────────────────────────────────────────────────────────────────────────────────────


async def test_no_mutation_changes_an_issued_invoice(shop: Shop, company: Company) -> None:
    """Every mutation there is, given the records round the invoice at the versions they have."""
    issued = await shop.issued()
    payment = await shop.api.do("paymentRecord", PAID, invoiceId=issued["id"], amount="29.00", method="CASH")
    order = await shop.read(issued["workOrder"])
    document = "query ($id: ID!) { workOrder(id: $id) { lineItems { id } } }"
    (line,) = (await shop.api.ask(document, id=order["id"]))["workOrder"]["lineItems"]
    nothing = {noun: f"{noun.value}_{uuid7()}" for noun in Noun}
    ids = nothing | {
        Noun.CUSTOMER: shop.customer, Noun.SITE: shop.site, Noun.TECHNICIAN: shop.technician,
        Noun.LINE_ITEM: line["id"], Noun.WORK_ORDER: order["id"], Noun.INVOICE: issued["id"],
        Noun.PAYMENT: payment["id"],
    }  # fmt: skip
    before = await standing(shop, company)
    # A write-off changes its state and nothing that it says; one that was paid for is not voided.
    for name in sorted({*EVERY_MUTATION} - {"paymentRecord", "invoiceWriteOff", "integrationEnable"}):
        mutation = EVERY_MUTATION[name]
        about = [place.noun for place in places_of(mutation) if not place.is_new]
        version = await version_of(shop, ids[about[0]]) if about else 1
        body = await answer_to(shop.api, mutation, an_input(mutation, ids, version=version))
        assert "errors" not in body, (name, body)
        assert await standing(shop, company) == before, name


async def standing(shop: Shop, company: Company) -> Any:
    rows = await rows_of(shop.api.database, company.tenant.id)
    return rows["invoice"], rows["invoice_line"], rows["payment"]


async def version_of(shop: Shop, identifier: str) -> int:
    kinds = ("Customer", "Site", "Technician", "WorkOrder", "Invoice", "TaxCode", "Integration")
    fragments = " ".join(f"... on {kind} {{ version }}" for kind in kinds)
    node = (await shop.api.ask(f"query ($id: ID!) {{ node(id: $id) {{ {fragments} }} }}", id=identifier))["node"]
    return node.get("version", 1) if node else 1


async def test_billed_work_is_neither_reopened_nor_are_its_lines_touched(shop: Shop) -> None:
    issued = await shop.issued()
    order = await shop.read(issued["workOrder"])
    assert order["billingState"] == "BILLED"
    named = {"expectedVersion": order["version"]}
    reopen = await shop.api.refusal("workOrderReopen", id=order["id"], reason="x", **named)
    add = await shop.api.refusal("lineItemAdd", workOrderId=order["id"], lineItems=[{"description": "x"}], **named)
    discard = await shop.api.refusal("invoiceDiscard", id=issued["id"], expectedVersion=issued["version"])
    assert [reopen["code"], add["code"], discard["code"]] == ["ALREADY_BILLED", "ALREADY_BILLED", "INVOICE_IMMUTABLE"]


# ── payments ──────────────────────────────────────────────────────────────────────────────────────


async def test_an_invoice_is_paid_in_parts(shop: Shop) -> None:
    issued = await shop.issued()
    states = []
    for amount in ("100.00", "28.99", "0.01"):
        paid = await shop.api.do("paymentRecord", PAID, invoiceId=issued["id"], amount=amount, method="CHECK")
        states.append((paid["invoice"]["state"], paid["invoice"]["balance"]["amount"]))
    assert states == [("PARTIALLY_PAID", "29.00"), ("PARTIALLY_PAID", "0.01"), ("PAID", "0.00")]
    assert paid["invoice"]["workOrder"] == {"billingState": "PAID"}
    more = await shop.api.refusal("paymentRecord", invoiceId=issued["id"], amount="0.01", method="CASH")
    assert more["code"] == "TRANSITION_NOT_ALLOWED"


async def test_more_than_the_balance_is_refused_with_the_balance(shop: Shop) -> None:
    issued = await shop.issued()
    await shop.api.do("paymentRecord", PAID, invoiceId=issued["id"], amount="100.00", method="CASH")
    refusal = await shop.api.refusal("paymentRecord", invoiceId=issued["id"], amount="29.01", method="CASH")
    assert refusal["code"] == "PAYMENT_EXCEEDS_BALANCE"
    assert refusal["message"] == "Invoice INV-1001 has 29.00 USD left to pay; 29.01 is more than that."


async def test_a_draft_takes_no_money(shop: Shop) -> None:
    draft = await shop.drafted()
    refusal = await shop.api.refusal("paymentRecord", invoiceId=draft["id"], amount="1.00", method="CASH")
    assert (refusal["code"], "issue it before" in refusal["message"]) == ("TRANSITION_NOT_ALLOWED", True)


async def test_money_is_not_received_tomorrow(shop: Shop) -> None:
    issued = await shop.issued()
    given = {"invoiceId": issued["id"], "amount": "1.00", "method": "CASH"}
    for day in ("2200-01-01", "1969-12-31"):
        refusal = await shop.api.refusal("paymentRecord", receivedOn=day, **given)
        assert (refusal["code"], refusal["path"]) == ("INVALID_RECEIPT_DATE", ["input", "receivedOn"])


async def test_payments_at_once_never_take_more_than_the_balance(shop: Shop) -> None:
    issued = await shop.issued()
    given = {"invoiceId": issued["id"], "amount": "30.00", "method": "CASH"}
    answers = await asyncio.gather(*(shop.api.send("paymentRecord", PAID, **given) for _ in range(6)))
    codes = [error["code"] for answer in answers for error in answer["userErrors"]]
    assert codes == ["PAYMENT_EXCEEDS_BALANCE"] * 2
    document = "query ($id: ID!) { invoice(id: $id) { balance { amount } payments { id } } }"
    invoice = (await shop.api.ask(document, id=issued["id"]))["invoice"]
    assert (invoice["balance"]["amount"], len(invoice["payments"])) == ("9.00", 4)


async def test_an_invoice_over_nothing_is_paid_when_issued(shop: Shop) -> None:
    free = [{"description": "x", "unitPrice": "10.00", "discountPercent": "100"}]
    issued = await shop.issued(lineItems=free)
    assert (issued["state"], issued["total"]["amount"]) == ("PAID", "0.00")
    assert (await shop.read(issued["workOrder"]))["billingState"] == "PAID"
    closed = await shop.move("workOrderClose", await shop.read(issued["workOrder"]), ORDER)
    assert closed["state"] == "CLOSED"
