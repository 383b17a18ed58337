"""Every veto is asked by its command, before anything is written, and lets it pass when nobody says no."""

import typing
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from beltstack.commands import work
from beltstack.domain.events import Fact
from beltstack.plugins import Change, Plugin, Review, Veto, Vetoes, VisitChange, hookimpl
from beltstack.store import trips
from tests.api import Company
from tests.commands.test_dry_run import takes_dry_run
from tests.commands.test_vetoes import a_shop_with
from tests.schema.rules import a_manifest
from tests.schema.shop import DIAGNOSIS, PLANNED, VISIT, Shop
from tests.store.rows import rows_of

VETOES = {name: hook for name, hook in vars(Plugin).items() if name.startswith("before_")}
LATER = {"start": "2026-03-03T09:00:00-06:00", "end": "2026-03-03T11:00:00-06:00"}
Given = dict[str, Any]


class Gate(Plugin):
    """Says no while it is closed, and keeps every change it was asked about."""

    def __init__(self) -> None:
        self.is_closed = False
        self.seen: list[Change[Any]] = []

    def ask(self, change: Change[Any]) -> Vetoes:
        self.seen.append(change)
        return Veto("Not like this.", "CLOSED") if self.is_closed else None


def a_gate(plugin_id: str, *hooks: str) -> Gate:
    """A gate with these vetoes and no other."""

    def veto(self: Gate, change: Change[Any], context: Review) -> Vetoes:
        return self.ask(change)

    kind = type("Rule", (Gate,), dict.fromkeys(hooks, hookimpl(veto)))
    kind.manifest = a_manifest(plugin_id)  # type: ignore[attr-defined]
    gate = kind()
    assert isinstance(gate, Gate)
    return gate


# ── what each command is given ────────────────────────────────────────────────────────────────────


def named(subject: Mapping[str, Any], **more: Any) -> Given:
    return {"id": subject["id"], "expectedVersion": subject["version"], **more}


def with_order(**more: Any) -> Callable[[Shop], Awaitable[Given]]:
    async def given(shop: Shop) -> Given:
        return named(await shop.order(), **more)

    return given


def with_visit(**more: Any) -> Callable[[Shop], Awaitable[Given]]:
    async def given(shop: Shop) -> Given:
        return named(await shop.visit(await shop.order()), **more)

    return given


def with_visit_on_site(**more: Any) -> Callable[[Shop], Awaitable[Given]]:
    async def given(shop: Shop) -> Given:
        return named((await shop.started())[1], **more)

    return given


async def a_new_order(shop: Shop) -> Given:
    return {"customerId": shop.customer, "siteId": shop.site, "title": "No heat", "source": "CALL"}


async def a_draft(shop: Shop) -> Given:
    return named(await shop.order(draft=True))


async def a_held_order(shop: Shop) -> Given:
    return named(await shop.move("workOrderHold", await shop.order(), reason="Part ordered"))


async def a_canceled_order(shop: Shop) -> Given:
    return named(await shop.move("workOrderCancel", await shop.order(), reason="Called off"))


async def a_completed_order(shop: Shop) -> Given:
    return named(await shop.completed(), reason="Look again")


async def a_free_order(shop: Shop) -> Given:
    return named(await shop.completed(noCharge=True))


async def a_closed_order(shop: Shop) -> Given:
    return named(await shop.move("workOrderClose", await shop.completed(noCharge=True)), reason="A line is missing")


async def a_pending_order(shop: Shop) -> Given:
    patch = {"completionNeedsApproval": True, "selfApprovalAllowed": True}
    await shop.api.do("tenantUpdate", "tenant { id }", expectedVersion=1, patch=patch)
    return named(await shop.completed())


async def a_pending_order_and_a_reason(shop: Shop) -> Given:
    return {**await a_pending_order(shop), "reason": "Look again"}


async def a_new_line(shop: Shop) -> Given:
    order = await shop.order()
    return {"workOrderId": order["id"], "expectedVersion": order["version"], "lineItems": [DIAGNOSIS]}


async def a_line(shop: Shop) -> Given:
    order = await shop.order()
    found = await shop.api.ask("query ($id: ID!) { workOrder(id: $id) { lineItems { id } } }", id=order["id"])
    return {"id": found["workOrder"]["lineItems"][0]["id"], "expectedVersion": order["version"]}


async def a_changed_line(shop: Shop) -> Given:
    return {**await a_line(shop), "patch": {"unitPrice": "99.00"}}


async def a_new_visit(shop: Shop) -> Given:
    return {"workOrderId": (await shop.order())["id"], "planned": PLANNED}


async def a_new_visit_of_somebody(shop: Shop) -> Given:
    return {"workOrderId": (await shop.order())["id"], "technicianIds": [shop.technician]}


async def an_accepted_visit(shop: Shop) -> Given:
    """Nobody is left to be told, but it is sent out all the same."""
    return named(await shop.move("visitAccept", await shop.visit(await shop.order()), VISIT))


