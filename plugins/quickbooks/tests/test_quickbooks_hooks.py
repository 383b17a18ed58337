"""Whole hooks against the loopback QuickBooks: whatever is lost on the way, each record is there once and exact."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from beltstack_quickbooks import QuickBooks, QuickBooksCredentials
from quickbooks_harness import Desk, a_customer, a_line, a_payment, a_site, an_invoice, issued

from beltstack.demo.quickbooks import LoopbackQuickBooks
from beltstack.plugins import (
    NeedsAttention,
    OutcomeUnknown,
    PluginError,
    ReconnectNeeded,
    Reference,
    RetryLater,
    Throttled,
    WaitFor,
)
from beltstack.plugins.setup import manifest_problems, secret_fields

READ_BY_NOBODY = ["drop_after_commit", "empty_answer", "truncated_answer"]
DONE_BY_NOBODY = ["drop_before_commit", "server_error", "bad_gateway"]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """One invoice waiting; what it made reach the company is held against Intuit's schema afterwards."""
    async with httpx.AsyncClient(trust_env=False) as http:
        with LoopbackQuickBooks() as company:
            made = Desk(company, http)
            yield made
    made.check_what_was_sent()


async def refusal(attempt: Any, kind: type[PluginError]) -> PluginError:
    with pytest.raises(PluginError) as raised:
        await attempt
    assert type(raised.value) is kind, raised.value
    return raised.value


def test_the_manifest_says_what_the_host_needs() -> None:
    assert manifest_problems(QuickBooks.manifest) == []
    assert QuickBooks.manifest.is_ledger
    assert secret_fields(QuickBooksCredentials) == {"access_token", "refresh_token", "client_secret"}


# ── an issued invoice ─────────────────────────────────────────────────────────────────────────────


async def test_an_issued_invoice_is_in_quickbooks_with_its_customer(desk: Desk) -> None:
    await desk.send()
    [customer], [invoice] = desk.company.books.customers(), desk.company.books.invoices()
    assert customer["DisplayName"] == "Rosa Delgado"
    assert (invoice["DocNumber"], invoice["TotalAmt"]) == ("INV-1042", desk.invoice.total)
    assert invoice["TxnTaxDetail"]["TotalTax"] == desk.invoice.tax
    assert (invoice["TxnDate"], invoice["ShipAddr"]["Line1"]) == ("2026-03-02", "900 Pier Rd")
    linked = await desk.reference("invoice", desk.invoice.id)
    assert (linked.external_id, linked.external_version) == (invoice["Id"], "0")
    assert linked.external_url == f"https://app.qbo.intuit.com/app/invoice?txnId={invoice['Id']}"
    assert (await desk.reference("customer", desk.customer.id)).external_id == customer["Id"]


async def test_every_request_is_asked_for_beforehand(desk: Desk) -> None:
    await desk.send()
    assert desk.context.calls == len(desk.company.books.request_log) == 2


async def test_without_a_call_left_nothing_is_sent(desk: Desk) -> None:
    desk.context.spent = Throttled("The connection rests.", seconds=5)
    await refusal(desk.send(), Throttled)
    assert desk.company.books.request_log == ()


async def test_the_second_invoice_of_a_customer_takes_one_request(desk: Desk) -> None:
    await desk.send()
    desk.take(an_invoice(desk.customer, desk.site, number="INV-1043"))
    await desk.send()
    assert len(desk.sent("create_customer")) == 1
    [customer] = desk.company.books.customers()
    assert {one["CustomerRef"]["value"] for one in desk.company.books.invoices()} == {customer["Id"]}
    assert len(desk.company.books.invoices()) == 2
    assert desk.sent("update_customer") == []


