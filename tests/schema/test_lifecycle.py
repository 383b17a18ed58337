"""The life of a work order over the API, on its ways round as well as straight through."""

import asyncio
from typing import Any

import pytest

from beltstack.domain.access import Role
from beltstack.domain.lifecycle import TRANSITIONS, WorkOrderCommand, WorkOrderState
from tests.api import Api, Company
from tests.schema.shop import ORDER, PLANNED, VISIT, Shop, a_shop

GIVEN: dict[WorkOrderCommand, dict[str, Any]] = {
    WorkOrderCommand.HOLD: {"reason": "Part ordered"},
    WorkOrderCommand.REJECT: {"reason": "Look again"},
    WorkOrderCommand.REOPEN: {"reason": "Look again"},
    WorkOrderCommand.UNLOCK: {"reason": "A line is missing"},
    WorkOrderCommand.CANCEL: {"reason": "Called off", "keepBillableLines": False},
}


def mutation_of(command: WorkOrderCommand) -> str:
    return f"workOrder{command.value.capitalize()}"


async def set_policy(api: Api, **patch: Any) -> None:
    version = (await api.ask("{ tenant { version } }"))["tenant"]["version"]
    await api.do("tenantUpdate", "tenant { id }", expectedVersion=version, patch=patch)


@pytest.fixture(scope="module")
async def strict_shop(shared_company: Company) -> Shop:
    """Where completed work is approved, by whoever is there."""
    shop = await a_shop(shared_company.owner)
    await set_policy(shop.api, completionNeedsApproval=True, selfApprovalAllowed=True, doubleBookingPolicy="ALLOW")
    return shop


async def an_order_in(shop: Shop, state: WorkOrderState) -> Any:
    """A work order that came into the state by commands; nothing is billed for it, so that it can be closed."""
    if state is WorkOrderState.IN_PROGRESS:
        _, visit = await shop.started(noCharge=True)
        return (await shop.move("visitComplete", visit, VISIT))["workOrder"]
    order = await shop.order(noCharge=True, draft=state is WorkOrderState.DRAFT)
    ways: dict[WorkOrderState, tuple[str, ...]] = {
        WorkOrderState.ON_HOLD: ("HOLD",),
        WorkOrderState.PENDING_APPROVAL: ("COMPLETE",),
        WorkOrderState.COMPLETED: ("COMPLETE", "APPROVE"),
        WorkOrderState.CLOSED: ("COMPLETE", "APPROVE", "CLOSE"),
        WorkOrderState.CANCELED: ("CANCEL",),
    }
    if state is WorkOrderState.SCHEDULED:
        return (await shop.visit(order))["workOrder"]
    for step in ways.get(state, ()):
        command = WorkOrderCommand(step)
        order = await shop.move(mutation_of(command), order, **GIVEN.get(command, {}))
    assert order["state"] == state
    return order


@pytest.mark.parametrize("state", list(WorkOrderState))
async def test_every_transition_is_taken_where_the_table_has_it_and_nowhere_else(
    state: WorkOrderState, strict_shop: Shop
) -> None:
    order = await an_order_in(strict_shop, state)
    document = "query ($id: ID!) { workOrder(id: $id) { availableTransitions { command allowed } } }"
    found = (await strict_shop.api.ask(document, id=order["id"]))["workOrder"]["availableTransitions"]
    allowed = {one["command"] for one in found if one["allowed"]}
    for command, row in TRANSITIONS.items():
        named = {"id": order["id"], "expectedVersion": order["version"], "dryRun": True, **GIVEN.get(command, {})}
        if command is WorkOrderCommand.COMPLETE:
            named["remainingVisits"] = "CANCEL"
        payload = await strict_shop.api.send(mutation_of(command), ORDER, **named)
        if state in row.sources:
            assert payload["userErrors"] == [], command
            assert command in allowed
        elif state in row.targets:
            assert payload["userErrors"] == [], f"{command} holds already"
        else:
            (error,) = payload["userErrors"]
            assert (error["code"], error["currentState"]) == ("TRANSITION_NOT_ALLOWED", state)
            assert set(error["availableTransitions"]) == {c for c, r in TRANSITIONS.items() if state in r.sources}
            assert command not in allowed


async def test_an_illegal_transition_says_what_comes_first(strict_shop: Shop) -> None:
    held = await an_order_in(strict_shop, WorkOrderState.ON_HOLD)
    refusal = await strict_shop.api.refusal("workOrderComplete", id=held["id"], expectedVersion=held["version"])
    assert refusal["message"].startswith("A work order that is on hold cannot take 'complete'")
    assert refusal["message"].endswith("; resume it first.")


