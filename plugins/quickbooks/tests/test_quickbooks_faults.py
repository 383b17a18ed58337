"""Every answer of QuickBooks names who acts next: read from what was recorded of it, and from what gateways say."""

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from beltstack_quickbooks.faults import MEANINGS, Answer, Complaint, body_of, complaints
from quickbooks_harness import accounting_data

from beltstack.plugins import (
    NeedsAttention,
    OutcomeUnknown,
    PluginError,
    ReconnectNeeded,
    Rejected,
    RetryLater,
    Throttled,
)

RECORD = "invoice INV-1042"
HTML = "<html><head><title>502 Bad Gateway</title></head></html>"


def recorded(name: str, number: int = 0) -> Answer:
    """An answer as it was recorded from the real QuickBooks."""
    exchange = json.loads((accounting_data() / f"qbo/vcr_json/{name}.json").read_text())[number]["response"]
    return Answer(exchange["status"], json.dumps(exchange["body"]))


def in_xml(name: str, status: int) -> Answer:
    return Answer(status, (accounting_data() / f"qbo/xml_fixtures/{name}.xml").read_text())


def fault(*errors: tuple[str, str], status: int = 400, **more: Any) -> Answer:
    told = [{"Message": "Refused", "Detail": detail, "code": code} for code, detail in errors]
    return Answer(status, json.dumps({"Fault": {"Error": told, "type": "ValidationFault"}}), **more)


def error_of(answer: Answer, *, is_write: bool = True) -> PluginError:
    with pytest.raises(PluginError) as raised:
        body_of(answer, record=RECORD, is_write=is_write)
    return raised.value


@pytest.mark.parametrize(
    ("name", "number", "kind", "code"),
    [
        ("error__validation", 0, NeedsAttention, "6240"),
        ("error__400_json", 0, Rejected, "2010"),
        ("error__401", 0, ReconnectNeeded, "3200"),
        ("error__500", 0, Rejected, "500"),
        ("error__500", 1, Rejected, "2030"),
        ("batch__basic", 0, NeedsAttention, "610"),
        ("attachment__error_estimate", 0, NeedsAttention, "6000"),
    ],
)
def test_recorded_refusals_name_who_acts(name: str, number: int, kind: type[PluginError], code: str) -> None:
    error = error_of(recorded(name, number))
    assert (type(error), error.code) == (kind, code)
    assert RECORD in error.message


@pytest.mark.parametrize("name", ["create__customer", "create__invoice", "get__display_name", "void__invoice"])
def test_recorded_successes_are_read(name: str) -> None:
    assert body_of(recorded(name), record=RECORD, is_write=True)


@pytest.mark.parametrize(
    ("name", "status", "kind", "code"),
    [
        ("too_many_requests_error", 429, Throttled, "3001"),
        ("throttle_exceeded_error", 403, Throttled, "3001"),
        ("generic_error", 500, OutcomeUnknown, "500"),
        ("customer_duplicate_error", 400, NeedsAttention, "6240"),
        ("query_validation_error", 400, Rejected, "4001"),
        ("fault", 400, NeedsAttention, "2050"),
    ],
)
def test_refusals_in_xml_are_read_too(name: str, status: int, kind: type[PluginError], code: str) -> None:
    error = error_of(in_xml(name, status))
    assert (type(error), error.code) == (kind, code)


def test_of_several_errors_none_is_lost_and_the_one_that_binds_decides() -> None:
    error = error_of(fault(("6240", "The name exists."), ("2050", "Line1 is too long."), ("610", "Item is inactive.")))
    assert type(error) is NeedsAttention
    for words in ("The name exists. (6240)", "Line1 is too long. (2050)", "Item is inactive. (610)"):
        assert words in error.message
    assert type(error_of(fault(("6240", "The name exists."), ("2010", "Unknown field.")))) is Rejected


def test_an_office_is_told_the_record_the_reason_and_the_remedy() -> None:
    assert error_of(fault(("6210", "The account period has closed."))).message == (
        "QuickBooks does not take invoice INV-1042: The account period has closed. (6210)."
        " Reopen the period in QuickBooks (its closing date), then replay this delivery."
    )


