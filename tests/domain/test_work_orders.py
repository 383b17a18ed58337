"""Work orders: what may be said about one, what holds each command back, and what each command leaves behind."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from beltstack.domain.access import Role
from beltstack.domain.billing import AlreadyBilled, BillingState
from beltstack.domain.changes import Change
from beltstack.domain.errors import InvalidInput, NotFound, Refusals, StaleObject
from beltstack.domain.events import VisitCanceled, VisitFact, WorkOrderFact
from beltstack.domain.ids import LineItemId, VisitId
from beltstack.domain.invoices import InvoiceState
from beltstack.domain.lifecycle import (
    AssignmentState,
    TransitionNotAllowed,
    VisitState,
    WorkOrderCommand,
    WorkOrderState,
)
from beltstack.domain.line_items import Coverage, LineKind
from beltstack.domain.money import InvalidAmount
from beltstack.domain.tenants import PeriodLocked
from beltstack.domain.visits import AssignmentRole
from beltstack.domain.work_orders import (
    LineItemWithoutPrice,
    NotBilledYet,
    NotCompleted,
    NotYourVisit,
    RemainingVisits,
    RemainingVisitsUndecided,
    SelfApproval,
    VisitUnderWay,
    WorkOrder,
    WorkOrderLocked,
    WorkOrderOutcome,
    new_work_order,
)
from tests.makers import (
    ANA,
    EVENING,
    MIA,
    NOON,
    TESS,
    TOM,
    a_line_item,
    a_planned_work_order,
    a_started_work_order,
    a_tenant,
    a_visit,
    a_work_order,
    a_work_order_in,
    a_worked_work_order,
    an_actor,
    an_assignment,
    an_id,
    codes_of,
    planned,
    types_of,
)

W, V = WorkOrderState, VisitState
TENANT = a_tenant()
APPROVING = a_tenant(completion_needs_approval=True)
UNPRICED = a_line_item(unit_price=None, description="Mystery part")


def complete(work_order: WorkOrder, **given: Any) -> Change[WorkOrder]:
    tenant = given.pop("tenant", TENANT)
    defaults: dict[str, Any] = {"at": EVENING, "by": ANA}
    return work_order.complete(tenant, **(defaults | given))


def cancel(work_order: WorkOrder, **given: Any) -> Change[WorkOrder]:
    defaults: dict[str, Any] = {"reason": "Called off.", "keep_billable_lines": None, "at": NOON}
    return work_order.cancel(TENANT, **(defaults | given))


def hold(work_order: WorkOrder, **given: Any) -> Change[WorkOrder]:
    defaults: dict[str, Any] = {"reason": "Part ordered", "review_on": None, "cancel_visits": False}
    return work_order.hold(TENANT, **(defaults | given))


# ── what is said about it ─────────────────────────────────────────────────────────────────────────


def test_a_new_work_order_is_created_by_a_fact_that_moves_nothing() -> None:
    change = new_work_order(a_work_order(line_items=(a_line_item(),)))
    (fact,) = change.facts
    assert change.before is None
    assert isinstance(fact, WorkOrderFact)
    assert (fact.type, fact.from_state, fact.state) == ("work_order.created", "OPEN", "OPEN")
    assert (fact.number, fact.total, fact.currency) == ("WO-1001", Decimal("190.00"), "USD")
    assert change.after.billing_state is BillingState.UNBILLED


def test_every_problem_of_a_new_work_order_is_told_together() -> None:
    lines = (a_line_item(), a_line_item(id=LineItemId(an_id(41)), quantity=Decimal(0)))
    with pytest.raises(Refusals) as refusals:
        new_work_order(a_work_order(title=" ", po_number="x" * 61, nte_amount=Decimal("1.005"), line_items=lines))
    assert {refusal.path for refusal in refusals.value.refusals} == {
        ("title",),
        ("po_number",),
        ("nte_amount",),
        ("line_items", "1", "quantity"),
    }


def test_a_work_order_holds_at_most_500_lines() -> None:
    lines = tuple(a_line_item(id=LineItemId(an_id(1000 + number))) for number in range(501))
    assert a_work_order().with_line_items(lines[:500]).after.total == Decimal("95000.00")
    with pytest.raises(InvalidInput) as refusal:
        a_work_order().with_line_items(lines)
    assert "at most 500" in refusal.value.message


def test_a_total_that_no_ledger_can_hold_is_refused() -> None:
    dear = a_line_item(quantity=Decimal(10), unit_price=Decimal("9999999999.99"))
    with pytest.raises(InvalidAmount):
        a_work_order().with_line_items((dear, replace(dear, id=LineItemId(an_id(41)))))


def test_revising_trims_what_is_said_and_tells_so_once() -> None:
    change = a_work_order().revise({"title": "  No heat upstairs "})
    assert change.after.title == "No heat upstairs"
    assert types_of(change) == ["work_order.updated"]


def test_revising_nothing_tells_nothing() -> None:
    assert a_work_order().revise({"title": "No heat"}).is_nothing


def test_setting_the_same_lines_again_tells_nothing() -> None:
    work_order = a_work_order().with_line_items((a_line_item(),)).after
    assert work_order.with_line_items((a_line_item(),)).is_nothing


@pytest.mark.parametrize("state", [W.CLOSED, W.CANCELED])
def test_a_closed_or_canceled_work_order_is_not_edited(state: WorkOrderState) -> None:
    work_order = a_work_order_in(state)
    with pytest.raises(WorkOrderLocked):
        work_order.revise({"title": "Other"})
    with pytest.raises(WorkOrderLocked):
        work_order.with_line_items(())
    with pytest.raises(WorkOrderLocked):
        work_order.after_visits((), (), at=NOON)


@pytest.mark.parametrize("state", [BillingState.PARTIALLY_BILLED, BillingState.BILLED, BillingState.PAID])
def test_lines_that_are_invoiced_are_not_edited(state: BillingState) -> None:
    work_order = replace(a_work_order_in(W.COMPLETED), billing_state=state, line_items=(a_line_item(),))
    with pytest.raises(AlreadyBilled):
        work_order.with_line_items(())


def test_only_a_draft_is_deleted() -> None:
    assert types_of(a_work_order_in(W.DRAFT).delete()) == ["work_order.deleted"]
    for state in set(W) - {W.DRAFT}:
        with pytest.raises(WorkOrderLocked):
            a_work_order_in(state).delete()


def test_a_line_item_is_found_by_its_id_or_refused() -> None:
    work_order = a_work_order(line_items=(a_line_item(),))
    assert work_order.line_item(a_line_item().id) == a_line_item()
    with pytest.raises(NotFound):
        work_order.line_item(LineItemId(an_id(999)))


def test_a_stale_version_is_refused_with_both_versions() -> None:
    assert a_work_order(version=3).expect(3).version == 3
    with pytest.raises(StaleObject) as refusal:
        a_work_order(version=3).expect(2)
    assert "version 3, you have 2" in refusal.value.message
    assert refusal.value.path == ("expected_version",)


# ── hold, resume ──────────────────────────────────────────────────────────────────────────────────


def test_holding_keeps_the_reason_and_resuming_forgets_it() -> None:
    held = hold(a_planned_work_order(), review_on=date(2026, 3, 9)).after
    assert (held.hold_reason, held.review_on) == ("Part ordered", date(2026, 3, 9))
    resumed = held.resume(TENANT)
    assert (resumed.after.hold_reason, resumed.after.review_on) == (None, None)
    assert resumed.after.state is W.SCHEDULED
    assert types_of(resumed) == ["work_order.resumed"]


def test_holding_cancels_planned_visits_only_when_told_to() -> None:
    kept = hold(a_planned_work_order()).after
    assert kept.visits == a_planned_work_order().visits
    (visit,) = hold(a_planned_work_order(), cancel_visits=True).after.visits
    assert visit.state is V.CANCELED
    assert [assignment.state for assignment in visit.assignments] == [AssignmentState.REMOVED]


def test_a_work_order_whose_visits_were_canceled_on_hold_resumes_open() -> None:
    held = hold(a_planned_work_order(), cancel_visits=True).after
    assert held.resume(TENANT).after.state is W.OPEN


@pytest.mark.parametrize("state", [V.EN_ROUTE, V.ON_SITE])
def test_nobody_s_visit_is_held_under_their_feet(state: VisitState) -> None:
    work_order = a_work_order(state=W.IN_PROGRESS, visits=(a_visit(state=state),))
    with pytest.raises(VisitUnderWay):
        hold(work_order)
    assert hold(replace(work_order, visits=(a_visit(state=V.PAUSED),))).after.state is W.ON_HOLD


def test_a_hold_needs_a_reason_of_one_line() -> None:
    for reason in ("  ", "a\nb"):
        with pytest.raises(InvalidInput) as refusal:
            hold(a_work_order(), reason=reason)
        assert refusal.value.path == ("reason",)


# ── complete ──────────────────────────────────────────────────────────────────────────────────────


def test_completing_says_who_when_and_with_what_outcome() -> None:
    change = complete(a_worked_work_order(), outcome=WorkOrderOutcome.PARTIAL)
    after = change.after
    assert (after.state, after.completed_at, after.completed_by) == (W.COMPLETED, EVENING, ANA)
    assert after.outcome is WorkOrderOutcome.PARTIAL
    assert types_of(change) == ["work_order.work_completed", "work_order.completed"]


def test_completion_waits_for_approval_where_the_company_asks_for_it() -> None:
    change = complete(a_worked_work_order(), tenant=APPROVING)
    assert change.after.state is W.PENDING_APPROVAL
    assert change.after.approved_at is None
    assert types_of(change) == ["work_order.work_completed", "work_order.approval_requested"]
    (_, asked) = change.facts
    assert isinstance(asked, WorkOrderFact)
    assert asked.reason == "Completion needs a manager's approval."


def test_a_total_above_the_limit_asks_for_approval_even_where_completion_needs_none() -> None:
    line = a_line_item()
    at_limit = replace(a_worked_work_order(), line_items=(line,), nte_amount=Decimal("190.00"))
    assert complete(at_limit).after.state is W.COMPLETED
    change = complete(replace(at_limit, nte_amount=Decimal("189.99")))
    assert change.after.state is W.PENDING_APPROVAL
    (_, asked) = change.facts
    assert isinstance(asked, WorkOrderFact)
    assert asked.reason == "The total of 190.00 USD exceeds the limit of 189.99."


@pytest.mark.parametrize("state", [V.EN_ROUTE, V.ON_SITE, V.PAUSED])
def test_a_visit_under_way_holds_completion_back(state: VisitState) -> None:
    work_order = a_work_order(state=W.IN_PROGRESS, visits=(a_visit(state=state),))
    with pytest.raises(VisitUnderWay):
        complete(work_order)


def test_a_line_without_a_price_holds_completion_back() -> None:
    with pytest.raises(LineItemWithoutPrice) as refusal:
        complete(replace(a_worked_work_order(), line_items=(a_line_item(), UNPRICED)))
    assert str(refusal.value) == "Give these a price first: Mystery part."


@pytest.mark.parametrize("line", [replace(UNPRICED, coverage=Coverage.WARRANTY), replace(UNPRICED, kind=LineKind.TEXT)])
def test_what_the_customer_does_not_pay_for_needs_no_price(line: Any) -> None:
    assert complete(replace(a_worked_work_order(), line_items=(line,))).after.state is W.COMPLETED


def test_visits_still_planned_must_be_decided() -> None:
    with pytest.raises(RemainingVisitsUndecided) as refusal:
        complete(a_planned_work_order())
    assert refusal.value.path == ("remaining_visits",)


@pytest.mark.parametrize(
    ("decision", "state", "assignment"),
    [
        (RemainingVisits.CANCEL, V.CANCELED, AssignmentState.REMOVED),
        (RemainingVisits.FAIL, V.INCOMPLETE, AssignmentState.DONE),
    ],
)
def test_remaining_visits_end_as_decided_and_finished_ones_stay(
    decision: RemainingVisits, state: VisitState, assignment: AssignmentState
) -> None:
    work_order = a_worked_work_order()
    two = replace(work_order, visits=(*work_order.visits, *a_planned_work_order().visits))
    after = complete(two, remaining_visits=decision).after
    assert after.visits[0] == work_order.visits[0]
    assert after.visits[1].state is state
    assert [a.state for a in after.visits[1].assignments] == [assignment]


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (lambda it: complete(it, remaining_visits=RemainingVisits.CANCEL), "visit.canceled"),
        (lambda it: complete(it, remaining_visits=RemainingVisits.FAIL), "visit.completed"),
        (lambda it: hold(it, cancel_visits=True), "visit.canceled"),
        (cancel, "visit.canceled"),
    ],
)
def test_visits_that_end_with_their_work_order_are_told_first_and_with_whom(
    end: Callable[[WorkOrder], Change[WorkOrder]], told: str
) -> None:
    change = end(a_planned_work_order())
    fact = change.facts[0]
    assert isinstance(fact, VisitFact)
    assert (fact.type, fact.visit_id, fact.technician_ids) == (told, an_id(60), (TOM,))
    assert [type_.partition(".")[0] for type_ in types_of(change)[1:]] == ["work_order"] * len(change.facts[1:])


def test_every_reason_against_completion_is_told_together() -> None:
    work_order = a_work_order(
        state=W.IN_PROGRESS,
        visits=(a_visit(state=V.ON_SITE), a_visit(id=VisitId(an_id(61)), state=V.SCHEDULED)),
        line_items=(UNPRICED,),
    )
    with pytest.raises(Refusals) as refusals:
        complete(work_order)
    assert codes_of(refusals.value) == {"VISIT_UNDER_WAY", "LINE_ITEM_WITHOUT_PRICE", "REMAINING_VISITS_UNDECIDED"}


# ── approve, reject ───────────────────────────────────────────────────────────────────────────────


def test_another_person_approves_and_the_completion_is_told() -> None:
    change = a_work_order_in(W.PENDING_APPROVAL).approve(APPROVING, at=EVENING, by=MIA)
    assert (change.after.approved_at, change.after.approved_by) == (EVENING, MIA)
    assert types_of(change) == ["work_order.approved", "work_order.completed"]


def test_whoever_completed_the_work_does_not_approve_it() -> None:
    pending = a_work_order_in(W.PENDING_APPROVAL)
    with pytest.raises(SelfApproval):
        pending.approve(APPROVING, at=EVENING, by=ANA)
    allowed = replace(APPROVING, self_approval_allowed=True)
    assert pending.approve(allowed, at=EVENING, by=ANA).after.approved_by == ANA


def test_work_that_awaits_approval_is_approved_even_after_the_policy_is_gone() -> None:
    assert a_work_order_in(W.PENDING_APPROVAL).approve(TENANT, at=EVENING, by=MIA).after.state is W.COMPLETED


@pytest.mark.parametrize("undo", ["reject", "reopen"])
def test_rejecting_and_reopening_undo_the_completion_and_roll_up(undo: str) -> None:
    work_order = a_work_order_in(W.PENDING_APPROVAL if undo == "reject" else W.COMPLETED)
    change = getattr(work_order, undo)(TENANT, reason="The photos are missing.")
    after = change.after
    assert (after.completed_at, after.completed_by, after.outcome) == (None, None, None)
    assert (after.approved_at, after.approved_by) == (None, None)
    assert after.state is W.IN_PROGRESS  # its visit is completed
    assert [(fact.type, fact.reason) for fact in change.facts] == [
        (f"work_order.{undo}ed", "The photos are missing."),
    ]


@pytest.mark.parametrize("undo", ["reject", "reopen"])
def test_rejected_or_reopened_work_without_visits_is_open(undo: str) -> None:
    tenant = APPROVING if undo == "reject" else TENANT
    done = complete(a_work_order(), tenant=tenant).after
    assert getattr(done, undo)(tenant, reason="Look again.").after.state is W.OPEN


def test_reopened_work_whose_last_visit_failed_needs_a_return() -> None:
    done = complete(a_planned_work_order(), remaining_visits=RemainingVisits.FAIL).after
    assert not done.needs_return
    reopened = done.reopen(TENANT, reason="They were at home after all.").after
    assert (reopened.state, reopened.needs_return) == (W.OPEN, True)


# ── billing, close, unlock ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, BillingState.NOT_BILLABLE),
        ({"line_items": (a_line_item(),)}, BillingState.UNBILLED),
        ({"line_items": (a_line_item(),), "no_charge": True}, BillingState.NOT_BILLABLE),
        ({"line_items": (a_line_item(coverage=Coverage.WARRANTY),)}, BillingState.NOT_BILLABLE),
        ({"line_items": (a_line_item(coverage=Coverage.WARRANTY), a_line_item())}, BillingState.UNBILLED),
    ],
)
def test_the_billing_state_follows_from_what_the_customer_pays_for(changes: Any, state: BillingState) -> None:
    assert new_work_order(a_work_order(**changes)).after.billing_state is state


def test_waiving_the_charge_later_leaves_nothing_to_bill() -> None:
    work_order = a_work_order().with_line_items((a_line_item(),)).after
    assert work_order.revise({"no_charge": True}).after.billing_state is BillingState.NOT_BILLABLE


def test_work_that_can_be_billed_is_closed_only_once_it_is_billed() -> None:
    done = replace(a_work_order_in(W.COMPLETED), billing_state=BillingState.UNBILLED)
    for settled in (BillingState.UNBILLED, BillingState.PARTIALLY_BILLED):
        with pytest.raises(NotBilledYet):
            replace(done, billing_state=settled).close(TENANT, at=EVENING)
    for settled in (BillingState.BILLED, BillingState.PAID, BillingState.NOT_BILLABLE):
        closed = replace(done, billing_state=settled).close(TENANT, at=EVENING).after
        assert (closed.state, closed.closed_at) == (W.CLOSED, EVENING)


def test_what_is_billed_is_told_by_the_invoice_and_not_again_by_the_work_order() -> None:
    change = a_work_order_in(W.COMPLETED).billed((), [InvoiceState.ISSUED])
    assert (change.after.billing_state, change.facts) == (BillingState.BILLED, ())


@pytest.mark.parametrize("state", WorkOrderState)
def test_only_finished_work_is_invoiced(state: WorkOrderState) -> None:
    if state in {W.COMPLETED, W.CLOSED, W.CANCELED}:
        a_work_order_in(state).check_can_be_billed()
        return
    with pytest.raises(NotCompleted) as refusal:
        a_work_order_in(state).check_can_be_billed()
    assert state.words in refusal.value.message


@pytest.mark.parametrize("state", [BillingState.PARTIALLY_BILLED, BillingState.BILLED, BillingState.PAID])
def test_billed_work_is_neither_reopened_nor_canceled(state: BillingState) -> None:
    with pytest.raises(AlreadyBilled):
        replace(a_work_order_in(W.COMPLETED), billing_state=state).reopen(TENANT, reason="Again.")
    with pytest.raises(AlreadyBilled):
        cancel(a_work_order(billing_state=state))


@pytest.mark.parametrize(
    ("timezone", "completed_at", "is_locked"),
    [
        ("UTC", datetime(2026, 4, 1, 1, tzinfo=UTC), False),
        ("UTC", datetime(2026, 3, 31, 23, tzinfo=UTC), True),
        # One in the night in UTC is eight in the evening before in Chicago.
        ("America/Chicago", datetime(2026, 4, 1, 1, tzinfo=UTC), True),
        ("Pacific/Auckland", datetime(2026, 3, 31, 23, tzinfo=UTC), False),
    ],
)
def test_work_completed_in_a_locked_period_stays_closed(timezone: str, completed_at: datetime, is_locked: bool) -> None:
    tenant = a_tenant(timezone=timezone, books_locked_through=date(2026, 3, 31))
    closed = replace(a_work_order_in(W.CLOSED), completed_at=completed_at)
    if not is_locked:
        assert closed.unlock(tenant, reason="Wrong site.").after.closed_at is None
        return
    with pytest.raises(PeriodLocked) as refusal:
        closed.unlock(tenant, reason="Wrong site.")
    assert "2026-03-31" in refusal.value.message


# ── cancel, reinstate ─────────────────────────────────────────────────────────────────────────────


def test_canceling_ends_every_visit_that_is_not_over() -> None:
    work_order = planned(a_worked_work_order(), number=61)
    visits = (*work_order.visits, a_visit(id=VisitId(an_id(62))), a_visit(id=VisitId(an_id(63)), state=V.ON_SITE))
    after = cancel(replace(work_order, visits=visits), keep_billable_lines=True).after
    assert [visit.state for visit in after.visits] == [V.COMPLETED, V.CANCELED, V.CANCELED, V.INCOMPLETE]
    assert after.cancel_reason == "Called off."


def test_once_work_has_started_canceling_must_say_what_becomes_of_its_lines() -> None:
    for work_order in (a_started_work_order(), a_worked_work_order()):
        with pytest.raises(RemainingVisitsUndecided) as refusal:
            cancel(work_order)
        assert refusal.value.path == ("keep_billable_lines",)


def test_work_that_started_and_is_on_hold_does_not_lose_its_lines_silently() -> None:
    held = hold(a_worked_work_order()).after
    with pytest.raises(RemainingVisitsUndecided):
        cancel(held)


def test_canceling_work_on_hold_leaves_neither_its_reason_nor_its_review() -> None:
    canceled = cancel(hold(a_work_order(), review_on=date(2026, 3, 9)).after).after
    assert (canceled.hold_reason, canceled.review_on, canceled.needs_return) == (None, None, False)


@pytest.mark.parametrize(
    ("keep", "state"),
    [(True, BillingState.UNBILLED), (False, BillingState.NOT_BILLABLE), (None, BillingState.NOT_BILLABLE)],
)
def test_a_canceled_work_order_bills_its_lines_only_if_they_are_kept(keep: bool | None, state: BillingState) -> None:
    work_order = a_work_order().with_line_items((a_line_item(),)).after
    canceled = cancel(work_order, keep_billable_lines=keep).after
    assert canceled.billing_state is state
    assert canceled.line_items == work_order.line_items


def test_a_reinstated_work_order_can_be_billed_again_and_has_no_reason_left() -> None:
    work_order = a_work_order().with_line_items((a_line_item(),)).after
    change = cancel(work_order).after.reinstate(TENANT)
    assert change.after == work_order
    assert types_of(change) == ["work_order.reinstated"]


REASONS: list[Callable[[], Change[WorkOrder]]] = [
    lambda: cancel(a_work_order(), reason=""),
    lambda: a_work_order_in(W.COMPLETED).reopen(TENANT, reason=" "),
    lambda: a_work_order_in(W.PENDING_APPROVAL).reject(TENANT, reason="\n"),
    lambda: a_work_order_in(W.CLOSED).unlock(TENANT, reason=""),
]


@pytest.mark.parametrize("without_reason", REASONS)
def test_canceling_and_undoing_need_a_reason(without_reason: Callable[[], Change[WorkOrder]]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        without_reason()
    assert refusal.value.path == ("reason",)


# ── asking what may be done ───────────────────────────────────────────────────────────────────────

HELD_BACK = [
    (WorkOrderCommand.HOLD, a_started_work_order(), "VISIT_UNDER_WAY"),
    (WorkOrderCommand.COMPLETE, a_started_work_order(), "VISIT_UNDER_WAY"),
    (WorkOrderCommand.COMPLETE, a_work_order(line_items=(UNPRICED,)), "LINE_ITEM_WITHOUT_PRICE"),
    (WorkOrderCommand.REOPEN, a_work_order(state=W.COMPLETED, billing_state=BillingState.PAID), "ALREADY_BILLED"),
    (WorkOrderCommand.CLOSE, a_work_order(state=W.COMPLETED, billing_state=BillingState.UNBILLED), "NOT_BILLED_YET"),
    (WorkOrderCommand.CANCEL, a_work_order(billing_state=BillingState.BILLED), "ALREADY_BILLED"),
    (WorkOrderCommand.APPROVE, a_work_order(), "TRANSITION_NOT_ALLOWED"),
]


@pytest.mark.parametrize(("command", "work_order", "code"), HELD_BACK)
def test_why_not_names_what_the_command_would_refuse_with(
    command: WorkOrderCommand, work_order: WorkOrder, code: str
) -> None:
    assert [refusal.code for refusal in work_order.why_not(command, TENANT)] == [code]


def test_a_state_that_does_not_fit_is_the_only_reason_told() -> None:
    work_order = a_work_order(state=W.ON_HOLD, line_items=(UNPRICED,), visits=(a_visit(state=V.PAUSED),))
    (refusal,) = work_order.why_not(WorkOrderCommand.COMPLETE, TENANT)
    assert isinstance(refusal, TransitionNotAllowed)


# ── whose work it is ──────────────────────────────────────────────────────────────────────────────

LEADS, HELPS = an_assignment(), an_assignment(technician_id=TESS, role=AssignmentRole.HELPER)


def visited_by(*assignments: Any) -> WorkOrder:
    return a_work_order(visits=(a_visit(assignments=assignments),))


@pytest.mark.parametrize(
    ("technician_id", "lead_only", "is_theirs"),
    [(TOM, False, True), (TESS, False, True), (TOM, True, True), (TESS, True, False), (an_id(13), False, False)],
)
def test_a_technician_acts_on_their_own_work_and_completes_it_as_its_lead(
    technician_id: Any, lead_only: bool, is_theirs: bool
) -> None:
    actor = an_actor(Role.TECHNICIAN, technician_id=technician_id)
    work_order = visited_by(LEADS, HELPS)
    if is_theirs:
        work_order.check_own(actor, lead_only=lead_only)
        return
    with pytest.raises(NotYourVisit) as refusal:
        work_order.check_own(actor, lead_only=lead_only)
    assert refusal.value.message.endswith(" as its lead.") == lead_only


@pytest.mark.parametrize("role", [Role.DISPATCHER, Role.MANAGER, Role.OFFICE])
def test_the_office_acts_on_anybody_s_work(role: Role) -> None:
    visited_by().check_own(an_actor(role))
    visited_by().check_own(an_actor(Role.TECHNICIAN, role, technician_id=TOM))


def test_a_technician_without_a_technician_s_record_owns_nothing() -> None:
    with pytest.raises(NotYourVisit):
        visited_by(LEADS).check_own(an_actor(Role.TECHNICIAN))


@pytest.mark.parametrize(
    ("state", "done_at", "has_part"),
    [
        (AssignmentState.ASSIGNED, None, True),
        (AssignmentState.DONE, NOON, True),
        (AssignmentState.REMOVED, None, False),
        (AssignmentState.DECLINED, None, False),
    ],
)
def test_who_was_removed_or_declined_has_no_part_any_more(
    state: AssignmentState, done_at: datetime | None, has_part: bool
) -> None:
    work_order = visited_by(replace(LEADS, state=state, done_at=done_at))
    assert (TOM in work_order.technicians(set(AssignmentRole))) == has_part


def test_visits_that_end_with_their_work_order_are_told_with_who_was_to_go() -> None:
    visit = a_visit(state=VisitState.SCHEDULED, assignments=(an_assignment(),))
    work_order = a_work_order(state=WorkOrderState.SCHEDULED, visits=(visit,))

    canceled = work_order.cancel(a_tenant(), reason="Sold the house.", keep_billable_lines=None, at=NOON).facts
    held = work_order.hold(a_tenant(), reason="No part.", review_on=None, cancel_visits=True).facts

    for facts in (canceled, held):
        told = facts[0]
        assert isinstance(told, VisitCanceled)
        assert (told.visit_id, told.technician_ids) == (visit.id, visit.technician_ids)
        assert len(told.technician_ids) == 1
