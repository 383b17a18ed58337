"""Identifiers: UUIDv7 inside, `prefix_uuid` outside, one prefix per noun."""

from enum import StrEnum
from typing import NewType
from uuid import UUID

from beltstack.domain.errors import InvalidInput, NotFound, Path

TenantId = NewType("TenantId", UUID)
TokenId = NewType("TokenId", UUID)
CustomerId = NewType("CustomerId", UUID)
ContactId = NewType("ContactId", UUID)
SiteId = NewType("SiteId", UUID)
EquipmentId = NewType("EquipmentId", UUID)
TechnicianId = NewType("TechnicianId", UUID)
CatalogItemId = NewType("CatalogItemId", UUID)
TaxCodeId = NewType("TaxCodeId", UUID)
WorkOrderId = NewType("WorkOrderId", UUID)
VisitId = NewType("VisitId", UUID)
AssignmentId = NewType("AssignmentId", UUID)
LineItemId = NewType("LineItemId", UUID)
InvoiceId = NewType("InvoiceId", UUID)
InvoiceLineId = NewType("InvoiceLineId", UUID)
PaymentId = NewType("PaymentId", UUID)
IntegrationId = NewType("IntegrationId", UUID)
EventId = NewType("EventId", UUID)
DeliveryId = NewType("DeliveryId", UUID)
InboundId = NewType("InboundId", UUID)


class Noun(StrEnum):
    """Every noun with an id of its own; the value is the prefix of its ids."""

    TENANT = "tenant"
    TOKEN = "token"  # noqa: S105 - a prefix
    CUSTOMER = "cust"
    CONTACT = "cont"
    SITE = "site"
    EQUIPMENT = "eqp"
    TECHNICIAN = "tech"
    CATALOG_ITEM = "item"
    TAX_CODE = "tax"
    WORK_ORDER = "wo"
    VISIT = "visit"
    ASSIGNMENT = "asg"
    LINE_ITEM = "line"
    INVOICE = "inv"
    INVOICE_LINE = "invline"
    PAYMENT = "pay"
    INTEGRATION = "intg"
    EVENT = "evt"
    DELIVERY = "dlv"
    INBOUND = "inb"

    @property
    def words(self) -> str:
        return self.name.lower().replace("_", " ")


def public_id(noun: Noun, identifier: UUID) -> str:
    """`wo_0192f3c4-5d6e-7f80-91a2-b3c4d5e6f708`."""
    return f"{noun.value}_{identifier}"


def parse_id(noun: Noun, text: str, *, path: Path = ()) -> UUID:
    """The UUID of a public id. A malformed id, or another noun's, is simply not found."""
    prefix, _, rest = text.rpartition("_")
    identifier = _canonical_uuid(rest)
    if prefix != noun.value or identifier is None:
        raise NotFound(f"There is no {noun.words} with this id.", path=path)
    return identifier


def parse_new_id(noun: Noun, text: str, *, path: Path = ()) -> UUID:
    """The UUID a client chose for something it creates: version 7, so that ids keep their order."""
    prefix, _, rest = text.rpartition("_")
    identifier = _canonical_uuid(rest)
    if prefix != noun.value or identifier is None or identifier.version != 7:
        raise InvalidInput(
            f"An id of your own for a new {noun.words} is '{noun.value}_' and a UUID of version 7 in lower case.",
            path=path,
        )
    return identifier


def noun_of(text: str) -> Noun | None:
    """The noun a public id speaks of, if it is one at all."""
    prefix, _, rest = text.rpartition("_")
    noun = _NOUNS.get(prefix)
    return noun if noun is not None and _canonical_uuid(rest) is not None else None


_NOUNS = {noun.value: noun for noun in Noun}


def _canonical_uuid(text: str) -> UUID | None:
    try:
        identifier = UUID(text)
    except ValueError:
        return None
    return identifier if str(identifier) == text else None