# ── approval ──────────────────────────────────────────────────────────────────────────────────────


async def test_completed_work_awaits_a_manager_where_the_tenant_says_so(shop: Shop, company: Company) -> None:
    await set_policy(shop.api, completionNeedsApproval=True)
    pending = await shop.completed()
    assert pending["state"] == "PENDING_APPROVAL"
    assert (await shop.api.refusal("invoiceDraft", workOrderId=pending["id"]))["code"] == "NOT_COMPLETED"
    # Whoever completed it does not approve it.
    named = {"id": pending["id"], "expectedVersion": pending["version"]}
    assert (await shop.api.refusal("workOrderApprove", **named))["code"] == "SELF_APPROVAL"
    manager = await company.as_role(Role.MANAGER)
    assert (await manager.do("workOrderApprove", ORDER, **named))["state"] == "COMPLETED"


async def test_a_total_above_the_limit_awaits_approval_whatever_the_policy(shop: Shop) -> None:
    assert (await shop.completed(nteAmount="128.99"))["state"] == "PENDING_APPROVAL"
    assert (await shop.completed(nteAmount="129.00"))["state"] == "COMPLETED"


async def test_rejected_work_is_taken_up_again_and_completed_anew(shop: Shop, company: Company) -> None:
    await set_policy(shop.api, completionNeedsApproval=True, selfApprovalAllowed=True)
    order, visit = await shop.started()
    order = (await shop.move("visitComplete", visit, VISIT))["workOrder"]
    pending = await shop.move("workOrderComplete", order)
    rejected = await shop.move("workOrderReject", pending, reason="The photo is missing")
    assert rejected["state"] == "IN_PROGRESS"
    again = await shop.move("workOrderComplete", rejected)
    assert (await shop.move("workOrderApprove", again))["state"] == "COMPLETED"


# ── holding, canceling, taking up again ───────────────────────────────────────────────────────────


async def test_held_work_goes_on_where_its_visits_stand(shop: Shop) -> None:
    visit = await shop.visit(await shop.order())
    held = await shop.move("workOrderHold", visit["workOrder"], reason="Part ordered", reviewOn="2026-03-09")
    refusal = await shop.api.refusal("visitDispatch", id=visit["id"], expectedVersion=visit["version"])
    assert (refusal["code"], "resume it first" in refusal["message"]) == ("TRANSITION_NOT_ALLOWED", True)
    document = "query ($id: ID!) { workOrder(id: $id) { holdReason reviewOn visits { state } } }"
    shown = (await shop.api.ask(document, id=held["id"]))["workOrder"]
    assert shown == {"holdReason": "Part ordered", "reviewOn": "2026-03-09", "visits": [{"state": "SCHEDULED"}]}
    resumed = await shop.move("workOrderResume", held)
    assert resumed["state"] == "SCHEDULED"
    assert (await shop.api.ask(document, id=held["id"]))["workOrder"]["holdReason"] is None


async def test_holding_may_call_the_planned_visits_off(shop: Shop) -> None:
    visit = await shop.visit(await shop.order())
    held = await shop.move("workOrderHold", visit["workOrder"], reason="Part ordered", cancelVisits=True)
    assert (await shop.move("workOrderResume", held))["state"] == "OPEN"
    # The technician's time is free again.
    await shop.visit(await shop.order())


async def test_work_is_not_held_while_somebody_is_there(shop: Shop) -> None:
    order, _ = await shop.started()
    refusal = await shop.api.refusal("workOrderHold", id=order["id"], expectedVersion=order["version"], reason="x")
    assert refusal["code"] == "VISIT_UNDER_WAY"


async def test_canceled_work_can_be_reinstated_and_bills_again(shop: Shop) -> None:
    order = await shop.order()
    canceled = await shop.move("workOrderCancel", order, reason="Called off")
    assert (canceled["state"], canceled["billingState"]) == ("CANCELED", "NOT_BILLABLE")
    reinstated = await shop.move("workOrderReinstate", canceled)
    assert (reinstated["state"], reinstated["billingState"]) == ("OPEN", "UNBILLED")


async def test_canceling_started_work_asks_what_becomes_of_its_lines(shop: Shop) -> None:
    order, _ = await shop.started()
    named = {"id": order["id"], "expectedVersion": order["version"], "reason": "Called off"}
    refusal = await shop.api.refusal("workOrderCancel", **named)
    assert refusal["path"] == ["input", "keepBillableLines"]
    canceled = await shop.api.do("workOrderCancel", ORDER, keepBillableLines=True, **named)
    assert canceled["billingState"] == "UNBILLED"
    # The trip fee is billed.
    await shop.api.do("invoiceDraft", "invoice { id }", workOrderId=order["id"])


