"""The states of a work order, its visits and its assignments, and every legal move, as tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from beltstack.domain.access import Action
from beltstack.domain.errors import Refusal


class WorkOrderState(StrEnum):
    DRAFT = "DRAFT"
    OPEN = "OPEN"
    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN_PROGRESS"
    ON_HOLD = "ON_HOLD"
    PENDING_APPROVAL = "PENDING_APPROVAL"
    COMPLETED = "COMPLETED"
    CLOSED = "CLOSED"
    CANCELED = "CANCELED"

    @property
    def words(self) -> str:
        return self.value.lower().replace("_", " ")


class VisitState(StrEnum):
    UNSCHEDULED = "UNSCHEDULED"
    SCHEDULED = "SCHEDULED"
    DISPATCHED = "DISPATCHED"
    EN_ROUTE = "EN_ROUTE"
    ON_SITE = "ON_SITE"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    INCOMPLETE = "INCOMPLETE"
    NO_ACCESS = "NO_ACCESS"
    CANCELED = "CANCELED"

    @property
    def words(self) -> str:
        return self.value.lower().replace("_", " ")


class AssignmentState(StrEnum):
    ASSIGNED = "ASSIGNED"
    DISPATCHED = "DISPATCHED"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    EN_ROUTE = "EN_ROUTE"
    ON_SITE = "ON_SITE"
    PAUSED = "PAUSED"
    DONE = "DONE"
    REMOVED = "REMOVED"


class WorkOrderCommand(StrEnum):
    SUBMIT = "SUBMIT"
    HOLD = "HOLD"
    RESUME = "RESUME"
    COMPLETE = "COMPLETE"
    APPROVE = "APPROVE"
    REJECT = "REJECT"
    REOPEN = "REOPEN"
    CLOSE = "CLOSE"
    UNLOCK = "UNLOCK"
    CANCEL = "CANCEL"
    REINSTATE = "REINSTATE"

    @property
    def words(self) -> str:
        return self.value.lower()


ROLLED_UP = frozenset({WorkOrderState.OPEN, WorkOrderState.SCHEDULED, WorkOrderState.IN_PROGRESS})
"""The states that follow from the visits; every other state is set by a command."""

PLANNED = frozenset({VisitState.SCHEDULED, VisitState.DISPATCHED})
UNDER_WAY = frozenset({VisitState.EN_ROUTE, VisitState.ON_SITE, VisitState.PAUSED})
FINISHED = frozenset({VisitState.COMPLETED, VisitState.INCOMPLETE, VisitState.NO_ACCESS})
NOT_YET_ON_SITE = PLANNED | {VisitState.UNSCHEDULED, VisitState.EN_ROUTE}

ACTIVE_ASSIGNMENT = frozenset(AssignmentState) - {
    AssignmentState.DECLINED,
    AssignmentState.DONE,
    AssignmentState.REMOVED,
}
"""These hold the technician's time: the overlap rule stands on them."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the work order's table. `targets` are the states it may end in; a roll-up decides among several."""

    command: WorkOrderCommand
    sources: frozenset[WorkOrderState]
    targets: frozenset[WorkOrderState]
    action: Action
    held_by: Action | None = None
    """The extra right that the rarer sources take (`rare`)."""
    rare: frozenset[WorkOrderState] = frozenset()


_S = WorkOrderState
TRANSITIONS: dict[WorkOrderCommand, Transition] = {
    row.command: row
    for row in (
        Transition(WorkOrderCommand.SUBMIT, frozenset({_S.DRAFT}), frozenset({_S.OPEN}), Action.CREATE_WORK_ORDER),
        Transition(WorkOrderCommand.HOLD, ROLLED_UP, frozenset({_S.ON_HOLD}), Action.HOLD_WORK_ORDER),
        Transition(WorkOrderCommand.RESUME, frozenset({_S.ON_HOLD}), ROLLED_UP, Action.RESUME_WORK_ORDER),
        Transition(
            WorkOrderCommand.COMPLETE,
            ROLLED_UP,
            frozenset({_S.PENDING_APPROVAL, _S.COMPLETED}),
            Action.COMPLETE_WORK_ORDER,
            held_by=Action.COMPLETE_UNSTARTED,
            rare=frozenset({_S.OPEN, _S.SCHEDULED}),
        ),
        Transition(
            WorkOrderCommand.APPROVE,
            frozenset({_S.PENDING_APPROVAL}),
            frozenset({_S.COMPLETED}),
            Action.APPROVE_WORK_ORDER,
        ),
        Transition(WorkOrderCommand.REJECT, frozenset({_S.PENDING_APPROVAL}), ROLLED_UP, Action.APPROVE_WORK_ORDER),
        Transition(WorkOrderCommand.REOPEN, frozenset({_S.COMPLETED}), ROLLED_UP, Action.REOPEN_WORK_ORDER),
        Transition(WorkOrderCommand.CLOSE, frozenset({_S.COMPLETED}), frozenset({_S.CLOSED}), Action.CLOSE_WORK_ORDER),
        Transition(
            WorkOrderCommand.UNLOCK,
            frozenset({_S.CLOSED}),
            frozenset({_S.COMPLETED}),
            Action.UNLOCK_WORK_ORDER,
        ),
        Transition(
            WorkOrderCommand.CANCEL,
            frozenset({_S.DRAFT, _S.ON_HOLD}) | ROLLED_UP,
            frozenset({_S.CANCELED}),
            Action.CANCEL_WORK_ORDER,
            held_by=Action.CANCEL_STARTED,
            rare=frozenset({_S.IN_PROGRESS}),
        ),
        Transition(WorkOrderCommand.REINSTATE, frozenset({_S.CANCELED}), ROLLED_UP, Action.REINSTATE_WORK_ORDER),
    )
}


class TransitionNotAllowed(Refusal):
    """The move is not in the table; the answer also carries the current state."""

    code = "TRANSITION_NOT_ALLOWED"


_WAY_OUT = {
    _S.DRAFT: "submit it first",
    _S.ON_HOLD: "resume it first",
    _S.PENDING_APPROVAL: "it awaits a manager's approval",
    _S.COMPLETED: "reopen it first",
    _S.CLOSED: "unlock it first",
    _S.CANCELED: "reinstate it first",
}


def check_transition(command: WorkOrderCommand, state: WorkOrderState) -> None:
    """Refuse a command that the table does not know from this state."""
    if state in TRANSITIONS[command].sources:
        return
    sources = " or ".join(sorted(source.words for source in TRANSITIONS[command].sources))
    raise TransitionNotAllowed(
        f"A work order that is {state.words} cannot take '{command.words}', which starts from {sources}"
        + (f"; {_WAY_OUT[state]}." if state in _WAY_OUT else ".")
    )


def already_holds(command: WorkOrderCommand, state: WorkOrderState) -> bool:
    """Whether the command's target is reached already: repeating it then succeeds and changes nothing."""
    row = TRANSITIONS[command]
    return state in row.targets and state not in row.sources


