"""A visit is one trip; an assignment is one technician on that trip. Each move returns the visit as it then is."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from beltstack.domain import checks, events
from beltstack.domain.errors import InvalidInput, NotFound, Problems, Refusal
from beltstack.domain.ids import AssignmentId, TechnicianId, VisitId, WorkOrderId
from beltstack.domain.lifecycle import (
    ACTIVE_ASSIGNMENT,
    FINISHED,
    NOT_YET_ON_SITE,
    PLANNED,
    UNDER_WAY,
    AssignmentState,
    VisitState,
    visit_state,
)


class VisitKind(StrEnum):
    SERVICE = "SERVICE"
    ASSESSMENT = "ASSESSMENT"
    RETURN = "RETURN"
    DELIVERY = "DELIVERY"


class AssignmentRole(StrEnum):
    LEAD = "LEAD"
    HELPER = "HELPER"


class VisitOutcome(StrEnum):
    COMPLETED = "COMPLETED"
    INCOMPLETE = "INCOMPLETE"
    NO_ACCESS = "NO_ACCESS"


class VisitMoveNotAllowed(Refusal):
    code = "VISIT_MOVE_NOT_ALLOWED"


class NobodyAssigned(Refusal):
    code = "NOBODY_ASSIGNED"


class NotAssigned(Refusal):
    """The technician has no part in this visit."""

    code = "NOT_ASSIGNED"


class AlreadyAssigned(Refusal):
    code = "ALREADY_ASSIGNED"


class InvalidTimeSpan(InvalidInput):
    code = "INVALID_TIME_SPAN"


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """Half-open: a visit that ends at noon and one that starts at noon do not overlap."""

    start: datetime
    end: datetime


def checked_span(start: datetime, end: datetime, *, prefix: str = "planned") -> TimeSpan:
    """An end after its start, at most 14 days long."""
    problems = Problems()
    span = TimeSpan(
        problems.of(checks.moment, start, path=(f"{prefix}_start",)),
        problems.of(checks.moment, end, path=(f"{prefix}_end",)),
    )
    problems.refuse_if_any()
    if end <= start:
        raise InvalidTimeSpan("The end must come after the start.", path=(f"{prefix}_end",))
    if (end - start).days >= 14:
        raise InvalidTimeSpan("A visit lasts less than 14 days; plan several visits instead.", path=(f"{prefix}_end",))
    return span


@dataclass(frozen=True, slots=True)
class Assignment:
    id: AssignmentId
    technician_id: TechnicianId
    role: AssignmentRole = AssignmentRole.LEAD
    state: AssignmentState = AssignmentState.ASSIGNED
    dispatched_at: datetime | None = None
    accepted_at: datetime | None = None
    en_route_at: datetime | None = None
    arrived_at: datetime | None = None
    done_at: datetime | None = None

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE_ASSIGNMENT


@dataclass(frozen=True, slots=True)
class Visit:
    """`planned` is when the technician works, `window` what the customer was promised, both in UTC."""

    id: VisitId
    sequence: int
    timezone: str
    kind: VisitKind = VisitKind.SERVICE
    planned: TimeSpan | None = None
    window: TimeSpan | None = None
    state: VisitState = VisitState.UNSCHEDULED
    instructions: str | None = None
    return_reason: str | None = None
    assignments: tuple[Assignment, ...] = ()
    version: int = 1

    @property
    def technician_ids(self) -> tuple[TechnicianId, ...]:
        return tuple(a.technician_id for a in self.assignments if a.is_active)

    def assignment_of(self, technician_id: TechnicianId | None) -> Assignment:
        """The technician's part of this visit; without a technician, the lead's."""
        active = [a for a in self.assignments if a.is_active]
        if technician_id is None and active:
            return min(active, key=lambda a: a.role is not AssignmentRole.LEAD)
        for assignment in active:
            if assignment.technician_id == technician_id:
                return assignment
        raise NotAssigned("This technician is not assigned to this visit.", path=("technician_id",))

    # ── planning ──────────────────────────────────────────────────────────────────────────────────

    def schedule(self, planned: TimeSpan, window: TimeSpan | None) -> "Visit":
        """Plan it, or plan it anew while nobody has set out."""
        self._check(self.state in PLANNED or self.state is VisitState.UNSCHEDULED, "be rescheduled")
        if window and not window.start <= planned.start < window.end:
            raise InvalidTimeSpan("The planned start lies outside the window promised.", path=("planned_start",))
        state = VisitState.SCHEDULED if self.state is VisitState.UNSCHEDULED else self.state
        return replace(self, planned=planned, window=window, state=state)

    def assign(self, assignment: Assignment) -> "Visit":
        self._check(self.state not in FINISHED and self.state is not VisitState.CANCELED, "take a technician")
        if assignment.technician_id in self.technician_ids:
            raise AlreadyAssigned("This technician is assigned to this visit already.", path=("technician_id",))
        return replace(self, assignments=(*self.assignments, assignment))

    def unassign(self, technician_id: TechnicianId) -> "Visit":
        assignment = self.assignment_of(technician_id)
        self._check(assignment.state not in _AT_WORK, "lose a technician who has set out")
        return self._without(replace(assignment, state=AssignmentState.REMOVED))

    def dispatch(self, *, at: datetime) -> "Visit":
        """Tell everybody assigned; they are expected to go."""
        self._check(self.state in PLANNED, "be dispatched")
        if not self.technician_ids:
            raise NobodyAssigned("Assign a technician before dispatching this visit.")
        told = tuple(
            replace(a, state=AssignmentState.DISPATCHED, dispatched_at=at) if a.state is AssignmentState.ASSIGNED else a
            for a in self.assignments
        )
        return replace(self, state=VisitState.DISPATCHED, assignments=told)

    def cancel(self) -> "Visit":
        """Call it off before anybody is on site."""
        self._check(self.state in NOT_YET_ON_SITE, "be canceled; complete it as INCOMPLETE instead")
        return replace(self, state=VisitState.CANCELED, assignments=self._ended(AssignmentState.REMOVED, None))

    # ── in the field ──────────────────────────────────────────────────────────────────────────────

    def accept(self, technician_id: TechnicianId | None, *, at: datetime) -> "Visit":
        assignment = self.assignment_of(technician_id)
        self._check(assignment.state in {AssignmentState.ASSIGNED, AssignmentState.DISPATCHED}, "be accepted")
        return self._with(replace(assignment, state=AssignmentState.ACCEPTED, accepted_at=at))

    def decline(self, technician_id: TechnicianId | None) -> "Visit":
        assignment = self.assignment_of(technician_id)
        self._check(assignment.state not in _AT_WORK, "be declined after setting out")
        return self._without(replace(assignment, state=AssignmentState.DECLINED))

    def start_travel(self, technician_id: TechnicianId | None, *, at: datetime) -> "Visit":
        self._check(self.state in PLANNED | UNDER_WAY, "be travelled to")
        assignment = self.assignment_of(technician_id)
        self._check(assignment.state in _BEFORE_TRAVEL, "be travelled to again")
        return self._moved(replace(assignment, state=AssignmentState.EN_ROUTE, en_route_at=at))

    def arrive(self, technician_id: TechnicianId | None, *, at: datetime) -> "Visit":
        """On site, whether or not travel was recorded."""
        self._check(self.state in PLANNED | UNDER_WAY, "be arrived at")
        assignment = self.assignment_of(technician_id)
        allowed = _BEFORE_TRAVEL | {AssignmentState.EN_ROUTE}
        self._check(assignment.state in allowed, "be arrived at again")
        return self._moved(replace(assignment, state=AssignmentState.ON_SITE, arrived_at=at))

    def pause(self, technician_id: TechnicianId | None) -> "Visit":
        assignment = self.assignment_of(technician_id)
        self._check(assignment.state is AssignmentState.ON_SITE, "be paused before arrival")
        return self._moved(replace(assignment, state=AssignmentState.PAUSED))

    def resume(self, technician_id: TechnicianId | None) -> "Visit":
        assignment = self.assignment_of(technician_id)
        self._check(assignment.state is AssignmentState.PAUSED, "be resumed: it is not paused")
        return self._moved(replace(assignment, state=AssignmentState.ON_SITE))

    def leave(self, technician_id: TechnicianId | None, *, at: datetime) -> "Visit":
        """One technician is done; the visit is completed when the last one is."""
        assignment = self.assignment_of(technician_id)
        self._check(assignment.state in {AssignmentState.ON_SITE, AssignmentState.PAUSED}, "be left before arrival")
        return self._moved(replace(assignment, state=AssignmentState.DONE, done_at=at))

    def complete(self, outcome: VisitOutcome, *, return_reason: str | None, at: datetime) -> "Visit":
        """End it for everybody. NO_ACCESS and INCOMPLETE may be said on the way already."""
        allowed = UNDER_WAY if outcome is not VisitOutcome.COMPLETED else UNDER_WAY - {VisitState.EN_ROUTE}
        self._check(self.state in allowed, f"be completed as {outcome}")
        ended = self._ended(AssignmentState.DONE, at)
        return replace(self, state=VisitState(outcome), return_reason=return_reason, assignments=ended)

    def give_up(self, *, at: datetime) -> "Visit":
        """End a planned or running visit because its work order ends without it."""
        if self.state in PLANNED or self.state is VisitState.UNSCHEDULED:
            return self.cancel()
        return replace(self, state=VisitState.INCOMPLETE, assignments=self._ended(AssignmentState.DONE, at))

    def fail(self, *, at: datetime) -> "Visit":
        """A planned visit that did not take place, kept on record as INCOMPLETE."""
        return replace(self, state=VisitState.INCOMPLETE, assignments=self._ended(AssignmentState.DONE, at))

    # ── below ─────────────────────────────────────────────────────────────────────────────────────

    def _with(self, assignment: Assignment) -> "Visit":
        return replace(self, assignments=tuple(assignment if a.id == assignment.id else a for a in self.assignments))

    def _moved(self, assignment: Assignment) -> "Visit":
        changed = self._with(assignment)
        return replace(changed, state=visit_state([a.state for a in changed.assignments]) or self.state)

    def _without(self, assignment: Assignment) -> "Visit":
        """One technician fewer: those who stay decide what a visit that was sent out is now."""
        changed = self._with(assignment)
        if self.state is not VisitState.DISPATCHED and self.state not in UNDER_WAY:
            return changed
        return replace(changed, state=visit_state([a.state for a in changed.assignments]) or VisitState.SCHEDULED)

    def _ended(self, state: AssignmentState, at: datetime | None) -> tuple[Assignment, ...]:
        return tuple(replace(a, state=state, done_at=at) if a.is_active else a for a in self.assignments)

    def _check(self, allowed: bool, what: str) -> None:
        if not allowed:
            raise VisitMoveNotAllowed(f"A visit that is {self.state.words} cannot {what}.")


_AT_WORK = frozenset({AssignmentState.EN_ROUTE, AssignmentState.ON_SITE, AssignmentState.PAUSED})
_BEFORE_TRAVEL = frozenset({AssignmentState.ASSIGNED, AssignmentState.DISPATCHED, AssignmentState.ACCEPTED})


def visit_fact(
    visit: Visit,
    work_order_id: WorkOrderId,
    kind: Callable[..., events.VisitFact] | None = None,
    *,
    who: tuple[TechnicianId, ...] | None = None,
) -> events.VisitFact:
    """What to tell of a visit: by default how it ended. `who` had a part in it, where nobody has any more."""
    ending = events.VisitCanceled if visit.state is VisitState.CANCELED else events.VisitCompleted
    kind = kind or ending
    return kind(
        visit_id=visit.id,
        work_order_id=work_order_id,
        state=visit.state,
        planned_start=visit.planned.start if visit.planned else None,
        planned_end=visit.planned.end if visit.planned else None,
        technician_ids=visit.technician_ids if who is None else who,
        outcome=visit.state if kind is events.VisitCompleted else None,
    )


def find_visit(visits: tuple[Visit, ...], visit_id: VisitId) -> Visit:
    for visit in visits:
        if visit.id == visit_id:
            return visit
    raise NotFound("There is no visit with this id.")
