"""Visits and assignments."""

from datetime import datetime
from typing import Any

import strawberry

from beltstack.commands import visits
from beltstack.commands.work import Work
from beltstack.domain import fieldwork
from beltstack.domain.errors import Problems
from beltstack.domain.ids import Noun, VisitId
from beltstack.domain.lifecycle import AssignmentState, VisitState
from beltstack.domain.visits import AssignmentRole, VisitKind, VisitOutcome, checked_span
from beltstack.domain.visits import TimeSpan as DomainSpan
from beltstack.planner.entities import ToMany, ToOne
from beltstack.schema.inputs import dry_run, expected_version, idempotency_key, key, new_key
from beltstack.schema.mutations import Mutation
from beltstack.schema.technicians import Technician
from beltstack.schema.types import Node, TimeSpan, bind, says, time_span
from beltstack.schema.work_orders import WorkOrder
from beltstack.store import tables


@bind(
    Noun.VISIT,
    tables.visit,
    fields={
        "planned": time_span("planned"),
        "window": time_span("window"),
        "work_order": ToOne("WorkOrder", "work_order_id"),
        "assignments": ToMany("Assignment", "visit_id", order_by="position"),
    },
)
@strawberry.type(description="One trip for a work order.")
class Visit(Node):
    version: int = says("Counts the changes.")
    work_order: WorkOrder = says("What it is for.")
    sequence: int = says("Its number among the work order's visits, from 1.")
    kind: VisitKind = says("What it is for.")
    timezone: str = says("The site's time zone when it was planned.")
    planned: TimeSpan | None = says("When the technicians work.")
    window: TimeSpan | None = says("What the customer was promised.")
    state: VisitState = says("Where it stands.")
    instructions: str | None = says("What the technicians should know.")
    return_reason: str | None = says("Why somebody has to return.")
    assignments: list["Assignment"] = says("Who goes.")


@bind(
    Noun.ASSIGNMENT,
    tables.assignment,
    fields={"technician": ToOne("Technician", "technician_id"), "visit": ToOne("Visit", "visit_id")},
)
@strawberry.type(description="One technician's part of a visit.")
class Assignment(Node):
    visit: Visit = says("The trip.")
    technician: Technician = says("Who goes.")
    role: AssignmentRole = says("Lead or helper.")
    state: AssignmentState = says("Where it stands.")
    dispatched_at: datetime | None = says("When they were told to go.")
    accepted_at: datetime | None = says("When they said yes.")
    en_route_at: datetime | None = says("When they set out.")
    arrived_at: datetime | None = says("When they arrived.")
    done_at: datetime | None = says("When they were done.")


@strawberry.input(description="A span of time; it holds its start and not its end.")
class TimeSpanInput:
    start: datetime = says("When it starts, with an offset.")
    end: datetime = says("When it ends, with an offset.")


@strawberry.input(description="A new visit; without a plan it waits UNSCHEDULED.")
class VisitCreateInput:
    work_order_id: strawberry.ID = key(Noun.WORK_ORDER, "What it is for.")
    id: strawberry.ID | None = new_key(Noun.VISIT)
    kind: VisitKind = strawberry.field(description="What it is for.", default=VisitKind.SERVICE)
    planned: TimeSpanInput | None = strawberry.field(description="When the technicians work.", default=None)
    window: TimeSpanInput | None = strawberry.field(description="What the customer was promised.", default=None)
    instructions: str | None = strawberry.field(description="What the technicians should know.", default=None)
    technician_ids: list[strawberry.ID] = key(Noun.TECHNICIAN, "Who goes; the first leads.", default_factory=list)
    idempotency_key: str | None = idempotency_key()
    dry_run: bool = dry_run()


@strawberry.input(description="Which visit to move.")
class VisitTransitionInput:
    id: strawberry.ID = key(Noun.VISIT, "The visit.")
    expected_version: int = expected_version()
    idempotency_key: str | None = idempotency_key()
    dry_run: bool = dry_run()


