"""What comes in: the facts that a plugin found in a message become records, by the commands the office uses."""

from collections.abc import Sequence

from sqlalchemy import text

from beltstack.commands import customers, sites, work_orders
from beltstack.commands.work import Work
from beltstack.domain.access import Action
from beltstack.domain.addresses import is_same_place
from beltstack.domain.customers import Customer, CustomerKind
from beltstack.domain.errors import InvalidInput
from beltstack.domain.ids import CustomerId, InboundId, SiteId, WorkOrderId
from beltstack.domain.intake import Intake, NewWorkOrder, checked_intake
from beltstack.domain.lifecycle import WorkOrderState
from beltstack.domain.sites import Site
from beltstack.domain.work_orders import Source, WorkOrder
from beltstack.store.inbound import InboundBox

SITES_MOST = 100


async def take_in(work: Work, *, intakes: Sequence[Intake]) -> WorkOrderId | None:
    """Do what a message means; answers the last draft made of it, None where it means nothing."""
    made: WorkOrderId | None = None
    # Two messages of one new customer at once would make them two.
    await work.session.first(_ONE_AT_A_TIME, {"tenant": str(work.session.tenant_id)})
    for place, intake in enumerate(intakes):
        work.note = f"intake {place + 1} of {len(intakes)}"
        made = await _new_work_order(work, checked_intake(intake))
    return made


async def replay(work: Work, *, ids: Sequence[InboundId]) -> tuple[InboundId, ...]:
    """Read messages again that were set aside or failed."""
    work.must_be_able_to(Action.MANAGE_INTEGRATIONS)
    if not ids:
        raise InvalidInput("Name at least one message.", path=("ids",))
    await InboundBox(work.session).replay(ids)
    return tuple(ids)


async def _new_work_order(work: Work, asked: NewWorkOrder) -> WorkOrderId:
    """A draft: whoever wrote the message does not decide what the office takes on."""
    customer_id = await _customer(work, asked)
    site_id = await _site(work, customer_id, asked)
    work_order = WorkOrder(
        id=WorkOrderId(work.session.new_id()),
        number="",
        title=asked.title,
        customer_id=customer_id,
        site_id=site_id,
        currency="",
        created_at=work.now,
        source=Source.FORM,
        priority=asked.priority,
        state=WorkOrderState.DRAFT,
        description=asked.description,
    )
    return await work_orders.create(work, work_order=work_order)


async def _customer(work: Work, asked: NewWorkOrder) -> CustomerId:
    found = await work.customers.reached_by(email=asked.email, phone=asked.phone)
    if found is not None:
        return found.id
    customer = Customer(
        id=CustomerId(work.session.new_id()),
        kind=CustomerKind.RESIDENTIAL,
        name=asked.customer_name,
        email=asked.email,
        phone=asked.phone,
        billing_address=asked.address,
    )
    return await customers.create(work, customer=customer)


async def _site(work: Work, customer_id: CustomerId, asked: NewWorkOrder) -> SiteId:
    known = await work.sites.of_customer(customer_id, most=SITES_MOST)
    for site in known:
        if asked.address is None or is_same_place(site.address, asked.address):
            return site.id
    tenant = await work.tenants.get()
    site = Site(
        id=SiteId(work.session.new_id()),
        customer_id=customer_id,
        name=asked.address.line1 if asked.address else asked.customer_name,
        timezone=tenant.timezone,
        address=asked.address,
    )
    return await sites.create(work, site=site)


_ONE_AT_A_TIME = text("select pg_advisory_xact_lock(hashtextextended('intake/' || :tenant, 0))")