@pytest.mark.parametrize("lost", [*READ_BY_NOBODY, *DONE_BY_NOBODY])
@pytest.mark.parametrize("operation", ["create_customer", "create_invoice"])
async def test_an_attempt_whose_outcome_is_unknown_leads_to_one_of_each(desk: Desk, lost: str, operation: str) -> None:
    desk.company.faults.arm(lost, operation=operation)
    await refusal(desk.send(), OutcomeUnknown)
    await desk.send(attempt=2)
    assert (len(desk.company.books.customers()), len(desk.company.books.invoices())) == (1, 1)
    assert len({request.request_id for request in desk.sent(operation)}) == 1
    await desk.reference("invoice", desk.invoice.id)


async def test_what_was_lost_after_the_commit_is_found_by_its_number_and_not_sent_again(desk: Desk) -> None:
    desk.company.faults.arm("drop_after_commit", operation="create_invoice")
    await refusal(desk.send(), OutcomeUnknown)
    await desk.send(attempt=2)
    assert len(desk.sent("create_invoice")) == 1
    assert (await desk.reference("invoice", desk.invoice.id)).external_id == desk.company.books.invoices()[0]["Id"]


async def test_a_customer_lost_after_the_commit_is_found_by_name_and_not_sent_again(desk: Desk) -> None:
    desk.company.faults.arm("drop_after_commit", operation="create_customer")
    await refusal(desk.send(), OutcomeUnknown)
    await desk.send(attempt=2)
    assert len(desk.sent("create_customer")) == 1


async def test_what_was_lost_before_the_commit_goes_out_again_under_the_same_request_id(desk: Desk) -> None:
    desk.company.faults.arm("drop_before_commit", operation="create_invoice")
    await refusal(desk.send(), OutcomeUnknown)
    await desk.send(attempt=2)
    first, second = desk.sent("create_invoice")
    assert first.request_id == second.request_id
    assert first.body == second.body


async def test_a_hang_after_the_commit_is_cut_off_and_leaves_one_invoice(desk: Desk) -> None:
    await desk.context.blocking(abs, -1)  # the child process is up, so the limit below is the hang's
    desk.company.faults.arm("hang_after_commit", operation="create_invoice")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3):
            await desk.send()
    assert len(desk.company.books.invoices()) == 1
    await desk.send(attempt=2)
    assert len(desk.company.books.invoices()) == len(desk.sent("create_invoice")) == 1


async def test_a_replay_that_counts_from_one_again_meets_its_own_answer(desk: Desk) -> None:
    desk.company.faults.arm("drop_after_commit", operation="create_invoice")
    await refusal(desk.send(), OutcomeUnknown)
    await desk.send(attempt=1)
    assert [request.replayed for request in desk.sent("create_invoice")] == [False, True]
    assert len(desk.company.books.invoices()) == 1


async def test_a_first_attempt_reads_nothing(desk: Desk) -> None:
    await desk.send()
    assert {request.method for request in desk.company.books.request_log} == {"POST"}


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────


async def entered_by_hand(desk: Desk, **changes: Any) -> dict[str, Any]:
    """The invoice as the bookkeeper typed it in, its customer linked already."""
    books = desk.company.books
    customer = books.hold("Customer", DisplayName=desk.customer.name)
    await desk.context.references.link(Reference("customer", desk.customer.id, customer["Id"], "0"))
    desk.rename(email=None)
    line = {
        "DetailType": "SalesItemLineDetail",
        "Amount": Decimal("190.00"),
        "SalesItemLineDetail": {"ItemRef": {"value": "1"}},
    }
    body = {"DocNumber": "INV-1042", "TxnDate": "2026-03-02", "CustomerRef": {"value": customer["Id"]}, "Line": [line]}
    return books.hold("Invoice", **(body | {"TxnTaxDetail": {"TotalTax": desk.invoice.tax}} | changes))


