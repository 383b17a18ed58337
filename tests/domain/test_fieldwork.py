"""Fieldwork: planning trips, sending technicians, and what their moves make of the visit and its work order."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from beltstack.domain import fieldwork
from beltstack.domain.access import Role
from beltstack.domain.changes import Change
from beltstack.domain.errors import InvalidInput, NotFound, Refusal, Refusals, StaleObject
from beltstack.domain.events import AssignmentFact, VisitFact
from beltstack.domain.ids import AssignmentId, VisitId
from beltstack.domain.lifecycle import (
    FINISHED,
    PLANNED,
    ROLLED_UP,
    UNDER_WAY,
    AssignmentState,
    TransitionNotAllowed,
    VisitState,
    WorkOrderState,
)
from beltstack.domain.visits import (
    AlreadyAssigned,
    AssignmentRole,
    InvalidTimeSpan,
    NobodyAssigned,
    NotAssigned,
    TimeSpan,
    Visit,
    VisitKind,
    VisitMoveNotAllowed,
    VisitOutcome,
    checked_span,
)
from beltstack.domain.work_orders import NotYourVisit, WorkOrder, WorkOrderLocked
from tests.makers import (
    AFTERNOON,
    EVENING,
    MORNING,
    NOON,
    TESS,
    TOM,
    a_planned_work_order,
    a_span,
    a_started_work_order,
    a_tenant,
    a_visit,
    a_work_order,
    a_work_order_in,
    an_actor,
    an_assignment,
    an_id,
    assigned,
    planned,
    types_of,
)

W, V, A = WorkOrderState, VisitState, AssignmentState
BOTH = (TOM, TESS)
Move = Callable[..., Change[WorkOrder]]


def moved(work_order: WorkOrder, move: Move, visit: int = 0, **given: Any) -> Change[WorkOrder]:
    """One of fieldwork's moves on one of the work order's visits, at noon."""
    return move(work_order, work_order.visits[visit], **{"at": NOON, **given})


def after(work_order: WorkOrder, *moves: tuple[Move, Any]) -> WorkOrder:
    """The work order after these technicians' moves, one after another."""
    for move, technician_id in moves:
        work_order = moved(work_order, move, technician_id=technician_id).after
    return work_order


def added(work_order: WorkOrder, **given: Any) -> Change[WorkOrder]:
    defaults: dict[str, Any] = {
        "visit_id": VisitId(an_id(65)),
        "timezone": "America/Chicago",
        "kind": VisitKind.RETURN,
        "planned": a_span(),
        "window": None,
        "instructions": None,
        "at": MORNING,
    }
    return fieldwork.add_visit(work_order, **(defaults | given))


def the_visit(work_order: WorkOrder) -> Visit:
    (visit,) = work_order.visits
    return visit


# ── planning ──────────────────────────────────────────────────────────────────────────────────────


def test_a_planned_visit_schedules_its_work_order_and_is_told() -> None:
    change = added(a_work_order(), instructions=" Ring twice. ")
    visit = the_visit(change.after)
    assert (visit.state, visit.sequence, visit.instructions) == (V.SCHEDULED, 1, "Ring twice.")
    assert change.after.state is W.SCHEDULED
    (fact,) = change.facts
    assert isinstance(fact, VisitFact)
    assert (fact.type, fact.state, fact.planned_start, fact.outcome) == ("visit.scheduled", "SCHEDULED", NOON, None)


def test_a_visit_without_a_plan_waits_and_is_told_once_planned() -> None:
    change = added(a_work_order(), planned=None)
    assert the_visit(change.after).state is V.UNSCHEDULED
    assert (change.after.state, change.facts) == (W.OPEN, ())
    planned_later = moved(change.after, fieldwork.reschedule, planned=a_span(), window=None)
    assert types_of(planned_later) == ["visit.scheduled"]
    assert planned_later.after.state is W.SCHEDULED


def test_visits_are_numbered_one_after_another() -> None:
    work_order = planned(planned(a_work_order(), number=60), number=61)
    assert [visit.sequence for visit in work_order.visits] == [1, 2]