def test_a_defect_of_ours_names_intuits_reference() -> None:
    message = error_of(fault(("2010", "Unrecognized field"), intuit_tid="1-5f-ab")).message
    assert message.endswith("This is a defect of the plugin; tell its makers (Intuit's reference 1-5f-ab).")


@pytest.mark.parametrize("code", sorted(MEANINGS))
def test_every_known_code_ends_in_a_sentence(code: str) -> None:
    error = error_of(fault((code, "Because")))
    assert re.fullmatch(r"[A-Z].+[^.]\.", error.message), error.message


def test_an_unknown_code_goes_to_the_office_in_quickbooks_own_words() -> None:
    error = error_of(fault(("9341", "The moon is in the wrong house")))
    assert type(error) is NeedsAttention
    assert "The moon is in the wrong house (9341)" in error.message


def test_a_code_that_is_no_number_is_still_told() -> None:
    assert error_of(fault(("SystemFault", "It broke"))).code == "SystemFault"


def test_a_dead_token_is_not_repeated_in_the_message() -> None:
    body = {
        "fault": {"error": [{"message": "AuthenticationFailed", "detail": "Token expired: eyJhbGc", "code": "3200"}]}
    }
    assert "eyJhbGc" not in error_of(Answer(401, json.dumps(body))).message


@pytest.mark.parametrize(("retry_after", "seconds"), [(None, 60), ("1", 1), ("70000", 70000), ("-5", 0), ("soon", 60)])
def test_a_throttle_rests_as_long_as_it_was_told(retry_after: str | None, seconds: float) -> None:
    for text in ("", HTML, fault(("3001", "The request limit was reached.")).text):
        error = error_of(Answer(429, text, retry_after))
        assert isinstance(error, Throttled)
        assert error.seconds == seconds


def test_a_throttle_may_name_the_hour() -> None:
    error = error_of(Answer(429, "", format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)))
    assert isinstance(error, Throttled)
    assert error.seconds is not None
    assert 290 < error.seconds <= 300


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, HTML),
        Answer(502, HTML),
        Answer(503, "", "30"),
        Answer(408, ""),
        Answer(200, ""),
        Answer(200, '{"Invoice": {"Id": "14'),
        Answer(200, "[]"),
        Answer(200, "[" * 100_000),
        Answer(200, HTML),
        fault(("10000", "An application error has occurred"), status=500),
    ],
)
def test_an_answer_that_cannot_be_read_leaves_a_write_in_doubt_and_a_read_undone(answer: Answer) -> None:
    doubt = error_of(answer, is_write=True)
    assert type(doubt) is OutcomeUnknown
    assert "it is looked for before it is sent again" in doubt.message
    assert type(error_of(answer, is_write=False)) is RetryLater


def test_an_unavailable_service_says_how_long() -> None:
    error = error_of(Answer(503, "", "30"))
    assert isinstance(error, RetryLater)
    assert error.seconds == 30


@pytest.mark.parametrize("status", [301, 400, 404])
def test_a_refusal_without_a_reason_is_for_nobody_to_retry(status: int) -> None:
    assert type(error_of(Answer(status, HTML))) is Rejected


def test_another_companys_token_asks_for_the_right_one() -> None:
    body = {
        "fault": {"error": [{"message": "ApplicationAuthorizationFailed", "detail": "Wrong realm", "code": "3100"}]}
    }
    error = error_of(Answer(403, json.dumps(body)))
    assert (type(error), error.code) == (ReconnectNeeded, "3100")


def test_a_body_without_a_fault_holds_no_complaint() -> None:
    assert complaints('{"Invoice": {"Id": "1"}, "time": "now"}') == ()
    assert complaints("<Error>no code</Error>") == ()
    assert complaints('<Error code="6000"><Message>a &amp; b</Message></Error>') == (Complaint("6000", "a & b"),)


def test_a_long_explanation_is_shortened() -> None:
    [complaint] = complaints(recorded("error__400_json").text)
    assert len(complaint.words) == 300
    assert complaint.words.endswith("…")
