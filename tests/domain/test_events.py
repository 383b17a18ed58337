"""Facts: each kind has a name, a version and a stream, and is stored as JSON and read back the same."""

import dataclasses
import json
import re
import types
import typing
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from beltstack.domain import events
from beltstack.domain.events import Fact, facts_by_type
from beltstack.store.codecs import UnknownEvent, fact_from_json, to_json
from tests.makers import NOON, TODAY, an_id

KINDS = sorted(facts_by_type().values(), key=lambda kind: kind.type)
EXAMPLES: dict[Any, Any] = {
    str: "Renée “Ray” O'Neill, 100 % ☃",
    int: 3,
    UUID: an_id(5),
    Decimal: Decimal("1234567890.1200"),
    datetime: NOON,
    date: TODAY,
}


def an_example(kind: type[Any], *, bare: bool = False) -> Any:
    """A value with every field set; a bare one has None and () where it may."""
    hints = typing.get_type_hints(kind)
    return kind(**{field.name: _example_of(hints[field.name], bare) for field in dataclasses.fields(kind)})


def _example_of(hint: Any, bare: bool) -> Any:
    if isinstance(hint, typing.NewType):
        return _example_of(hint.__supertype__, bare)
    if isinstance(hint, types.UnionType):
        return None if bare else _example_of(next(part for part in hint.__args__ if part is not type(None)), bare)
    if typing.get_origin(hint) is tuple:
        part = typing.get_args(hint)[0]
        return () if bare else (_example_of(part, bare), _example_of(part, bare))
    return EXAMPLES[hint] if hint in EXAMPLES else an_example(hint, bare=bare)


each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type)


def test_no_kind_of_fact_is_left_out_or_named_twice() -> None:
    defined = [
        value
        for value in vars(events).values()
        if isinstance(value, type) and issubclass(value, Fact) and "type" in vars(value)
    ]
    assert len(defined) > 40
    assert set(KINDS) == set(defined)
    assert len({kind.type for kind in defined}) == len(defined)


@each_kind
def test_a_kind_says_noun_and_what_happened_and_its_version(kind: type[Fact]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*", kind.type)
    assert isinstance(kind.v, int)
    assert kind.v >= 1


@each_kind
def test_a_fact_belongs_to_the_stream_of_a_record_it_names(kind: type[Fact]) -> None:
    fact = an_example(kind)
    own = {getattr(fact, field.name) for field in dataclasses.fields(fact) if field.name.endswith("_id")}
    assert isinstance(fact.stream, UUID)
    assert fact.stream in own


def test_visits_are_told_in_their_work_order_s_stream_and_payments_in_their_invoice_s() -> None:
    streams = {"visit": "work_order_id", "payment": "invoice_id", "contact": "customer_id", "plugin": "integration_id"}
    for kind in KINDS:
        noun = kind.type.partition(".")[0]
        fact = an_example(kind)
        identifiers = {field.name: an_id(number) for number, field in enumerate(dataclasses.fields(fact), 100)}
        ids = {name: value for name, value in identifiers.items() if name.endswith("_id") and name != "plugin_id"}
        assert dataclasses.replace(fact, **ids).stream == ids[streams.get(noun, f"{noun}_id")]


@each_kind
@pytest.mark.parametrize("bare", [False, True])
def test_a_fact_is_stored_as_json_and_read_back_the_same(kind: type[Fact], bare: bool) -> None:
    fact = an_example(kind, bare=bare)
    stored = json.dumps(to_json(fact))
    again = fact_from_json(kind.type, kind.v, json.loads(stored))
    assert type(again) is kind
    assert again == fact
    assert again.stream == fact.stream


@each_kind
def test_a_stored_fact_holds_no_float(kind: type[Fact]) -> None:
    assert not _floats(to_json(an_example(kind)))


def test_amounts_are_stored_digit_by_digit_and_instants_with_their_offset() -> None:
    fact = an_example(events.WorkOrderCompleted)
    stored = to_json(dataclasses.replace(fact, total=Decimal("1E+3")))
    assert stored["total"] == "1000"
    assert to_json(fact)["total"] == "1234567890.1200"
    visit = to_json(an_example(events.VisitScheduled))
    assert visit["planned_start"] == "2026-03-02T12:00:00+00:00"
    assert datetime.fromisoformat(visit["planned_start"]) == datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_field_added_later_does_not_stop_an_older_reader() -> None:
    fact = an_example(events.CustomerCreated)
    assert fact_from_json("customer.created", 1, to_json(fact) | {"nickname": "Rosie"}) == fact


@pytest.mark.parametrize(("type_", "v"), [("customer.teleported", 1), ("customer.created", 2), ("", 0)])
def test_a_kind_or_version_from_the_future_is_named_and_not_guessed(type_: str, v: int) -> None:
    with pytest.raises(UnknownEvent) as unknown:
        fact_from_json(type_, v, to_json(an_example(events.CustomerCreated)))
    assert f"{type_} in version {v}" in str(unknown.value)


@each_kind
def test_a_fact_cannot_be_edited(kind: type[Fact]) -> None:
    fact = an_example(kind)
    name = dataclasses.fields(fact)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(fact, name, None)


@each_kind
def test_a_fact_tells_no_cost_secret_or_gate_code(kind: type[Fact]) -> None:
    words = {word for name in _names(to_json(an_example(kind))) for word in name.split("_")}
    assert not words & {"cost", "costs", "secret", "password", "token", "gate", "access", "margin"}


def _floats(data: Any) -> list[float]:
    if isinstance(data, dict):
        data = list(data.values())
    if isinstance(data, list):
        return [found for part in data for found in _floats(part)]
    return [data] if isinstance(data, float) else []


def _names(data: Any) -> list[str]:
    if isinstance(data, list):
        return [name for part in data for name in _names(part)]
    if isinstance(data, dict):
        return [*data, *(name for part in data.values() for name in _names(part))]
    return []
