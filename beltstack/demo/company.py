"""The demo's company: North Air, an HVAC contractor in Austin, with some weeks of work behind it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from uuid_utils.compat import uuid7

from beltstack.commands import catalog, customers, invoices, sites, technicians, tenants, visits, work_orders
from beltstack.commands.asking import Answer, Asked, Request, perform
from beltstack.commands.tenancy import create_tenant
from beltstack.commands.work import Work
from beltstack.demo import roster
from beltstack.domain import fieldwork
from beltstack.domain.access import Actor, ActorKind, Role
from beltstack.domain.addresses import Address
from beltstack.domain.catalog import CatalogItem
from beltstack.domain.customers import Contact, ContactRole, Customer, CustomerKind
from beltstack.domain.equipment import Equipment
from beltstack.domain.ids import (
    CatalogItemId,
    ContactId,
    CustomerId,
    EquipmentId,
    InvoiceId,
    LineItemId,
    PaymentId,
    SiteId,
    TaxCodeId,
    TechnicianId,
    VisitId,
    WorkOrderId,
)
from beltstack.domain.invoices import Invoice
from beltstack.domain.lifecycle import WorkOrderState
from beltstack.domain.line_items import LineItem
from beltstack.domain.payments import PaymentMethod
from beltstack.domain.sites import Site
from beltstack.domain.taxes import TaxCode, TaxComponent
from beltstack.domain.technicians import Technician
from beltstack.domain.tenants import Tenant
from beltstack.domain.visits import TimeSpan, VisitKind, VisitOutcome
from beltstack.domain.work_orders import Priority, Source, WorkOrder, WorkOrderOutcome
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer
from beltstack.store.trips import Trips

ZONE = "America/Chicago"
VISITS_A_DAY = 3


@dataclass
class Company:
    """What the story needs to know of it, and the counts it tells."""

    tenant: Tenant
    technicians: list[TechnicianId] = field(default_factory=list)
    prices: dict[str, CatalogItem] = field(default_factory=dict)
    places: list[tuple[CustomerId, SiteId, EquipmentId]] = field(default_factory=list)
    customers: int = 0
    work_orders: int = 0


async def found_company(database: Database, host: PluginHost, sealer: Sealer, *, slug: str, now: datetime) -> Company:
    """Everything through the same commands that the API calls; about two hundred of them."""
    tenant = await create_tenant(database, slug=slug, name="North Air Heating & Cooling", currency="USD", timezone=ZONE)
    company = Company(tenant)
    office = Office(database, host, sealer, tenant, now)
    await office.set_up_books()
    await _hire(office, company)
    await _price(office, company)
    for record in roster.CUSTOMERS:
        await _win(office, company, record)
    for number, job in enumerate(roster.JOBS):
        await _do_job(office, company, job, number)
    return company


class Office:
    """The owner's hand on the commands, at whatever moment the demo says it was."""

    def __init__(self, database: Database, host: PluginHost, sealer: Sealer, tenant: Tenant, now: datetime) -> None:
        self._database = database
        self._host = host
        self._sealer = sealer
        self._owner = Actor(tenant.id, ActorKind.SYSTEM, uuid7(), frozenset({Role.OWNER}))
        self.tenant = tenant
        self.now = now

    async def do(self, name: str, command: Callable[[Work], Awaitable[UUID]], *, at: datetime | None = None) -> UUID:
        """Carry one command out; the demo's own data is never refused."""
        asked = Asked(self._owner, at or self.now, self._database, self._host, self._sealer)
        answer: Answer[None] = await perform(asked, Request(name), command, _nothing)
        assert not answer.refusals, (name, answer.refusals)
        assert answer.subject_id is not None
        return answer.subject_id

    async def set_up_books(self) -> None:
        """Texas sales tax as Austin charges it, and two weeks to pay."""
        parts = (("Texas", "0.0625"), ("Austin", "0.01"), ("Capital Metro", "0.01"))
        code = TaxCode(
            id=TaxCodeId(uuid7()),
            code="AUSTIN",
            name="Sales tax, Austin",
            components=tuple(TaxComponent(name, Decimal(rate)) for name, rate in parts),
        )
        await self.do("tax_code.create", lambda work: catalog.create_tax_code(work, tax_code=code))
        patch = {"default_tax_code_id": code.id, "payment_terms_days": 14}
        await self.do("tenant.update", lambda work: tenants.update(work, expected_version=1, patch=patch))


async def _nothing(_: Trips, __: Answer[Any]) -> None:
    return None


async def _hire(office: Office, company: Company) -> None:
    for name, phone in roster.TECHNICIANS:
        await _hire_one(office, company, Technician(id=TechnicianId(uuid7()), name=name, phone=phone))


