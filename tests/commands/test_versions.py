"""Whoever decides on what somebody else changed meanwhile is told so, with the record as it is now."""

import asyncio
from typing import Any

import pytest

from tests.api import Company
from tests.schema.shop import INVOICE, ORDER, VISIT, Shop
from tests.store.rows import count_of, rows_of


async def stale(shop: Shop, mutation: str, answer: str, **given: Any) -> Any:
    """The subject that comes with STALE_OBJECT."""
    payload = await shop.api.send(mutation, answer, **given)
    assert [(error["code"], error["path"]) for error in payload["userErrors"]] == [
        ("STALE_OBJECT", ["input", "expectedVersion"])
    ]
    return payload[answer.split(" ", maxsplit=1)[0]]


async def test_a_stale_update_answers_with_the_current_record(shop: Shop) -> None:
    old = await shop.order()
    new = await shop.move("workOrderUpdate", old, patch={"priority": "HIGH"})
    assert new["version"] == old["version"] + 1
    found = await stale(
        shop, "workOrderUpdate", ORDER, id=old["id"], expectedVersion=old["version"], patch={"title": "x"}
    )
    assert found == new


@pytest.mark.parametrize("version", [-1, 0, 2, 2_147_483_647])
async def test_a_version_that_never_was_is_stale_too(version: int, shop: Shop) -> None:
    order = await shop.order()
    assert await stale(shop, "workOrderHold", ORDER, id=order["id"], expectedVersion=version, reason="x") == order


async def test_every_noun_s_update_answers_with_the_current_record(shop: Shop) -> None:
    api = shop.api
    contact = await api.do("contactCreate", "contact { id }", customerId=shop.customer, name="Luis", phone="1")
    equipment = await api.do("equipmentCreate", "equipment { id }", siteId=shop.site, name="Furnace")
    item = await api.do("catalogItemCreate", "catalogItem { id }", kind="PART", name="x", unitPrice="1.00")
    for noun, identifier in {
        "customer": shop.customer, "contact": contact["id"], "site": shop.site, "equipment": equipment["id"],
        "technician": shop.technician, "catalogItem": item["id"],
    }.items():  # fmt: skip
        found = await stale(
            shop, f"{noun}Update", f"{noun} {{ id version }}", id=identifier, expectedVersion=9, patch={}
        )
        assert found == {"id": identifier, "version": 1}


async def test_stale_settings_answer_with_the_settings(shop: Shop) -> None:
    found = await stale(shop, "tenantUpdate", "tenant { version name }", expectedVersion=9, patch={"name": "South Air"})
    assert found == {"version": 1, "name": "North Air"}


async def test_stale_lines_answer_with_their_work_order(shop: Shop) -> None:
    order = await shop.order()
    document = "query ($id: ID!) { workOrder(id: $id) { lineItems { id } } }"
    line = (await shop.api.ask(document, id=order["id"]))["workOrder"]["lineItems"][0]["id"]
    given = {"expectedVersion": 9}
    assert await stale(shop, "lineItemAdd", ORDER, workOrderId=order["id"], lineItems=[], **given) == order
    assert await stale(shop, "lineItemUpdate", ORDER, id=line, patch={}, **given) == order
    assert await stale(shop, "lineItemRemove", ORDER, id=line, **given) == order


async def test_stale_visits_and_invoices_answer_with_themselves(shop: Shop) -> None:
    visit, invoice = await shop.visit(await shop.order()), await shop.drafted()
    assert await stale(shop, "visitDispatch", VISIT, id=visit["id"], expectedVersion=9) == visit
    assert await stale(shop, "invoiceIssue", INVOICE, id=invoice["id"], expectedVersion=9) == invoice
    assert await stale(shop, "invoiceDiscard", INVOICE, id=invoice["id"], expectedVersion=9) == invoice


async def test_what_happens_to_a_visit_or_a_line_counts_as_a_change_of_the_work_order(shop: Shop) -> None:
    order = await shop.order()
    visit = await shop.visit(order)
    assert visit["workOrder"]["version"] == order["version"] + 1
    moved = await shop.move("visitDispatch", visit, VISIT)
    assert (moved["version"], moved["workOrder"]["version"]) == (visit["version"] + 1, order["version"] + 2)


async def test_of_two_at_once_one_wins_and_the_other_is_told(shop: Shop) -> None:
    order = await shop.order()
    given = {"id": order["id"], "expectedVersion": order["version"]}
    answers = await asyncio.gather(
        *(shop.api.send("workOrderUpdate", ORDER, patch={"title": title}, **given) for title in ("First", "Second"))
    )
    codes = sorted(error["code"] for answer in answers for error in answer["userErrors"])
    assert codes == ["STALE_OBJECT"]
    # Both see the winner's record.
    assert [answer["workOrder"]["version"] for answer in answers] == [order["version"] + 1] * 2