@pytest.mark.parametrize("state", sorted(set(W) - ROLLED_UP))
def test_only_open_work_takes_another_visit(state: WorkOrderState) -> None:
    with pytest.raises(TransitionNotAllowed) as refusal:
        added(a_work_order_in(state))
    assert refusal.value.message.startswith(f"A work order that is {state.words} takes no visits; ")


def test_replanning_is_told_and_keeps_those_who_were_sent_out() -> None:
    sent = moved(a_planned_work_order(), fieldwork.dispatch).after
    change = moved(sent, fieldwork.reschedule, planned=a_span(AFTERNOON), window=None)
    assert types_of(change) == ["visit.rescheduled"]
    assert the_visit(change.after).state is V.DISPATCHED
    assert the_visit(change.after).planned == a_span(AFTERNOON)


def test_planning_a_visit_as_it_is_planned_already_tells_nothing() -> None:
    assert moved(a_planned_work_order(), fieldwork.reschedule, planned=a_span(), window=None).is_nothing


@pytest.mark.parametrize("state", sorted(UNDER_WAY | FINISHED | {V.CANCELED}))
def test_a_visit_is_not_replanned_once_somebody_set_out(state: VisitState) -> None:
    with pytest.raises(VisitMoveNotAllowed) as refusal:
        a_visit(state=state).schedule(a_span(), None)
    assert refusal.value.message == f"A visit that is {state.words} cannot be rescheduled."


def test_the_start_lies_inside_the_window_that_was_promised() -> None:
    promised = a_span(NOON, hours=4)
    assert a_visit().schedule(a_span(NOON), promised).window == promised
    for start in (NOON - timedelta(minutes=1), NOON + timedelta(hours=4)):
        with pytest.raises(InvalidTimeSpan) as refusal:
            a_visit().schedule(a_span(start), promised)
        assert refusal.value.path == ("planned_start",)


