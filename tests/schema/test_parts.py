"""Invoices of parts: by lines, by visits, by percent, of several work orders, and of work that goes on."""

import asyncio
from typing import Any

from tests.schema.shop import INVOICE, ORDER, Shop, a_shop

LINES = [
    {"description": "Labor", "unitPrice": "95.00", "quantity": "2"},
    {"description": "Filter", "unitPrice": "0.005", "quantity": "17", "kind": "PART"},
]
ANSWER = """invoice { id version state isProgress total { amount } workOrder { id billingState }
    workOrders { number billingState } lines { quantity amount { amount } workOrder { number } } }"""


async def lines_of(shop: Shop, order: Any) -> Any:
    document = "query ($id: ID!) { workOrder(id: $id) { lineItems { id version quantity invoicedQuantity } } }"
    return (await shop.api.ask(document, id=order["id"]))["workOrder"]["lineItems"]


def amounts(invoice: Any) -> list[str]:
    return [line["amount"]["amount"] for line in invoice["lines"]]


async def issued(shop: Shop, draft: Any) -> Any:
    return await shop.move("invoiceIssue", draft, ANSWER)


async def test_the_parts_of_a_work_order_are_invoiced_one_after_the_other(shop: Shop) -> None:
    order = await shop.completed(lineItems=LINES)
    labor, _ = await lines_of(shop, order)
    some = [{"lineItemId": labor["id"], "quantity": "0.5"}]
    first = await issued(shop, await shop.api.do("invoiceDraft", ANSWER, workOrderId=order["id"], lines=some))
    assert (amounts(first), first["workOrder"]["billingState"]) == (["47.50"], "PARTIALLY_BILLED")
    third = await issued(shop, await shop.api.do("invoiceDraft", ANSWER, workOrderId=order["id"], percent="50"))
    assert amounts(third) == ["95.00", "0.05"]
    rest = await issued(shop, await shop.api.do("invoiceDraft", ANSWER, workOrderId=order["id"]))
    assert (amounts(rest), rest["workOrder"]["billingState"]) == (["47.50", "0.04"], "BILLED")
    assert [line["invoicedQuantity"] for line in await lines_of(shop, order)] == ["2.0000", "17.0000"]
    refusal = await shop.api.refusal("invoiceDraft", workOrderId=order["id"])
    assert refusal["code"] == "ALREADY_BILLED"
    invoices = "query ($id: ID!) { workOrder(id: $id) { invoices(first: 2) { totalCount nodes { id } } } }"
    page = (await shop.api.ask(invoices, id=order["id"]))["workOrder"]["invoices"]
    assert (page["totalCount"], [node["id"] for node in page["nodes"]]) == (3, [rest["id"], third["id"]])


async def test_more_of_a_line_than_is_left_is_refused_and_two_at_once_never_take_the_same(shop: Shop) -> None:
    order = await shop.completed(lineItems=LINES[:1])
    (labor,) = await lines_of(shop, order)
    some = {"workOrderId": order["id"], "lines": [{"lineItemId": labor["id"], "quantity": "1.5"}]}
    answers = await asyncio.gather(*(shop.api.send("invoiceDraft", ANSWER, **some) for _ in range(4)))
    codes = sorted(error["code"] for answer in answers for error in answer["userErrors"])
    assert codes == ["MORE_THAN_LEFT"] * 3


async def test_only_the_lines_of_the_chosen_visits_are_invoiced(shop: Shop) -> None:
    order, visit = await shop.started(lineItems=LINES[:1])
    line = [{"description": "Second trip", "unitPrice": "20.00", "visitId": visit["id"]}]
    order = await shop.api.do(
        "lineItemAdd", ORDER, workOrderId=order["id"], expectedVersion=order["version"], lineItems=line
    )
    asked = {"workOrderId": order["id"], "visitIds": [visit["id"]], "isProgress": True}
    assert amounts(await shop.api.do("invoiceDraft", ANSWER, **asked)) == ["20.00"]


async def test_work_that_goes_on_is_invoiced_for_its_progress_and_takes_further_lines(shop: Shop) -> None:
    order = await shop.order(lineItems=LINES[:1])
    refusal = await shop.api.refusal("invoiceDraft", workOrderId=order["id"], percent="30")
    assert refusal["code"] == "NOT_COMPLETED"
    draft = await shop.api.do("invoiceDraft", ANSWER, workOrderId=order["id"], percent="30", isProgress=True)
    standing = await issued(shop, draft)
    assert (amounts(standing), standing["workOrder"]["billingState"]) == (["57.00"], "PARTIALLY_BILLED")
    order = await shop.read(order)
    named = {"expectedVersion": order["version"]}
    line = (await lines_of(shop, order))[0]["id"]
    assert (await shop.api.refusal("lineItemRemove", id=line, **named))["code"] == "ALREADY_BILLED"
    order = await shop.api.do("lineItemAdd", ORDER, workOrderId=order["id"], lineItems=LINES[1:], **named)
    done = await shop.move("workOrderComplete", order)
    assert done["billingState"] == "PARTIALLY_BILLED"
    rest = await issued(shop, await shop.api.do("invoiceDraft", ANSWER, workOrderId=order["id"]))
    assert (amounts(rest), rest["workOrder"]["billingState"]) == (["133.00", "0.09"], "BILLED")


