"""What happens to a work order's visits: each move returns the whole work order, rolled up, with its facts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from beltstack.domain import checks, events
from beltstack.domain.access import Actor
from beltstack.domain.changes import Change
from beltstack.domain.errors import StaleObject
from beltstack.domain.ids import AssignmentId, TechnicianId, VisitId
from beltstack.domain.lifecycle import ROLLED_UP, TransitionNotAllowed, VisitState, WorkOrderState
from beltstack.domain.visits import (
    Assignment,
    AssignmentRole,
    TimeSpan,
    Visit,
    VisitKind,
    VisitOutcome,
    find_visit,
    visit_fact,
)
from beltstack.domain.work_orders import NotYourVisit, WorkOrder


@dataclass(frozen=True, slots=True)
class VisitChange(Change[Visit]):
    """What a move makes of one visit; `work_order` is the whole work order as it would be."""

    work_order: WorkOrder = field(kw_only=True)

    @classmethod
    def within(cls, change: Change[WorkOrder], visit_id: VisitId) -> "VisitChange":
        """The visit's part in a change of its work order."""
        before = {visit.id: visit for visit in change.before.visits} if change.before else {}
        after = find_visit(change.after.visits, visit_id)
        return cls(before.get(visit_id), after, change.facts, work_order=change.after)

    @property
    def begins(self) -> bool:
        """Whether work begins for a technician: who set out before has begun already."""
        return bool(_begun(self.after) - (_begun(self.before) if self.before else set()))


def add_visit(
    work_order: WorkOrder,
    *,
    visit_id: VisitId,
    timezone: str,
    kind: VisitKind,
    planned: TimeSpan | None,
    window: TimeSpan | None,
    instructions: str | None,
    at: datetime,
) -> Change[WorkOrder]:
    """One more trip; without a plan it waits UNSCHEDULED."""
    _check_open(work_order)
    instructions = checks.optional_text(instructions, path=("instructions",))
    sequence = max((visit.sequence for visit in work_order.visits), default=0) + 1
    visit = Visit(id=visit_id, sequence=sequence, timezone=timezone, kind=kind, instructions=instructions)
    if planned:
        visit = visit.schedule(planned, window)
    facts = (_fact(work_order, visit, events.VisitScheduled),) if planned else ()
    return work_order.after_visits((*work_order.visits, visit), facts, at=at)


def reschedule(
    work_order: WorkOrder, visit: Visit, *, planned: TimeSpan, window: TimeSpan | None, at: datetime
) -> Change[WorkOrder]:
    _check_open(work_order)
    kind = events.VisitScheduled if visit.state is VisitState.UNSCHEDULED else events.VisitRescheduled
    return _moved(work_order, visit.schedule(planned, window), kind, at=at)


def assign(
    work_order: WorkOrder,
    visit: Visit,
    *,
    assignment_id: AssignmentId,
    technician_id: TechnicianId,
    role: AssignmentRole,
    at: datetime,
) -> Change[WorkOrder]:
    _check_open(work_order)
    changed = visit.assign(Assignment(id=assignment_id, technician_id=technician_id, role=role))
    return _told(work_order, changed, events.VisitAssigned, changed.assignments[-1], at=at)


def unassign(work_order: WorkOrder, visit: Visit, *, technician_id: TechnicianId, at: datetime) -> Change[WorkOrder]:
    gone = visit.assignment_of(technician_id)
    return _told(work_order, visit.unassign(technician_id), events.VisitUnassigned, gone, at=at)


def dispatch(work_order: WorkOrder, visit: Visit, *, at: datetime) -> Change[WorkOrder]:
    _check_open(work_order)
    return _moved(work_order, visit.dispatch(at=at), events.VisitDispatched, at=at)


def cancel(work_order: WorkOrder, visit: Visit, *, at: datetime) -> Change[WorkOrder]:
    return _moved(work_order, visit.cancel(), events.VisitCanceled, at=at)


def accept(
    work_order: WorkOrder, visit: Visit, *, technician_id: TechnicianId | None, at: datetime
) -> Change[WorkOrder]:
    told = visit.assignment_of(technician_id)
    return _told(work_order, visit.accept(technician_id, at=at), events.VisitAccepted, told, at=at)


def decline(
    work_order: WorkOrder, visit: Visit, *, technician_id: TechnicianId | None, at: datetime
) -> Change[WorkOrder]:
    told = visit.assignment_of(technician_id)
    return _told(work_order, visit.decline(technician_id), events.VisitDeclined, told, at=at)


def start_travel(
    work_order: WorkOrder, visit: Visit, *, technician_id: TechnicianId | None, at: datetime
) -> Change[WorkOrder]:
    _check_open(work_order)
    return _moved(work_order, visit.start_travel(technician_id, at=at), events.VisitEnRoute, at=at)


