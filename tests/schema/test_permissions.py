"""Who may do what over the API is what the permission table says: every role, every mutation."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from beltstack.domain.access import PERMISSIONS, Action, Role
from beltstack.domain.ids import Noun, public_id
from beltstack.domain.lifecycle import TRANSITIONS, WorkOrderCommand
from beltstack.schema.mutations import Mutation
from tests.api import Api, Company
from tests.schema.every import EVERY_MUTATION, an_input, answer_to, codes_in
from tests.schema.shop import INVOICE, ORDER, VISIT, Shop

# What is not a transition of a work order: its stem, or its noun for all of a noun's.
ACTIONS = {
    "tenant": Action.CHANGE_SETTINGS,
    "customer": Action.EDIT_CUSTOMERS,
    "contact": Action.EDIT_CUSTOMERS,
    "site": Action.EDIT_CUSTOMERS,
    "equipment": Action.EDIT_CUSTOMERS,
    "technician": Action.EDIT_TECHNICIANS,
    "catalog_item": Action.EDIT_PRICES,
    "tax_code": Action.EDIT_PRICES,
    "work_order.create": Action.CREATE_WORK_ORDER,
    "work_order.update": Action.EDIT_WORK_ORDER,
    "work_order.delete": Action.EDIT_WORK_ORDER,
    "line_item": Action.EDIT_LINE_ITEMS,
    "visit.create": Action.SCHEDULE_VISIT,
    "visit.schedule": Action.SCHEDULE_VISIT,
    "visit.cancel": Action.SCHEDULE_VISIT,
    "visit.assign": Action.ASSIGN_VISIT,
    "visit.unassign": Action.ASSIGN_VISIT,
    "visit.dispatch": Action.DISPATCH_VISIT,
    "visit": Action.WORK_VISIT,
    "invoice.draft": Action.DRAFT_INVOICE,
    "invoice.discard": Action.DRAFT_INVOICE,
    "invoice.issue": Action.ISSUE_INVOICE,
    "invoice.void": Action.VOID_INVOICE,
    "invoice.write_off": Action.WRITE_OFF_INVOICE,
    "payment": Action.RECORD_PAYMENT,
    "integration": Action.MANAGE_INTEGRATIONS,
    "delivery": Action.MANAGE_INTEGRATIONS,
    "inbound": Action.MANAGE_INTEGRATIONS,
    "deliveries": Action.MANAGE_INTEGRATIONS,
}
ADMINS = PERMISSIONS[Action.MANAGE_INTEGRATIONS]


def action_of(mutation: Mutation) -> Action:
    noun, verb = mutation.stem.split(".")
    if noun == "work_order" and verb.upper() in WorkOrderCommand.__members__:
        return TRANSITIONS[WorkOrderCommand[verb.upper()]].action
    return ACTIONS.get(mutation.stem) or ACTIONS[noun]


@pytest.fixture(scope="module")
async def callers(shared_company: Company) -> dict[Role, Api]:
    return {role: await shared_company.as_role(role) for role in Role}


@pytest.fixture(scope="module")
async def office(shared_shop: Shop, callers: dict[Role, Api]) -> Shop:
    """The shared company, where technicians' visits may overlap."""
    version = (await shared_shop.api.ask("{ tenant { version } }"))["tenant"]["version"]
    patch = {"doubleBookingPolicy": "ALLOW"}
    await shared_shop.api.do("tenantUpdate", "tenant { id }", expectedVersion=version, patch=patch)
    return shared_shop


@pytest.mark.parametrize("name", sorted(EVERY_MUTATION))
async def test_a_mutation_is_for_the_roles_of_its_action(name: str, callers: dict[Role, Api]) -> None:
    mutation = EVERY_MUTATION[name]
    nothing_there = {noun: public_id(noun, uuid7()) for noun in Noun}
    refused = set()
    for role, api in callers.items():
        codes = codes_in(await answer_to(api, mutation, an_input(mutation, nothing_there, version=999)))
        refused |= {role} if codes == ["FORBIDDEN"] else set()
    assert refused == {*Role} - PERMISSIONS[action_of(mutation)]


def test_every_action_of_a_command_is_asked_for_by_one() -> None:
    asked = {action_of(mutation) for mutation in EVERY_MUTATION.values()}
    # These are asked for beside another one, or by reads.
    beside = {
        Action.READ, Action.SEE_COST, Action.OVERRIDE_CUSTOMER_BLOCK, Action.COMPLETE_UNSTARTED, Action.CANCEL_STARTED,
    }  # fmt: skip
    assert asked == {*Action} - beside


async def test_a_refusal_names_the_roles_it_takes(callers: dict[Role, Api]) -> None:
    refusal = await callers[Role.VIEWER].refusal("technicianCreate", name="Lee")
    assert refusal["code"] == "FORBIDDEN"
    assert refusal["message"].endswith("it takes one of: ADMIN, DISPATCHER, MANAGER, OWNER.")