async def _hire_one(office: Office, company: Company, person: Technician) -> None:
    await office.do("technician.create", lambda work: technicians.create(work, technician=person))
    company.technicians.append(person.id)


async def _price(office: Office, company: Company) -> None:
    for sku, kind, name, unit, price, cost in roster.PRICE_LIST:
        item = CatalogItem(
            id=CatalogItemId(uuid7()),
            sku=sku,
            kind=kind,
            name=name,
            unit=unit,
            unit_price=Decimal(price),
            unit_cost=Decimal(cost),
            taxable=True,
        )
        await _price_one(office, company, sku, item)


async def _price_one(office: Office, company: Company, sku: str, item: CatalogItem) -> None:
    await office.do("catalog_item.create", lambda work: catalog.create_item(work, item=item))
    company.prices[sku] = item


async def _win(office: Office, company: Company, record: roster.CustomerRecord) -> None:
    customer = Customer(
        id=CustomerId(uuid7()),
        kind=CustomerKind.COMMERCIAL if record.company else CustomerKind.RESIDENTIAL,
        name=record.company or f"{record.given_name} {record.family_name}",
        given_name=record.given_name,
        family_name=record.family_name,
        company=record.company,
        email=record.email,
        phone=record.phone,
        billing_address=_address(record.places[0].street, record.places[0].postal_code),
    )
    await office.do("customer.create", lambda work: customers.create(work, customer=customer))
    person = Contact(
        id=ContactId(uuid7()),
        customer_id=customer.id,
        name=f"{record.given_name} {record.family_name}",
        phone=record.phone,
        roles=(ContactRole.PRIMARY,),
    )
    await office.do("contact.create", lambda work: customers.create_contact(work, contact=person))
    company.customers += 1
    for place in record.places:
        await _visit_place(office, company, customer.id, place)


async def _visit_place(office: Office, company: Company, customer_id: CustomerId, place: roster.Place) -> None:
    site = Site(
        id=SiteId(uuid7()),
        customer_id=customer_id,
        name=place.name,
        timezone=ZONE,
        address=_address(place.street, place.postal_code),
        access_instructions=place.access,
    )
    await office.do("site.create", lambda work: sites.create(work, site=site))
    unit = Equipment(
        id=EquipmentId(uuid7()),
        site_id=site.id,
        name=place.equipment,
        kind=place.equipment,
        manufacturer=place.manufacturer,
        model=place.model,
        serial=place.serial,
        installed_on=date(place.installed, 5, 14),
    )
    await office.do("equipment.create", lambda work: sites.create_equipment(work, equipment=unit))
    company.places.append((customer_id, site.id, unit.id))


async def _do_job(office: Office, company: Company, job: roster.Job, number: int) -> None:
    """One work order, taken as far as its record says."""
    customer_id, site_id, equipment_id = company.places[number % len(company.places)]
    taken_at = office.now - timedelta(days=job.days_ago + 2, hours=number % 6)
    work_order = WorkOrder(
        id=WorkOrderId(uuid7()),
        number="",
        currency="",
        created_at=taken_at,
        customer_id=customer_id,
        site_id=site_id,
        equipment_ids=(equipment_id,),
        title=job.title,
        source=Source.CALL if number % 3 else Source.FORM,
        priority=Priority.HIGH if number % 5 == 0 else Priority.NORMAL,
        state=WorkOrderState.DRAFT if job.state is WorkOrderState.DRAFT else WorkOrderState.OPEN,
        nte_amount=Decimal("100.00") if job.state is WorkOrderState.PENDING_APPROVAL else None,
        line_items=tuple(
            _line(company.prices[sku], quantity, place) for place, (sku, quantity) in enumerate(job.lines)
        ),
    )
    await office.do("work_order.create", lambda work: work_orders.create(work, work_order=work_order), at=taken_at)
    company.work_orders += 1
    await _Job(office, company, work_order.id, number, job).take_it_on()


