"""Customers, contacts, sites, equipment, technicians and the tenant itself: what is kept, told and refused."""

from typing import Any

import pytest

from beltstack.domain.addresses import checked_address
from beltstack.domain.changes import Change, expect_version
from beltstack.domain.customers import ContactRole, CustomerBlocked, CustomerIsArchived, new_contact, new_customer
from beltstack.domain.equipment import EquipmentStatus, new_equipment
from beltstack.domain.errors import InvalidInput, Refusal, Refusals, StaleObject
from beltstack.domain.sites import new_site
from beltstack.domain.technicians import new_technician
from beltstack.domain.tenants import InvalidSlug, PeriodLocked, checked_tenant, new_tenant
from tests.makers import (
    NOON,
    TODAY,
    TOMORROW,
    a_contact,
    a_customer,
    a_site,
    a_technician,
    a_tenant,
    an_address,
    an_equipment,
    types_of,
)

NOUNS: list[tuple[str, Any, Any]] = [
    ("customer", a_customer, new_customer),
    ("contact", a_contact, new_contact),
    ("site", a_site, new_site),
    ("equipment", an_equipment, new_equipment),
    ("technician", a_technician, new_technician),
]
each_noun = pytest.mark.parametrize(("noun", "make", "new"), NOUNS, ids=lambda value: value if isinstance(value, str) else "")  # noqa: E501 # fmt: skip


def paths_of(refused: Any) -> set[tuple[str, ...]]:
    try:
        refused()
    except Refusal as refusal:
        return {refusal.path}
    except Refusals as refusals:
        return {refusal.path for refusal in refusals.refusals}
    pytest.fail("Nothing was refused.")


# ── what all of them share ────────────────────────────────────────────────────────────────────────


@each_noun
def test_what_is_new_is_trimmed_and_told(noun: str, make: Any, new: Any) -> None:
    change: Change[Any] = new(make(name="  A name "))
    assert change.before is None
    assert change.after == make(name="A name")
    assert types_of(change) == [f"{noun}.created"]


@each_noun
def test_a_revision_is_told_once_and_one_that_changes_nothing_is_not(noun: str, make: Any, new: Any) -> None:
    change = make().revise({"name": "Another name"})
    assert change.before == make()
    assert change.after == make(name="Another name")
    assert types_of(change) == [f"{noun}.updated"]
    assert change.after.revise({"name": " Another name "}).is_nothing


@each_noun
def test_a_name_is_needed_when_new_and_when_revised(noun: str, make: Any, new: Any) -> None:
    assert paths_of(lambda: new(make(name=" "))) == {("name",)}
    assert paths_of(lambda: make().revise({"name": "x" * 256})) == {("name",)}


@each_noun
def test_facts_belong_to_a_stream_that_exists(noun: str, make: Any, new: Any) -> None:
    (fact,) = new(make()).facts
    record = make()
    assert fact.stream == (record.customer_id if noun == "contact" else record.id)


def test_every_problem_of_a_customer_is_told_together_with_its_place() -> None:
    broken = a_customer(name="", email="rosa", phone="1" * 51, billing_address=an_address(line1="", country="usa"))
    assert paths_of(lambda: new_customer(broken)) == {
        ("name",),
        ("email",),
        ("phone",),
        ("billing_address", "line1"),
        ("billing_address", "country"),
    }


def test_every_problem_of_a_site_is_told_together() -> None:
    broken = a_site(name="", timezone="CST", email="x", address=an_address(postal_code="1" * 21))
    assert paths_of(lambda: new_site(broken)) == {("name",), ("timezone",), ("email",), ("address", "postal_code")}