@pytest.mark.parametrize("state", ["OPEN", "IN_PROGRESS"])
async def test_the_rarer_sources_take_the_extra_right(state: str, office: Shop, callers: dict[Role, Api]) -> None:
    """Completing what has not started, and canceling what has, is for fewer roles."""
    name, extra, asked = {
        "OPEN": ("workOrderComplete", Action.COMPLETE_UNSTARTED, Action.COMPLETE_WORK_ORDER),
        "IN_PROGRESS": ("workOrderCancel", Action.CANCEL_STARTED, Action.CANCEL_WORK_ORDER),
    }[state]
    order = await office.order() if state == "OPEN" else (await office.started())[0]
    given: dict[str, Any] = {"reason": "x", "keepBillableLines": True} if state == "IN_PROGRESS" else {}
    for role in PERMISSIONS[asked]:
        payload = await callers[role].send(name, id=order["id"], expectedVersion=order["version"], dryRun=True, **given)
        is_refused = [error["code"] for error in payload["userErrors"]] == ["FORBIDDEN"]
        assert is_refused == (role not in PERMISSIONS[extra]), role


# ── a technician acts on their own work ───────────────────────────────────────────────────────────


async def a_technician(office: Shop, company: Company) -> tuple[str, Api]:
    made = await office.api.do("technicianCreate", "technician { id }", name="Tess")
    identifier = UUID(made["id"].rpartition("_")[2])
    return made["id"], await company.as_role(Role.TECHNICIAN, technician=identifier)


async def test_a_technician_works_their_own_visit_from_travel_to_completion(
    office: Shop, shared_company: Company
) -> None:
    me, api = await a_technician(office, shared_company)
    visit = await office.visit(await office.order(), technicianIds=[me])
    for move in ("visitAccept", "visitStartTravel", "visitArrive", "visitPause", "visitResume", "visitLeave"):
        visit = await api.do(move, VISIT, id=visit["id"], expectedVersion=visit["version"])
    assert visit["state"] == "COMPLETED"
    order = visit["workOrder"]
    done = await api.do("workOrderComplete", ORDER, id=order["id"], expectedVersion=order["version"])
    assert done["state"] == "COMPLETED"


@pytest.mark.parametrize(
    "name",
    ["visitAccept", "visitDecline", "visitStartTravel", "visitArrive", "visitPause", "visitResume", "visitLeave",
     "visitComplete"],
)  # fmt: skip
async def test_a_technician_leaves_others_visits_alone(name: str, office: Shop, shared_company: Company) -> None:
    _, api = await a_technician(office, shared_company)
    visit = await office.visit(await office.order())
    refusal = await api.refusal(name, id=visit["id"], expectedVersion=visit["version"])
    assert refusal["code"] == "NOT_YOUR_VISIT"


async def test_a_technician_moves_nobody_else_on_a_shared_visit(office: Shop, shared_company: Company) -> None:
    me, api = await a_technician(office, shared_company)
    visit = await office.visit(await office.order(), technicianIds=[office.technician, me])
    given = {"id": visit["id"], "expectedVersion": visit["version"], "technicianId": office.technician}
    assert (await api.refusal("visitArrive", **given))["code"] == "NOT_YOUR_VISIT"
    moved = await office.api.do("visitArrive", VISIT, **given)
    assert moved["state"] == "ON_SITE"


@pytest.mark.parametrize("kind", ["a stranger", "a helper"])
async def test_only_its_lead_completes_a_work_order_from_the_field(
    kind: str, office: Shop, shared_company: Company
) -> None:
    me, api = await a_technician(office, shared_company)
    helpers = [me] if kind == "a helper" else []
    visit = await office.visit(await office.order(), technicianIds=[office.technician, *helpers])
    order = (await office.move("visitArrive", visit, VISIT))["workOrder"]
    refusal = await api.refusal("workOrderComplete", id=order["id"], expectedVersion=order["version"])
    assert refusal["code"] == "NOT_YOUR_VISIT"


async def test_a_technician_adds_lines_to_their_own_work_only(office: Shop, shared_company: Company) -> None:
    me, api = await a_technician(office, shared_company)
    mine, other = await office.order(), await office.order()
    mine = (await office.visit(mine, technicianIds=[me]))["workOrder"]
    line = {"description": "Capacitor", "unitPrice": "38.50"}
    added = await api.do(
        "lineItemAdd", ORDER, workOrderId=mine["id"], expectedVersion=mine["version"], lineItems=[line]
    )
    assert added["version"] == mine["version"] + 1
    refusal = await api.refusal(
        "lineItemAdd", workOrderId=other["id"], expectedVersion=other["version"], lineItems=[line]
    )
    assert refusal["code"] == "NOT_YOUR_VISIT"