@dataclass
class _Job:
    """A work order under way. Each step reads the versions it needs, as a client would."""

    office: Office
    company: Company
    work_order_id: WorkOrderId
    number: int
    job: roster.Job

    async def take_it_on(self) -> None:
        state = self.job.state
        if state in {WorkOrderState.DRAFT, WorkOrderState.OPEN}:
            return
        if state is WorkOrderState.CANCELED:
            await self._order("cancel", work_orders.cancel, reason="Sold the house.", keep_billable_lines=None)
            return
        visit_id = await self._plan()
        if state is WorkOrderState.ON_HOLD:
            reason = "Waits for a compressor, two weeks."
            await self._order("hold", work_orders.hold, reason=reason, review_on=None, cancel_visits=True)
        if state in {WorkOrderState.SCHEDULED, WorkOrderState.ON_HOLD}:
            return
        await self._go(visit_id)
        if state is WorkOrderState.IN_PROGRESS:
            return
        await self._visit("complete", visit_id, visits.complete, outcome=VisitOutcome.COMPLETED, return_reason=None)
        await self._order("complete", work_orders.complete, outcome=WorkOrderOutcome.RESOLVED, remaining_visits=None)
        if state is WorkOrderState.CLOSED:
            await self._bill()
            await self._order("close", work_orders.close)

    async def _plan(self) -> VisitId:
        """A slot of its own for every technician, so that nobody is booked twice."""
        day = (self.office.now - timedelta(days=self.job.days_ago)).astimezone(ZoneInfo(ZONE)).date()
        slot = (self.number // len(self.company.technicians)) % VISITS_A_DAY
        day += timedelta(days=self.number // (len(self.company.technicians) * VISITS_A_DAY))
        start = datetime.combine(day, time(8 + 3 * slot), ZoneInfo(ZONE)).astimezone(UTC)
        visit_id = VisitId(uuid7())
        technician_id = self.company.technicians[self.number % len(self.company.technicians)]
        await self.office.do(
            "visit.create",
            lambda work: visits.create(
                work,
                visit_id=visit_id,
                work_order_id=self.work_order_id,
                kind=VisitKind.SERVICE,
                planned=TimeSpan(start, start + timedelta(hours=2)),
                window=TimeSpan(start, start + timedelta(hours=3)),
                instructions=None,
                technician_ids=(technician_id,),
            ),
            at=self._moment(1),
        )
        return visit_id

    async def _go(self, visit_id: VisitId) -> None:
        await self._visit("dispatch", visit_id, visits.dispatch)
        for name, move in (("start_travel", fieldwork.start_travel), ("arrive", fieldwork.arrive)):
            await self._visit(name, visit_id, visits.in_field, move=move, technician_id=None)

    async def _bill(self) -> None:
        """Invoiced the next day; every second one is paid."""
        invoice_id = InvoiceId(uuid7())

        async def draft(work: Work) -> UUID:
            return await invoices.draft(work, invoice_id=invoice_id, work_order_id=self.work_order_id)

        await self.office.do("invoice.draft", draft, at=self._moment(5))

        async def issue(work: Work) -> UUID:
            return await invoices.issue(work, invoice_id=invoice_id, expected_version=1, issued_on=None)

        await self.office.do("invoice.issue", issue, at=self._moment(6))
        if self.number % 2:
            await self.office.do("payment.record", lambda work: self._pay(work, invoice_id), at=self._moment(30))

    async def _pay(self, work: Work, invoice_id: InvoiceId) -> UUID:
        invoice: Invoice = await work.invoices.get(invoice_id)
        return await invoices.record_payment(
            work,
            payment_id=PaymentId(uuid7()),
            invoice_id=invoice_id,
            amount=invoice.balance,
            method=PaymentMethod.CHECK,
            received_on=None,
            reference=f"Check {4000 + self.number}",
        )

    async def _order(self, name: str, command: Any, **given: Any) -> None:
        async def run(work: Work) -> UUID:
            version = (await work.work_orders.get(self.work_order_id)).version
            done: UUID = await command(work, work_order_id=self.work_order_id, expected_version=version, **given)
            return done

        await self.office.do(f"work_order.{name}", run, at=self._moment(4))

    async def _visit(self, name: str, visit_id: VisitId, command: Any, **given: Any) -> None:
        async def run(work: Work) -> UUID:
            work_order = await work.work_orders.get(self.work_order_id)
            version = fieldwork.visit_of(work_order, visit_id, version=None).version
            done: UUID = await command(work, visit_id=visit_id, expected_version=version, **given)
            return done

        await self.office.do(f"visit.{name}", run, at=self._moment(2))

    def _moment(self, hours: int) -> datetime:
        """So many hours into the day of the work, but never in the future."""
        return min(self.office.now, self.office.now - timedelta(days=self.job.days_ago) + timedelta(hours=hours))


def _line(item: CatalogItem, quantity: str, place: int) -> LineItem:
    return LineItem(
        id=LineItemId(uuid7()),
        kind=item.kind,
        description=item.name,
        quantity=Decimal(quantity),
        unit=item.unit,
        unit_price=item.unit_price,
        unit_cost=item.unit_cost,
        taxable=item.taxable,
        catalog_item_id=item.id,
        position=place,
    )


def _address(street: str, postal_code: str) -> Address:
    return Address(street, city="Austin", region="TX", postal_code=postal_code, country="US")
