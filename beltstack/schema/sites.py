"""Sites and their equipment."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from beltstack.commands import sites
from beltstack.commands.work import Work
from beltstack.domain.equipment import Equipment as DomainEquipment
from beltstack.domain.equipment import EquipmentStatus
from beltstack.domain.ids import EquipmentId, Noun, SiteId
from beltstack.domain.sites import Site as DomainSite
from beltstack.planner.entities import ToMany, ToOne
from beltstack.schema.catalog import TaxCode
from beltstack.schema.customers import Customer
from beltstack.schema.inputs import AddressInput, expected_version, idempotency_key, key, new_key
from beltstack.schema.mutations import Mutation
from beltstack.schema.types import Address, Connection, Node, address, bind, connection, says
from beltstack.store import tables

if TYPE_CHECKING:
    from beltstack.schema.work_orders import WorkOrder


@bind(
    Noun.SITE,
    tables.site,
    fields={
        "address": address("address"),
        "customer": ToOne("Customer", "customer_id"),
        "tax_code": ToOne("TaxCode", "tax_code_id"),
        "equipment": ToMany("Equipment", "site_id", paged=True),
        "work_orders": ToMany("WorkOrder", "site_id", paged=True),
    },
)
@strawberry.type(description="A place where work happens; it has its own clock.")
class Site(Node):
    version: int = says("Counts the changes.")
    customer: Customer = says("Whose place it is.")
    name: str = says("What the office calls it.")
    timezone: str = says("IANA name; decides what a local time here means.")
    address: Address | None = says("Where it is.")
    phone: str | None = says("Telephone number there, as it was written.")
    email: str | None = says("E-mail address there.")
    contact_name: str | None = says("Whom to ask for.")
    access_instructions: str | None = says("How to get in.")
    tax_code: TaxCode | None = says("The tax of this place, where it differs from the tenant's.")
    created_at: datetime = says("When it was entered.")
    updated_at: datetime = says("When it was last changed.")
    equipment: Connection["Equipment"] = connection(Noun.EQUIPMENT, "What stands there.")
    work_orders: Connection[Annotated["WorkOrder", strawberry.lazy("beltstack.schema.work_orders")]] = connection(
        Noun.WORK_ORDER, "The work orders there, newest first."
    )


@bind(Noun.EQUIPMENT, tables.equipment, fields={"site": ToOne("Site", "site_id")})
@strawberry.type(description="What stands at a site and is serviced.")
class Equipment(Node):
    version: int = says("Counts the changes.")
    site: Site = says("Where it stands.")
    name: str = says("What the office calls it.")
    kind: str | None = says("What kind of equipment it is.")
    manufacturer: str | None = says("Who made it.")
    model: str | None = says("The maker's model.")
    serial: str | None = says("Serial number.")
    installed_on: date | None = says("When it was installed.")
    status: EquipmentStatus = says("Whether it works.")


@strawberry.input(description="A new site of a customer.")
class SiteCreateInput:
    customer_id: strawberry.ID = key(Noun.CUSTOMER, "Whose place it is.")
    name: str = says("What the office calls it.")
    timezone: str = says("IANA name, like America/Chicago.")
    id: strawberry.ID | None = new_key(Noun.SITE)
    address: AddressInput | None = strawberry.field(description="Where it is.", default=None)
    phone: str | None = strawberry.field(description="Telephone number there; kept as it is written.", default=None)
    email: str | None = strawberry.field(description="E-mail address there.", default=None)
    contact_name: str | None = strawberry.field(description="Whom to ask for.", default=None)
    access_instructions: str | None = strawberry.field(description="How to get in.", default=None)
    tax_code_id: strawberry.ID | None = key(
        Noun.TAX_CODE, "The tax of this place, where it differs from the tenant's.", default=None
    )
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="What changes about a site; what is absent stays, null empties.")
class SitePatch:
    name: strawberry.Maybe[str] = says("What the office calls it.")
    timezone: strawberry.Maybe[str] = says("IANA name.")
    address: strawberry.Maybe[AddressInput | None] = says("Where it is.")
    phone: strawberry.Maybe[str | None] = says("Telephone number there.")
    email: strawberry.Maybe[str | None] = says("E-mail address there.")
    contact_name: strawberry.Maybe[str | None] = says("Whom to ask for.")
    access_instructions: strawberry.Maybe[str | None] = says("How to get in.")
    tax_code_id: strawberry.Maybe[strawberry.ID | None] = key(Noun.TAX_CODE, "The tax of this place.")


@strawberry.input(description="Which site to change, and how.")
class SiteUpdateInput:
    id: strawberry.ID = key(Noun.SITE, "The site.")
    expected_version: int = expected_version()
    patch: SitePatch = says("What changes.")
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="New equipment at a site.")
class EquipmentCreateInput:
    site_id: strawberry.ID = key(Noun.SITE, "Where it stands.")
    name: str = says("What the office calls it.")
    id: strawberry.ID | None = new_key(Noun.EQUIPMENT)
    kind: str | None = strawberry.field(description="What kind of equipment it is.", default=None)
    manufacturer: str | None = strawberry.field(description="Who made it.", default=None)
    model: str | None = strawberry.field(description="The maker's model.", default=None)
    serial: str | None = strawberry.field(description="Serial number.", default=None)
    installed_on: date | None = strawberry.field(description="When it was installed.", default=None)
    status: EquipmentStatus = strawberry.field(description="Whether it works.", default=EquipmentStatus.OPERATIONAL)
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="What changes about equipment; what is absent stays, null empties.")
class EquipmentPatch:
    name: strawberry.Maybe[str] = says("What the office calls it.")
    kind: strawberry.Maybe[str | None] = says("What kind of equipment it is.")
    manufacturer: strawberry.Maybe[str | None] = says("Who made it.")
    model: strawberry.Maybe[str | None] = says("The maker's model.")
    serial: strawberry.Maybe[str | None] = says("Serial number.")
    installed_on: strawberry.Maybe[date | None] = says("When it was installed.")
    status: strawberry.Maybe[EquipmentStatus] = says("Whether it works.")


@strawberry.input(description="Which equipment to change, and how.")
class EquipmentUpdateInput:
    id: strawberry.ID = key(Noun.EQUIPMENT, "The equipment.")
    expected_version: int = expected_version()
    patch: EquipmentPatch = says("What changes.")
    idempotency_key: str | None = idempotency_key()


async def create(work: Work, **values: Any) -> SiteId:
    return await sites.create(work, site=DomainSite(**values))


async def create_equipment(work: Work, **values: Any) -> EquipmentId:
    return await sites.create_equipment(work, equipment=DomainEquipment(**values))


MUTATIONS = (
    Mutation("site.create", "Enter a site.", SiteCreateInput, Noun.SITE, create),
    Mutation("site.update", "Change a site.", SiteUpdateInput, Noun.SITE, sites.update),
    Mutation("equipment.create", "Enter equipment.", EquipmentCreateInput, Noun.EQUIPMENT, create_equipment),
    Mutation("equipment.update", "Change equipment.", EquipmentUpdateInput, Noun.EQUIPMENT, sites.update_equipment),
)
