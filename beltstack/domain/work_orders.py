"""The work order: the contract of work and money, and every decision about its state."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from beltstack.domain import checks, events, money
from beltstack.domain.access import Actor, Forbidden
from beltstack.domain.billing import AlreadyBilled, BillingState, billing_state, check_not_invoiced
from beltstack.domain.changes import Change
from beltstack.domain.errors import InvalidInput, NotFound, Path, Problems, Refusal, StaleObject
from beltstack.domain.ids import ContactId, CustomerId, EquipmentId, LineItemId, SiteId, TechnicianId, WorkOrderId
from beltstack.domain.invoices import InvoiceState
from beltstack.domain.lifecycle import (
    PLANNED,
    ROLLED_UP,
    UNDER_WAY,
    VisitState,
    WorkOrderCommand,
    WorkOrderState,
    already_holds,
    check_transition,
    roll_up,
)
from beltstack.domain.line_items import LineItem, new_line_item
from beltstack.domain.tenants import PeriodLocked, Tenant
from beltstack.domain.visits import AssignmentRole, Visit, visit_fact


class Priority(StrEnum):
    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"
    URGENT = "URGENT"


class Source(StrEnum):
    CALL = "CALL"
    FORM = "FORM"
    RECURRING = "RECURRING"
    ESTIMATE = "ESTIMATE"
    API = "API"
    FOLLOW_UP = "FOLLOW_UP"
    IMPORT = "IMPORT"


class WorkOrderOutcome(StrEnum):
    RESOLVED = "RESOLVED"
    PARTIAL = "PARTIAL"
    CANNOT_COMPLETE = "CANNOT_COMPLETE"
    NO_ACCESS = "NO_ACCESS"
    DUPLICATE = "DUPLICATE"


class RemainingVisits(StrEnum):
    """What becomes of visits that are still planned when the work is completed."""

    CANCEL = "CANCEL"
    FAIL = "FAIL"


class VisitUnderWay(Refusal):
    code = "VISIT_UNDER_WAY"


class RemainingVisitsUndecided(Refusal):
    code = "REMAINING_VISITS_UNDECIDED"


class LineItemWithoutPrice(Refusal):
    code = "LINE_ITEM_WITHOUT_PRICE"


class SelfApproval(Refusal):
    code = "SELF_APPROVAL"


class NotBilledYet(Refusal):
    code = "NOT_BILLED_YET"


class NotCompleted(Refusal):
    code = "NOT_COMPLETED"


class WorkOrderLocked(Refusal):
    """The work order's content cannot be edited in this state."""

    code = "WORK_ORDER_LOCKED"


class NotYourVisit(Forbidden):
    """A technician acts on their own work only."""

    code = "NOT_YOUR_VISIT"


