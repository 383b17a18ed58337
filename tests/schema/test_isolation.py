"""A second tenant tries everything there is with the first one's ids: it is told what strangers are told."""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any
from uuid import UUID

import pytest
from graphql import get_named_type
from sqlalchemy import text
from uuid_utils.compat import uuid7

from beltstack.domain.ids import Noun, public_id
from beltstack.plugins.runtime import PluginHost
from beltstack.schema.build import MUTATIONS
from beltstack.schema.filters import IdFilter
from beltstack.schema.listings import LISTINGS
from beltstack.schema.mutations import Mutation
from beltstack.schema.queries import LISTS, SINGLE
from beltstack.schema.refusals import camel
from beltstack.store import tables
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer
from tests.schema.every import SCHEMA, Place, an_input, answer_to, codes_in, places_of, with_id
from tests.schema.rules import Listener
from tests.schema.world import World, a_world
from tests.store.rows import rows_of

EVERY_PLACE = [
    pytest.param(mutation, place, id=f"{mutation.name}-{'.'.join(place.path)}")
    for mutation in MUTATIONS
    for place in places_of(mutation)
]


@pytest.fixture(scope="module")
async def three(database: Database, sealer: Sealer) -> list[World]:
    """The first tenant, the one that tries, and one that takes the first one's ids for records of its own."""
    host = PluginHost([Listener()])
    return [await a_world(database, host, sealer, f"t-{secrets.token_hex(8)}") for _ in range(3)]


@pytest.fixture
def worlds(three: list[World]) -> tuple[World, World]:
    return three[0], three[1]


def test_the_worlds_have_a_record_of_every_noun(worlds: tuple[World, World]) -> None:
    with_ids = {*Noun} - {Noun.TOKEN}
    assert [world.ids.keys() for world in worlds] == [with_ids, with_ids]


@pytest.mark.parametrize(("mutation", "place"), EVERY_PLACE)
async def test_a_mutation_answers_a_foreign_id_like_one_that_never_was(
    mutation: Mutation, place: Place, three: list[World]
) -> None:
    first, second = three[0], three[2 if place.is_new else 1]
    before = await rows_of(first.api.database, first.tenant.id)
    foreign, never = first.ids[place.noun][0], public_id(place.noun, uuid7())
    answers = [await tried(second, mutation, place, identifier) for identifier in (foreign, never)]
    assert answers[0] == answers[1]
    # Asked for as a new id, a foreign one is as free as any; else it is not there, and nothing else is wrong.
    assert place.is_new or codes_in(answers[0]) in (["NOT_FOUND"], ["NOT_ASSIGNED"])
    assert place.is_new or place.path[-1] in {"id", "ids"} or blamed(answers[0]) == ["input", *place.path]
    assert await rows_of(first.api.database, first.tenant.id) == before


def blamed(answer: Any) -> list[str]:
    """Where the refusal lies, indexes of lists left out."""
    ((_, payload),) = answer["data"].items()
    return [step for step in payload["userErrors"][0]["path"] if not step.isdigit()]


async def tried(world: World, mutation: Mutation, place: Place, identifier: str) -> Any:
    """The answer where everything but one id is in order, with that id blotted out."""
    ids = world.one_of_each()
    ids[Noun.WORK_ORDER] = world.completed_order if mutation.stem == "invoice.draft" else world.open_order
    about = ids[mutation.id_of or mutation.subject] if mutation.stem != "line_item.add" else ids[Noun.WORK_ORDER]
    version = await version_of(world, ids[Noun.WORK_ORDER] if mutation.stem.startswith("line_item.") else about)
    given = with_id(an_input(mutation, ids, version=version), place, identifier)
    if mutation.stem == "invoice.draft":
        given = narrowed_only_by(place, given)
    if "dryRun" in SCHEMA.get_type(mutation.input.__name__).fields:  # type: ignore[union-attr]
        given["dryRun"] = True
    answer = await answer_to(world.api, mutation, given)
    return json.loads(json.dumps(answer).replace(identifier, "that id"))


def narrowed_only_by(place: Place, given: dict[str, Any]) -> dict[str, Any]:
    """The lines and visits of the other records are no part of the completed work order."""
    kept = {name: value for name, value in given.items() if name not in {"lines", "visitIds"} or name == place.path[0]}
    return kept | ({"visitIds": kept["visitIds"][-1:]} if "visitIds" in kept else {})