@dataclass(frozen=True, slots=True)
class RollUp:
    state: WorkOrderState
    needs_return: bool = False


def roll_up(visits: Sequence[VisitState]) -> RollUp:
    """The work order's state from its visits' states, in the order of their numbers; the first matching row wins."""
    real = [state for state in visits if state not in {VisitState.CANCELED, VisitState.UNSCHEDULED}]
    if not real:
        return RollUp(WorkOrderState.OPEN)
    if PLANNED.issuperset(real):
        return RollUp(WorkOrderState.SCHEDULED)
    if any(state in UNDER_WAY or state in PLANNED for state in real):
        return RollUp(WorkOrderState.IN_PROGRESS)
    if real[-1] is VisitState.COMPLETED:
        return RollUp(WorkOrderState.IN_PROGRESS)
    return RollUp(WorkOrderState.OPEN, needs_return=True)


def visit_state(assignments: Sequence[AssignmentState]) -> VisitState | None:
    """The visit's state from its assignments' states; None where they do not move it (nobody set out yet)."""
    active = [state for state in assignments if state not in {AssignmentState.DECLINED, AssignmentState.REMOVED}]
    if not active:
        return None
    if all(state is AssignmentState.DONE for state in active):
        return VisitState.COMPLETED
    if AssignmentState.ON_SITE in active:
        return VisitState.ON_SITE
    if AssignmentState.PAUSED in active:
        return VisitState.PAUSED
    if AssignmentState.DONE in active or AssignmentState.EN_ROUTE in active:
        return VisitState.EN_ROUTE if AssignmentState.EN_ROUTE in active else VisitState.ON_SITE
    if AssignmentState.DISPATCHED in active or AssignmentState.ACCEPTED in active:
        return VisitState.DISPATCHED
    return None
