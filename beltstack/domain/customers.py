"""Customers, whom the work is for, and the contacts one reaches them by."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from beltstack.domain import checks
from beltstack.domain.addresses import Address, checked_address
from beltstack.domain.changes import Change
from beltstack.domain.errors import InvalidInput, Path, Problems, Refusal
from beltstack.domain.events import ContactCreated, ContactUpdated, CustomerArchived, CustomerCreated, CustomerUpdated
from beltstack.domain.ids import ContactId, CustomerId


class CustomerKind(StrEnum):
    RESIDENTIAL = "RESIDENTIAL"
    COMMERCIAL = "COMMERCIAL"


class ContactRole(StrEnum):
    PRIMARY = "PRIMARY"
    BILLING = "BILLING"
    ON_SITE = "ON_SITE"
    OWNER = "OWNER"
    TENANT = "TENANT"
    EMERGENCY = "EMERGENCY"


class CustomerBlocked(Refusal):
    """The customer is on credit hold or not to be served."""

    code = "CUSTOMER_BLOCKED"


class CustomerIsArchived(Refusal):
    code = "CUSTOMER_IS_ARCHIVED"


@dataclass(frozen=True, slots=True)
class Customer:
    """`name` is what the office calls them and is shown everywhere; phone numbers stay as they were written."""

    id: CustomerId
    kind: CustomerKind
    name: str
    given_name: str | None = None
    family_name: str | None = None
    company: str | None = None
    email: str | None = None
    phone: str | None = None
    billing_address: Address | None = None
    tax_exempt: bool = False
    credit_hold: bool = False
    do_not_service: bool = False
    notes: str | None = None
    archived_at: datetime | None = None
    version: int = 1

    def revise(self, changes: dict[str, Any]) -> Change["Customer"]:
        """The customer with some fields changed."""
        after = checked_customer(replace(self, **changes))
        return Change(self, after, () if after == self else (CustomerUpdated(self.id, after.name),))

    def archive(self, *, at: datetime) -> Change["Customer"]:
        """Put away; repeating it changes nothing."""
        if self.archived_at:
            return Change(self, self)
        return Change(self, replace(self, archived_at=at), (CustomerArchived(self.id, self.name),))

    def check_can_be_served(self, *, may_override: bool, path: Path) -> None:
        """Refuse new work for an archived customer, or a blocked one without the right to override."""
        if self.archived_at:
            raise CustomerIsArchived(f"{self.name} is archived.", path=path)
        if self.do_not_service and not may_override:
            raise CustomerBlocked(f"{self.name} is marked 'do not service'; a manager can override this.", path=path)
        if self.credit_hold and not may_override:
            raise CustomerBlocked(f"{self.name} is on credit hold; a manager can override this.", path=path)


def new_customer(customer: Customer) -> Change[Customer]:
    """Check a customer from outside, field by field."""
    clean = checked_customer(customer)
    return Change(None, clean, (CustomerCreated(clean.id, clean.name),))


def checked_customer(customer: Customer) -> Customer:
    problems = Problems()
    clean = replace(
        customer,
        name=problems.of(checks.line, customer.name, path=("name",)),
        given_name=problems.of(checks.optional_line, customer.given_name, path=("given_name",)),
        family_name=problems.of(checks.optional_line, customer.family_name, path=("family_name",)),
        company=problems.of(checks.optional_line, customer.company, path=("company",)),
        email=problems.of(checks.optional_email, customer.email, path=("email",)),
        phone=problems.of(checks.optional_line, customer.phone, path=("phone",), longest=50),
        billing_address=problems.of(checked_address, customer.billing_address, path=("billing_address",)),
        notes=problems.of(checks.optional_text, customer.notes, path=("notes",)),
    )
    problems.refuse_if_any()
    return clean


@dataclass(frozen=True, slots=True)
class Contact:
    id: ContactId
    customer_id: CustomerId
    name: str
    email: str | None = None
    phone: str | None = None
    roles: tuple[ContactRole, ...] = ()
    version: int = 1

    def revise(self, changes: dict[str, Any]) -> Change["Contact"]:
        after = checked_contact(replace(self, **changes))
        return Change(self, after, () if after == self else (ContactUpdated(self.id, self.customer_id),))


def new_contact(contact: Contact) -> Change[Contact]:
    clean = checked_contact(contact)
    return Change(None, clean, (ContactCreated(clean.id, clean.customer_id),))


def checked_contact(contact: Contact) -> Contact:
    problems = Problems()
    clean = replace(
        contact,
        name=problems.of(checks.line, contact.name, path=("name",)),
        email=problems.of(checks.optional_email, contact.email, path=("email",)),
        phone=problems.of(checks.optional_line, contact.phone, path=("phone",), longest=50),
        roles=tuple(sorted(set(contact.roles))),
    )
    if clean.email is None and clean.phone is None:
        problems.note(InvalidInput("A contact needs an e-mail address or a phone number.", path=("phone",)))
    problems.refuse_if_any()
    return clean
