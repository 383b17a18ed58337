"""A dry run tells what would be refused and changes nothing, not even a number or a key."""

from typing import Any

import pytest
from graphql import GraphQLInputObjectType

from tests.api import INPUTS, Company
from tests.schema.every import EVERY_MUTATION, SCHEMA
from tests.schema.shop import DIAGNOSIS, INVOICE, ORDER, PLANNED, VISIT, Shop
from tests.store.rows import rows_of

Subject = dict[str, Any]


def takes_dry_run(name: str) -> bool:
    given = SCHEMA.get_type(INPUTS[EVERY_MUTATION[name].type_name])
    assert isinstance(given, GraphQLInputObjectType)
    return "dryRun" in given.fields


def test_every_transition_can_be_tried() -> None:
    moves = {name for name in EVERY_MUTATION if name.startswith(("workOrder", "visit", "invoice", "payment"))}
    assert {name for name in EVERY_MUTATION if takes_dry_run(name)} == moves - {"workOrderUpdate"}


async def unchanged(shop: Shop, company: Company, mutation: str, answer: str, **given: Any) -> Any:
    """The payload of a dry run that left every row as it was."""
    before = await rows_of(shop.api.database, company.tenant.id)
    payload = await shop.api.send(mutation, answer, dryRun=True, **given)
    assert await rows_of(shop.api.database, company.tenant.id) == before
    return payload


async def test_what_would_be_taken_changes_nothing(shop: Shop, company: Company) -> None:
    """One move after the other is tried, and then made."""
    order = await shop.order(draft=True)
    for mutation, given in (
        ("workOrderSubmit", {}),
        ("workOrderHold", {"reason": "Part ordered", "cancelVisits": True}),
        ("workOrderResume", {}),
        ("workOrderCancel", {"reason": "Called off"}),
        ("workOrderReinstate", {}),
        ("workOrderComplete", {}),
        ("workOrderReopen", {"reason": "Look again"}),
    ):
        named = {"id": order["id"], "expectedVersion": order["version"], **given}
        assert await unchanged(shop, company, mutation, ORDER, **named) == {"workOrder": order, "userErrors": []}
        order = await shop.move(mutation, order, **given)


async def test_visits_are_tried_like_work_orders(shop: Shop, company: Company) -> None:
    order = await shop.order()
    tried = await unchanged(shop, company, "visitCreate", VISIT, workOrderId=order["id"], planned=PLANNED,
                            technicianIds=[shop.technician])  # fmt: skip
    assert tried == {"visit": None, "userErrors": []}
    visit = await shop.visit(order)
    for mutation in ("visitDispatch", "visitAccept", "visitStartTravel", "visitArrive", "visitPause", "visitResume",
                     "visitComplete"):  # fmt: skip
        named = {"id": visit["id"], "expectedVersion": visit["version"]}
        assert await unchanged(shop, company, mutation, VISIT, **named) == {"visit": visit, "userErrors": []}
        visit = await shop.move(mutation, visit, VISIT)


async def test_no_number_is_used_up(shop: Shop, company: Company) -> None:
    given = {"customerId": shop.customer, "siteId": shop.site, "title": "x", "source": "CALL", "lineItems": [DIAGNOSIS]}
    tried = await unchanged(shop, company, "workOrderCreate", ORDER, **given)
    assert tried == {"workOrder": None, "userErrors": []}
    assert (await shop.order())["number"] == "WO-1001"
    order = await shop.completed()
    assert await unchanged(shop, company, "invoiceDraft", INVOICE, workOrderId=order["id"]) == {
        "invoice": None, "userErrors": [],
    }  # fmt: skip
    draft = await shop.api.do("invoiceDraft", INVOICE, workOrderId=order["id"])
    named = {"id": draft["id"], "expectedVersion": draft["version"]}
    assert await unchanged(shop, company, "invoiceIssue", INVOICE, **named) == {"invoice": draft, "userErrors": []}
    assert await unchanged(shop, company, "invoiceDiscard", INVOICE, **named) == {"invoice": draft, "userErrors": []}
    assert (await shop.move("invoiceIssue", draft, INVOICE))["number"] == "INV-1001"


async def test_no_money_is_received(shop: Shop, company: Company) -> None:
    invoice = await shop.issued()
    given = {"invoiceId": invoice["id"], "amount": "129.00", "method": "CASH"}
    assert (await unchanged(shop, company, "paymentRecord", "payment { id }", **given))["userErrors"] == []
    too_much = await unchanged(shop, company, "paymentRecord", "payment { id }", **given | {"amount": "130.00"})
    assert [error["code"] for error in too_much["userErrors"]] == ["PAYMENT_EXCEEDS_BALANCE"]


async def test_every_guard_speaks_up_together(shop: Shop, company: Company) -> None:
    order = await shop.order(lineItems=[{"description": "Capacitor"}])
    visit = await shop.visit(order)
    await shop.visit(order, technicianIds=[])
    visit = await shop.move("visitArrive", visit, VISIT)
    current = visit["workOrder"]
    tried = await unchanged(
        shop, company, "workOrderComplete", ORDER, id=order["id"], expectedVersion=current["version"]
    )
    assert {error["code"] for error in tried["userErrors"]} == {
        "VISIT_UNDER_WAY", "LINE_ITEM_WITHOUT_PRICE", "REMAINING_VISITS_UNDECIDED",
    }  # fmt: skip


async def test_the_vetoes_are_asked(shop: Shop, company: Company) -> None:
    await shop.api.do("integrationEnable", "integration { id }", pluginId="findings_rule")
    order = await shop.order()
    tried = await unchanged(shop, company, "workOrderComplete", ORDER, id=order["id"], expectedVersion=order["version"])
    assert [(error["code"], error["pluginId"]) for error in tried["userErrors"]] == [("VETOED", "findings_rule")]
    assert tried["workOrder"] == order


async def test_a_stale_version_is_told(shop: Shop, company: Company) -> None:
    order = await shop.order()
    tried = await unchanged(shop, company, "workOrderHold", ORDER, id=order["id"], expectedVersion=9, reason="x")
    assert [error["code"] for error in tried["userErrors"]] == ["STALE_OBJECT"]


@pytest.mark.parametrize("second", [True, False], ids=["tried again", "then done"])
async def test_a_key_is_not_used_up_by_trying(second: bool, shop: Shop) -> None:
    order = await shop.order()
    given = {"id": order["id"], "expectedVersion": order["version"], "reason": "x", "idempotencyKey": "k"}
    assert (await shop.api.do("workOrderHold", ORDER, dryRun=True, **given))["state"] == "OPEN"
    done = await shop.api.do("workOrderHold", ORDER, dryRun=second, **given)
    assert done["state"] == ("OPEN" if second else "ON_HOLD")


async def test_a_double_booking_is_told(shop: Shop, company: Company) -> None:
    await shop.visit(await shop.order())
    other = await shop.order()
    tried = await unchanged(shop, company, "visitCreate", VISIT, workOrderId=other["id"], planned=PLANNED,
                            technicianIds=[shop.technician])  # fmt: skip
    assert [error["code"] for error in tried["userErrors"]] == ["DOUBLE_BOOKED"]
