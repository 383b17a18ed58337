"""Every mutation there is, with an input made from the schema itself, so that no new one goes untested."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    get_named_type,
    get_nullable_type,
)

from beltstack.domain.ids import Noun
from beltstack.schema.build import MUTATIONS
from beltstack.schema.mutations import Mutation
from tests.api import INPUTS, Api, the_schema

EVERY_MUTATION = {mutation.name: mutation for mutation in MUTATIONS}
SCHEMA = the_schema()._schema
# Ids of plugins are names, not records.
NOT_A_RECORD = {"pluginId"}
_numbers = count(1)

_BY_NAME: dict[str, Any] = {
    "timezone": "America/Chicago",
    "country": "US",
    "email": "rosa@example.com",
    "start": "2026-03-02T09:00:00-06:00",
    "end": "2026-03-02T11:00:00-06:00",
    "booksLockedThrough": "2019-01-01",
    "discountPercent": "0",
    "discountAmount": "0",
    "rate": "0.0825",
    "paymentTermsDays": 30,
    "termsDays": 30,
    "position": 0,
    "pluginId": "listener",
    "settings": {},
    "from": "2026-03-01T09:00:00-06:00",
    "createdFrom": "2026-03-01T09:00:00-06:00",
    "createdTo": "2026-03-02T09:00:00-06:00",
    "types": "work_order.completed",
}
_BY_TYPE: dict[str, Any] = {"Decimal": "10.00", "Date": "2026-03-02", "Boolean": False, "Int": 1}
# Left out: they change what the rest of the input means.
_LEFT_OUT = {"idempotencyKey", "dryRun", "overrideReason", "credentials", "instance", "visitId"}


@dataclass(frozen=True)
class Place:
    """Where an input takes an id: the path to it, whose id, and whether it is of something new."""

    path: tuple[str, ...]
    noun: Noun
    is_new: bool
    in_list: bool


def places_of(mutation: Mutation) -> list[Place]:
    """Every id an input takes, inside its inputs and lists, too."""
    return list(_places(_input_type(mutation), ()))


def an_input(mutation: Mutation, ids: Mapping[Noun, str], *, version: int = 1) -> dict[str, Any]:
    """An input that no check of single values refuses; `ids` has a record of each noun."""
    return _object(_input_type(mutation), ids, version)


def with_id(given: Mapping[str, Any], place: Place, identifier: str) -> dict[str, Any]:
    """The same input with another id at one place; in a list, after those that are there."""
    head, *rest = place.path
    if rest:
        inner = given[head]
        inside = Place(tuple(rest), place.noun, place.is_new, place.in_list)
        changed = [with_id(one, inside, identifier) for one in inner] if isinstance(inner, list) else (
            with_id(inner, inside, identifier)
        )  # fmt: skip
        return {**given, head: changed}
    return {**given, head: [*given[head], identifier] if place.in_list else identifier}


async def answer_to(api: Api, mutation: Mutation, given: Mapping[str, Any]) -> Any:
    """The body of the answer: the subject's id, and every refusal whole."""
    payload = SCHEMA.get_type(f"{mutation.type_name}Payload")
    subject = next(name for name in payload.fields if name != "userErrors")  # type: ignore[union-attr]
    document = f"""mutation ($input: {INPUTS[mutation.type_name]}!) {{ {mutation.name}(input: $input) {{
        {subject} {{ id }}
        userErrors {{ message code path pluginId pluginCode currentState availableTransitions }} }} }}"""
    response = await api.post({"query": document, "variables": {"input": given}})
    return response.json()


def codes_in(answer: Any) -> list[str]:
    """The codes of what was refused; an answer with errors is none."""
    assert "errors" not in answer, answer
    ((_, payload),) = answer["data"].items()
    return [error["code"] for error in payload["userErrors"]]


def _input_type(mutation: Mutation) -> GraphQLInputObjectType:
    found = SCHEMA.get_type(INPUTS[mutation.type_name])
    assert isinstance(found, GraphQLInputObjectType)
    return found


def _places(kind: GraphQLInputObjectType, path: tuple[str, ...]) -> Iterator[Place]:
    metadata = _metadata(kind)
    for name, field in kind.fields.items():
        named = get_named_type(field.type)
        if isinstance(named, GraphQLInputObjectType):
            yield from _places(named, (*path, name))
        elif named.name == "ID" and name not in NOT_A_RECORD:
            about = metadata[name]
            in_list = isinstance(get_nullable_type(field.type), GraphQLList)
            yield Place((*path, name), about["noun"], about.get("new", False), in_list)


def _object(kind: GraphQLInputObjectType, ids: Mapping[Noun, str], version: int) -> dict[str, Any]:
    metadata = _metadata(kind)
    return {
        name: _value(name, field, metadata[name], ids, version)
        for name, field in kind.fields.items()
        if name not in _LEFT_OUT and not metadata[name].get("new")
    }


def _value(name: str, field: GraphQLInputField, about: Mapping[str, Any], ids: Mapping[Noun, str], version: int) -> Any:
    named = get_named_type(field.type)
    value: Any
    if isinstance(named, GraphQLInputObjectType):
        value = _object(named, ids, version)
    elif name == "expectedVersion":
        value = version
    elif name in _BY_NAME:
        value = _BY_NAME[name]
    elif "noun" in about:
        value = ids[about["noun"]]
    elif isinstance(named, GraphQLEnumType):
        value = next(iter(named.values))
    else:
        value = _BY_TYPE.get(named.name, f"Word {next(_numbers)}")
    return [value] if isinstance(get_nullable_type(field.type), GraphQLList) else value


def _metadata(kind: GraphQLInputObjectType) -> dict[str, Mapping[str, Any]]:
    """What the code says of each field beside its type, by the field's name in GraphQL."""
    definition = the_schema().schema_converter.type_map[kind.name].definition
    naming = the_schema().config.name_converter
    return {naming.get_graphql_name(field): field.metadata for field in definition.fields}  # type: ignore[union-attr]