async def version_of(world: World, identifier: str) -> int:
    noun, _, key = identifier.rpartition("_")
    table = tables.metadata.tables[Noun(noun).name.lower()]
    if "version" not in table.c:
        return 1
    async with world.api.database.transaction(world.tenant.id) as connection:
        found = await connection.execute(text(f"select version from {table.name} where id = :id"), {"id": UUID(key)})
    return int(found.scalar_one())


def test_every_id_that_a_query_takes_is_tried_here() -> None:
    assert SCHEMA.query_type is not None
    takes_ids = {
        name
        for name, field in SCHEMA.query_type.fields.items()
        if any(get_named_type(argument.type).name == "ID" for argument in field.args.values())
    }
    assert takes_ids == {"node", "nodes", *map(camel, SINGLE)}


@pytest.mark.parametrize("noun", sorted({*Noun} - {Noun.TOKEN}))
async def test_a_query_answers_a_foreign_id_like_one_that_never_was(noun: Noun, worlds: tuple[World, World]) -> None:
    first, second = worlds
    fields = [camel(name) for name, other in SINGLE.items() if other is noun]
    singles = " ".join(f"{name}(id: $id) {{ id }}" for name in fields)
    document = f"query ($id: ID!) {{ node(id: $id) {{ id }} nodes(ids: [$id, $id]) {{ id }} {singles} }}"
    for identifier in (*first.ids[noun], public_id(noun, uuid7())):
        data = await second.api.ask(document, id=identifier)
        assert data == {"node": None, "nodes": [None, None], **dict.fromkeys(fields)}


@pytest.mark.parametrize("name", sorted(LISTS))
async def test_a_list_shows_only_what_is_ones_own_whatever_cursor_is_given(
    name: str, worlds: tuple[World, World]
) -> None:
    first, second = worlds
    foreign, own = await cursor_of(first, name), await cursor_of(second, name)
    document = f"""query ($cursor: String) {{
        all: {camel(name)} {{ totalCount nodes {{ id }} }}
        after: {camel(name)}(after: $cursor) {{ nodes {{ id }} }}
        before: {camel(name)}(before: $cursor) {{ nodes {{ id }} }} }}"""
    data = await second.api.ask(document, cursor=with_foreign_id(own, foreign))
    seen = {node["id"] for page in data.values() for node in page["nodes"]}
    assert seen
    assert seen.isdisjoint(first.ids[LISTS[name]])
    assert data["all"]["totalCount"] == len(data["all"]["nodes"])
    (error,) = await second.api.errors(document, cursor=foreign)
    assert error["extensions"]["code"] == "BAD_CURSOR"


async def cursor_of(world: World, name: str) -> str:
    page = (await world.api.ask(f"{{ {camel(name)} {{ pageInfo {{ endCursor }} }} }}"))[camel(name)]
    cursor: str = page["pageInfo"]["endCursor"]
    return cursor


def with_foreign_id(own: str, foreign: str) -> str:
    """One's own cursor, forged to point at another tenant's row."""
    parts, others = (json.loads(urlsafe_b64decode(cursor + "==")) for cursor in (own, foreign))
    return urlsafe_b64encode(json.dumps([*parts[:3], others[3]]).encode()).decode()


@pytest.mark.parametrize("noun", sorted(LISTINGS))
async def test_a_filter_by_a_foreign_id_matches_nothing(noun: Noun, worlds: tuple[World, World]) -> None:
    first, second = worlds
    (name,) = [camel(name) for name, listed in LISTS.items() if listed is noun]
    for field, by in LISTINGS[noun].where.items():
        if by.operators is not IdFilter:
            continue
        foreign = first.ids[by.filter.noun or Noun.WORK_ORDER]
        document = f"query ($ids: [ID!]!) {{ {name}(where: {{ {field}: {{ in: $ids }} }}) {{ totalCount }} }}"
        assert (await second.api.ask(document, ids=foreign))[name]["totalCount"] == 0
        assert (await first.api.ask(document, ids=foreign))[name]["totalCount"] > 0


async def test_one_key_of_two_tenants_is_two_keys(worlds: tuple[World, World]) -> None:
    first, second = worlds
    given = {"name": "Rosa Delgado", "idempotencyKey": "the same"}
    made = [await world.api.do("customerCreate", "customer { id }", **given) for world in (first, second)]
    assert made[0] != made[1]