async def test_a_number_taken_by_the_same_invoice_is_adopted(desk: Desk) -> None:
    typed = await entered_by_hand(desk)
    await desk.send()
    assert (await desk.reference("invoice", desk.invoice.id)).external_id == typed["Id"]
    assert len(desk.company.books.invoices()) == 1


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize(
    "changes",
    [
        {"TxnTaxDetail": {"TotalTax": Decimal("0.00")}},
        {"TxnDate": "2026-03-01"},
        {"PrivateNote": "beltstack:0198aaaa-0000-7000-8000-000000000009"},
    ],
)
async def test_a_number_taken_by_a_different_invoice_is_the_offices_to_solve(
    desk: Desk, changes: dict[str, Any], attempt: int
) -> None:
    await entered_by_hand(desk, **changes)
    error = await refusal(desk.send(attempt=attempt), NeedsAttention)
    assert error.code == "6140"
    assert "already has a different invoice INV-1042: Rosa Delgado" in error.message
    assert await desk.context.references.find("invoice", desk.invoice.id) is None
    assert len(desk.company.books.invoices()) == 1


async def test_a_number_longer_than_quickbooks_takes_is_not_cut(desk: Desk) -> None:
    desk.take(replace(desk.invoice, number="MAINSTREET-2026-000001"))
    error = await refusal(desk.send(), NeedsAttention)
    assert "has a number of 22 characters; QuickBooks takes 21" in error.message
    assert desk.company.books.request_log == ()


# ── figures ───────────────────────────────────────────────────────────────────────────────────────


async def test_other_figures_in_quickbooks_are_told_and_the_invoice_stays_linked(desk: Desk) -> None:
    desk.company.faults.arm("drop_after_commit", operation="create_invoice")
    await refusal(desk.send(), OutcomeUnknown)
    [held] = desk.company.books.invoices()
    desk.company.books.change("Invoice", held["Id"], TxnTaxDetail={"TotalTax": Decimal("19.49")}, Line=held["Line"])
    error = await refusal(desk.send(attempt=2), NeedsAttention)
    assert error.message == (
        "Invoice INV-1042 is in QuickBooks with other figures: its total is 209.48 here and 209.49 there; its tax is"
        " 19.48 here and 19.49 there. Correct it in QuickBooks, then replay this delivery; it is compared again."
    )
    assert (await desk.reference("invoice", desk.invoice.id)).external_id == held["Id"]


async def test_a_replay_after_the_correction_compares_again(desk: Desk) -> None:
    await desk.send()
    [held] = desk.company.books.invoices()
    wrong = {"TxnTaxDetail": {"TotalTax": Decimal("0.00")}, "Line": held["Line"]}
    desk.company.books.change("Invoice", held["Id"], **wrong)
    await refusal(desk.send(), NeedsAttention)
    desk.company.books.change("Invoice", held["Id"], **wrong | {"TxnTaxDetail": {"TotalTax": desk.invoice.tax}})
    await desk.send()
    assert len(desk.sent("create_invoice")) == 1


@pytest.mark.parametrize("amount", ["0.01", "99999999.99", "100.00"])
async def test_amounts_come_back_to_the_cent(desk: Desk, amount: str) -> None:
    desk.take(an_invoice(desk.customer, desk.site, a_line(amount, quantity="1", unit_price=amount)))
    await desk.send()
    assert desk.company.books.invoices()[0]["TotalAmt"] == desk.invoice.total


# ── customers ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("held", [{}, {"PrimaryEmailAddr": {"Address": "ROSA@example.com"}}, {"Notes": "Old customer"}])
async def test_a_customer_of_the_same_name_is_adopted_and_left_as_it_is(desk: Desk, held: dict[str, Any]) -> None:
    there = desk.company.books.hold("Customer", DisplayName="Rosa Delgado", **held)
    await desk.send()
    assert (await desk.reference("customer", desk.customer.id)).external_id == there["Id"]
    assert [one["SyncToken"] for one in desk.company.books.customers()] == ["0"]