async def a_visit_of_nobody(shop: Shop) -> Given:
    visit = await shop.visit(await shop.order(), technicianIds=[])
    return named(visit, technicianId=shop.technician)


async def a_visit_that_all_but_one_have_left(shop: Shop) -> Given:
    """Whoever is taken off it now ends it."""
    other = (await shop.api.do("technicianCreate", "technician { id }", name="Sam Ito"))["id"]
    visit = await shop.visit(await shop.order(), technicianIds=[shop.technician, other])
    for move in ("visitArrive", "visitLeave"):
        visit = await shop.move(move, visit, VISIT, technicianId=shop.technician)
    return named(visit, technicianId=other)


async def a_drafted_invoice(shop: Shop) -> Given:
    return named(await shop.drafted())


async def an_issued_invoice(shop: Shop) -> Given:
    return {"invoiceId": (await shop.issued())["id"], "amount": "29.00", "method": "CASH"}


async def a_standing_invoice(shop: Shop) -> Given:
    return named(await shop.issued()) | {"reason": "The wrong customer"}


async def a_customer(shop: Shop) -> Given:
    return named(await shop.api.do("customerCreate", "customer { id version }", name="Rosa"))


CASES: list[tuple[str, str, Callable[[Shop], Awaitable[Given]]]] = [
    ("before_customer_archive", "customerArchive", a_customer),
    ("before_work_order_create", "workOrderCreate", a_new_order),
    ("before_work_order_submit", "workOrderSubmit", a_draft),
    ("before_work_order_hold", "workOrderHold", with_order(reason="Part ordered")),
    ("before_work_order_resume", "workOrderResume", a_held_order),
    ("before_work_order_complete", "workOrderComplete", with_order()),
    ("before_work_order_approve", "workOrderApprove", a_pending_order),
    ("before_work_order_reject", "workOrderReject", a_pending_order_and_a_reason),
    ("before_work_order_reopen", "workOrderReopen", a_completed_order),
    ("before_work_order_close", "workOrderClose", a_free_order),
    ("before_work_order_unlock", "workOrderUnlock", a_closed_order),
    ("before_work_order_cancel", "workOrderCancel", with_order(reason="Called off")),
    ("before_work_order_reinstate", "workOrderReinstate", a_canceled_order),
    ("before_line_item_change", "lineItemAdd", a_new_line),
    ("before_line_item_change", "lineItemUpdate", a_changed_line),
    ("before_line_item_change", "lineItemRemove", a_line),
    ("before_visit_schedule", "visitCreate", a_new_visit),
    ("before_visit_schedule", "visitSchedule", with_visit(planned=LATER)),
    ("before_visit_assign", "visitCreate", a_new_visit_of_somebody),
    ("before_visit_assign", "visitAssign", a_visit_of_nobody),
    ("before_visit_dispatch", "visitDispatch", with_visit()),
    ("before_visit_dispatch", "visitDispatch", an_accepted_visit),
    ("before_visit_start", "visitStartTravel", with_visit()),
    ("before_visit_start", "visitArrive", with_visit()),
    ("before_visit_complete", "visitComplete", with_visit_on_site(outcome="COMPLETED")),
    ("before_visit_complete", "visitLeave", with_visit_on_site()),
    ("before_visit_complete", "visitUnassign", a_visit_that_all_but_one_have_left),
    ("before_visit_complete", "visitDecline", a_visit_that_all_but_one_have_left),
    ("before_invoice_issue", "invoiceIssue", a_drafted_invoice),
    ("before_invoice_discard", "invoiceDiscard", a_drafted_invoice),
    ("before_invoice_void", "invoiceVoid", a_standing_invoice),
    ("before_invoice_write_off", "invoiceWriteOff", a_standing_invoice),
    ("before_payment_record", "paymentRecord", an_issued_invoice),
]
each_case = pytest.mark.parametrize(
    ("hook", "mutation", "prepare"), CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES]
)


def test_no_veto_is_left_out() -> None:
    assert {hook for hook, _, _ in CASES} == set(VETOES)


@each_case
async def test_a_veto_holds_its_command_back_and_nothing_is_written_until_nobody_says_no(
    hook: str, mutation: str, prepare: Callable[[Shop], Awaitable[Given]], company: Company, sent: list[list[Any]]
) -> None:
    gates = [a_gate("alpha", hook), a_gate("beta", hook)]
    shop = await a_shop_with(company, *gates)
    given = await prepare(shop)
    before = await rows_of(shop.api.database, company.tenant.id)
    turn(gates, is_closed=True)
    for tried in [given, {**given, "dryRun": True}] if takes_dry_run(mutation) else [given]:
        refused = (await shop.api.send(mutation, **tried))["userErrors"]
        told = [(error["code"], error["pluginId"], error["pluginCode"], error["message"]) for error in refused]
        assert told == [("VETOED", name, "CLOSED", "Not like this.") for name in ("alpha", "beta")]
    assert await rows_of(shop.api.database, company.tenant.id) == before
    check_what_was_seen(hook, mutation, gates[0].seen[0])
    turn(gates, is_closed=False)
    sent.clear()
    assert (await shop.api.send(mutation, **given))["userErrors"] == []
    assert [len(gate.seen) for gate in gates] == [1, 1]
    assert await rows_of(shop.api.database, company.tenant.id) != before
    check_that_asking_cost_no_trip_of_its_own(sent)


