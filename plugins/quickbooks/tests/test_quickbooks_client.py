"""The client over the real python-quickbooks: what is sent, how long it waits, and what it makes of silence."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from beltstack_quickbooks import client
from beltstack_quickbooks.calls import Company
from beltstack_quickbooks.mapping import Entity

from beltstack.demo.quickbooks import LoopbackQuickBooks
from beltstack.plugins import NeedsAttention, OutcomeUnknown, ReconnectNeeded, RetryLater, Throttled

ROSA: Entity = {"DisplayName": "Rosa Delgado"}
WORDS = "customer 'Rosa Delgado'"


@pytest.fixture
def loopback() -> Iterator[LoopbackQuickBooks]:
    with LoopbackQuickBooks() as company:
        yield company


@pytest.fixture
def company(loopback: LoopbackQuickBooks) -> Company:
    token = loopback.connect()["access_token"]
    return Company(loopback.url, loopback.realm_id, 75, token, connect_seconds=1.0, read_seconds=0.5)


def test_loading_the_plugin_loads_no_vendor_library() -> None:
    script = (
        "import sys, beltstack_quickbooks; print({'quickbooks', 'intuitlib.client', 'requests'} & set(sys.modules))"
    )
    told = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert told.stdout.strip() == "set()"


def test_a_body_travels_with_every_digit_as_numbers(loopback: LoopbackQuickBooks, company: Company) -> None:
    buyer = client.create(company, WORDS, "Customer", ROSA, "r-1")
    detail = {"ItemRef": {"value": "1"}}
    line = {"DetailType": "SalesItemLineDetail", "Amount": Decimal("4495.16"), "SalesItemLineDetail": detail}
    body = {"CustomerRef": {"value": buyer["Id"]}, "Line": [line], "TxnTaxDetail": {"TotalTax": Decimal("448.39")}}
    made = client.create(company, "invoice 1", "Invoice", body, "r-2")
    assert made["TotalAmt"] == Decimal("4943.55")
    [request] = [one for one in loopback.books.request_log if one.operation == "create_invoice"]
    assert request.body == body
    assert isinstance(request.body["Line"][0]["Amount"], Decimal)


def test_the_same_request_id_makes_one_thing(loopback: LoopbackQuickBooks, company: Company) -> None:
    first = client.create(company, WORDS, "Customer", ROSA, "r-1")
    assert client.create(company, WORDS, "Customer", ROSA, "r-1") == first
    assert len(loopback.books.customers()) == 1


@pytest.mark.parametrize("name", ["O'Neil \\' OR Id > '0", "back\\", "Café Zoë 北京", "100% & more + #1?"])
def test_a_name_is_looked_up_exactly_whatever_is_in_it(company: Company, name: str) -> None:
    client.create(company, WORDS, "Customer", ROSA, "r-1")
    made = client.create(company, WORDS, "Customer", {"DisplayName": name}, "r-2")
    assert [one["Id"] for one in client.find(company, WORDS, "Customer", (("DisplayName", name),))] == [made["Id"]]


def test_a_thing_is_read_and_its_change_keeps_what_is_not_named(company: Company) -> None:
    made = client.create(company, WORDS, "Customer", ROSA | {"Notes": "Gate code on file"}, "r-1")
    change = {"Id": made["Id"], "SyncToken": made["SyncToken"], "CompanyName": "Delgado LLC"}
    changed = client.update(company, WORDS, "Customer", change)
    assert (changed["Notes"], changed["CompanyName"], changed["SyncToken"]) == ("Gate code on file", "Delgado LLC", "1")
    assert client.read(company, WORDS, "Customer", made["Id"]) == changed


def test_a_stale_change_is_told_apart(company: Company) -> None:
    made = client.create(company, WORDS, "Customer", ROSA, "r-1")
    change = {"Id": made["Id"], "SyncToken": "0", "CompanyName": "Delgado LLC"}
    client.update(company, WORDS, "Customer", change)
    with pytest.raises(RetryLater) as refusal:
        client.update(company, WORDS, "Customer", change)
    assert refusal.value.code == "5010"


@pytest.mark.parametrize(
    "fault",
    ["drop_before_commit", "drop_after_commit", "server_error", "bad_gateway", "empty_answer", "truncated_answer"],
)
def test_a_write_without_a_readable_answer_is_in_doubt(
    loopback: LoopbackQuickBooks, company: Company, fault: str
) -> None:
    loopback.faults.arm(fault, operation="create_customer")
    with pytest.raises(OutcomeUnknown) as doubt:
        client.create(company, WORDS, "Customer", ROSA, "r-1")
    assert WORDS in doubt.value.message
    assert len([one for one in loopback.books.request_log if one.operation == "create_customer"]) == 1


def test_a_read_without_an_answer_is_only_tried_again(loopback: LoopbackQuickBooks, company: Company) -> None:
    loopback.faults.arm("drop_before_commit", operation="query")
    with pytest.raises(RetryLater) as refusal:
        client.find(company, WORDS, "Customer", (("DisplayName", "Rosa"),))
    assert type(refusal.value) is RetryLater


def test_silence_ends_after_the_read_timeout(loopback: LoopbackQuickBooks, company: Company) -> None:
    loopback.faults.arm("hang_after_commit", operation="create_customer", seconds=20)
    begun = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        client.create(company, WORDS, "Customer", ROSA, "r-1")
    assert time.monotonic() - begun < 5
    assert len(loopback.books.customers()) == 1


def test_a_call_that_never_left_is_in_no_doubt(company: Company) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    nobody = replace(company, base_url=f"http://127.0.0.1:{port}")
    with pytest.raises(RetryLater) as refusal:
        client.create(nobody, WORDS, "Customer", ROSA, "r-1")
    assert type(refusal.value) is RetryLater
    assert "could not be reached" in refusal.value.message


@pytest.mark.parametrize("fault", ["throttled_json", "throttled_xml"])
@pytest.mark.parametrize(("told", "seconds"), [(70000, 70000), (None, 60)])
def test_a_throttle_is_passed_on_at_once_and_never_slept_off(
    loopback: LoopbackQuickBooks, company: Company, fault: str, told: int | None, seconds: int
) -> None:
    loopback.faults.arm(fault, operation="create_customer", retry_after_seconds=told)
    begun = time.monotonic()
    with pytest.raises(Throttled) as refusal:
        client.create(company, WORDS, "Customer", ROSA, "r-1")
    assert refusal.value.seconds == seconds
    assert time.monotonic() - begun < 2


def test_a_fault_inside_a_success_is_a_fault(loopback: LoopbackQuickBooks, company: Company) -> None:
    loopback.faults.arm("fault_in_200", operation="create_customer", code="6000")
    with pytest.raises(NeedsAttention) as refusal:
        client.create(company, WORDS, "Customer", ROSA, "r-1")
    assert refusal.value.code == "6000"


def test_an_enumeration_nobody_knows_yet_is_no_trouble(loopback: LoopbackQuickBooks, company: Company) -> None:
    loopback.faults.arm("unknown_enum", operation="create_customer")
    assert client.create(company, WORDS, "Customer", ROSA, "r-1")["status"] == "Quarantined"


def test_a_dead_token_asks_for_a_new_one(loopback: LoopbackQuickBooks, company: Company) -> None:
    loopback.expire_access_tokens()
    with pytest.raises(ReconnectNeeded) as refusal:
        client.read(company, WORDS, "Customer", "1")
    assert refusal.value.code == "3200"


def test_no_netrc_file_overrules_the_token(
    loopback: LoopbackQuickBooks,
    company: Company,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path_factory.mktemp("home") / ".netrc"
    netrc.write_text("default login somebody password guessed\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    # This machine by a name we do not take for it, so that the environment is listened to as it is for Intuit.
    port = loopback.url.rpartition(":")[2]
    assert client.create(replace(company, base_url=f"http://127.1:{port}"), WORDS, "Customer", ROSA, "r-1")


def test_the_key_shows_in_no_printout(company: Company) -> None:
    assert company.access_token not in repr(company)