LINE_ITEMS_MOST = 500
_SETTLED = frozenset({BillingState.BILLED, BillingState.PAID, BillingState.NOT_BILLABLE})
_UNEDITABLE = frozenset({WorkOrderState.CLOSED, WorkOrderState.CANCELED})
_WORKED = frozenset({WorkOrderState.COMPLETED, WorkOrderState.CLOSED, WorkOrderState.CANCELED})


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """`total` is before tax. `version` counts every change of the work order, its visits and its line items."""

    id: WorkOrderId
    number: str
    title: str
    customer_id: CustomerId
    site_id: SiteId
    currency: str
    created_at: datetime
    source: Source = Source.CALL
    priority: Priority = Priority.NORMAL
    state: WorkOrderState = WorkOrderState.OPEN
    description: str | None = None
    contact_id: ContactId | None = None
    equipment_ids: tuple[EquipmentId, ...] = ()
    po_number: str | None = None
    no_charge: bool = False
    keep_billable_lines: bool = True
    """False once canceled without a fee: its lines then bill nothing."""
    nte_amount: Decimal | None = None
    """Not to exceed: a total above it needs approval at completion."""
    needs_return: bool = False
    hold_reason: str | None = None
    review_on: date | None = None
    cancel_reason: str | None = None
    outcome: WorkOrderOutcome | None = None
    billing_state: BillingState = BillingState.NOT_BILLABLE
    started_at: datetime | None = None
    completed_at: datetime | None = None
    completed_by: UUID | None = None
    approved_at: datetime | None = None
    approved_by: UUID | None = None
    closed_at: datetime | None = None
    visits: tuple[Visit, ...] = ()
    line_items: tuple[LineItem, ...] = ()
    version: int = 1

    @property
    def total(self) -> Decimal:
        return sum((item.net(self.currency) for item in self.line_items), Decimal(0))

    def expect(self, version: int) -> Self:
        """Refuse if somebody changed the work order since the caller read it."""
        if version != self.version:
            raise StaleObject(
                f"Work order {self.number} was changed meanwhile (version {self.version}, you have {version});"
                " read it again and decide anew.",
                path=("expected_version",),
            )
        return self

    def has_reached(self, command: WorkOrderCommand) -> bool:
        """Whether repeating the command changes nothing, since its target holds already."""
        return already_holds(command, self.state)

    # ── content ───────────────────────────────────────────────────────────────────────────────────

    def revise(self, changes: dict[str, Any]) -> Change["WorkOrder"]:
        """Change what is said about the work: title, description, priority and so on."""
        self._check_editable()
        after = checked_work_order(replace(self, **changes))._with_billing()
        return self._changed(after, () if after == self else (after._fact(events.WorkOrderUpdated, self.state),))

    def with_line_items(self, line_items: tuple[LineItem, ...]) -> Change["WorkOrder"]:
        """Replace the line items; what is wrong with any of them is told together."""
        self._check_editable()
        if self.billing_state.is_billed and self.state in _WORKED:
            raise AlreadyBilled("These line items are invoiced; correct them with a credit note.")
        check_not_invoiced(self.line_items, line_items)
        after = replace(self, line_items=checked_lines(line_items, self.currency))._with_billing()
        return self._changed(after, () if after == self else (after._fact(events.WorkOrderUpdated, self.state),))

    def line_item(self, line_item_id: LineItemId) -> LineItem:
        for item in self.line_items:
            if item.id == line_item_id:
                return item
        raise NotFound("There is no line item with this id.")

    def delete(self) -> Change["WorkOrder"]:
        """Only a draft may go without a trace; everything else is canceled."""
        if self.state is not WorkOrderState.DRAFT:
            raise WorkOrderLocked("Only a draft can be deleted; cancel this work order instead.")
        return Change(self, self, (self._fact(events.WorkOrderDeleted, self.state),))

    # ── transitions ───────────────────────────────────────────────────────────────────────────────

    def why_not(self, command: WorkOrderCommand, tenant: Tenant) -> tuple[Refusal, ...]:
        """Every reason, apart from rights and input, that stands against a command now."""
        problems = Problems()
        problems.of(check_transition, command, self.state)
        if not problems.found:
            for guard in _GUARDS.get(command, ()):
                problems.of(guard, self, tenant)
        return tuple(problems.found)

    def submit(self) -> Change["WorkOrder"]:
        check_transition(WorkOrderCommand.SUBMIT, self.state)
        return self._to(WorkOrderState.OPEN, events.WorkOrderOpened)

    def hold(self, tenant: Tenant, *, reason: str, review_on: date | None, cancel_visits: bool) -> Change["WorkOrder"]:
        """Stop until something is mended: a part, an answer, a payment."""
        self._guard(WorkOrderCommand.HOLD, tenant)
        reason = checks.line(reason, path=("reason",))
        visits = tuple(v.cancel() if cancel_visits and v.state in PLANNED else v for v in self.visits)
        after = replace(self, hold_reason=reason, review_on=review_on, visits=visits)
        return self._to(WorkOrderState.ON_HOLD, events.WorkOrderHeld, after=after, reason=reason)

    def resume(self, tenant: Tenant) -> Change["WorkOrder"]:
        self._guard(WorkOrderCommand.RESUME, tenant)
        return self._roll_up(events.WorkOrderResumed, after=replace(self, hold_reason=None, review_on=None))

    def complete(
        self,
        tenant: Tenant,
        *,
        at: datetime,
        by: UUID,
        outcome: WorkOrderOutcome = WorkOrderOutcome.RESOLVED,
        remaining_visits: RemainingVisits | None = None,
    ) -> Change["WorkOrder"]:
        """Close the field work; a manager's approval may still be asked for."""
        problems = Problems()
        problems.of(self._guard, WorkOrderCommand.COMPLETE, tenant)
        visits = problems.of(self._decided_visits, remaining_visits, at)
        problems.refuse_if_any()
        done = replace(self, visits=visits, outcome=outcome, completed_at=at, completed_by=by, needs_return=False)
        done = done._with_billing()
        worked = done._fact(events.WorkOrderWorkCompleted, self.state)
        if reason := self._approval_reason(tenant):
            after = replace(done, state=WorkOrderState.PENDING_APPROVAL)
            return self._changed(after, (worked, after._fact(events.WorkOrderApprovalRequested, self.state, reason)))
        after = replace(done, state=WorkOrderState.COMPLETED)
        return self._changed(after, (worked, after._fact(events.WorkOrderCompleted, self.state)))

    def approve(self, tenant: Tenant, *, at: datetime, by: UUID) -> Change["WorkOrder"]:
        self._guard(WorkOrderCommand.APPROVE, tenant)
        if by == self.completed_by and not tenant.self_approval_allowed:
            raise SelfApproval("Whoever completed the work cannot approve it; ask another manager.")
        after = replace(self, state=WorkOrderState.COMPLETED, approved_at=at, approved_by=by)
        facts = (
            after._fact(events.WorkOrderApproved, self.state),
            after._fact(events.WorkOrderCompleted, self.state),
        )
        return self._changed(after, facts)

    def reject(self, tenant: Tenant, *, reason: str) -> Change["WorkOrder"]:
        self._guard(WorkOrderCommand.REJECT, tenant)
        reason = checks.text(reason, path=("reason",), longest=2000)
        return self._roll_up(events.WorkOrderRejected, after=self._uncompleted(), reason=reason)

    def reopen(self, tenant: Tenant, *, reason: str) -> Change["WorkOrder"]:
        self._guard(WorkOrderCommand.REOPEN, tenant)
        reason = checks.text(reason, path=("reason",), longest=2000)
        return self._roll_up(events.WorkOrderReopened, after=self._uncompleted(), reason=reason)

    def close(self, tenant: Tenant, *, at: datetime) -> Change["WorkOrder"]:
        self._guard(WorkOrderCommand.CLOSE, tenant)
        return self._to(WorkOrderState.CLOSED, events.WorkOrderClosed, after=replace(self, closed_at=at))

    def unlock(self, tenant: Tenant, *, reason: str) -> Change["WorkOrder"]:
        self._guard(WorkOrderCommand.UNLOCK, tenant)
        reason = checks.text(reason, path=("reason",), longest=2000)
        after = replace(self, closed_at=None)
        return self._to(WorkOrderState.COMPLETED, events.WorkOrderUnlocked, after=after, reason=reason)

    def cancel(
        self, tenant: Tenant, *, reason: str, keep_billable_lines: bool | None, at: datetime
    ) -> Change["WorkOrder"]:
        """Call the work off. Once started, say whether its lines stay billable (a trip fee) or are dropped."""
        self._guard(WorkOrderCommand.CANCEL, tenant)
        reason = checks.text(reason, path=("reason",), longest=2000)
        if self.started_at is not None and keep_billable_lines is None:
            raise RemainingVisitsUndecided(
                "Work has started: say whether its billable lines are kept.", path=("keep_billable_lines",)
            )
        visits = tuple(v if _is_over(v) else v.give_up(at=at) for v in self.visits)
        after = replace(self, cancel_reason=reason, visits=visits, keep_billable_lines=bool(keep_billable_lines))
        after = replace(after, hold_reason=None, review_on=None, needs_return=False)._with_billing()
        return self._to(WorkOrderState.CANCELED, events.WorkOrderCanceled, after=after, reason=reason)

    def reinstate(self, tenant: Tenant) -> Change["WorkOrder"]:
        self._guard(WorkOrderCommand.REINSTATE, tenant)
        after = replace(self, cancel_reason=None, keep_billable_lines=True)._with_billing()
        return self._roll_up(events.WorkOrderReinstated, after=after)

    # ── consequences of what happens elsewhere ────────────────────────────────────────────────────

    def after_visits(self, visits: tuple[Visit, ...], facts: tuple[events.Fact, ...], *, at: datetime) -> Change["WorkOrder"]:  # fmt: skip # noqa: E501
        """The visits moved: roll them up, and say once that work has started."""
        self._check_editable()
        rolled = roll_up([visit.state for visit in visits])
        after = replace(self, visits=visits)
        if self.state in ROLLED_UP:
            after = replace(after, state=rolled.state, needs_return=rolled.needs_return)
        if after.state is WorkOrderState.IN_PROGRESS and self.started_at is None:
            after = replace(after, started_at=at)
            facts = (*facts, after._fact(events.WorkOrderStarted, self.state))
        return self._changed(after, facts)

    def check_can_be_billed(self, *, is_progress: bool = False, path: Path = ()) -> None:
        """Only finished work is invoiced, unless for its progress; a canceled one may keep billable lines."""
        if self.state in _WORKED or (is_progress and self.state is not WorkOrderState.DRAFT):
            return
        words = "submit it" if is_progress else "complete it, or ask for a progress invoice,"
        raise NotCompleted(f"Work order {self.number} is {self.state.words}; {words} before invoicing.", path=path)

    def billed(self, line_items: tuple[LineItem, ...], invoices: Sequence[InvoiceState]) -> Change["WorkOrder"]:
        """Parts of its lines went on or off an invoice; `invoices` are the states of those that stand, drafts too."""
        state = billing_state(line_items, invoices, may_bill=self._may_bill)
        return self._changed(replace(self, line_items=line_items, billing_state=state), ())

    def check_own(self, actor: Actor, *, lead_only: bool = False) -> None:
        """A technician without an office role acts on work orders they are assigned to (completing: as the lead)."""
        if not actor.works_only_in_the_field:
            return
        roles = {AssignmentRole.LEAD} if lead_only else set(AssignmentRole)
        if actor.technician_id not in self.technicians(roles):
            raise NotYourVisit("You are not assigned to this work order" + (" as its lead." if lead_only else "."))

    def technicians(self, roles: set[AssignmentRole]) -> frozenset[TechnicianId]:
        """Everybody who has or had a part in the visits in one of these roles, removed ones excepted."""
        return frozenset(
            a.technician_id
            for visit in self.visits
            for a in visit.assignments
            if a.role in roles and (a.is_active or a.done_at is not None)
        )

    # ── below ─────────────────────────────────────────────────────────────────────────────────────

    def _guard(self, command: WorkOrderCommand, tenant: Tenant) -> None:
        problems = Problems()
        for refusal in self.why_not(command, tenant):
            problems.note(refusal)
        problems.refuse_if_any()

    def _decided_visits(self, remaining: RemainingVisits | None, at: datetime) -> tuple[Visit, ...]:
        if remaining is None and any(visit.state in PLANNED for visit in self.visits):
            raise RemainingVisitsUndecided(
                "Visits are still planned: say whether they are canceled (CANCEL) or did not take place (FAIL).",
                path=("remaining_visits",),
            )
        return tuple(_end(visit, remaining, at) if visit.state in PLANNED else visit for visit in self.visits)

    def _approval_reason(self, tenant: Tenant) -> str | None:
        if self.nte_amount is not None and self.total > self.nte_amount:
            return f"The total of {self.total} {self.currency} exceeds the limit of {self.nte_amount}."
        return "Completion needs a manager's approval." if tenant.completion_needs_approval else None

    def _uncompleted(self) -> "WorkOrder":
        return replace(self, completed_at=None, completed_by=None, approved_at=None, approved_by=None, outcome=None)

    @property
    def _may_bill(self) -> bool:
        return self.keep_billable_lines and not self.no_charge

    def _with_billing(self) -> "WorkOrder":
        if not self.billing_state.is_billed:
            return replace(self, billing_state=billing_state(self.line_items, (), may_bill=self._may_bill))
        if any(line.left_to_invoice for line in self.line_items):
            return replace(self, billing_state=BillingState.PARTIALLY_BILLED)
        return self

    def _check_editable(self) -> None:
        if self.state in _UNEDITABLE:
            raise WorkOrderLocked(f"A work order that is {self.state.words} cannot be edited.")

    def _to(
        self,
        state: WorkOrderState,
        kind: type[events.WorkOrderFact],
        *,
        after: "WorkOrder | None" = None,
        reason: str | None = None,
    ) -> Change["WorkOrder"]:
        moved = replace(after or self, state=state)
        return self._changed(moved, (moved._fact(kind, self.state, reason),))

    def _roll_up(
        self, kind: type[events.WorkOrderFact], *, after: "WorkOrder", reason: str | None = None
    ) -> Change["WorkOrder"]:
        rolled = roll_up([visit.state for visit in after.visits])
        return self._to(rolled.state, kind, after=replace(after, needs_return=rolled.needs_return), reason=reason)

    def _changed(self, after: "WorkOrder", facts: tuple[events.Fact, ...]) -> Change["WorkOrder"]:
        return Change(self, after, (*self._ended_with(after, facts), *facts))

    def _ended_with(self, after: "WorkOrder", facts: tuple[events.Fact, ...]) -> tuple[events.Fact, ...]:
        """Visits that ended because the work order moved, and that nobody told of yet."""
        told = {fact.visit_id for fact in facts if isinstance(fact, events.VisitFact)}
        old = {visit.id: visit for visit in self.visits}
        ended = [
            v for v in after.visits if v.id in old and _is_over(v) and not _is_over(old[v.id]) and v.id not in told
        ]
        return tuple(visit_fact(visit, self.id, who=old[visit.id].technician_ids) for visit in ended)

    def _fact(
        self, kind: type[events.WorkOrderFact], from_state: WorkOrderState, reason: str | None = None
    ) -> events.WorkOrderFact:
        return kind(
            work_order_id=self.id,
            number=self.number,
            title=self.title,
            from_state=from_state,
            state=self.state,
            priority=self.priority,
            customer_id=self.customer_id,
            site_id=self.site_id,
            total=self.total,
            currency=self.currency,
            reason=reason,
        )


