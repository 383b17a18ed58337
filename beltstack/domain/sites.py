"""Sites: the places where the work happens; each has its own clock."""

from dataclasses import dataclass, replace
from typing import Any

from beltstack.domain import checks
from beltstack.domain.addresses import Address, checked_address
from beltstack.domain.changes import Change
from beltstack.domain.errors import Problems, Refusal
from beltstack.domain.events import SiteCreated, SiteUpdated
from beltstack.domain.ids import CustomerId, SiteId, TaxCodeId


class SiteOfAnotherCustomer(Refusal):
    """Customer, site, contact and equipment of a work order belong together."""

    code = "SITE_OF_ANOTHER_CUSTOMER"


@dataclass(frozen=True, slots=True)
class Site:
    """`timezone` decides what a local time at this site means."""

    id: SiteId
    customer_id: CustomerId
    name: str
    timezone: str
    address: Address | None = None
    phone: str | None = None
    email: str | None = None
    contact_name: str | None = None
    access_instructions: str | None = None
    tax_code_id: TaxCodeId | None = None
    version: int = 1

    def revise(self, changes: dict[str, Any]) -> Change["Site"]:
        after = checked_site(replace(self, **changes))
        return Change(self, after, () if after == self else (SiteUpdated(self.id, self.customer_id),))


def new_site(site: Site) -> Change[Site]:
    clean = checked_site(site)
    return Change(None, clean, (SiteCreated(clean.id, clean.customer_id),))


def checked_site(site: Site) -> Site:
    problems = Problems()
    clean = replace(
        site,
        name=problems.of(checks.line, site.name, path=("name",)),
        timezone=problems.of(checks.timezone, site.timezone, path=("timezone",)),
        address=problems.of(checked_address, site.address, path=("address",)),
        phone=problems.of(checks.optional_line, site.phone, path=("phone",), longest=50),
        email=problems.of(checks.optional_email, site.email, path=("email",)),
        contact_name=problems.of(checks.optional_line, site.contact_name, path=("contact_name",)),
        access_instructions=problems.of(checks.optional_text, site.access_instructions, path=("access_instructions",)),
    )
    problems.refuse_if_any()
    return clean