@pytest.mark.parametrize("country", ["us", "USA", "", "U1 ", "ÜS"])
def test_a_country_is_two_capital_letters(country: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        checked_address(an_address(country=country), path=("address",))
    assert refusal.value.path == ("address", "country")


def test_no_address_is_no_problem() -> None:
    assert checked_address(None, path=("address",)) is None


def test_a_changed_status_of_equipment_is_told_with_it() -> None:
    (fact,) = an_equipment().revise({"status": EquipmentStatus.DOWN}).facts
    assert getattr(fact, "status") == "DOWN"  # noqa: B009 - a Fact in general has none


# ── customers ─────────────────────────────────────────────────────────────────────────────────────


def test_archiving_is_told_once() -> None:
    change = a_customer().archive(at=NOON)
    assert change.after.archived_at == NOON
    assert types_of(change) == ["customer.archived"]
    assert change.after.archive(at=TOMORROW).is_nothing


def test_a_customer_without_a_block_is_served() -> None:
    a_customer().check_can_be_served(may_override=False, path=("customer_id",))


@pytest.mark.parametrize("block", ["credit_hold", "do_not_service"])
def test_a_blocked_customer_is_served_only_by_override(block: str) -> None:
    customer = a_customer(**{block: True})
    with pytest.raises(CustomerBlocked) as refusal:
        customer.check_can_be_served(may_override=False, path=("customer_id",))
    assert refusal.value.path == ("customer_id",)
    assert refusal.value.message.startswith("Rosa Delgado is ")
    customer.check_can_be_served(may_override=True, path=("customer_id",))


def test_nobody_overrides_an_archived_customer() -> None:
    with pytest.raises(CustomerIsArchived):
        a_customer(archived_at=NOON).check_can_be_served(may_override=True, path=())


def test_a_contact_can_be_reached() -> None:
    assert new_contact(a_contact(phone=None, email="l@example.com")).after.phone is None
    assert paths_of(lambda: new_contact(a_contact(phone=" ", email=None))) == {("phone",)}


def test_a_contact_has_each_role_once() -> None:
    roles = (ContactRole.PRIMARY, ContactRole.BILLING, ContactRole.PRIMARY)
    assert new_contact(a_contact(roles=roles)).after.roles == (ContactRole.BILLING, ContactRole.PRIMARY)


# ── tenants ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("slug", ["ab", "north-air", "n0rth", "a" * 63])
def test_a_slug_stands_in_addresses(slug: str) -> None:
    assert checked_tenant(a_tenant(slug=slug)).slug == slug


@pytest.mark.parametrize("slug", ["", "a", "a" * 64, "North", "9air", "-air", "air-", "a_b", "a.b", "a b", "ärger"])
def test_what_stands_in_no_address_is_no_slug(slug: str) -> None:
    with pytest.raises(InvalidSlug) as refusal:
        checked_tenant(a_tenant(slug=slug))
    assert refusal.value.path == ("slug",)


def test_every_problem_of_a_new_tenant_is_told_together() -> None:
    assert paths_of(
        lambda: new_tenant(tenant_id=a_tenant().id, slug="A", name="", currency="DOLLARS", timezone="Mars")
    ) == {("slug",), ("name",), ("currency",), ("timezone",)}


@pytest.mark.parametrize("days", [-1, 366])
def test_terms_are_within_a_year(days: int) -> None:
    assert paths_of(lambda: checked_tenant(a_tenant(payment_terms_days=days))) == {("payment_terms_days",)}
    assert checked_tenant(a_tenant(payment_terms_days=365)).payment_terms_days == 365


def test_a_document_is_dated_after_the_books_were_locked() -> None:
    a_tenant().check_period(TODAY)
    a_tenant(books_locked_through=TODAY).check_period(TOMORROW.date())
    with pytest.raises(PeriodLocked):
        a_tenant(books_locked_through=TODAY).check_period(TODAY)


# ── versions ──────────────────────────────────────────────────────────────────────────────────────


def test_a_record_changed_meanwhile_is_refused_with_both_versions() -> None:
    expect_version(2, 2, "customer")
    with pytest.raises(StaleObject) as refusal:
        expect_version(3, 2, "customer")
    assert refusal.value.message == "This customer was changed meanwhile (version 3, you have 2); read it again."
    assert refusal.value.path == ("expected_version",)
