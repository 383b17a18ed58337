"""What the store writes beside a record so that it can be found: its words, and stand-ins to filter and sort by."""

from datetime import UTC, date, datetime
from uuid import UUID

from beltstack.domain.catalog import CatalogItem
from beltstack.domain.customers import Customer
from beltstack.domain.equipment import Equipment
from beltstack.domain.invoices import Invoice
from beltstack.domain.sites import Site
from beltstack.domain.taxes import TaxCode
from beltstack.domain.technicians import Technician
from beltstack.domain.visits import Visit
from beltstack.domain.words import digits, folded_key, tenant_mark, words
from beltstack.domain.work_orders import WorkOrder

# What has no date yet comes after everything that has one.
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
NO_DAY = date(9999, 1, 1)
# So that a phrase never reaches from one text into the next.
_GAP = 2


def key(text: str | None) -> str | None:
    """What a text is filtered and sorted by."""
    return None if text is None else folded_key(text)


def vector(tenant_id: UUID, *texts: str | None) -> str:
    """A tsvector of the texts' words with their places, for an index that is shared by all tenants.

    Each word begins with the tenant's mark: what a search reads grows with the tenant's rows, not with everybody's.
    The tenant is a word, too, for searches that only say what is not wanted.
    """
    mark = tenant_mark(tenant_id)
    found = [f"'{tenant_id}'"]
    place = 1
    for text in texts:
        for word in words(text or ""):
            found.append(f"'{mark}{word}':{place}")
            place += 1
        place += _GAP
    return " ".join(found)


def of_customer(tenant_id: UUID, customer: Customer) -> dict[str, str | None]:
    person = " ".join(filter(None, (customer.given_name, customer.family_name)))
    reached = (customer.email, customer.phone, digits(customer.phone or ""))
    return {
        "search": vector(tenant_id, customer.name, customer.company, person, *reached),
        "name_key": key(customer.name),
        "email_key": key(customer.email),
    }


def of_site(tenant_id: UUID, site: Site) -> dict[str, str | None]:
    address = site.address
    where = (address.line1, address.line2, address.city, address.postal_code) if address else ()
    return {
        "search": vector(tenant_id, site.name, *where, site.contact_name, site.phone, digits(site.phone or "")),
        "name_key": key(site.name),
    }


def of_equipment(tenant_id: UUID, equipment: Equipment) -> dict[str, str | None]:
    texts = (equipment.name, equipment.serial, equipment.manufacturer, equipment.model, equipment.kind)
    return {
        "search": vector(tenant_id, *texts),
        "name_key": key(equipment.name),
        "serial_key": key(equipment.serial),
    }


def of_technician(technician: Technician) -> dict[str, str | None]:
    return {"name_key": key(technician.name)}


def of_catalog_item(tenant_id: UUID, item: CatalogItem) -> dict[str, str | None]:
    return {
        "search": vector(tenant_id, item.name, item.sku),
        "name_key": key(item.name),
        "sku_key": key(item.sku),
    }


def of_tax_code(tax_code: TaxCode) -> dict[str, str | None]:
    return {"code_key": key(tax_code.code)}


def of_work_order(tenant_id: UUID, work_order: WorkOrder) -> dict[str, str | None]:
    return {
        "search": vector(tenant_id, work_order.number, work_order.title, work_order.po_number),
        "number_key": key(work_order.number),
    }


def of_visit(visit: Visit) -> dict[str, datetime]:
    return {"planned_order": visit.planned.start if visit.planned else NEVER}


def of_invoice(invoice: Invoice) -> dict[str, str | date | None]:
    return {"number_key": key(invoice.number), "due_order": invoice.due_on or NO_DAY}