@pytest.mark.parametrize(
    ("held", "why"),
    [
        ({"DisplayName": "ROSA Delgado"}, "is written 'ROSA Delgado' there"),
        ({"PrimaryEmailAddr": {"Address": "rosa@other.example"}}, "the e-mail rosa@other.example"),
        ({"Notes": "beltstack:0198aaaa-0000-7000-8000-000000000009"}, "belongs to another BeltStack customer"),
    ],
)
async def test_a_customer_that_may_be_another_is_the_offices_to_decide(
    desk: Desk, held: dict[str, Any], why: str
) -> None:
    desk.company.books.hold("Customer", **{"DisplayName": "Rosa Delgado"} | held)
    error = await refusal(desk.send(), NeedsAttention)
    assert why in error.message
    assert error.message.startswith("Customer 'Rosa Delgado' is not in QuickBooks yet")
    assert await desk.context.references.find("customer", desk.customer.id) is None
    assert desk.company.books.invoices() == ()


@pytest.mark.parametrize(("kind", "words"), [("Vendor", "a vendor"), ("Employee", "an employee")])
async def test_a_name_held_by_a_vendor_or_employee_is_said_so(desk: Desk, kind: str, words: str) -> None:
    desk.company.books.hold(kind, DisplayName="Rosa Delgado")
    error = await refusal(desk.send(), NeedsAttention)
    assert f"the name belongs to {words} there" in error.message


async def test_a_sub_customer_is_not_taken_for_the_customer(desk: Desk) -> None:
    parent = desk.company.books.hold("Customer", DisplayName="Delgado Hotels")
    desk.company.books.hold("Customer", DisplayName="Rosa Delgado", Job=True, ParentRef={"value": parent["Id"]})
    assert "belongs to a sub-customer" in (await refusal(desk.send(), NeedsAttention)).message


async def test_two_customers_of_one_name_are_not_made_one(desk: Desk) -> None:
    await desk.send()
    twin = a_customer()
    desk.rename()
    desk.records.hold(twin, site := a_site(twin))
    desk.invoice = an_invoice(twin, site, number="INV-1043")
    desk.records.hold(desk.invoice)
    assert "another BeltStack customer" in (await refusal(desk.send(), NeedsAttention)).message
    assert len(desk.company.books.invoices()) == 1


async def test_an_adopted_customer_serves_one_customer_only(desk: Desk) -> None:
    there = desk.company.books.hold("Customer", DisplayName="Rosa Delgado")
    await desk.context.references.link(Reference("customer", a_customer().id, there["Id"]))
    assert "is linked to another of your customers" in (await refusal(desk.send(), NeedsAttention)).message


async def test_a_name_quickbooks_cannot_hold_is_told(desk: Desk) -> None:
    desk.rename(name="Delgado: Rosa")
    error = await refusal(desk.send(), NeedsAttention)
    assert error.code == "2040"
    assert "customer 'Delgado: Rosa'" in error.message


async def test_a_customer_changed_here_is_changed_there_before_the_next_invoice(desk: Desk) -> None:
    await desk.send()
    [before] = desk.company.books.customers()
    desk.company.books.change("Customer", before["Id"], Fax={"FreeFormNumber": "312 555 0199"})
    desk.rename(phone="312 555 0111")
    desk.take(an_invoice(desk.customer, desk.site, number="INV-1043"))
    await desk.send()
    [there] = desk.company.books.customers()
    assert there["PrimaryPhone"] == {"FreeFormNumber": "312 555 0111"}
    assert there["Fax"] == {"FreeFormNumber": "312 555 0199"}
    assert (await desk.reference("customer", desk.customer.id)).external_version == there["SyncToken"] == "2"
    assert len(desk.sent("update_customer")) == 2


async def test_the_note_of_an_adopted_customer_outlives_a_change(desk: Desk) -> None:
    desk.company.books.hold("Customer", DisplayName="Rosa Delgado", Notes="Pays in March")
    await desk.send()
    desk.rename(phone="312 555 0111")
    desk.take(an_invoice(desk.customer, desk.site, number="INV-1043"))
    await desk.send()
    assert desk.company.books.customers()[0]["Notes"] == "Pays in March"