async def test_a_technician_takes_money_for_their_own_work_only(office: Shop, shared_company: Company) -> None:
    _, api = await a_technician(office, shared_company)
    invoice = await office.issued()
    refusal = await api.refusal("paymentRecord", invoiceId=invoice["id"], amount="1.00", method="CASH")
    assert refusal["code"] == "NOT_YOUR_VISIT"
    after = await office.api.ask(f"query ($id: ID!) {{ {INVOICE.replace('{', '(id: $id) {', 1)} }}", id=invoice["id"])
    assert after["invoice"]["balance"] == {"amount": "129.00"}


async def test_a_technician_s_token_without_a_technician_owns_no_work(office: Shop, callers: dict[Role, Api]) -> None:
    visit = await office.visit(await office.order())
    given = {"id": visit["id"], "expectedVersion": visit["version"]}
    assert (await callers[Role.TECHNICIAN].refusal("visitArrive", **given))["code"] == "NOT_YOUR_VISIT"


# ── what is not for everybody's eyes ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("role", list(Role))
async def test_costs_are_null_without_the_right_to_see_them(role: Role, office: Shop, callers: dict[Role, Api]) -> None:
    item = {"kind": "PART", "name": "Capacitor", "unitPrice": "38.50", "unitCost": "12.25"}
    listed = await office.api.do("catalogItemCreate", "catalogItem { id }", **item)
    order = await office.order(lineItems=[{"description": "x", "unitPrice": "38.50", "unitCost": "12.25"}])
    document = """query ($order: ID!, $item: ID!) {
        workOrder(id: $order) { lineItems { unitPrice { amount } unitCost { amount } } }
        catalogItem(id: $item) { unitPrice { amount } unitCost { amount } }
        catalogItems(first: 1) { nodes { unitCost { amount } } } }"""
    answer = await callers[role].post({"query": document, "variables": {"order": order["id"], "item": listed["id"]}})
    data = answer.json()["data"]
    hidden = {error["message"] for error in answer.json().get("errors", [])}
    shown = [data["workOrder"]["lineItems"][0], data["catalogItem"], *data["catalogItems"]["nodes"]]
    costs = {one["unitCost"] and Decimal(one["unitCost"]["amount"]) for one in shown}
    assert costs == {Decimal("12.25") if role in PERMISSIONS[Action.SEE_COST] else None}
    assert hidden == (
        set()
        if role in PERMISSIONS[Action.SEE_COST]
        else {f"Your role may not see {kind}.unitCost." for kind in ("LineItem", "CatalogItem")}
    )
    assert Decimal(data["catalogItem"]["unitPrice"]["amount"]) == Decimal("38.50")


@pytest.mark.parametrize("name", ["integrations { nodes { id } }", "deliveries { nodes { id } }",
                                  "events { nodes { id } }", "plugins { id }"])  # fmt: skip
@pytest.mark.parametrize("role", list(Role))
async def test_the_admin_s_part_of_the_graph_is_for_admins(role: Role, name: str, callers: dict[Role, Api]) -> None:
    body = (await callers[role].post({"query": f"{{ {name} }}"})).json()
    codes = [error["extensions"]["code"] for error in body.get("errors", [])]
    assert codes == ([] if role in ADMINS else ["FORBIDDEN"])


@pytest.mark.parametrize("role", sorted({*Role} - ADMINS))
async def test_an_integration_is_not_there_for_anybody_else(role: Role, office: Shop, callers: dict[Role, Api]) -> None:
    integration = await office.api.do("integrationEnable", "integration { id }", pluginId="listener")
    await office.completed()
    admin: Any = await office.api.ask("{ deliveries(first: 1) { nodes { id event { id } } } }")
    delivery = admin["deliveries"]["nodes"][0]
    ids = [integration["id"], delivery["id"], delivery["event"]["id"]]
    assert (await callers[role].ask("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids)) == {
        "nodes": [None] * 3
    }
    assert (await office.api.ask("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids)) == {
        "nodes": [{"id": one} for one in ids]
    }


@pytest.mark.parametrize("role", list(Role))
async def test_available_transitions_tell_what_the_role_allows(
    role: Role, office: Shop, callers: dict[Role, Api]
) -> None:
    order = await office.order()
    fields = "availableTransitions { command allowed reasons { code } }"
    document = (
        f"query ($id: ID!) {{ workOrder(id: $id) {{ {fields} }} workOrders(first: 1) {{ nodes {{ {fields} }} }} }}"
    )
    data = await callers[role].ask(document, id=order["id"])
    alone = {one["command"]: one for one in data["workOrder"]["availableTransitions"]}
    listed = {one["command"]: one for one in data["workOrders"]["nodes"][0]["availableTransitions"]}
    may_cancel = role in PERMISSIONS[Action.CANCEL_WORK_ORDER]
    assert (alone["CANCEL"]["allowed"], listed["CANCEL"]["allowed"]) == (may_cancel, may_cancel)
    assert [reason["code"] for reason in alone["CANCEL"]["reasons"]] == ([] if may_cancel else ["FORBIDDEN"])
    assert alone["REOPEN"]["allowed"] is False
    assert "TRANSITION_NOT_ALLOWED" in {reason["code"] for reason in alone["REOPEN"]["reasons"]}