async def test_canceled_and_closed_work_cannot_be_edited(shop: Shop) -> None:
    canceled = await shop.move("workOrderCancel", await shop.order(), reason="Called off")
    closed = await shop.move("workOrderClose", await shop.completed(noCharge=True))
    for order in (canceled, closed):
        named = {"expectedVersion": order["version"]}
        update = await shop.api.refusal("workOrderUpdate", id=order["id"], patch={"title": "x"}, **named)
        add = await shop.api.refusal("lineItemAdd", workOrderId=order["id"], lineItems=[{"description": "x"}], **named)
        assert [update["code"], add["code"]] == ["WORK_ORDER_LOCKED"] * 2


async def test_only_a_draft_is_deleted(shop: Shop) -> None:
    order = await shop.order()
    refusal = await shop.api.refusal("workOrderDelete", id=order["id"], expectedVersion=order["version"])
    assert refusal["code"] == "WORK_ORDER_LOCKED"
    draft = await shop.order(draft=True)
    payload = await shop.api.send("workOrderDelete", ORDER, id=draft["id"], expectedVersion=draft["version"])
    assert payload == {"workOrder": None, "userErrors": []}
    assert await shop.read(draft) is None


async def test_remaining_visits_are_decided_before_the_work_is_completed(shop: Shop) -> None:
    visit = await shop.visit(await shop.order())
    order = visit["workOrder"]
    named = {"id": order["id"], "expectedVersion": order["version"]}
    assert (await shop.api.refusal("workOrderComplete", **named))["code"] == "REMAINING_VISITS_UNDECIDED"
    done = await shop.api.do(
        "workOrderComplete", "workOrder { state visits { state } }", remainingVisits="FAIL", **named
    )
    assert done == {"state": "COMPLETED", "visits": [{"state": "INCOMPLETE"}]}


async def test_a_visit_in_vain_leaves_the_work_open_with_a_return(shop: Shop) -> None:
    _, visit = await shop.started()
    answer = "visit { state returnReason workOrder { state needsReturn } }"
    ended = await shop.move("visitComplete", visit, answer, outcome="NO_ACCESS", returnReason="Nobody there")
    assert ended == {
        "state": "NO_ACCESS", "returnReason": "Nobody there", "workOrder": {"state": "OPEN", "needsReturn": True},
    }  # fmt: skip


# ── customers who are not to be served ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("block", ["creditHold", "doNotService"])
async def test_a_blocked_customer_is_served_only_by_a_manager_who_says_why(
    block: str, shop: Shop, company: Company
) -> None:
    await shop.api.do("customerUpdate", "customer { id }", id=shop.customer, expectedVersion=1, patch={block: True})
    given = {"customerId": shop.customer, "siteId": shop.site, "title": "x", "source": "CALL"}
    dispatcher, manager = await company.as_role(Role.DISPATCHER), await company.as_role(Role.MANAGER)
    for api, reason in ((manager, None), (dispatcher, "They promised")):
        refusal = await api.refusal("workOrderCreate", overrideReason=reason, **given)
        assert (refusal["code"], refusal["path"]) == ("CUSTOMER_BLOCKED", ["input", "customerId"])
    await manager.do("workOrderCreate", ORDER, overrideReason="They promised", **given)


async def test_an_archived_customer_gets_no_new_work(shop: Shop) -> None:
    order = await shop.order()
    await shop.api.do("customerArchive", "customer { id }", id=shop.customer, expectedVersion=1)
    refusal = await shop.api.refusal(
        "workOrderCreate", customerId=shop.customer, siteId=shop.site, title="x", source="CALL", overrideReason="x"
    )
    assert refusal["code"] == "CUSTOMER_IS_ARCHIVED"
    # What is there already is finished.
    await shop.move("workOrderComplete", order)


async def test_a_site_a_contact_and_equipment_belong_together(shop: Shop) -> None:
    other = await a_shop(shop.api)
    contact = await shop.api.do("contactCreate", "contact { id }", customerId=other.customer, name="Luis", phone="1")
    equipment = await shop.api.do("equipmentCreate", "equipment { id }", siteId=other.site, name="Furnace")
    given = {"customerId": shop.customer, "siteId": shop.site, "title": "x", "source": "CALL"}
    wrong = [
        await shop.api.refusal("workOrderCreate", **given | {"siteId": other.site}),
        await shop.api.refusal("workOrderCreate", contactId=contact["id"], **given),
        await shop.api.refusal("workOrderCreate", equipmentIds=[equipment["id"]], **given),
    ]
    assert {one["code"] for one in wrong} == {"SITE_OF_ANOTHER_CUSTOMER"}
    assert [".".join(one["path"]) for one in wrong] == ["input.siteId", "input.contactId", "input.equipmentIds.0"]