async def test_a_customer_put_away_in_quickbooks_is_the_offices_to_bring_back(desk: Desk) -> None:
    await desk.send()
    [there] = desk.company.books.customers()
    desk.company.books.change("Customer", there["Id"], Active=False)
    desk.take(an_invoice(desk.customer, desk.site, number="INV-1043"))
    error = await refusal(desk.send(), NeedsAttention)
    assert error.code == "610"
    assert "active again in QuickBooks" in error.message


# ── tokens and limits ─────────────────────────────────────────────────────────────────────────────


async def test_a_dead_token_is_renewed_once_and_the_call_repeated(desk: Desk) -> None:
    desk.company.expire_access_tokens()
    await desk.send()
    assert len(desk.sent("token")) == 1
    assert [request.status for request in desk.sent("create_customer")] == [401, 200]
    assert len(desk.company.books.invoices()) == 1


async def test_the_rotated_token_is_stored_before_it_is_used(desk: Desk) -> None:
    desk.company.expire_access_tokens()
    desk.company.faults.arm("drop_after_commit", operation="create_customer", nth=2)
    before = desk.credentials.held
    await refusal(desk.send(), OutcomeUnknown)
    [stored] = desk.credentials.stored
    assert desk.credentials.held == stored
    assert stored.refresh_token != before.refresh_token
    await desk.send(attempt=2)
    assert len(desk.sent("token")) == 1


async def test_a_token_known_to_be_over_is_renewed_without_trying_it(desk: Desk) -> None:
    over = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    desk.credentials.held = replace(desk.credentials.held, access_expires_at=over)
    await desk.send()
    assert [request.operation for request in desk.company.books.request_log][:2] == ["token", "create_customer"]
    assert 401 not in [request.status for request in desk.company.books.request_log]


async def test_many_at_once_renew_once(desk: Desk) -> None:
    desk.company.expire_access_tokens()
    others = [an_invoice(desk.customer, desk.site, number=f"INV-{number}") for number in range(2000, 2004)]
    desk.records.hold(*others)
    hook = desk.plugin.invoice_issued
    await asyncio.gather(*(hook(issued(one), desk.context) for one in others))
    assert len(desk.sent("token")) == 1
    assert (len(desk.company.books.customers()), len(desk.company.books.invoices())) == (1, 4)


async def test_a_revoked_connection_waits_for_the_office(desk: Desk) -> None:
    desk.company.revoke()
    error = await refusal(desk.send(), ReconnectNeeded)
    assert error.code == "invalid_grant"
    assert desk.company.books.customers() == ()


async def test_a_token_refused_twice_waits_for_the_office(desk: Desk) -> None:
    desk.credentials.held = replace(desk.credentials.held, realm_id="1234567890123456")
    error = await refusal(desk.send(), ReconnectNeeded)
    assert error.code == "3100"
    assert desk.sent("token") == []


@pytest.mark.parametrize("fault", ["throttled_json", "throttled_xml"])
async def test_a_throttle_carries_the_wait_out_of_the_child_process(desk: Desk, fault: str) -> None:
    desk.company.faults.arm(fault, operation="create_invoice", retry_after_seconds=17)
    error = await refusal(desk.send(), Throttled)
    assert isinstance(error, Throttled)
    assert error.seconds == 17
    await desk.send(attempt=2)
    assert len(desk.company.books.invoices()) == 1


async def test_a_company_that_cannot_be_reached_is_tried_again(desk: Desk) -> None:
    desk.context.settings = replace(desk.context.settings, base_url="http://127.0.0.1:9")
    await refusal(desk.send(), RetryLater)


