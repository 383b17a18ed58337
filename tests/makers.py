"""Values that are valid by default; a test names the one difference it is about."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from beltstack.domain import fieldwork
from beltstack.domain.access import Actor, ActorKind, Role
from beltstack.domain.addresses import Address
from beltstack.domain.catalog import CatalogItem
from beltstack.domain.changes import Change
from beltstack.domain.customers import Contact, ContactRole, Customer, CustomerKind
from beltstack.domain.equipment import Equipment
from beltstack.domain.errors import Refusal, Refusals
from beltstack.domain.ids import (
    AssignmentId,
    CatalogItemId,
    ContactId,
    CustomerId,
    EquipmentId,
    LineItemId,
    SiteId,
    TechnicianId,
    TenantId,
    VisitId,
    WorkOrderId,
)
from beltstack.domain.lifecycle import WorkOrderState
from beltstack.domain.line_items import LineItem, LineKind
from beltstack.domain.sites import Site
from beltstack.domain.technicians import Technician
from beltstack.domain.tenants import Tenant
from beltstack.domain.visits import Assignment, AssignmentRole, TimeSpan, Visit, VisitKind
from beltstack.domain.work_orders import WorkOrder


def an_id(number: int) -> UUID:
    """A UUID of version 7, the same for the same number."""
    return UUID(f"0192f3c4-5d6e-7f80-91a2-{number:012x}")


MORNING = datetime(2026, 3, 2, 8, tzinfo=UTC)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
AFTERNOON = datetime(2026, 3, 2, 15, tzinfo=UTC)
EVENING = datetime(2026, 3, 2, 20, tzinfo=UTC)
TOMORROW = datetime(2026, 3, 3, 8, tzinfo=UTC)
TODAY = date(2026, 3, 2)

# Ana runs the office, Mia manages, Tom and Tess work in the field.
ANA, MIA, TOM_AS_USER = an_id(1), an_id(2), an_id(3)
TOM, TESS = TechnicianId(an_id(11)), TechnicianId(an_id(12))


def a_tenant(**changes: Any) -> Tenant:
    tenant = Tenant(
        id=TenantId(an_id(20)), slug="north-air", name="North Air", currency="USD", timezone="America/Chicago"
    )
    return replace(tenant, **changes)


def an_actor(*roles: Role, **changes: Any) -> Actor:
    """A person with these roles; without any, a dispatcher."""
    actor = Actor(
        tenant_id=TenantId(an_id(20)), kind=ActorKind.USER, id=ANA, roles=frozenset(roles or {Role.DISPATCHER})
    )
    return replace(actor, **changes)


def a_customer(**changes: Any) -> Customer:
    customer = Customer(
        id=CustomerId(an_id(30)), kind=CustomerKind.RESIDENTIAL, name="Rosa Delgado", email="rosa@example.com"
    )
    return replace(customer, **changes)


def a_contact(**changes: Any) -> Contact:
    contact = Contact(
        id=ContactId(an_id(31)),
        customer_id=CustomerId(an_id(30)),
        name="Luis Delgado",
        phone="312 555 0100",
        roles=(ContactRole.ON_SITE,),
    )
    return replace(contact, **changes)


def an_address(**changes: Any) -> Address:
    return replace(Address(line1="12 Elm St", city="Chicago", region="IL", postal_code="60601"), **changes)


def a_site(**changes: Any) -> Site:
    site = Site(
        id=SiteId(an_id(32)),
        customer_id=CustomerId(an_id(30)),
        name="Home",
        timezone="America/Chicago",
        address=an_address(),
    )
    return replace(site, **changes)


def an_equipment(**changes: Any) -> Equipment:
    equipment = Equipment(id=EquipmentId(an_id(33)), site_id=SiteId(an_id(32)), name="Furnace", kind="HVAC")
    return replace(equipment, **changes)


def a_technician(**changes: Any) -> Technician:
    return replace(Technician(id=TOM, name="Tom Reyes", email="tom@example.com"), **changes)


def a_catalog_item(**changes: Any) -> CatalogItem:
    item = CatalogItem(
        id=CatalogItemId(an_id(34)),
        sku="CAP-45",
        kind=LineKind.PART,
        name="Capacitor 45/5",
        unit="each",
        unit_price=Decimal("38.50"),
    )
    return replace(item, **changes)


def a_line_item(**changes: Any) -> LineItem:
    """Two hours at 95.00: 190.00 before tax."""
    line = LineItem(
        id=LineItemId(an_id(40)),
        kind=LineKind.LABOR,
        description="Replace the capacitor",
        quantity=Decimal(2),
        unit="h",
        unit_price=Decimal(95),
        unit_cost=Decimal(40),
    )
    return replace(line, **changes)


def a_span(start: datetime = NOON, *, hours: int = 2) -> TimeSpan:
    return TimeSpan(start, start + timedelta(hours=hours))


def an_assignment(**changes: Any) -> Assignment:
    """Tom leads; he has not been told yet."""
    return replace(Assignment(id=AssignmentId(an_id(50)), technician_id=TOM), **changes)


def a_visit(**changes: Any) -> Visit:
    """The first trip, not planned yet, nobody assigned."""
    return replace(Visit(id=VisitId(an_id(60)), sequence=1, timezone="America/Chicago"), **changes)


def a_work_order(**changes: Any) -> WorkOrder:
    """Open, with no visits and no line items."""
    work_order = WorkOrder(
        id=WorkOrderId(an_id(70)),
        number="WO-1001",
        title="No heat",
        customer_id=CustomerId(an_id(30)),
        site_id=SiteId(an_id(32)),
        currency="USD",
        created_at=MORNING,
    )
    return replace(work_order, **changes)


def a_planned_work_order(*, technicians: tuple[TechnicianId, ...] = (TOM,)) -> WorkOrder:
    """SCHEDULED: one visit at noon with these technicians, the first of them its lead."""
    work_order = planned(a_work_order(), number=60)
    for index, technician_id in enumerate(technicians):
        work_order = assigned(work_order, technician_id, number=50 + index)
    return work_order


def a_started_work_order(*, technicians: tuple[TechnicianId, ...] = (TOM,)) -> WorkOrder:
    """IN_PROGRESS: the first technician is on site since noon."""
    work_order = a_planned_work_order(technicians=technicians)
    return fieldwork.arrive(work_order, work_order.visits[0], technician_id=technicians[0], at=NOON).after


def a_worked_work_order() -> WorkOrder:
    """IN_PROGRESS: its only visit is completed."""
    work_order = a_started_work_order()
    return fieldwork.leave(work_order, work_order.visits[0], technician_id=TOM, at=AFTERNOON).after


def a_work_order_in(state: WorkOrderState) -> WorkOrder:
    """A work order that came into this state by commands, as every real one does."""
    return _MAKERS[state]()


def planned(work_order: WorkOrder, *, number: int, start: datetime = NOON) -> WorkOrder:
    """The work order with one more planned visit."""
    return fieldwork.add_visit(
        work_order,
        visit_id=VisitId(an_id(number)),
        timezone="America/Chicago",
        kind=VisitKind.SERVICE,
        planned=a_span(start),
        window=None,
        instructions=None,
        at=MORNING,
    ).after


def assigned(work_order: WorkOrder, technician_id: TechnicianId, *, number: int, visit: int = 0) -> WorkOrder:
    """The work order with a technician on one of its visits; the first one there leads."""
    trip = work_order.visits[visit]
    return fieldwork.assign(
        work_order,
        trip,
        assignment_id=AssignmentId(an_id(number)),
        technician_id=technician_id,
        role=AssignmentRole.HELPER if trip.technician_ids else AssignmentRole.LEAD,
        at=MORNING,
    ).after


def codes_of(error: Refusal | Refusals) -> set[str]:
    """The codes of what was refused, one or several."""
    return {refusal.code for refusal in (error.refusals if isinstance(error, Refusals) else (error,))}


def types_of(change: Change[Any]) -> list[str]:
    """The types of a change's facts, in their order."""
    return [fact.type for fact in change.facts]


def _held() -> WorkOrder:
    return a_work_order().hold(a_tenant(), reason="Part ordered", review_on=None, cancel_visits=False).after


def _pending() -> WorkOrder:
    return a_worked_work_order().complete(a_tenant(completion_needs_approval=True), at=EVENING, by=ANA).after


def _completed() -> WorkOrder:
    return a_worked_work_order().complete(a_tenant(), at=EVENING, by=ANA).after


def _canceled() -> WorkOrder:
    return a_work_order().cancel(a_tenant(), reason="Called off", keep_billable_lines=None, at=NOON).after


_MAKERS = {
    WorkOrderState.DRAFT: lambda: a_work_order(state=WorkOrderState.DRAFT),
    WorkOrderState.OPEN: a_work_order,
    WorkOrderState.SCHEDULED: a_planned_work_order,
    WorkOrderState.IN_PROGRESS: a_worked_work_order,
    WorkOrderState.ON_HOLD: _held,
    WorkOrderState.PENDING_APPROVAL: _pending,
    WorkOrderState.COMPLETED: _completed,
    WorkOrderState.CLOSED: lambda: _completed().close(a_tenant(), at=EVENING).after,
    WorkOrderState.CANCELED: _canceled,
}