# ── double booking ────────────────────────────────────────────────────────────────────────────────


async def test_of_two_dispatchers_at_once_one_gets_the_technician(shop: Shop, company: Company) -> None:
    orders = [await shop.order(), await shop.order()]
    dispatchers = [await company.as_role(Role.DISPATCHER) for _ in orders]
    answers = await asyncio.gather(
        *(
            api.send("visitCreate", VISIT, workOrderId=order["id"], planned=PLANNED, technicianIds=[shop.technician])
            for api, order in zip(dispatchers, orders, strict=True)
        )
    )
    assert sorted(error["code"] for answer in answers for error in answer["userErrors"]) == ["DOUBLE_BOOKED"]
    assert sorted(answer["visit"] is None for answer in answers) == [False, True]
    data = await shop.api.ask("{ workOrders { nodes { state visits { assignments { state } } } } }")
    # The loser's visit is not half there.
    assert sorted(len(order["visits"]) for order in data["workOrders"]["nodes"]) == [0, 1]


SPANS = {
    "within": ("10:00", "10:30", True),
    "over its start": ("08:00", "09:01", True),
    "over its end": ("10:59", "12:00", True),
    "around it": ("08:00", "12:00", True),
    "before it": ("08:00", "09:00", False),
    "after it": ("11:00", "12:00", False),
}


@pytest.mark.parametrize(("start", "end", "overlaps"), SPANS.values(), ids=SPANS)
async def test_a_technician_s_time_is_half_open(start: str, end: str, overlaps: bool, shop: Shop) -> None:
    await shop.visit(await shop.order())
    span = {"start": f"2026-03-02T{start}:00-06:00", "end": f"2026-03-02T{end}:00-06:00"}
    other = await shop.order()
    payload = await shop.api.send(
        "visitCreate", VISIT, workOrderId=other["id"], planned=span, technicianIds=[shop.technician]
    )
    assert [error["code"] for error in payload["userErrors"]] == (["DOUBLE_BOOKED"] if overlaps else [])


@pytest.mark.parametrize("free", ["visitCancel", "visitDecline", "visitUnassign", "visitComplete"])
async def test_who_is_no_longer_needed_can_be_booked_again(free: str, shop: Shop) -> None:
    visit = await shop.visit(await shop.order())
    if free == "visitComplete":
        visit = await shop.move("visitArrive", visit, VISIT)
    given = {"technicianId": shop.technician} if free == "visitUnassign" else {}
    await shop.move(free, visit, VISIT, **given)
    await shop.visit(await shop.order())


async def test_rescheduling_and_assigning_meet_the_same_rule(shop: Shop) -> None:
    await shop.visit(await shop.order())
    later = {"start": "2026-03-03T09:00:00-06:00", "end": "2026-03-03T11:00:00-06:00"}
    visit = await shop.visit(await shop.order(), planned=later)
    alone = await shop.visit(await shop.order(), technicianIds=[])
    moved = await shop.api.send("visitSchedule", VISIT, id=visit["id"], expectedVersion=1, planned=PLANNED)
    assigned = await shop.api.send(
        "visitAssign", VISIT, id=alone["id"], expectedVersion=1, technicianId=shop.technician
    )
    assert [[error["code"] for error in one["userErrors"]] for one in (moved, assigned)] == [["DOUBLE_BOOKED"]] * 2
    assert (moved["visit"], assigned["visit"]) == (visit, alone)


@pytest.mark.parametrize("policy", ["ALLOW", "WARN"])
async def test_where_the_tenant_allows_it_visits_overlap(policy: str, shop: Shop) -> None:
    await set_policy(shop.api, doubleBookingPolicy=policy)
    for _ in range(2):
        await shop.visit(await shop.order())


# ── the ledger of facts ───────────────────────────────────────────────────────────────────────────


async def test_every_command_is_told_and_audited_in_order(shop: Shop) -> None:
    order, visit = await shop.started()
    order = (await shop.move("visitComplete", visit, VISIT))["workOrder"]
    await shop.move("workOrderComplete", order)
    data = await shop.api.ask("{ events(first: 100) { nodes { type seq data } } }")
    told = [one for one in reversed(data["events"]["nodes"]) if one["type"].startswith(("work_order.", "visit."))]
    assert [one["type"] for one in told] == [
        "work_order.created", "visit.scheduled", "visit.assigned", "visit.on_site", "work_order.started",
        "visit.completed", "work_order.work_completed", "work_order.completed",
    ]  # fmt: skip
    assert [one["seq"] for one in told] == list(range(1, len(told) + 1))
