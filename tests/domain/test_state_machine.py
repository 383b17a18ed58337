"""A work order's whole life in any order of commands: what holds after every step, whatever was tried."""

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from beltstack.domain import fieldwork
from beltstack.domain.billing import BillingState
from beltstack.domain.changes import Change
from beltstack.domain.errors import Refusal, Refusals
from beltstack.domain.events import Fact, VisitFact, WorkOrderFact
from beltstack.domain.ids import AssignmentId, LineItemId, VisitId
from beltstack.domain.lifecycle import (
    FINISHED,
    PLANNED,
    ROLLED_UP,
    TRANSITIONS,
    UNDER_WAY,
    RollUp,
    VisitState,
    WorkOrderCommand,
    WorkOrderState,
    roll_up,
    visit_state,
)
from beltstack.domain.line_items import Coverage, LineItem
from beltstack.domain.visits import AssignmentRole, Visit, VisitKind, VisitOutcome
from beltstack.domain.work_orders import RemainingVisits, WorkOrder, new_work_order
from tests.makers import ANA, MIA, MORNING, TESS, TOM, a_line_item, a_span, a_tenant, a_work_order, an_id, codes_of

W, V = WorkOrderState, VisitState
OVER = FINISHED | {V.CANCELED}
WORK_IS_DONE = {W.PENDING_APPROVAL, W.COMPLETED, W.CLOSED}
AS_IT_SHOULD_BE = [
    fieldwork.accept,
    fieldwork.start_travel,
    fieldwork.arrive,
    fieldwork.pause,
    fieldwork.resume,
    fieldwork.leave,
]
IN_THE_FIELD = [*AS_IT_SHOULD_BE, fieldwork.decline]
people = st.sampled_from([ANA, MIA])
technicians = st.sampled_from([TOM, TESS])
# Mostly the newest visit: the others are over more often than not.
places = st.sampled_from([-1, -1, -1, 0, 1])
# A stretch of a trip in its order, or anything.
stretches = st.integers(1, 6).flatmap(
    lambda count: st.integers(0, 5).map(lambda first: AS_IT_SHOULD_BE[first:][:count])
)
moves = stretches | st.lists(st.sampled_from(IN_THE_FIELD), min_size=1, max_size=3)