async def test_of_two_payments_at_once_for_the_whole_balance_one_is_received(shop: Shop, company: Company) -> None:
    invoice = await shop.issued()
    given = {"invoiceId": invoice["id"], "amount": "129.00", "method": "CASH"}
    answers = await asyncio.gather(*(shop.api.send("paymentRecord", "payment { id }", **given) for _ in range(2)))
    assert sorted(error["code"] for answer in answers for error in answer["userErrors"]) == ["TRANSITION_NOT_ALLOWED"]
    assert await count_of(shop.api.database, company.tenant.id, "payment") == 1


async def test_of_two_drafts_at_once_one_is_made(shop: Shop, company: Company) -> None:
    order = await shop.completed()
    answers = await asyncio.gather(*(shop.api.send("invoiceDraft", INVOICE, workOrderId=order["id"]) for _ in range(2)))
    assert sorted(error["code"] for answer in answers for error in answer["userErrors"]) == ["ALREADY_BILLED"]
    assert await count_of(shop.api.database, company.tenant.id, "invoice") == 1


# ── repeating what holds already ──────────────────────────────────────────────────────────────────


async def repeated(shop: Shop, mutation: str, subject: Any, answer: str = ORDER, **given: Any) -> None:
    """Done once, and again from the version before: the second time nothing happens, and that is a success."""
    done = await shop.move(mutation, subject, answer, **given)
    tenant_id = (await shop.api.ask("{ tenant { id } }"))["tenant"]["id"].removeprefix("tenant_")
    before = await rows_of(shop.api.database, tenant_id)
    assert await shop.move(mutation, subject, answer, **given) == done
    after = await rows_of(shop.api.database, tenant_id)
    # It is on record that it was asked for.
    assert len(after.pop("audit_entry")) == len(before.pop("audit_entry")) + 1
    assert after == before


async def test_a_transition_whose_target_holds_changes_nothing(shop: Shop) -> None:
    await repeated(shop, "workOrderSubmit", await shop.order(draft=True))
    await repeated(shop, "workOrderHold", await shop.order(), reason="Part ordered")
    await repeated(shop, "workOrderComplete", await shop.order())
    await repeated(shop, "workOrderCancel", await shop.order(), reason="Called off")
    held = await shop.move("workOrderHold", await shop.order(), reason="Part ordered")
    await repeated(shop, "workOrderResume", held)
    completed = await shop.completed()
    await repeated(shop, "workOrderReopen", completed, reason="Look again")
    canceled = await shop.move("workOrderCancel", await shop.order(), reason="Called off")
    await repeated(shop, "workOrderReinstate", canceled)
    free = await shop.completed(noCharge=True)
    await repeated(shop, "workOrderClose", free)
    closed = await shop.read(free)
    await repeated(shop, "workOrderUnlock", closed, reason="A line is missing")


async def test_approving_and_rejecting_again_changes_nothing(shop: Shop) -> None:
    patch = {"completionNeedsApproval": True, "selfApprovalAllowed": True}
    await shop.api.do("tenantUpdate", "tenant { id }", expectedVersion=1, patch=patch)
    await repeated(shop, "workOrderApprove", await shop.completed())
    await repeated(shop, "workOrderReject", await shop.completed(), reason="Look again")


async def test_issuing_again_changes_nothing(shop: Shop) -> None:
    await repeated(shop, "invoiceIssue", await shop.drafted(), INVOICE)


async def test_archiving_again_changes_nothing(shop: Shop) -> None:
    customer = await shop.api.do("customerCreate", "customer { id version }", name="Rosa")
    await repeated(shop, "customerArchive", customer, "customer { version archivedAt }")


async def test_turning_an_integration_where_it_is_changes_nothing(shop: Shop) -> None:
    answer = "integration { id version status }"
    used = await shop.api.do("integrationEnable", answer, pluginId="findings_rule")
    await repeated(shop, "integrationPause", used, answer)
    paused = {**used, "version": used["version"] + 1}
    await repeated(shop, "integrationResume", paused, answer)
    await repeated(shop, "integrationDisable", {**used, "version": used["version"] + 2}, answer)


async def test_dispatching_again_from_the_version_it_has_now_changes_nothing(shop: Shop) -> None:
    sent = await shop.move("visitDispatch", await shop.visit(await shop.order()), VISIT)
    assert await shop.move("visitDispatch", sent, VISIT) == sent


async def test_an_update_that_changes_nothing_is_no_change(shop: Shop) -> None:
    order = await shop.order()
    assert await shop.move("workOrderUpdate", order, patch={"title": "No cooling", "priority": "NORMAL"}) == order