def arrive(
    work_order: WorkOrder, visit: Visit, *, technician_id: TechnicianId | None, at: datetime
) -> Change[WorkOrder]:
    _check_open(work_order)
    return _moved(work_order, visit.arrive(technician_id, at=at), events.VisitOnSite, at=at)


def pause(
    work_order: WorkOrder, visit: Visit, *, technician_id: TechnicianId | None, at: datetime
) -> Change[WorkOrder]:
    return _moved(work_order, visit.pause(technician_id), events.VisitPaused, at=at)


def resume(
    work_order: WorkOrder, visit: Visit, *, technician_id: TechnicianId | None, at: datetime
) -> Change[WorkOrder]:
    _check_open(work_order)
    return _moved(work_order, visit.resume(technician_id), events.VisitResumed, at=at)


def leave(
    work_order: WorkOrder, visit: Visit, *, technician_id: TechnicianId | None, at: datetime
) -> Change[WorkOrder]:
    """One technician is done; the fact `visit.completed` is told when the last one is."""
    changed = visit.leave(technician_id, at=at)
    if changed.state is VisitState.COMPLETED:
        return _moved(work_order, changed, events.VisitCompleted, at=at)
    return work_order.after_visits(_replaced(work_order, changed), (), at=at)


def complete(
    work_order: WorkOrder, visit: Visit, *, outcome: VisitOutcome, return_reason: str | None, at: datetime
) -> Change[WorkOrder]:
    reason = checks.optional_text(return_reason, path=("return_reason",), longest=2000)
    changed = visit.complete(outcome, return_reason=reason, at=at)
    return _moved(work_order, changed, events.VisitCompleted, at=at)


def visit_of(work_order: WorkOrder, visit_id: VisitId, *, version: int | None) -> Visit:
    """The visit, unless somebody changed it since the caller read it."""
    visit = find_visit(work_order.visits, visit_id)
    if version is not None and visit.version != version:
        raise StaleObject(
            f"This visit was changed meanwhile (version {visit.version}, you have {version}); read it again.",
            path=("expected_version",),
        )
    return visit


def who_moves(visit: Visit, actor: Actor, technician_id: TechnicianId | None) -> TechnicianId | None:
    """Whose part of the visit is meant: a technician moves their own, a dispatcher anybody's on their behalf."""
    if not actor.works_only_in_the_field:
        return technician_id
    if actor.technician_id not in visit.technician_ids or technician_id not in {None, actor.technician_id}:
        raise NotYourVisit("This visit is not assigned to you.")
    return actor.technician_id


def _moved(
    work_order: WorkOrder, visit: Visit, kind: Callable[..., events.VisitFact], *, at: datetime
) -> Change[WorkOrder]:
    # Repeated, a move changes nothing, and then there is nothing to tell.
    facts = () if visit in work_order.visits else (_fact(work_order, visit, kind),)
    return work_order.after_visits(_replaced(work_order, visit), facts, at=at)


def _told(
    work_order: WorkOrder,
    visit: Visit,
    kind: type[events.AssignmentFact],
    assignment: Assignment,
    *,
    at: datetime,
) -> Change[WorkOrder]:
    facts: tuple[events.Fact, ...] = (
        kind(
            assignment_id=assignment.id,
            visit_id=visit.id,
            work_order_id=work_order.id,
            technician_id=assignment.technician_id,
        ),
    )
    if visit.state is VisitState.COMPLETED:
        # Who was still awaited is gone, and the others are done.
        facts = (*facts, _fact(work_order, visit, events.VisitCompleted))
    return work_order.after_visits(_replaced(work_order, visit), facts, at=at)


def _fact(work_order: WorkOrder, visit: Visit, kind: Callable[..., events.VisitFact]) -> events.VisitFact:
    # A visit that is over has nobody active any more: those it had before are told.
    before = {old.id: old for old in work_order.visits}.get(visit.id)
    is_ending = kind in {events.VisitCanceled, events.VisitCompleted}
    return visit_fact(visit, work_order.id, kind, who=before.technician_ids if before and is_ending else None)


def _replaced(work_order: WorkOrder, visit: Visit) -> tuple[Visit, ...]:
    return tuple(visit if old.id == visit.id else old for old in work_order.visits)


def _check_open(work_order: WorkOrder) -> None:
    if work_order.state in ROLLED_UP:
        return
    way_out = {WorkOrderState.DRAFT: "submit", WorkOrderState.ON_HOLD: "resume"}.get(work_order.state, "reopen")
    raise TransitionNotAllowed(f"A work order that is {work_order.state.words} takes no visits; {way_out} it first.")


def _begun(visit: Visit) -> set[AssignmentId]:
    return {one.id for one in visit.assignments if one.en_route_at is not None or one.arrived_at is not None}
