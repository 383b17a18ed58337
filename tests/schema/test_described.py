"""The schema explains itself, whole, and the committed file is what the code says."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    is_introspection_type,
    is_specified_scalar_type,
)

import beltstack
from beltstack.schema.refusals import UserErrorCode, refusal_kinds
from tests.api import the_schema
from tests.schema.every import EVERY_MUTATION, SCHEMA

OURS = [
    kind for kind in SCHEMA.type_map.values() if not is_introspection_type(kind) and not is_specified_scalar_type(kind)
]


def described(kind: GraphQLNamedType) -> Iterator[tuple[str, str | None]]:
    """Everything of a type that has a description, by its place in the schema."""
    yield kind.name, kind.description
    if isinstance(kind, GraphQLEnumType):
        yield from ((f"{kind.name}.{name}", value.description) for name, value in kind.values.items())
    if isinstance(kind, GraphQLInputObjectType):
        yield from ((f"{kind.name}.{name}", field.description) for name, field in kind.fields.items())
    if isinstance(kind, (GraphQLObjectType, GraphQLInterfaceType)):
        for name, field in kind.fields.items():
            yield f"{kind.name}.{name}", field.description
            yield from ((f"{kind.name}.{name}({one})", given.description) for one, given in field.args.items())


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: str(kind.name))
def test_everything_is_described_in_sentences(kind: GraphQLNamedType) -> None:
    assert [place for place, words in described(kind) if not (words or "").strip().endswith(".")] == []


def test_the_committed_schema_is_what_the_code_says() -> None:
    committed = Path(beltstack.__file__).parent / "schema" / "schema.graphql"
    assert committed.read_text(encoding="utf-8") == the_schema().as_str() + "\n"


def test_every_refusal_has_its_code_in_the_schema() -> None:
    """Once everything is loaded, whatever the order: a code that came too late would end in an internal error."""
    for module in walk_packages(beltstack.__path__, "beltstack."):
        if not module.name.startswith("beltstack.store.migrations"):
            import_module(module.name)
    assert {code.name for code in UserErrorCode} == {*refusal_kinds()}


@pytest.mark.parametrize("name", sorted(EVERY_MUTATION))
def test_a_mutation_takes_one_input_and_answers_with_a_payload_of_its_name(name: str) -> None:
    assert SCHEMA.mutation_type is not None
    field, stem = SCHEMA.mutation_type.fields[name], name[0].upper() + name[1:]
    assert list(field.args) == ["input"]
    assert str(field.type) == f"{stem}Payload!"
    payload = SCHEMA.get_type(f"{stem}Payload")
    assert isinstance(payload, GraphQLObjectType)
    assert str(payload.fields["userErrors"].type) == "[UserError!]!"
    also = EVERY_MUTATION[name].also
    assert len({*payload.fields} - {"count"}) == 2 + len(also)


@pytest.mark.parametrize("name", sorted(EVERY_MUTATION))
def test_what_can_be_repeated_takes_a_key_and_what_changes_something_a_version(name: str) -> None:
    given = SCHEMA.get_type(str(SCHEMA.mutation_type.fields[name].args["input"].type).rstrip("!"))  # type: ignore[union-attr]
    assert isinstance(given, GraphQLInputObjectType)
    # What a mutation answers beside its subject is kept nowhere, so that a repetition could not answer it again.
    assert ("idempotencyKey" in given.fields) == (not EVERY_MUTATION[name].also)
    makes_or_repeats = name.endswith(("Create", "Draft", "Record", "Enable", "Replay", "Connect", "Check", "Backfill"))
    makes_or_repeats |= name == "deliveriesCancel"
    assert ("expectedVersion" in given.fields) != makes_or_repeats