@strawberry.input(description="Which visit to plan, and when.")
class VisitScheduleInput(VisitTransitionInput):
    planned: TimeSpanInput = says("When the technicians work.")
    window: TimeSpanInput | None = strawberry.field(description="What the customer was promised.", default=None)


@strawberry.input(description="Who goes on which visit.")
class VisitAssignInput(VisitTransitionInput):
    technician_id: strawberry.ID = key(Noun.TECHNICIAN, "Who goes.")
    role: AssignmentRole = strawberry.field(description="Lead or helper.", default=AssignmentRole.LEAD)


@strawberry.input(description="Who is taken off which visit.")
class VisitUnassignInput(VisitTransitionInput):
    technician_id: strawberry.ID = key(Noun.TECHNICIAN, "Who does not go.")


@strawberry.input(description="Which visit to move in the field, and for whom.")
class VisitFieldInput(VisitTransitionInput):
    technician_id: strawberry.ID | None = key(
        Noun.TECHNICIAN, "On whose behalf; yourself, or the lead, if left out.", default=None
    )


@strawberry.input(description="Which visit to complete, and how it ended.")
class VisitCompleteInput(VisitTransitionInput):
    outcome: VisitOutcome = strawberry.field(description="How it ended.", default=VisitOutcome.COMPLETED)
    return_reason: str | None = strawberry.field(description="Why somebody has to return.", default=None)


async def create(
    work: Work,
    *,
    id: VisitId,  # noqa: A002 - the input's own name
    planned: dict[str, Any] | None,
    window: dict[str, Any] | None,
    **values: Any,
) -> VisitId:
    spans = _spans(planned, window)
    return await visits.create(work, visit_id=id, planned=spans[0], window=spans[1], **values)


async def schedule(work: Work, *, planned: dict[str, Any], window: dict[str, Any] | None, **values: Any) -> VisitId:
    spans = _spans(planned, window)
    assert spans[0] is not None
    return await visits.schedule(work, planned=spans[0], window=spans[1], **values)


def _spans(
    planned: dict[str, Any] | None, window: dict[str, Any] | None
) -> tuple[DomainSpan | None, DomainSpan | None]:
    problems = Problems()
    spans = tuple(
        problems.of(checked_span, span["start"], span["end"], prefix=prefix) if span else None
        for span, prefix in ((planned, "planned"), (window, "window"))
    )
    problems.refuse_if_any()
    return spans[0], spans[1]


def _of_visit(stem: str, description: str, given: type[Any], run: Any) -> Mutation:
    return Mutation(f"visit.{stem}", description, given, Noun.VISIT, run)


def _in_field(stem: str, description: str, move: visits.FieldMove) -> Mutation:
    async def run(work: Work, **values: Any) -> VisitId:
        return await visits.in_field(work, move, **values)

    return _of_visit(stem, description, VisitFieldInput, run)


MUTATIONS = (
    _of_visit("create", "Add a trip to a work order.", VisitCreateInput, create),
    _of_visit("schedule", "Plan a visit, or plan it anew.", VisitScheduleInput, schedule),
    _of_visit("assign", "Send a technician along.", VisitAssignInput, visits.assign),
    _of_visit("unassign", "Take a technician off.", VisitUnassignInput, visits.unassign),
    _of_visit("dispatch", "Tell the technicians to go.", VisitTransitionInput, visits.dispatch),
    _of_visit("cancel", "Call a visit off.", VisitTransitionInput, visits.cancel),
    _in_field("accept", "Say yes to a visit.", fieldwork.accept),
    _in_field("decline", "Say no to a visit.", fieldwork.decline),
    _in_field("start_travel", "Set out.", fieldwork.start_travel),
    _in_field("arrive", "Be on site.", fieldwork.arrive),
    _in_field("pause", "Interrupt the work.", fieldwork.pause),
    _in_field("resume", "Go on with the work.", fieldwork.resume),
    _in_field("leave", "One technician is done.", fieldwork.leave),
    _of_visit("complete", "End a visit for everybody.", VisitCompleteInput, visits.complete),
)