def new_work_order(work_order: WorkOrder) -> Change[WorkOrder]:
    """Check a work order from outside; it starts as DRAFT or OPEN."""
    clean = checked_work_order(work_order)._with_billing()
    return Change(None, clean, (clean._fact(events.WorkOrderCreated, clean.state),))


def checked_work_order(work_order: WorkOrder) -> WorkOrder:
    problems = Problems()
    clean = replace(
        work_order,
        title=problems.of(checks.line, work_order.title, path=("title",)),
        description=problems.of(checks.optional_text, work_order.description, path=("description",)),
        po_number=problems.of(checks.optional_line, work_order.po_number, path=("po_number",), longest=60),
    )
    clean = replace(clean, line_items=problems.of(checked_lines, work_order.line_items, work_order.currency))
    if work_order.nte_amount is not None:
        problems.of(money.amount, work_order.nte_amount, currency=work_order.currency, path=("nte_amount",))
    problems.refuse_if_any()
    return clean


def checked_lines(line_items: tuple[LineItem, ...], currency: str) -> tuple[LineItem, ...]:
    problems = Problems()
    clean = tuple(
        problems.of(_checked_line, item, currency=currency, index=index) for index, item in enumerate(line_items)
    )
    if len(line_items) > LINE_ITEMS_MOST:
        problems.note(InvalidInput(f"A work order holds at most {LINE_ITEMS_MOST} lines.", path=("line_items",)))
    problems.refuse_if_any()
    total = sum((item.net(currency) for item in clean), Decimal(0))
    money.amount(total, currency=currency, path=("line_items",), least=-money.AMOUNT_MOST)
    return clean