def turn(gates: list[Gate], *, is_closed: bool) -> None:
    for gate in gates:
        gate.is_closed = is_closed
        gate.seen.clear()


def check_that_asking_cost_no_trip_of_its_own(sent: list[list[Any]]) -> None:
    """Which plugins are concerned was read once, at the end of a trip that brought the record."""
    (asking,) = [trip for trip in sent if work._CONCERNED in trip]
    assert asking[-1] is work._CONCERNED
    assert len(asking) > 2


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """The statements of every trip to PostgreSQL that can hold several."""
    found: list[list[Any]] = []
    on_the_way, sending = trips._driver, trips._sent

    async def driver(connection: Any) -> Any:
        found.append([])
        return await on_the_way(connection)

    async def send(connection: Any, asked: Any) -> Any:
        found[-1].append(asked[0])
        return await sending(connection, asked)

    monkeypatch.setattr(trips, "_driver", driver)
    monkeypatch.setattr(trips, "_sent", send)
    return found


def check_what_was_seen(hook: str, mutation: str, change: Change[Any]) -> None:
    """The change is of the noun that the hook's signature names, and still without a number."""
    promised = typing.get_type_hints(VETOES[hook])["change"]
    if promised is VisitChange:
        assert isinstance(change, VisitChange)
        assert change.after in change.work_order.visits
    else:
        assert isinstance(change.after, typing.get_args(promised)[0])
    assert (change.before is None) == (mutation in {"workOrderCreate", "visitCreate", "paymentRecord"})
    assert all(isinstance(fact, Fact) for fact in change.facts)
    if hook in {"before_work_order_create", "before_invoice_issue"}:
        assert not change.after.number


# ── one command, several questions ────────────────────────────────────────────────────────────────


async def test_a_visit_that_is_planned_and_manned_at_once_is_told_all_reasons_and_each_once(company: Company) -> None:
    gate = a_gate("alpha", "before_visit_schedule", "before_visit_assign")
    other = a_gate("beta", "before_visit_assign")
    shop = await a_shop_with(company, gate, other)
    order = await shop.order()
    gate.is_closed = other.is_closed = True
    refused = await shop.api.send(
        "visitCreate", workOrderId=order["id"], planned=PLANNED, technicianIds=[shop.technician]
    )
    assert [error["pluginId"] for error in refused["userErrors"]] == ["alpha", "beta"]
    assert len(gate.seen) == 2


async def test_who_set_out_is_not_asked_again_on_arrival_but_the_next_technician_is(company: Company) -> None:
    gate = a_gate("alpha", "before_visit_start")
    shop = await a_shop_with(company, gate)
    other = (await shop.api.do("technicianCreate", "technician { id }", name="Sam Ito"))["id"]
    visit = await shop.visit(await shop.order(), technicianIds=[shop.technician, other])
    asked = []
    for move, technician in (
        ("visitStartTravel", shop.technician),
        ("visitArrive", shop.technician),
        ("visitPause", shop.technician),
        ("visitResume", shop.technician),
        ("visitArrive", other),
    ):
        visit = await shop.move(move, visit, VISIT, technicianId=technician)
        asked.append(len(gate.seen))
    assert asked == [1, 1, 1, 1, 2]


async def test_what_changes_nothing_asks_nobody(company: Company) -> None:
    gate = a_gate("alpha", *VETOES)
    shop = await a_shop_with(company, gate)
    line = await a_line(shop)
    visit = await shop.visit(await shop.order())
    gate.is_closed = True
    assert (await shop.api.send("lineItemUpdate", **line, patch={}))["userErrors"] == []
    assert (await shop.api.send("visitSchedule", **named(visit, planned=PLANNED)))["userErrors"] == []


async def test_available_transitions_ask_every_veto_that_needs_no_reason_from_the_caller(company: Company) -> None:
    gate = a_gate("alpha", *VETOES)
    shop = await a_shop_with(company, gate)
    held = await a_held_order(shop)
    gate.is_closed = True
    document = "query ($id: ID!) { workOrder(id: $id) { availableTransitions { command reasons { code } } } }"
    found = (await shop.api.ask(document, id=held["id"]))["workOrder"]["availableTransitions"]
    reasons = {one["command"]: [reason["code"] for reason in one["reasons"]] for one in found}
    assert reasons["RESUME"] == ["VETOED"]
    assert reasons["CANCEL"] == []
    assert reasons["SUBMIT"] == reasons["COMPLETE"] == ["TRANSITION_NOT_ALLOWED"]
