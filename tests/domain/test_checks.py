"""Checks of single values: each returns what is kept, or says what is wrong and where."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beltstack.domain import checks
from beltstack.domain.errors import InvalidInput, NotFound, Problems, Refusal, Refusals

AT = ("customer", "name")
NUMBER = {"path": AT, "least": 0, "most": 100, "places": 2}


def refused(check: Any, *given: Any, **bounds: Any) -> str:
    """The sentence a check refuses with; the path is always the one it was given."""
    with pytest.raises(InvalidInput) as refusal:
        check(*given, **({"path": AT} | bounds))
    assert refusal.value.path == AT
    assert refusal.value.message.endswith(".")
    return refusal.value.message


# ── text ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("check", [checks.line, checks.text, checks.optional_line, checks.optional_text])
def test_text_is_trimmed(check: Any) -> None:
    assert check("  Rosa Delgado \t\n", path=AT) == "Rosa Delgado"


@pytest.mark.parametrize("blank", ["", "   ", "\n\t", "\u3000"])
def test_blank_is_none_where_it_may_be_and_refused_where_not(blank: str) -> None:
    assert checks.optional_line(blank, path=AT) is None
    assert checks.optional_text(blank, path=AT) is None
    assert refused(checks.line, blank) == refused(checks.text, blank) == "This must not be blank."


def test_nothing_is_none() -> None:
    assert checks.optional_line(None, path=AT) is None
    assert checks.optional_text(None, path=AT) is None
    assert checks.optional_email(None, path=AT) is None


@pytest.mark.parametrize("check", [checks.line, checks.text, checks.optional_line, checks.optional_text])
def test_length_is_measured_in_characters_after_trimming(check: Any) -> None:
    assert check("  żółw ", path=AT, longest=4) == "żółw"
    assert refused(check, "x" * 1001, longest=1000) == "This is 1,001 characters long; at most 1,000 fit."


@pytest.mark.parametrize("character", ["\n", "\r", "\t", "\x07", "\x7f", "\x85", "\u2028", "\u2029"])
def test_a_line_is_one_line(character: str) -> None:
    assert "one line" in refused(checks.line, f"a{character}b")
    assert "one line" in refused(checks.optional_line, f"a{character}b")


def test_a_text_has_lines_and_tabs_and_no_other_control_characters() -> None:
    assert checks.text("a\r\n\tb", path=AT) == "a\r\n\tb"
    for character in ("\x07", "\x1b", "\x7f"):
        assert "control characters" in refused(checks.text, f"a{character}b")


@pytest.mark.parametrize("check", [checks.line, checks.text, checks.optional_line, checks.optional_text])
@pytest.mark.parametrize("character", ["\x00", "\ud83d", "a\udc00"])
def test_what_no_database_can_store_is_refused(check: Any, character: str) -> None:
    assert "NUL character or half of a surrogate pair" in refused(check, f"a{character}b")


@given(value=st.text(max_size=300) | st.text(st.characters(codec=None), max_size=5))
@settings(max_examples=300, deadline=None)
def test_what_passes_can_be_stored_and_passes_again(value: str) -> None:
    for check in (checks.optional_line, checks.optional_text):
        try:
            clean = check(value, path=AT)
        except InvalidInput:
            continue
        assert check(clean, path=AT) == clean
        assert json.loads(json.dumps(clean).encode()) == clean
        assert clean is None or "\x00" not in clean.encode().decode()


@pytest.mark.parametrize("address", ["rosa@example.com", "r.d+hvac@mail.example.co", "ø@exämple.org"])
def test_an_address_of_the_usual_form_passes(address: str) -> None:
    assert checks.optional_email(f" {address} ", path=AT) == address


@pytest.mark.parametrize(
    "address", ["rosa", "rosa@", "@example.com", "rosa@example", "a b@example.com", "a@b@example.com", "a@example.com."]
)
def test_what_is_no_address_is_refused_with_an_example(address: str) -> None:
    assert "name@example.com" in refused(checks.optional_email, address)


def test_an_address_is_at_most_254_characters_long() -> None:
    assert checks.optional_email(f"a@{'b' * 185}.{'c' * 63}", path=AT)
    assert "at most 254" in refused(checks.optional_email, f"{'a' * 64}@{'b' * 186}.com")


# ── clocks ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["America/Chicago", "UTC", "Pacific/Auckland"])
def test_a_time_zone_is_a_name_of_the_iana_list(name: str) -> None:
    assert checks.timezone(name, path=AT) == name


@pytest.mark.parametrize("name", ["", "CST6", "america/chicago", "Chicago", "../etc/passwd", "+01:00", "x" * 500])
def test_what_is_no_time_zone_is_refused_by_its_own_code(name: str) -> None:
    with pytest.raises(checks.InvalidTimezone) as refusal:
        checks.timezone(name, path=AT)
    assert refusal.value.code == "INVALID_TIMEZONE"
    assert "America/Chicago" in refusal.value.message
    assert len(refusal.value.message) < 200


def test_a_moment_has_an_offset_and_a_year_people_work_in() -> None:
    for year in (1970, 2026, 2200):
        moment = datetime(year, 6, 1, tzinfo=timezone(timedelta(hours=-6)))
        assert checks.moment(moment, path=AT) is moment
    assert "needs an offset" in refused(checks.moment, datetime(2026, 3, 1, 9))  # noqa: DTZ001 - that is the point
    for year in (1969, 2201):
        assert "1970 to 2200" in refused(checks.moment, datetime(year, 6, 1, tzinfo=UTC))


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", ["0", "100", "99.99", "1E+1", "0.500", "-0"])
def test_a_number_within_its_bounds_is_kept_with_its_places(value: str) -> None:
    clean = checks.decimal(Decimal(value), **NUMBER)  # type: ignore[arg-type]
    assert clean == Decimal(value)
    assert clean.as_tuple().exponent == -2


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("-0.01", "This must lie between 0 and 100."),
        ("100.01", "This must lie between 0 and 100."),
        ("1E+30", "This must lie between 0 and 100."),
        ("0.005", "This may have at most 2 decimal places."),
        ("1E-50", "This may have at most 2 decimal places."),
        ("NaN", "This must be a number."),
        ("sNaN", "This must be a number."),
        ("-Infinity", "This must be a number."),
    ],
)
def test_a_number_out_of_bounds_is_refused_and_never_rounded(value: str, sentence: str) -> None:
    assert refused(checks.decimal, Decimal(value), **NUMBER) == sentence


def test_no_number_is_below_zero_and_zero_at_once() -> None:
    assert not checks.decimal(Decimal("-0"), **NUMBER).is_signed()  # type: ignore[arg-type]


# ── refusals together ─────────────────────────────────────────────────────────────────────────────


def test_one_problem_is_raised_as_itself_and_several_together_in_their_order() -> None:
    problems = Problems()
    assert problems.of(checks.line, "fine", path=("a",)) == "fine"
    problems.refuse_if_any()
    problems.of(checks.line, "", path=("b",))
    with pytest.raises(InvalidInput) as one:
        problems.refuse_if_any()
    assert one.value.path == ("b",)
    problems.note(NotFound("There is no site with this id.", path=("c",)))
    with pytest.raises(Refusals) as both:
        problems.refuse_if_any()
    assert [(r.code, r.path) for r in both.value.refusals] == [("INVALID_INPUT", ("b",)), ("NOT_FOUND", ("c",))]
    assert str(both.value) == "This must not be blank. There is no site with this id."


def test_several_problems_of_a_part_join_those_of_the_whole() -> None:
    inner, outer = Problems(), Problems()
    inner.note(InvalidInput("One.", path=("x",)))
    inner.note(InvalidInput("Two.", path=("y",)))
    outer.of(inner.refuse_if_any)
    assert [refusal.message for refusal in outer.found] == ["One.", "Two."]


def test_a_defect_is_no_problem_of_the_input() -> None:
    def defective() -> None:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        Problems().of(defective)


def test_a_refusal_of_a_part_is_told_with_the_path_from_the_whole() -> None:
    refusal = Refusal("No.", path=("quantity",))
    assert refusal.under("line_items", "3").path == ("line_items", "3", "quantity")