@pytest.mark.parametrize(
    ("start", "end", "path"),
    [
        (NOON, NOON, ("planned_end",)),
        (NOON, MORNING, ("planned_end",)),
        (NOON, NOON + timedelta(days=14), ("planned_end",)),
        (NOON.replace(tzinfo=None), AFTERNOON, ("planned_start",)),
        (NOON, AFTERNOON.replace(year=2300), ("planned_end",)),
    ],
)
def test_a_plan_is_an_end_after_a_start_within_14_days(start: datetime, end: datetime, path: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        checked_span(start, end)
    assert refusal.value.path == path


def test_both_ends_of_a_plan_are_told_together_and_under_their_own_names() -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(Refusals) as refusals:
        checked_span(naive, naive, prefix="window")
    assert [refusal.path for refusal in refusals.value.refusals] == [("window_start",), ("window_end",)]


def test_a_plan_lasts_just_under_14_days() -> None:
    end = NOON + timedelta(days=14, seconds=-1)
    assert checked_span(NOON, end) == TimeSpan(NOON, end)


# ── who goes ──────────────────────────────────────────────────────────────────────────────────────


def test_assigning_is_told_with_whom() -> None:
    work_order = planned(a_work_order(), number=60)
    change = moved(
        work_order, fieldwork.assign, assignment_id=AssignmentId(an_id(50)), technician_id=TOM, role=AssignmentRole.LEAD
    )
    (fact,) = change.facts
    assert isinstance(fact, AssignmentFact)
    assert (fact.type, fact.technician_id, fact.assignment_id) == ("visit.assigned", TOM, an_id(50))
    assert the_visit(change.after).technician_ids == (TOM,)


def test_nobody_is_assigned_twice_but_may_come_back() -> None:
    with pytest.raises(AlreadyAssigned):
        assigned(a_planned_work_order(), TOM, number=51)
    gone = moved(a_planned_work_order(), fieldwork.unassign, technician_id=TOM).after
    assert the_visit(assigned(gone, TOM, number=51)).technician_ids == (TOM,)


@pytest.mark.parametrize("state", sorted(FINISHED | {V.CANCELED}))
def test_a_visit_that_is_over_takes_nobody(state: VisitState) -> None:
    with pytest.raises(VisitMoveNotAllowed):
        a_visit(state=state).assign(an_assignment())


def test_dispatching_tells_everybody_assigned_and_says_so() -> None:
    change = moved(a_planned_work_order(technicians=BOTH), fieldwork.dispatch)
    visit = the_visit(change.after)
    assert visit.state is V.DISPATCHED
    assert {(a.state, a.dispatched_at) for a in visit.assignments} == {(A.DISPATCHED, NOON)}
    assert types_of(change) == ["visit.dispatched"]
    assert change.after.state is W.SCHEDULED


def test_dispatching_again_tells_only_the_newcomer() -> None:
    sent = moved(a_planned_work_order(), fieldwork.dispatch).after
    assert moved(sent, fieldwork.dispatch, at=AFTERNOON).is_nothing
    change = moved(assigned(sent, TESS, number=51), fieldwork.dispatch, at=AFTERNOON)
    assert [a.dispatched_at for a in the_visit(change.after).assignments] == [NOON, AFTERNOON]
    assert types_of(change) == ["visit.dispatched"]


def test_a_visit_with_nobody_is_not_dispatched() -> None:
    with pytest.raises(NobodyAssigned):
        moved(planned(a_work_order(), number=60), fieldwork.dispatch)


@pytest.mark.parametrize(("leave", "state"), [(fieldwork.unassign, A.REMOVED), (fieldwork.decline, A.DECLINED)])
def test_a_visit_whose_only_technician_goes_is_not_dispatched_any_more(leave: Move, state: AssignmentState) -> None:
    sent = moved(a_planned_work_order(), fieldwork.dispatch).after
    visit = the_visit(moved(sent, leave, technician_id=TOM).after)
    assert (visit.state, visit.assignments[0].state) == (V.SCHEDULED, state)


@pytest.mark.parametrize("leave", [fieldwork.unassign, fieldwork.decline])
def test_a_visit_stays_dispatched_while_somebody_who_was_told_remains(leave: Move) -> None:
    sent = moved(a_planned_work_order(technicians=BOTH), fieldwork.dispatch).after
    assert the_visit(moved(sent, leave, technician_id=TOM).after).state is V.DISPATCHED
    one_told = assigned(moved(a_planned_work_order(), fieldwork.dispatch).after, TESS, number=51)
    assert the_visit(moved(one_told, leave, technician_id=TOM).after).state is V.SCHEDULED
    assert the_visit(moved(one_told, leave, technician_id=TESS).after).state is V.DISPATCHED


@pytest.mark.parametrize(
    ("leave", "told"), [(fieldwork.unassign, "visit.unassigned"), (fieldwork.decline, "visit.declined")]
)
def test_a_visit_is_completed_when_the_last_one_awaited_will_not_come(leave: Move, told: str) -> None:
    work_order = after(a_planned_work_order(technicians=BOTH), (fieldwork.arrive, TOM), (fieldwork.leave, TOM))
    assert the_visit(work_order).state is V.ON_SITE
    change = moved(work_order, leave, technician_id=TESS)
    assert the_visit(change.after).state is V.COMPLETED
    assert types_of(change) == [told, "visit.completed"]


@pytest.mark.parametrize("leave", [fieldwork.unassign, fieldwork.decline])
@pytest.mark.parametrize("move", [fieldwork.start_travel, fieldwork.arrive])
def test_who_has_set_out_neither_declines_nor_is_taken_off(leave: Move, move: Move) -> None:
    gone = after(a_planned_work_order(), (move, TOM))
    with pytest.raises(VisitMoveNotAllowed):
        moved(gone, leave, technician_id=TOM)


def test_accepting_is_told_and_moves_nothing() -> None:
    sent = moved(a_planned_work_order(), fieldwork.dispatch).after
    change = moved(sent, fieldwork.accept, technician_id=None, at=AFTERNOON)
    assert types_of(change) == ["visit.accepted"]
    assert the_visit(change.after).state is V.DISPATCHED
    assert the_visit(change.after).assignments[0].accepted_at == AFTERNOON


# ── in the field ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("move", [fieldwork.start_travel, fieldwork.arrive])
def test_setting_out_or_arriving_starts_the_work_once(move: Move) -> None:
    change = moved(a_planned_work_order(technicians=BOTH), move, technician_id=TOM)
    assert (change.after.state, change.after.started_at) == (W.IN_PROGRESS, NOON)
    assert types_of(change)[1:] == ["work_order.started"]
    second = moved(change.after, move, technician_id=TESS, at=AFTERNOON)
    assert second.after.started_at == NOON
    assert "work_order.started" not in types_of(second)


def test_one_trip_from_door_to_door() -> None:
    work_order, told = a_planned_work_order(), []
    for move, state in (
        (fieldwork.start_travel, V.EN_ROUTE),
        (fieldwork.arrive, V.ON_SITE),
        (fieldwork.pause, V.PAUSED),
        (fieldwork.resume, V.ON_SITE),
        (fieldwork.leave, V.COMPLETED),
    ):
        change = moved(work_order, move, technician_id=TOM)
        work_order = change.after
        told += types_of(change)
        assert the_visit(work_order).state is state
        assert work_order.state is W.IN_PROGRESS
    (tom,) = the_visit(work_order).assignments
    assert (tom.state, tom.en_route_at, tom.arrived_at, tom.done_at) == (A.DONE, NOON, NOON, NOON)
    assert told == [
        "visit.en_route",
        "work_order.started",
        "visit.on_site",
        "visit.paused",
        "visit.resumed",
        "visit.completed",
    ]


def test_leaving_is_told_when_the_last_one_leaves() -> None:
    work_order = after(a_planned_work_order(technicians=BOTH), (fieldwork.arrive, TOM), (fieldwork.arrive, TESS))
    first = moved(work_order, fieldwork.leave, technician_id=TOM)
    assert (first.facts, the_visit(first.after).state) == ((), V.ON_SITE)
    last = moved(first.after, fieldwork.leave, technician_id=TESS, at=EVENING)
    assert types_of(last) == ["visit.completed"]
    (fact,) = last.facts
    assert isinstance(fact, VisitFact)
    assert fact.outcome == "COMPLETED"


NOT_MOVES = [
    (fieldwork.arrive, (fieldwork.arrive,)),
    (fieldwork.start_travel, (fieldwork.start_travel,)),
    (fieldwork.start_travel, (fieldwork.arrive,)),
    (fieldwork.pause, ()),
    (fieldwork.pause, (fieldwork.start_travel,)),
    (fieldwork.resume, (fieldwork.arrive,)),
    (fieldwork.leave, ()),
    (fieldwork.leave, (fieldwork.start_travel,)),
    (fieldwork.accept, (fieldwork.arrive,)),
    (fieldwork.accept, (fieldwork.accept,)),
]


@pytest.mark.parametrize(("move", "before"), NOT_MOVES)
def test_a_technician_s_moves_have_their_order(move: Move, before: tuple[Move, ...]) -> None:
    work_order = after(a_planned_work_order(), *((earlier, TOM) for earlier in before))
    with pytest.raises(VisitMoveNotAllowed) as refusal:
        moved(work_order, move, technician_id=TOM)
    assert refusal.value.message.startswith(f"A visit that is {the_visit(work_order).state.words} cannot be ")


ON_THE_WAY = (fieldwork.start_travel, fieldwork.arrive, fieldwork.dispatch, fieldwork.assign, fieldwork.resume)


@pytest.mark.parametrize("move", ON_THE_WAY)
def test_nobody_sets_out_for_work_that_is_on_hold(move: Move) -> None:
    held = a_planned_work_order().hold(a_tenant(), reason="Part", review_on=None, cancel_visits=False).after
    given: dict[Move, dict[str, Any]] = {
        fieldwork.dispatch: {},
        fieldwork.assign: {"assignment_id": an_id(51), "technician_id": TESS, "role": AssignmentRole.HELPER},
    }
    with pytest.raises(TransitionNotAllowed) as refusal:
        moved(held, move, **given.get(move, {"technician_id": TOM}))
    assert refusal.value.message.endswith("resume it first.")


def test_a_paused_visit_may_end_while_the_work_is_on_hold_and_does_not_move_it() -> None:
    paused = after(a_started_work_order(), (fieldwork.pause, TOM))
    held = paused.hold(a_tenant(), reason="Part", review_on=None, cancel_visits=False).after
    done = moved(held, fieldwork.leave, technician_id=TOM).after
    assert (the_visit(done).state, done.state) == (V.COMPLETED, W.ON_HOLD)
    assert done.resume(a_tenant()).after.state is W.IN_PROGRESS


def test_a_closed_work_order_s_unplanned_visits_are_locked_with_it() -> None:
    waiting = added(a_work_order_in(W.IN_PROGRESS), planned=None).after
    waiting = assigned(waiting, TOM, number=51, visit=1)
    closed = replace(waiting, state=W.CLOSED)
    for move, given in (
        (fieldwork.cancel, {}),
        (fieldwork.unassign, {"technician_id": TOM}),
        (fieldwork.accept, {"technician_id": TOM}),
    ):
        with pytest.raises(WorkOrderLocked):
            moved(closed, move, visit=1, **given)


# ── how a visit ends ──────────────────────────────────────────────────────────────────────────────


def ended(work_order: WorkOrder, outcome: VisitOutcome, reason: str | None = None) -> Change[WorkOrder]:
    return moved(work_order, fieldwork.complete, outcome=outcome, return_reason=reason, at=EVENING)


@pytest.mark.parametrize("outcome", [VisitOutcome.INCOMPLETE, VisitOutcome.NO_ACCESS])
@pytest.mark.parametrize("move", [fieldwork.start_travel, fieldwork.arrive])
def test_a_visit_in_vain_opens_the_work_again_and_needs_a_return(outcome: VisitOutcome, move: Move) -> None:
    change = ended(after(a_planned_work_order(), (move, TOM)), outcome, " Part missing. ")
    visit = the_visit(change.after)
    assert (visit.state, visit.return_reason) == (V(outcome), "Part missing.")
    assert (change.after.state, change.after.needs_return) == (W.OPEN, True)
    (fact,) = change.facts
    assert isinstance(fact, VisitFact)
    assert (fact.type, fact.outcome) == ("visit.completed", outcome)


def test_planning_the_return_takes_the_flag_away() -> None:
    in_vain = ended(a_started_work_order(), VisitOutcome.NO_ACCESS).after
    returning = added(in_vain).after
    assert (returning.state, returning.needs_return) == (W.IN_PROGRESS, False)
    assert returning.visits[1].sequence == 2


def test_completing_a_visit_ends_it_for_everybody_on_it() -> None:
    work_order = after(a_planned_work_order(technicians=BOTH), (fieldwork.arrive, TOM))
    visit = the_visit(ended(work_order, VisitOutcome.COMPLETED).after)
    assert visit.state is V.COMPLETED
    assert [(a.state, a.done_at) for a in visit.assignments] == [(A.DONE, EVENING), (A.DONE, EVENING)]
    assert visit.technician_ids == ()


def test_nobody_has_completed_a_visit_they_are_still_driving_to() -> None:
    driving = after(a_planned_work_order(), (fieldwork.start_travel, TOM))
    with pytest.raises(VisitMoveNotAllowed):
        ended(driving, VisitOutcome.COMPLETED)


@pytest.mark.parametrize("outcome", VisitOutcome)
@pytest.mark.parametrize("state", sorted(set(V) - UNDER_WAY))
def test_only_a_visit_under_way_ends(outcome: VisitOutcome, state: VisitState) -> None:
    with pytest.raises(VisitMoveNotAllowed):
        a_visit(state=state).complete(outcome, return_reason=None, at=EVENING)


@pytest.mark.parametrize("state", VisitState)
def test_a_visit_is_called_off_before_anybody_is_on_site_and_not_after(state: VisitState) -> None:
    visit = a_visit(state=state, assignments=(an_assignment(),))
    if state in PLANNED | {V.UNSCHEDULED, V.EN_ROUTE}:
        canceled = visit.cancel()
        assert (canceled.state, canceled.technician_ids) == (V.CANCELED, ())
        return
    with pytest.raises(VisitMoveNotAllowed):
        visit.cancel()


def test_calling_off_the_only_visit_opens_the_work_again() -> None:
    change = moved(a_planned_work_order(), fieldwork.cancel)
    assert (change.after.state, change.after.needs_return) == (W.OPEN, False)
    assert types_of(change) == ["visit.canceled"]


# ── whose part of the visit is meant ──────────────────────────────────────────────────────────────


def test_without_a_technician_the_lead_s_part_is_meant_else_the_first_one_s() -> None:
    helper = an_assignment(technician_id=TESS, role=AssignmentRole.HELPER)
    lead = an_assignment(id=AssignmentId(an_id(51)))
    assert a_visit(assignments=(helper, lead)).assignment_of(None) == lead
    assert a_visit(assignments=(helper,)).assignment_of(None) == helper


@pytest.mark.parametrize("technician_id", [TESS, None])
def test_a_technician_without_a_part_is_refused(technician_id: Any) -> None:
    gone = an_assignment(technician_id=TESS, state=A.REMOVED)
    with pytest.raises(NotAssigned):
        a_visit(assignments=(gone,)).assignment_of(technician_id)


def test_a_technician_moves_their_own_part_and_no_one_else_s() -> None:
    visit = the_visit(a_planned_work_order(technicians=BOTH))
    tom = an_actor(Role.TECHNICIAN, technician_id=TOM)
    assert fieldwork.who_moves(visit, tom, None) == fieldwork.who_moves(visit, tom, TOM) == TOM
    for actor, technician_id in (
        (tom, TESS),
        (an_actor(Role.TECHNICIAN, technician_id=an_id(13)), None),
        (an_actor(Role.TECHNICIAN), None),
    ):
        with pytest.raises(NotYourVisit):
            fieldwork.who_moves(visit, actor, technician_id)


def test_a_dispatcher_moves_anybody_s_part_on_their_behalf() -> None:
    visit = the_visit(a_planned_work_order(technicians=BOTH))
    for technician_id in (TOM, TESS, None):
        assert fieldwork.who_moves(visit, an_actor(Role.DISPATCHER), technician_id) == technician_id


# ── finding a visit ───────────────────────────────────────────────────────────────────────────────


def test_a_visit_is_found_by_its_id_and_version_or_refused() -> None:
    work_order = a_work_order(visits=(a_visit(version=4),))
    assert fieldwork.visit_of(work_order, a_visit().id, version=4) == work_order.visits[0]
    assert fieldwork.visit_of(work_order, a_visit().id, version=None) == work_order.visits[0]
    with pytest.raises(StaleObject):
        fieldwork.visit_of(work_order, a_visit().id, version=3)
    with pytest.raises(NotFound):
        fieldwork.visit_of(work_order, VisitId(an_id(999)), version=None)


def test_a_move_leaves_the_other_visits_alone() -> None:
    work_order = planned(a_planned_work_order(), number=61)
    change = moved(work_order, fieldwork.cancel, visit=1)
    assert change.after.visits[0] == work_order.visits[0]
    assert change.after.visits[1].state is V.CANCELED


def test_instructions_are_text_and_refused_by_their_name() -> None:
    with pytest.raises(Refusal) as refusal:
        added(a_work_order(), instructions="bell\x07")
    assert refusal.value.path == ("instructions",)