class Life(RuleBasedStateMachine):
    """Decides as the commands do, and keeps the versions as the store does."""

    work_order: WorkOrder

    def __init__(self) -> None:
        super().__init__()
        self.facts: list[Fact] = []
        self.ids = 1000
        self.now = MORNING

    @initialize(
        state=st.sampled_from([W.DRAFT, W.OPEN]),
        asks_approval=st.booleans(),
        allows_self=st.booleans(),
        limit=st.sampled_from([None, Decimal(100)]),
    )
    def create(self, state: WorkOrderState, asks_approval: bool, allows_self: bool, limit: Decimal | None) -> None:
        self.tenant = a_tenant(completion_needs_approval=asks_approval, self_approval_allowed=allows_self)
        change = new_work_order(a_work_order(state=state, nte_amount=limit))
        self.work_order = change.after
        self.facts.extend(change.facts)

    # ── what people do ────────────────────────────────────────────────────────────────────────────

    @rule(data=st.data(), by=people)
    def take_a_command_that_fits(self, data: st.DataObject, by: Any) -> None:
        fitting = [name for name, row in TRANSITIONS.items() if self.work_order.state in row.sources]
        name = data.draw(st.sampled_from(fitting))
        change = self.decide(self.deciding(name, data, by))
        if change is not None:
            assert change.after.state in TRANSITIONS[name].targets
            assert change.after.has_reached(name)
            assert change.facts

    @rule(data=st.data(), by=people)
    def try_a_command_that_does_not_fit(self, data: st.DataObject, by: Any) -> None:
        others = [name for name, row in TRANSITIONS.items() if self.work_order.state not in row.sources]
        name = data.draw(st.sampled_from(others))
        assert "TRANSITION_NOT_ALLOWED" in self.refused(self.deciding(name, data, by))

    @rule(is_planned=st.booleans())
    def add_a_visit(self, is_planned: bool) -> None:
        self.decide(
            lambda work_order: fieldwork.add_visit(
                work_order,
                visit_id=VisitId(self.new_id()),
                timezone="America/Chicago",
                kind=VisitKind.SERVICE,
                planned=a_span(self.now) if is_planned else None,
                window=None,
                instructions=None,
                at=self.now,
            )
        )

    @precondition(lambda self: self.work_order.visits)
    @rule(place=places)
    def plan_a_visit(self, place: int) -> None:
        span = a_span(self.now + timedelta(days=1))
        self.move(place, fieldwork.reschedule, planned=span, window=None)

    @precondition(lambda self: self.work_order.visits)
    @rule(place=places, technician_id=technicians)
    def assign(self, place: int, technician_id: Any) -> None:
        role = AssignmentRole.HELPER if self.visit(place).technician_ids else AssignmentRole.LEAD
        given = {"assignment_id": AssignmentId(self.new_id()), "technician_id": technician_id, "role": role}
        self.move(place, fieldwork.assign, **given)

    @precondition(lambda self: self.work_order.visits)
    @rule(place=places, technician_id=technicians)
    def unassign(self, place: int, technician_id: Any) -> None:
        self.move(place, fieldwork.unassign, technician_id=technician_id)

    @precondition(lambda self: self.work_order.visits)
    @rule(place=places, move=st.sampled_from([fieldwork.dispatch, fieldwork.cancel]))
    def dispatch_or_cancel(self, place: int, move: Callable[..., Change[WorkOrder]]) -> None:
        self.move(place, move)

    @precondition(lambda self: self.work_order.visits)
    @rule(place=places, moves=moves, who=technicians)
    def move_in_the_field(self, place: int, moves: list[Callable[..., Change[WorkOrder]]], who: Any) -> None:
        for move in moves:
            self.move(place, move, technician_id=who)

    @precondition(lambda self: self.work_order.visits)
    @rule(place=places, outcome=st.sampled_from(VisitOutcome))
    def complete_a_visit(self, place: int, outcome: VisitOutcome) -> None:
        self.move(place, fieldwork.complete, outcome=outcome, return_reason=None)

    @precondition(lambda self: self.work_order.state in ROLLED_UP)
    @rule(outcome=st.none() | st.sampled_from(VisitOutcome))
    def make_a_whole_trip(self, outcome: VisitOutcome | None) -> None:
        """Often enough to get behind it; without an outcome the technician is still there."""
        self.add_a_visit(is_planned=True)
        self.assign(-1, TOM)
        self.move(-1, fieldwork.arrive, technician_id=TOM)
        if outcome is not None:
            self.complete_a_visit(-1, outcome)

    @precondition(lambda self: self.work_order.state in ROLLED_UP)
    @rule(is_dispatched=st.booleans())
    def send_two(self, is_dispatched: bool) -> None:
        self.add_a_visit(is_planned=True)
        self.assign(-1, TOM)
        self.assign(-1, TESS)
        if is_dispatched:
            self.move(-1, fieldwork.dispatch)

    @rule(prices=st.lists(st.sampled_from([None, 0, 95, 5000]), max_size=3), coverage=st.sampled_from(Coverage))
    def set_the_lines(self, prices: list[int | None], coverage: Coverage) -> None:
        lines = tuple(self.a_line(price, coverage) for price in prices)
        self.decide(lambda work_order: work_order.with_line_items(lines))

    @rule(no_charge=st.booleans())
    def waive_or_charge(self, no_charge: bool) -> None:
        self.decide(lambda work_order: work_order.revise({"no_charge": no_charge}))

    @precondition(lambda self: self.work_order.state is W.COMPLETED and self.is_billable())
    @rule(state=st.sampled_from([BillingState.PARTIALLY_BILLED, BillingState.BILLED, BillingState.PAID]))
    def bill(self, state: BillingState) -> None:
        self.decide(lambda work_order: Change(work_order, replace(work_order, billing_state=state)))

    # ── what holds after every step ───────────────────────────────────────────────────────────────

    @invariant()
    def the_state_follows_from_the_visits_where_it_is_rolled_up(self) -> None:
        now = self.work_order
        if now.state in ROLLED_UP:
            assert roll_up([visit.state for visit in now.visits]) == RollUp(now.state, now.needs_return)

    @invariant()
    def the_start_is_told_once_and_before_anything_is_in_progress(self) -> None:
        told = [fact for fact in self.facts if fact.type == "work_order.started"]
        assert len(told) == (self.work_order.started_at is not None)
        assert self.work_order.state is not W.IN_PROGRESS or told

    @invariant()
    def the_billing_state_follows_from_the_lines_until_they_are_invoiced(self) -> None:
        billing = self.work_order.billing_state
        if billing in {BillingState.UNBILLED, BillingState.NOT_BILLABLE}:
            assert (billing is BillingState.UNBILLED) == self.is_billable()
        else:
            assert self.work_order.state not in {W.DRAFT, W.CANCELED}

    @invariant()
    def every_stamp_and_reason_goes_with_its_state(self) -> None:
        now = self.work_order
        done = now.state in WORK_IS_DONE
        stamps = (now.completed_at, now.completed_by, now.outcome)
        assert all((stamp is not None) == done for stamp in stamps)
        assert (now.approved_at is None) == (now.approved_by is None)
        assert now.approved_at is None or now.state in {W.COMPLETED, W.CLOSED}
        assert (now.closed_at is not None) == (now.state is W.CLOSED)
        assert (now.cancel_reason is not None) == (now.state is W.CANCELED)
        assert (now.hold_reason is not None) == (now.state is W.ON_HOLD)
        assert not now.needs_return or now.state in {W.OPEN, W.ON_HOLD}

    @invariant()
    def nobody_travels_to_work_that_is_done(self) -> None:
        if self.work_order.state in WORK_IS_DONE | {W.CANCELED}:
            assert not {visit.state for visit in self.work_order.visits} & (PLANNED | UNDER_WAY)

    @invariant()
    def every_visit_agrees_with_its_assignments(self) -> None:
        for visit in self.work_order.visits:
            assert not (visit.state in OVER and visit.technician_ids)
            assert visit.planned or visit.state in {V.UNSCHEDULED, V.CANCELED}
            if visit.state in UNDER_WAY | {V.DISPATCHED}:
                assert visit_state([a.state for a in visit.assignments]) is visit.state
            assert len(set(visit.technician_ids)) == len(visit.technician_ids)

    @invariant()
    def no_id_and_no_number_is_there_twice(self) -> None:
        now = self.work_order
        assert [visit.sequence for visit in now.visits] == list(range(1, len(now.visits) + 1))
        assignments = [a.id for visit in now.visits for a in visit.assignments]
        for ids in ([visit.id for visit in now.visits], assignments, [line.id for line in now.line_items]):
            assert len(set(ids)) == len(ids)

    # ── below ─────────────────────────────────────────────────────────────────────────────────────

    def decide(self, decide: Callable[[WorkOrder], Change[WorkOrder]]) -> Change[WorkOrder] | None:
        """Carry the decision out, or find that a refusal changed nothing."""
        before, as_it_was = self.work_order, copy.deepcopy(self.work_order)
        self.now += timedelta(minutes=7)
        try:
            change = decide(before)
        except (Refusal, Refusals) as refused:
            assert before == as_it_was
            for refusal in refused.refusals if isinstance(refused, Refusals) else (refused,):
                assert refusal.message.endswith(".")
                assert refusal.code
            return None
        assert change.before is before
        assert before == as_it_was
        self.hear(change)
        self.work_order = saved(change)
        return change

    def refused(self, decide: Callable[[WorkOrder], Change[WorkOrder]]) -> set[str]:
        try:
            change = decide(self.work_order)
        except (Refusal, Refusals) as refused:
            return codes_of(refused)
        raise AssertionError(f"accepted: {change.facts}")

    def hear(self, change: Change[WorkOrder]) -> None:
        """The facts lead from the state before to the state after, without a gap."""
        assert change.before is not None
        before, after = change.before, change.after
        told = [fact for fact in change.facts if isinstance(fact, WorkOrderFact)]
        state: str = before.state
        for fact in told:
            # Two facts of one decision may both start where it started.
            assert fact.from_state in {before.state, state}
            assert (fact.work_order_id, fact.total) == (after.id, after.total)
            state = fact.state
        if told:
            assert state == after.state
        elif after.state is not before.state:
            assert {before.state, after.state} <= ROLLED_UP
            assert any(isinstance(fact, VisitFact) for fact in change.facts)
        self.hear_of_visits(change)
        self.facts.extend(change.facts)

    def hear_of_visits(self, change: Change[WorkOrder]) -> None:
        """A visit that ends is told once, whoever or whatever ended it."""
        assert change.before is not None
        was_over = {visit.id for visit in change.before.visits if visit.state in OVER}
        ended = [visit.id for visit in change.after.visits if visit.state in OVER and visit.id not in was_over]
        endings = [fact for fact in change.facts if fact.type in {"visit.completed", "visit.canceled"}]
        assert sorted(fact.visit_id for fact in endings if isinstance(fact, VisitFact)) == sorted(ended)

    def deciding(
        self, name: WorkOrderCommand, data: st.DataObject, by: Any
    ) -> Callable[[WorkOrder], Change[WorkOrder]]:
        """The command with what a person gives it."""
        decide: Callable[..., Change[WorkOrder]] = getattr(WorkOrder, name.words)
        given = self.given(name, data, by)
        tenant = () if name is WorkOrderCommand.SUBMIT else (self.tenant,)
        return lambda work_order: decide(work_order, *tenant, **given)

    def given(self, name: WorkOrderCommand, data: st.DataObject, by: Any) -> dict[str, Any]:
        at: datetime = self.now
        match name:
            case WorkOrderCommand.COMPLETE:
                remaining = data.draw(st.none() | st.sampled_from(RemainingVisits))
                return {"at": at, "by": by, "remaining_visits": remaining}
            case WorkOrderCommand.APPROVE:
                return {"at": at, "by": by}
            case WorkOrderCommand.CLOSE:
                return {"at": at}
            case WorkOrderCommand.CANCEL:
                keep = data.draw(st.none() | st.booleans())
                return {"at": at, "reason": "Called off.", "keep_billable_lines": keep}
            case WorkOrderCommand.HOLD:
                return {"reason": "Part ordered", "review_on": None, "cancel_visits": data.draw(st.booleans())}
            case WorkOrderCommand.REJECT | WorkOrderCommand.REOPEN | WorkOrderCommand.UNLOCK:
                return {"reason": "Look again."}
            case _:
                return {}

    def move(self, place: int, move: Callable[..., Change[WorkOrder]], **given: Any) -> None:
        if self.work_order.visits:
            visit_id = self.visit(place).id
            self.decide(lambda now: move(now, fieldwork.visit_of(now, visit_id, version=None), at=self.now, **given))

    def visit(self, place: int) -> Visit:
        return self.work_order.visits[place % len(self.work_order.visits)]

    def a_line(self, price: int | None, coverage: Coverage) -> LineItem:
        unit_price = None if price is None else Decimal(price)
        return a_line_item(id=LineItemId(self.new_id()), unit_price=unit_price, coverage=coverage)

    def is_billable(self) -> bool:
        now = self.work_order
        may_bill = now.keep_billable_lines and not now.no_charge
        return may_bill and any(line.coverage is Coverage.BILLABLE for line in now.line_items)

    def new_id(self) -> Any:
        self.ids += 1
        return an_id(self.ids)


def saved(change: Change[WorkOrder]) -> WorkOrder:
    """As the store keeps it: one version more for what has changed."""
    assert change.before is not None
    if change.is_nothing:
        return change.after
    old = {visit.id: visit for visit in change.before.visits}
    visits = tuple(_counted(visit, old.get(visit.id)) for visit in change.after.visits)
    return replace(change.after, visits=visits, version=change.before.version + 1)


def _counted(visit: Visit, old: Visit | None) -> Visit:
    return visit if old is None or visit == old else replace(visit, version=old.version + 1)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