def _checked_line(item: LineItem, *, currency: str, index: int) -> LineItem:
    problems = Problems()
    clean = problems.of(new_line_item, item, currency=currency)
    for refusal in problems.found:
        refusal.under("line_items", str(index))
    problems.refuse_if_any()
    return clean


def _is_over(visit: Visit) -> bool:
    return visit.state not in PLANNED | UNDER_WAY | {VisitState.UNSCHEDULED}


def _end(visit: Visit, remaining: RemainingVisits | None, at: datetime) -> Visit:
    return visit.cancel() if remaining is RemainingVisits.CANCEL else visit.fail(at=at)


def _nobody_is_there(work_order: WorkOrder, _: Tenant) -> None:
    if any(visit.state in {VisitState.EN_ROUTE, VisitState.ON_SITE} for visit in work_order.visits):
        raise VisitUnderWay("A technician is on the way or on site: complete or pause that visit first.")


def _no_visit_runs(work_order: WorkOrder, _: Tenant) -> None:
    if any(visit.state in UNDER_WAY for visit in work_order.visits):
        raise VisitUnderWay("A visit is still under way: complete it first.")


def _lines_are_priced(work_order: WorkOrder, _: Tenant) -> None:
    if unpriced := [item.description for item in work_order.line_items if not item.is_priced]:
        raise LineItemWithoutPrice(f"Give these a price first: {', '.join(unpriced)}.", path=("line_items",))


