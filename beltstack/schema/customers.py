"""Customers and contacts."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from beltstack.commands import customers
from beltstack.commands.work import Work
from beltstack.domain.customers import Contact as DomainContact
from beltstack.domain.customers import ContactRole, CustomerKind
from beltstack.domain.customers import Customer as DomainCustomer
from beltstack.domain.ids import ContactId, CustomerId, Noun
from beltstack.planner.entities import ToMany, ToOne
from beltstack.schema.inputs import AddressInput, expected_version, idempotency_key, key, new_key
from beltstack.schema.mutations import Mutation
from beltstack.schema.types import Address, Connection, Node, address, bind, connection, says
from beltstack.store import tables

if TYPE_CHECKING:
    from beltstack.schema.sites import Site
    from beltstack.schema.work_orders import WorkOrder


@bind(
    Noun.CUSTOMER,
    tables.customer,
    fields={
        "billing_address": address("billing_address"),
        "contacts": ToMany("Contact", "customer_id"),
        "sites": ToMany("Site", "customer_id", paged=True),
        "work_orders": ToMany("WorkOrder", "customer_id", paged=True),
    },
)
@strawberry.type(description="Whom the work is for.")
class Customer(Node):
    version: int = says("Counts the changes; hand it back as `expectedVersion`.")
    kind: CustomerKind = says("Household or business.")
    name: str = says("What the office calls them.")
    given_name: str | None = says("Given name of the person.")
    family_name: str | None = says("Family name of the person.")
    company: str | None = says("The company's name.")
    email: str | None = says("E-mail address.")
    phone: str | None = says("Telephone number, as it was written.")
    billing_address: Address | None = says("Where invoices go.")
    tax_exempt: bool = says("Whether no tax is charged.")
    credit_hold: bool = says("Whether new work needs a manager's override until they pay.")
    do_not_service: bool = says("Whether they are not to be served any more.")
    notes: str | None = says("Notes of the office.")
    archived_at: datetime | None = says("When they were put away.")
    created_at: datetime = says("When they were entered.")
    updated_at: datetime = says("When they were last changed.")
    contacts: list["Contact"] = says("The people one reaches them by.")
    sites: Connection[Annotated["Site", strawberry.lazy("beltstack.schema.sites")]] = connection(
        Noun.SITE, "Their places."
    )
    work_orders: Connection[Annotated["WorkOrder", strawberry.lazy("beltstack.schema.work_orders")]] = connection(
        Noun.WORK_ORDER, "Their work orders, newest first."
    )


@bind(Noun.CONTACT, tables.contact, fields={"customer": ToOne("Customer", "customer_id")})
@strawberry.type(description="A person one reaches a customer by.")
class Contact(Node):
    version: int = says("Counts the changes.")
    customer: Customer = says("Whose contact it is.")
    name: str = says("The person's name.")
    email: str | None = says("E-mail address.")
    phone: str | None = says("Telephone number, as it was written.")
    roles: list[ContactRole] = says("What one turns to them for.")


@strawberry.input(description="A new customer.")
class CustomerCreateInput:
    name: str = says("What the office calls them.")
    id: strawberry.ID | None = new_key(Noun.CUSTOMER)
    kind: CustomerKind = strawberry.field(description="Household or business.", default=CustomerKind.RESIDENTIAL)
    given_name: str | None = strawberry.field(description="Given name of the person.", default=None)
    family_name: str | None = strawberry.field(description="Family name of the person.", default=None)
    company: str | None = strawberry.field(description="The company's name.", default=None)
    email: str | None = strawberry.field(description="E-mail address.", default=None)
    phone: str | None = strawberry.field(description="Telephone number; kept as it is written.", default=None)
    billing_address: AddressInput | None = strawberry.field(description="Where invoices go.", default=None)
    tax_exempt: bool = strawberry.field(description="Whether no tax is charged.", default=False)
    notes: str | None = strawberry.field(description="Notes of the office.", default=None)
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="What changes about a customer; what is absent stays, null empties.")
class CustomerPatch:
    kind: strawberry.Maybe[CustomerKind] = says("Household or business.")
    name: strawberry.Maybe[str] = says("What the office calls them.")
    given_name: strawberry.Maybe[str | None] = says("Given name of the person.")
    family_name: strawberry.Maybe[str | None] = says("Family name of the person.")
    company: strawberry.Maybe[str | None] = says("The company's name.")
    email: strawberry.Maybe[str | None] = says("E-mail address.")
    phone: strawberry.Maybe[str | None] = says("Telephone number.")
    billing_address: strawberry.Maybe[AddressInput | None] = says("Where invoices go.")
    tax_exempt: strawberry.Maybe[bool] = says("Whether no tax is charged.")
    credit_hold: strawberry.Maybe[bool] = says("Whether new work needs a manager's override.")
    do_not_service: strawberry.Maybe[bool] = says("Whether they are not to be served any more.")
    notes: strawberry.Maybe[str | None] = says("Notes of the office.")


@strawberry.input(description="Which customer to change, and how.")
class CustomerUpdateInput:
    id: strawberry.ID = key(Noun.CUSTOMER, "The customer.")
    expected_version: int = expected_version()
    patch: CustomerPatch = says("What changes.")
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="Which customer to put away.")
class CustomerArchiveInput:
    id: strawberry.ID = key(Noun.CUSTOMER, "The customer.")
    expected_version: int = expected_version()
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="A new contact of a customer.")
class ContactCreateInput:
    customer_id: strawberry.ID = key(Noun.CUSTOMER, "Whose contact it is.")
    name: str = says("The person's name.")
    id: strawberry.ID | None = new_key(Noun.CONTACT)
    email: str | None = strawberry.field(description="E-mail address.", default=None)
    phone: str | None = strawberry.field(description="Telephone number; kept as it is written.", default=None)
    roles: list[ContactRole] = strawberry.field(description="What one turns to them for.", default_factory=list)
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="What changes about a contact; what is absent stays, null empties.")
class ContactPatch:
    name: strawberry.Maybe[str] = says("The person's name.")
    email: strawberry.Maybe[str | None] = says("E-mail address.")
    phone: strawberry.Maybe[str | None] = says("Telephone number.")
    roles: strawberry.Maybe[list[ContactRole]] = says("What one turns to them for.")


@strawberry.input(description="Which contact to change, and how.")
class ContactUpdateInput:
    id: strawberry.ID = key(Noun.CONTACT, "The contact.")
    expected_version: int = expected_version()
    patch: ContactPatch = says("What changes.")
    idempotency_key: str | None = idempotency_key()


async def create(work: Work, **values: Any) -> CustomerId:
    return await customers.create(work, customer=DomainCustomer(**values))


async def create_contact(work: Work, **values: Any) -> ContactId:
    return await customers.create_contact(work, contact=DomainContact(**values))


MUTATIONS = (
    Mutation("customer.create", "Enter a customer.", CustomerCreateInput, Noun.CUSTOMER, create),
    Mutation("customer.update", "Change a customer.", CustomerUpdateInput, Noun.CUSTOMER, customers.update),
    Mutation("customer.archive", "Put a customer away.", CustomerArchiveInput, Noun.CUSTOMER, customers.archive),
    Mutation("contact.create", "Enter a contact.", ContactCreateInput, Noun.CONTACT, create_contact),
    Mutation("contact.update", "Change a contact.", ContactUpdateInput, Noun.CONTACT, customers.update_contact),
)
