"""The tenant itself."""

from datetime import date
from typing import Any

import strawberry

from beltstack.commands import tenants
from beltstack.commands.work import Work
from beltstack.domain.ids import Noun, TenantId
from beltstack.domain.taxes import TaxMode, TaxRounding
from beltstack.domain.tenants import DoubleBookingPolicy
from beltstack.planner.entities import ToOne
from beltstack.schema.catalog import TaxCode
from beltstack.schema.inputs import expected_version, idempotency_key, key
from beltstack.schema.mutations import Mutation
from beltstack.schema.types import Node, bind, says
from beltstack.store import tables


@bind(
    Noun.TENANT,
    tables.tenant,
    fields={"default_tax_code": ToOne("TaxCode", "default_tax_code_id")},
    key="id",
)
@strawberry.type(description="Your company and the policies its work runs under.")
class Tenant(Node):
    version: int = says("Counts the changes.")
    slug: str = says("Its short name in addresses.")
    name: str = says("Its name.")
    currency: str = says("The currency of its documents, ISO 4217.")
    timezone: str = says("Its IANA time zone.")
    completion_needs_approval: bool = says("Whether a manager approves completed work.")
    self_approval_allowed: bool = says("Whether who completed the work may approve it.")
    double_booking_policy: DoubleBookingPolicy = says("What happens when a technician's visits overlap.")
    tax_mode: TaxMode = says("Whether prices hold the tax.")
    tax_rounding: TaxRounding = says("Where tax is rounded.")
    default_tax_code: TaxCode | None = says("The tax charged where a site has none of its own.")
    payment_terms_days: int = says("How many days after its issue an invoice is due.")
    books_locked_through: date | None = says("No document is dated on or before this day.")


@strawberry.input(description="What changes about the tenant; what is absent stays, null empties.")
class TenantPatch:
    name: strawberry.Maybe[str] = says("Its name.")
    timezone: strawberry.Maybe[str] = says("Its IANA time zone.")
    completion_needs_approval: strawberry.Maybe[bool] = says("Whether a manager approves completed work.")
    self_approval_allowed: strawberry.Maybe[bool] = says("Whether who completed the work may approve it.")
    double_booking_policy: strawberry.Maybe[DoubleBookingPolicy] = says("What happens when visits overlap.")
    tax_mode: strawberry.Maybe[TaxMode] = says("Whether prices hold the tax.")
    tax_rounding: strawberry.Maybe[TaxRounding] = says("Where tax is rounded.")
    default_tax_code_id: strawberry.Maybe[strawberry.ID | None] = key(
        Noun.TAX_CODE, "The tax charged where a site has none of its own."
    )
    payment_terms_days: strawberry.Maybe[int] = says("How many days after its issue an invoice is due.")
    books_locked_through: strawberry.Maybe[date | None] = says("No document is dated on or before this day.")


@strawberry.input(description="How to change your tenant's policies.")
class TenantUpdateInput:
    expected_version: int = expected_version()
    patch: TenantPatch = says("What changes.")
    idempotency_key: str | None = idempotency_key()


async def update(work: Work, **values: Any) -> TenantId:
    return await tenants.update(work, **values)


MUTATIONS = (Mutation("tenant.update", "Change your tenant's policies.", TenantUpdateInput, Noun.TENANT, update),)
