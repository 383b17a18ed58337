"""A tenant: the company, its currency and clock, and the policies its work runs under."""

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from beltstack.domain import checks
from beltstack.domain.errors import InvalidInput, Path, Problems, Refusal
from beltstack.domain.ids import TaxCodeId, TenantId
from beltstack.domain.money import currency as checked_currency
from beltstack.domain.taxes import TaxMode, TaxRounding


class DoubleBookingPolicy(StrEnum):
    BLOCK = "BLOCK"
    WARN = "WARN"
    ALLOW = "ALLOW"


class InvalidSlug(Refusal):
    code = "INVALID_SLUG"


class PeriodLocked(Refusal):
    code = "PERIOD_LOCKED"


@dataclass(frozen=True, slots=True)
class Tenant:
    id: TenantId
    slug: str
    name: str
    currency: str
    timezone: str
    completion_needs_approval: bool = False
    self_approval_allowed: bool = False
    """Whether who completed the work may also approve it."""
    double_booking_policy: DoubleBookingPolicy = DoubleBookingPolicy.BLOCK
    tax_mode: TaxMode = TaxMode.EXCLUSIVE
    tax_rounding: TaxRounding = TaxRounding.PER_LINE
    default_tax_code_id: TaxCodeId | None = None
    payment_terms_days: int = 30
    books_locked_through: date | None = None
    version: int = 1

    def check_period(self, on: date, *, path: Path = ("issued_on",)) -> None:
        """Refuse a document dated in a closed period."""
        if self.books_locked_through is not None and on <= self.books_locked_through:
            raise PeriodLocked(
                f"The books are locked through {self.books_locked_through}; choose a later date than {on}.",
                path=path,
            )


def new_tenant(*, tenant_id: TenantId, slug: str, name: str, currency: str, timezone: str) -> Tenant:
    return checked_tenant(Tenant(id=tenant_id, slug=slug, name=name, currency=currency, timezone=timezone))


def checked_tenant(tenant: Tenant) -> Tenant:
    problems = Problems()
    clean = replace(
        tenant,
        slug=problems.of(checked_slug, tenant.slug, path=("slug",)),
        name=problems.of(checks.line, tenant.name, path=("name",)),
        currency=problems.of(checked_currency, tenant.currency, path=("currency",)),
        timezone=problems.of(checks.timezone, tenant.timezone, path=("timezone",)),
    )
    if not 0 <= tenant.payment_terms_days <= 365:
        problems.note(InvalidInput("Payment terms are 0 to 365 days.", path=("payment_terms_days",)))
    problems.refuse_if_any()
    return clean


def checked_slug(slug: str, *, path: Path) -> str:
    """Lower-case letters, digits and hyphens, 2 to 63 of them, a letter first: it stands in addresses."""
    fits = slug.isascii() and slug[:1].isalpha() and slug == slug.lower() and 2 <= len(slug) <= 63
    if not fits or not slug.replace("-", "").isalnum() or slug.endswith("-"):
        raise InvalidSlug(
            "A tenant's slug is 2 to 63 lower-case letters, digits and hyphens, a letter first, like 'north-air'.",
            path=path,
        )
    return slug