# ── payments ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_payment_is_applied_to_its_invoice(desk: Desk) -> None:
    await desk.send()
    payment = a_payment(desk.invoice, amount=Decimal("100.00"))
    await desk.pay(payment)
    [there] = desk.company.books.payments()
    assert (there["TotalAmt"], there["UnappliedAmt"], there["PaymentRefNum"]) == (100, 0, "4711")
    assert desk.company.books.invoices()[0]["Balance"] == desk.invoice.total - 100
    assert (await desk.reference("payment", payment.payment_id)).external_id == there["Id"]


@pytest.mark.parametrize("lost", [*READ_BY_NOBODY, *DONE_BY_NOBODY])
async def test_a_payment_whose_outcome_is_unknown_is_there_once(desk: Desk, lost: str) -> None:
    await desk.send()
    payment = a_payment(desk.invoice)
    desk.company.faults.arm(lost, operation="create_payment")
    await refusal(desk.pay(payment), OutcomeUnknown)
    await desk.pay(payment, attempt=2)
    assert len(desk.company.books.payments()) == 1
    assert desk.company.books.invoices()[0]["Balance"] == 0
    assert len(desk.sent("create_payment")) == (1 if lost in READ_BY_NOBODY else 2)


async def test_two_equal_payments_of_one_day_are_two(desk: Desk) -> None:
    await desk.send()
    for _ in range(2):
        await desk.pay(a_payment(desk.invoice, amount=Decimal("50.00")), attempt=2)
    assert [one["TotalAmt"] for one in desk.company.books.payments()] == [50, 50]


async def test_a_payment_waits_for_its_invoice(desk: Desk) -> None:
    await desk.context.references.link(Reference("customer", desk.customer.id, "58"))
    error = await refusal(desk.pay(a_payment(desk.invoice)), WaitFor)
    assert isinstance(error, WaitFor)
    assert (error.entity, error.entity_id) == ("invoice", desk.invoice.id)


async def test_a_payment_waits_for_its_customer(desk: Desk) -> None:
    error = await refusal(desk.pay(a_payment(desk.invoice)), WaitFor)
    assert isinstance(error, WaitFor)
    assert (error.entity, error.entity_id) == ("customer", desk.customer.id)


async def test_more_than_the_balance_in_quickbooks_is_the_offices_to_solve(desk: Desk) -> None:
    await desk.send()
    await desk.pay(a_payment(desk.invoice))
    error = await refusal(desk.pay(a_payment(desk.invoice)), NeedsAttention)
    assert "QuickBooks does not take the payment of 209.48 USD" in error.message
    assert len(desk.company.books.payments()) == 1


# ── enabling ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_ready_company_is_welcome(desk: Desk) -> None:
    await desk.plugin.check(desk.context)
    assert {request.method for request in desk.company.books.request_log} == {"GET"}


async def test_everything_that_is_to_be_mended_is_told_together(desk: Desk) -> None:
    books = desk.company.books
    books.change("CompanyInfo", "1", Country="CA")
    books.change("Preferences", "1", SalesFormsPrefs={"CustomTxnNumbers": False})
    books.change("Item", "1", Active=False)
    desk.context.tenant = replace(desk.context.tenant, currency="CAD")
    message = (await refusal(desk.plugin.check(desk.context), NeedsAttention)).message
    for words in ("The company is in CA", "custom transaction numbers", "books in USD", "is inactive or a category"):
        assert words in message


async def test_an_unknown_item_is_told(desk: Desk) -> None:
    desk.context.settings = replace(desk.context.settings, item_id="99")
    assert "item 99" in (await refusal(desk.plugin.check(desk.context), NeedsAttention)).message


async def test_keys_do_not_travel_in_the_clear(desk: Desk) -> None:
    desk.context.settings = replace(desk.context.settings, base_url="http://quickbooks.example")
    assert "begins with https" in (await refusal(desk.plugin.check(desk.context), NeedsAttention)).message
    assert desk.company.books.request_log == ()
