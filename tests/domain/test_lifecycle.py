"""The tables of states: every command from every state, the roll-up row by row, a visit from its assignments."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from beltstack.domain.access import Action, Role
from beltstack.domain.changes import Change
from beltstack.domain.lifecycle import (
    ACTIVE_ASSIGNMENT,
    FINISHED,
    PLANNED,
    ROLLED_UP,
    TRANSITIONS,
    UNDER_WAY,
    AssignmentState,
    RollUp,
    TransitionNotAllowed,
    VisitState,
    WorkOrderCommand,
    WorkOrderState,
    already_holds,
    roll_up,
    visit_state,
)
from beltstack.domain.work_orders import RemainingVisits, WorkOrder
from tests.makers import EVENING, MIA, a_tenant, a_work_order_in, an_actor

W, V, A = WorkOrderState, VisitState, AssignmentState

# What each command is given beside the work order; all of it is acceptable from every state.
GIVEN: dict[WorkOrderCommand, dict[str, Any]] = {
    WorkOrderCommand.HOLD: {"reason": "Part ordered", "review_on": None, "cancel_visits": False},
    WorkOrderCommand.COMPLETE: {"at": EVENING, "by": MIA, "remaining_visits": RemainingVisits.CANCEL},
    WorkOrderCommand.APPROVE: {"at": EVENING, "by": MIA},
    WorkOrderCommand.REJECT: {"reason": "The photos are missing."},
    WorkOrderCommand.REOPEN: {"reason": "It broke again."},
    WorkOrderCommand.CLOSE: {"at": EVENING},
    WorkOrderCommand.UNLOCK: {"reason": "Wrong site."},
    WorkOrderCommand.CANCEL: {"reason": "Called off.", "keep_billable_lines": True, "at": EVENING},
}
EVERY_MOVE = list(itertools.product(WorkOrderCommand, WorkOrderState))


def command(work_order: WorkOrder, command: WorkOrderCommand) -> Change[WorkOrder]:
    decide: Callable[..., Change[WorkOrder]] = getattr(work_order, command.words)
    tenant = () if command is WorkOrderCommand.SUBMIT else (a_tenant(),)
    return decide(*tenant, **GIVEN.get(command, {}))


# ── the work order's table ────────────────────────────────────────────────────────────────────────


def test_every_command_has_one_row_and_every_row_leads_somewhere() -> None:
    assert set(TRANSITIONS) == set(WorkOrderCommand)
    for name, row in TRANSITIONS.items():
        assert row.command is name
        assert row.sources
        assert row.targets
        assert row.rare <= row.sources
        assert bool(row.rare) == (row.held_by is not None)


@pytest.mark.parametrize(("name", "state"), EVERY_MOVE)
def test_a_command_moves_as_the_table_says_or_refuses(name: WorkOrderCommand, state: WorkOrderState) -> None:
    work_order, row = a_work_order_in(state), TRANSITIONS[name]
    if state in row.sources:
        change = command(work_order, name)
        assert change.before is work_order
        assert change.after.state in row.targets
        assert change.after.state is not state
        assert change.facts
        return
    with pytest.raises(TransitionNotAllowed) as refusal:
        command(work_order, name)
    assert refusal.value.code == "TRANSITION_NOT_ALLOWED"
    assert work_order == a_work_order_in(state)


@pytest.mark.parametrize(("name", "state"), EVERY_MOVE)
def test_a_refused_move_says_where_it_stands_where_it_starts_and_the_way_out(
    name: WorkOrderCommand, state: WorkOrderState
) -> None:
    if state in TRANSITIONS[name].sources:
        assert not a_work_order_in(state).why_not(name, a_tenant())
        return
    (refusal,) = a_work_order_in(state).why_not(name, a_tenant())
    assert refusal.message.startswith(f"A work order that is {state.words} cannot take '{name.words}'")
    assert all(source.words in refusal.message for source in TRANSITIONS[name].sources)
    assert (";" in refusal.message) == (state not in ROLLED_UP)
    assert refusal.message.endswith(".")
    assert "_" not in refusal.message


def test_the_sentence_reads_well() -> None:
    (refusal,) = a_work_order_in(W.ON_HOLD).why_not(WorkOrderCommand.COMPLETE, a_tenant())
    assert refusal.message == (
        "A work order that is on hold cannot take 'complete', which starts from in progress or open or scheduled;"
        " resume it first."
    )


@pytest.mark.parametrize("state", WorkOrderState)
def test_every_state_is_reached_by_a_command_or_by_creation(state: WorkOrderState) -> None:
    created = {W.DRAFT, W.OPEN}
    assert state in created.union(*(row.targets for row in TRANSITIONS.values()))


@pytest.mark.parametrize("state", WorkOrderState)
def test_no_state_is_a_dead_end(state: WorkOrderState) -> None:
    assert any(state in row.sources for row in TRANSITIONS.values())


@pytest.mark.parametrize(("name", "state"), EVERY_MOVE)
def test_a_command_holds_already_exactly_where_it_leads_and_does_not_start(
    name: WorkOrderCommand, state: WorkOrderState
) -> None:
    row = TRANSITIONS[name]
    assert already_holds(name, state) == (state in row.targets - row.sources)
    assert a_work_order_in(state).has_reached(name) == already_holds(name, state)


@pytest.mark.parametrize("name", WorkOrderCommand)
def test_what_a_command_reaches_counts_as_reached_by_that_command(name: WorkOrderCommand) -> None:
    for state in TRANSITIONS[name].sources:
        assert command(a_work_order_in(state), name).after.has_reached(name)


@pytest.mark.parametrize("name", WorkOrderCommand)
def test_the_right_for_rare_sources_is_held_by_fewer_than_the_command_s(name: WorkOrderCommand) -> None:
    row = TRANSITIONS[name]
    may = {role for role in Role if an_actor(role).can(row.action)}
    assert Role.OWNER in may
    if row.held_by is not None:
        assert {role for role in Role if an_actor(role).can(row.held_by)} < may


def test_the_rights_of_the_table_are_each_command_s_own() -> None:
    shared = {Action.APPROVE_WORK_ORDER}
    actions = [row.action for row in TRANSITIONS.values()]
    assert {action for action in actions if actions.count(action) > 1} == shared


# ── the roll-up: domain.md 1.3, row by row ────────────────────────────────────────────────────────


@pytest.mark.parametrize("visits", [(), (V.CANCELED,), (V.UNSCHEDULED,), (V.CANCELED, V.UNSCHEDULED, V.CANCELED)])
def test_no_visits_or_only_canceled_and_unscheduled_ones_leave_it_open(visits: tuple[VisitState, ...]) -> None:
    assert roll_up(visits) == RollUp(W.OPEN)


@pytest.mark.parametrize("visits", [(V.SCHEDULED,), (V.DISPATCHED,), (V.CANCELED, V.DISPATCHED, V.UNSCHEDULED)])
def test_a_planned_visit_with_nothing_started_makes_it_scheduled(visits: tuple[VisitState, ...]) -> None:
    assert roll_up(visits) == RollUp(W.SCHEDULED)


@pytest.mark.parametrize("running", sorted(UNDER_WAY))
@pytest.mark.parametrize("other", [V.SCHEDULED, V.UNSCHEDULED, V.CANCELED, V.COMPLETED, V.INCOMPLETE, V.NO_ACCESS])
def test_any_visit_under_way_puts_it_in_progress(running: VisitState, other: VisitState) -> None:
    assert roll_up([running, other]) == roll_up([other, running]) == RollUp(W.IN_PROGRESS)


@pytest.mark.parametrize("finished", sorted(FINISHED))
@pytest.mark.parametrize("plan", sorted(PLANNED))
def test_finished_visits_beside_planned_ones_keep_it_in_progress(finished: VisitState, plan: VisitState) -> None:
    assert roll_up([finished, plan]) == roll_up([plan, finished]) == RollUp(W.IN_PROGRESS)


@pytest.mark.parametrize("last", [V.INCOMPLETE, V.NO_ACCESS])
def test_all_finished_with_the_last_one_in_vain_opens_it_again_and_needs_a_return(last: VisitState) -> None:
    assert roll_up([last]) == roll_up([V.COMPLETED, last]) == RollUp(W.OPEN, needs_return=True)
    assert roll_up([V.COMPLETED, last, V.CANCELED, V.UNSCHEDULED]) == RollUp(W.OPEN, needs_return=True)


@pytest.mark.parametrize("before", sorted(FINISHED))
def test_all_finished_with_the_last_one_completed_stays_in_progress_until_it_is_completed(before: VisitState) -> None:
    assert roll_up([before, V.COMPLETED]) == RollUp(W.IN_PROGRESS)


def test_the_roll_up_is_total_and_never_leaves_its_states() -> None:
    for count in range(4):
        for visits in itertools.product(VisitState, repeat=count):
            rolled = roll_up(visits)
            assert rolled.state in ROLLED_UP
            assert not rolled.needs_return or rolled.state is W.OPEN


def test_visits_that_do_not_count_change_nothing_wherever_they_stand() -> None:
    for visits in itertools.product(VisitState, repeat=2):
        for absent, place in itertools.product((V.CANCELED, V.UNSCHEDULED), range(3)):
            assert roll_up([*visits[:place], absent, *visits[place:]]) == roll_up(visits)


# ── a visit from its assignments ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("assignments", "state"),
    [
        ((), None),
        ((A.ASSIGNED,), None),
        ((A.DECLINED, A.REMOVED), None),
        ((A.DISPATCHED,), V.DISPATCHED),
        ((A.ACCEPTED, A.ASSIGNED), V.DISPATCHED),
        ((A.EN_ROUTE, A.DISPATCHED), V.EN_ROUTE),
        ((A.ON_SITE, A.EN_ROUTE), V.ON_SITE),
        ((A.ON_SITE, A.PAUSED), V.ON_SITE),
        ((A.ON_SITE, A.DONE), V.ON_SITE),
        ((A.PAUSED, A.EN_ROUTE), V.PAUSED),
        ((A.PAUSED, A.DONE), V.PAUSED),
        ((A.DONE, A.EN_ROUTE), V.EN_ROUTE),
        ((A.DONE, A.ASSIGNED), V.ON_SITE),
        ((A.DONE,), V.COMPLETED),
        ((A.DONE, A.DONE, A.REMOVED, A.DECLINED), V.COMPLETED),
    ],
)
def test_a_visit_follows_its_assignments(assignments: tuple[AssignmentState, ...], state: VisitState | None) -> None:
    assert visit_state(assignments) is state
    assert visit_state(assignments[::-1]) is state


def test_a_visit_s_state_is_total_and_blind_to_order_and_to_those_who_are_gone() -> None:
    possible = {None, V.DISPATCHED, *UNDER_WAY, V.COMPLETED}
    for assignments in itertools.product(AssignmentState, repeat=3):
        state = visit_state(assignments)
        assert state in possible
        assert visit_state(sorted(assignments)) is state
        assert visit_state([a for a in assignments if a not in {A.DECLINED, A.REMOVED}]) is state


def test_one_technician_on_site_means_on_site_and_all_done_means_completed() -> None:
    for others in itertools.product(AssignmentState, repeat=2):
        assert visit_state([A.ON_SITE, *others]) is V.ON_SITE
        there = [a for a in others if a in ACTIVE_ASSIGNMENT]
        assert (visit_state([A.DONE, *others]) is V.COMPLETED) == (not there)


def test_the_groups_of_visit_states_share_no_state_and_leave_out_two() -> None:
    assert set(VisitState) - PLANNED - UNDER_WAY - FINISHED == {V.UNSCHEDULED, V.CANCELED}
    assert len(PLANNED) + len(UNDER_WAY) + len(FINISHED) == len(VisitState) - 2
