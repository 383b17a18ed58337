"""Customers and contacts: create, update, archive."""

from typing import Any

from beltstack.commands.work import Work
from beltstack.domain.access import Action
from beltstack.domain.changes import expect_version
from beltstack.domain.customers import Contact, Customer, new_contact, new_customer
from beltstack.domain.ids import ContactId, CustomerId


async def create(work: Work, *, customer: Customer) -> CustomerId:
    work.must_be_able_to(Action.EDIT_CUSTOMERS)
    change = new_customer(customer)
    await work.customers.save(change)
    return change.after.id


async def update(work: Work, *, customer_id: CustomerId, expected_version: int, patch: dict[str, Any]) -> CustomerId:
    work.must_be_able_to(Action.EDIT_CUSTOMERS)
    customer = await work.customers.get(customer_id, lock=True)
    expect_version(customer.version, expected_version, "customer")
    await work.customers.save(customer.revise(patch))
    return customer_id


async def archive(work: Work, *, customer_id: CustomerId, expected_version: int) -> CustomerId:
    work.must_be_able_to(Action.EDIT_CUSTOMERS)
    work.foresee_review()
    customer = await work.customers.get(customer_id, lock=True)
    if customer.archived_at:
        return customer_id
    expect_version(customer.version, expected_version, "customer")
    change = customer.archive(at=work.now)
    await work.review("before_customer_archive", change, await work.tenants.get())
    await work.customers.save(change)
    return customer_id


async def create_contact(work: Work, *, contact: Contact) -> ContactId:
    work.must_be_able_to(Action.EDIT_CUSTOMERS)
    await work.customers.get(contact.customer_id, path=("customer_id",))
    change = new_contact(contact)
    await work.contacts.save(change)
    return change.after.id


async def update_contact(
    work: Work, *, contact_id: ContactId, expected_version: int, patch: dict[str, Any]
) -> ContactId:
    work.must_be_able_to(Action.EDIT_CUSTOMERS)
    contact = await work.contacts.get(contact_id, lock=True)
    expect_version(contact.version, expected_version, "contact")
    await work.contacts.save(contact.revise(patch))
    return contact_id