async def test_a_discarded_draft_and_a_voided_invoice_give_back_what_they_held(shop: Shop) -> None:
    order = await shop.completed(lineItems=LINES)
    draft = await shop.api.do("invoiceDraft", ANSWER, workOrderId=order["id"])
    assert (await shop.api.refusal("invoiceDraft", workOrderId=order["id"]))["code"] == "ALREADY_BILLED"
    await shop.api.send("invoiceDiscard", ANSWER, id=draft["id"], expectedVersion=draft["version"])
    assert [line["invoicedQuantity"] for line in await lines_of(shop, order)] == ["0.0000", "0.0000"]
    standing = await issued(shop, await shop.api.do("invoiceDraft", ANSWER, workOrderId=order["id"]))
    voided = await shop.move("invoiceVoid", standing, ANSWER, reason="Wrong")
    assert voided["workOrder"]["billingState"] == "UNBILLED"
    assert amounts(await shop.api.do("invoiceDraft", ANSWER, workOrderId=order["id"])) == ["190.00", "0.09"]


async def test_one_invoice_bills_several_work_orders_and_follows_them_all(shop: Shop) -> None:
    first, second = await shop.completed(lineItems=LINES[:1]), await shop.completed()
    draft = await shop.api.do("invoiceDraft", ANSWER, workOrderId=first["id"], moreWorkOrderIds=[second["id"]])
    standing = await issued(shop, draft)
    numbers = [first["number"], second["number"]]
    assert [one["number"] for one in standing["workOrders"]] == numbers
    assert [line["workOrder"]["number"] for line in standing["lines"]] == numbers
    assert {one["billingState"] for one in standing["workOrders"]} == {"BILLED"}
    for order in (first, second):
        assert (await shop.api.refusal("invoiceDraft", workOrderId=order["id"]))["code"] == "ALREADY_BILLED"
        listed = "query ($id: ID!) { workOrder(id: $id) { invoices(first: 5) { nodes { id } } } }"
        found = (await shop.api.ask(listed, id=order["id"]))["workOrder"]["invoices"]["nodes"]
        assert found == [{"id": standing["id"]}]
    paid = {"invoiceId": standing["id"], "amount": "319.00", "method": "CASH"}
    answer = await shop.api.do("paymentRecord", "payment { invoice { workOrders { billingState } } }", **paid)
    assert {one["billingState"] for one in answer["invoice"]["workOrders"]} == {"PAID"}


async def test_work_of_two_customers_is_not_on_one_invoice_nor_one_work_order_twice(shop: Shop) -> None:
    other = await a_shop(shop.api)
    mine, theirs = await shop.completed(), await other.completed()
    refusal = await shop.api.refusal("invoiceDraft", workOrderId=mine["id"], moreWorkOrderIds=[theirs["id"]])
    assert (refusal["code"], refusal["path"]) == ("DIFFERENT_CUSTOMERS", ["input", "moreWorkOrderIds", "0"])
    draft = await shop.api.do("invoiceDraft", INVOICE, workOrderId=mine["id"], moreWorkOrderIds=[mine["id"]])
    assert draft["total"]["amount"] == "129.00"


async def test_every_line_tells_its_tax_by_authority(shop: Shop) -> None:
    components = [{"name": "State", "rate": "0.0625"}, {"name": "City", "rate": "0.02"}]
    code = await shop.api.do("taxCodeCreate", "taxCode { id }", code="AUS", name="Austin", components=components)
    version = (await shop.api.ask("{ tenant { version } }"))["tenant"]["version"]
    await shop.api.do("tenantUpdate", "tenant { id }", expectedVersion=version, patch={"defaultTaxCodeId": code["id"]})
    order = await shop.completed(lineItems=[{"description": "x", "unitPrice": "99.99"}])
    fields = "invoice { lines { tax { amount } taxComponents { name rate amount } } }"
    (line,) = (await shop.api.do("invoiceDraft", fields, workOrderId=order["id"]))["lines"]
    assert line == {
        "tax": {"amount": "8.25"},
        "taxComponents": [
            {"name": "State", "rate": "0.062500", "amount": "6.25"},
            {"name": "City", "rate": "0.020000", "amount": "2.00"},
        ],
    }
