"""Visits: plan them, send technicians, follow them through the field."""

from collections.abc import Callable, Mapping

from beltstack.commands.work import Work
from beltstack.domain import events, fieldwork
from beltstack.domain.access import Action
from beltstack.domain.changes import Change
from beltstack.domain.errors import AlreadyExists, InvalidInput
from beltstack.domain.fieldwork import VisitChange
from beltstack.domain.ids import AssignmentId, TechnicianId, VisitId, WorkOrderId
from beltstack.domain.visits import AssignmentRole, TimeSpan, Visit, VisitKind, VisitOutcome
from beltstack.domain.work_orders import WorkOrder


async def create(
    work: Work,
    *,
    visit_id: VisitId,
    work_order_id: WorkOrderId,
    kind: VisitKind,
    planned: TimeSpan | None,
    window: TimeSpan | None,
    instructions: str | None,
    technician_ids: tuple[TechnicianId, ...] = (),
) -> VisitId:
    """One more trip for a work order, with its technicians: the first of them leads."""
    work.must_be_able_to(Action.SCHEDULE_VISIT)
    work.foresee_review()
    work_order = await work.work_orders.get(work_order_id, lock=True, path=("work_order_id",))
    if visit_id in {visit.id for visit in work_order.visits}:
        raise AlreadyExists("This id is in use already; choose a new one.", path=("id",))
    site = await work.sites.get(work_order.site_id)
    change = fieldwork.add_visit(
        work_order,
        visit_id=visit_id,
        timezone=site.timezone,
        kind=kind,
        planned=planned,
        window=window,
        instructions=instructions,
        at=work.now,
    )
    for index, technician_id in enumerate(technician_ids):
        role = AssignmentRole.HELPER if index else AssignmentRole.LEAD
        change = await _assigned(work, change, visit_id, technician_id, role, path=("technician_ids", str(index)))
    await _save(work, change, visit_id)
    return visit_id


async def schedule(
    work: Work, *, visit_id: VisitId, expected_version: int, planned: TimeSpan, window: TimeSpan | None
) -> VisitId:
    """Plan a visit, or plan it anew."""
    return await _move(
        work,
        Action.SCHEDULE_VISIT,
        visit_id,
        expected_version,
        lambda work_order, visit: fieldwork.reschedule(work_order, visit, planned=planned, window=window, at=work.now),
    )


async def assign(
    work: Work, *, visit_id: VisitId, expected_version: int, technician_id: TechnicianId, role: AssignmentRole
) -> VisitId:
    work.must_be_able_to(Action.ASSIGN_VISIT)
    work_order, visit = await _load(work, visit_id, expected_version)
    change = Change(work_order, work_order)
    change = await _assigned(work, change, visit.id, technician_id, role, path=("technician_id",))
    await _save(work, change, visit_id)
    return visit_id


async def unassign(work: Work, *, visit_id: VisitId, expected_version: int, technician_id: TechnicianId) -> VisitId:
    return await _move(
        work,
        Action.ASSIGN_VISIT,
        visit_id,
        expected_version,
        lambda work_order, visit: fieldwork.unassign(work_order, visit, technician_id=technician_id, at=work.now),
    )


async def dispatch(work: Work, *, visit_id: VisitId, expected_version: int) -> VisitId:
    return await _move(
        work,
        Action.DISPATCH_VISIT,
        visit_id,
        expected_version,
        lambda work_order, visit: fieldwork.dispatch(work_order, visit, at=work.now),
    )


async def cancel(work: Work, *, visit_id: VisitId, expected_version: int) -> VisitId:
    return await _move(
        work,
        Action.SCHEDULE_VISIT,
        visit_id,
        expected_version,
        lambda work_order, visit: fieldwork.cancel(work_order, visit, at=work.now),
    )


FieldMove = Callable[..., Change[WorkOrder]]


async def in_field(
    work: Work,
    move: FieldMove,
    *,
    visit_id: VisitId,
    expected_version: int,
    technician_id: TechnicianId | None,
) -> VisitId:
    """Accept, decline, travel, arrive, pause, resume or leave: one of `beltstack.domain.fieldwork`'s moves."""
    return await _move(
        work,
        Action.WORK_VISIT,
        visit_id,
        expected_version,
        lambda work_order, visit: move(
            work_order,
            visit,
            technician_id=fieldwork.who_moves(visit, work.actor, technician_id),
            at=work.now,
        ),
    )


async def complete(
    work: Work, *, visit_id: VisitId, expected_version: int, outcome: VisitOutcome, return_reason: str | None
) -> VisitId:
    def decide(work_order: WorkOrder, visit: Visit) -> Change[WorkOrder]:
        fieldwork.who_moves(visit, work.actor, None)
        return fieldwork.complete(work_order, visit, outcome=outcome, return_reason=return_reason, at=work.now)

    return await _move(work, Action.WORK_VISIT, visit_id, expected_version, decide)


async def _move(
    work: Work,
    action: Action,
    visit_id: VisitId,
    expected_version: int,
    decide: Callable[[WorkOrder, Visit], Change[WorkOrder]],
) -> VisitId:
    work.must_be_able_to(action)
    work_order, visit = await _load(work, visit_id, expected_version)
    await _save(work, decide(work_order, visit), visit_id)
    return visit_id


# A veto is asked for the fact that would be told, whichever command would bring it about.
_VETOES: Mapping[type[events.Fact], str] = {
    events.VisitScheduled: "before_visit_schedule",
    events.VisitRescheduled: "before_visit_schedule",
    events.VisitAssigned: "before_visit_assign",
    events.VisitDispatched: "before_visit_dispatch",
    events.VisitEnRoute: "before_visit_start",
    events.VisitOnSite: "before_visit_start",
    events.VisitCompleted: "before_visit_complete",
}


async def _save(work: Work, change: Change[WorkOrder], visit_id: VisitId) -> None:
    """Ask the vetoes about the visit, then write."""
    tenant = await work.tenants.get()
    moved = VisitChange.within(change, visit_id)
    hooks = dict.fromkeys(_VETOES[type(fact)] for fact in change.facts if type(fact) in _VETOES)
    if not moved.begins:
        hooks.pop("before_visit_start", None)
    await work.review_each(hooks, moved, tenant)
    await work.save_work_order(change, tenant)


async def _load(work: Work, visit_id: VisitId, expected_version: int) -> tuple[WorkOrder, Visit]:
    work.foresee_review()
    work_order = await work.work_orders.get(await work.work_orders.of_visit(visit_id), lock=True)
    return work_order, fieldwork.visit_of(work_order, visit_id, version=expected_version)


async def _assigned(
    work: Work,
    change: Change[WorkOrder],
    visit_id: VisitId,
    technician_id: TechnicianId,
    role: AssignmentRole,
    *,
    path: tuple[str, ...],
) -> Change[WorkOrder]:
    technician = await work.technicians.get(technician_id, path=path)
    if technician.archived_at:
        raise InvalidInput(f"{technician.name} is archived and takes no visits.", path=path)
    assigned = fieldwork.assign(
        change.after,
        fieldwork.visit_of(change.after, visit_id, version=None),
        assignment_id=AssignmentId(work.session.new_id()),
        technician_id=technician_id,
        role=role,
        at=work.now,
    )
    return Change(change.before, assigned.after, (*change.facts, *assigned.facts))