def _not_billed(work_order: WorkOrder, _: Tenant) -> None:
    if work_order.billing_state.is_billed:
        raise AlreadyBilled("An invoice was issued for this work order; correct it with a credit note.")


def _billing_is_settled(work_order: WorkOrder, _: Tenant) -> None:
    if work_order.billing_state not in _SETTLED:
        raise NotBilledYet("Issue the invoice first: this work order is completed but not billed.")


def _period_is_open(work_order: WorkOrder, tenant: Tenant) -> None:
    locked, completed = tenant.books_locked_through, work_order.completed_at
    if locked is None or completed is None:
        return
    # The books count days where the company is, not in UTC.
    completed_on = completed.astimezone(ZoneInfo(tenant.timezone)).date()
    if completed_on <= locked:
        raise PeriodLocked(f"The books are locked through {locked}; this work was completed on {completed_on}.")


_GUARDS = {
    WorkOrderCommand.HOLD: (_nobody_is_there,),
    WorkOrderCommand.COMPLETE: (_no_visit_runs, _lines_are_priced),
    WorkOrderCommand.REOPEN: (_not_billed,),
    WorkOrderCommand.CLOSE: (_billing_is_settled,),
    WorkOrderCommand.UNLOCK: (_period_is_open,),
    WorkOrderCommand.CANCEL: (_not_billed,),
}
