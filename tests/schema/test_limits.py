"""Hostile documents are refused by a code before anything is done, and cost next to nothing."""

from typing import Any

import pytest
from graphql import get_introspection_query

from beltstack.planner.answers import PLANS_MOST
from beltstack.planner.cache import BoundedCache
from beltstack.schema.documents import DOCUMENTS_BYTES, DOCUMENTS_MOST, REFUSED_BYTES, REFUSED_MOST, Unprocessable
from beltstack.schema.execution import Executor
from beltstack.schema.limits import COST_MOST
from tests import api as callers
from tests.api import Company, the_schema

GRAPHQL = {"Accept": "application/graphql-response+json"}


def chain(body: str, *, last: str = "tenant { id }", length: int = 25) -> str:
    """Fragments on Query; each spreads the next as `body` says."""
    links = " ".join(f"fragment F{n} on Query {{ {body.replace('NEXT', f'...F{n + 1}')} }}" for n in range(length))
    return f"{{ ...F0 }} {links} fragment F{length} on Query {{ {last} }}"


def nested(levels: int) -> str:
    """Customers' work orders' customers and so on, `levels` fields deep."""
    steps = ["customer", *(["workOrders(first: 1)", "nodes", "customer"] * levels)][:levels]
    names = ["workOrder(id: 1)", *steps][: levels - 1]
    return "{ " + " { ".join(names) + " { id" + " }" * levels


IDS = " ".join(f'"{n}"' for n in range(101))
HOSTILE: list[tuple[str, str, Any]] = [
    ("TOKEN_LIMIT", "{ " + "tenant { id } " * 1000 + "}", None),
    ("TOKEN_LIMIT", "{ " + " ".join(f"a{n}:b" for n in range(8_000)) + " }", None),
    ("DEPTH_LIMIT", "{ a" * 900 + " }" * 900, None),
    ("DEPTH_LIMIT", nested(13), None),
    ("DEPTH_LIMIT", "{ nodes(ids: " + "[" * 60 + "]" * 60 + ") { id } }", None),
    ("DEPTH_LIMIT", "query ($a: Int) { tenant { id } }", {"a": [[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]}),
    ("DEPTH_LIMIT", "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }", None),
    ("ALIAS_LIMIT", "{ " + " ".join(f"a{n}: tenant {{ id }}" for n in range(16)) + " }", None),
    ("ALIAS_LIMIT", chain("a: tenant { id } NEXT b: tenant { id } NEXT"), None),
    ("DIRECTIVE_LIMIT", "{ tenant { " + "id @skip(if: true) " * 51 + " } }", None),
    ("FIELD_LIMIT", chain("NEXT NEXT", last="__typename"), None),
    ("FIELD_LIMIT", chain("tenant { id } NEXT NEXT", length=20), None),
    ("REPEAT_LIMIT", "{ tenant { " + "id " * 900 + "} }", None),
    ("MUTATION_LIMIT", "mutation { " + " ".join(f"a{n}: __typename" for n in range(6)) + " }", None),
    ("OPERATION_LIMIT", " ".join(f"query Q{n} {{ tenant {{ id }} }}" for n in range(11)), None),
    ("FRAGMENT_LIMIT", chain("NEXT", length=51), None),
    ("LIST_LIMIT", f"{{ nodes(ids: [{IDS}]) {{ id }} }}", None),
    ("LIST_LIMIT", "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["1"] * 101}),
    ("LIST_LIMIT", "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["1"] * 20_000}),
    ("NUMBER_LIMIT", "{ customers(first: " + "9" * 5000 + ") { nodes { id } } }", None),
    ("NUL_CHARACTER", '{ customer(id: "\\u0000") { id } }', None),
    ("NUL_CHARACTER", "query ($id: ID!) { customer(id: $id) { id } }", {"id": "a\0b"}),
    ("COST_LIMIT", "{ customers { nodes { workOrders { nodes { visits { id } } } } } }", None),
    (
        "COST_LIMIT",
        "query ($n: Int) { customers(first: $n) { nodes { workOrders(first: $n) { nodes { id } } } } }",
        {"n": 100},
    ),
    ("BAD_REQUEST", "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", None),
]


@pytest.mark.parametrize(("code", "document", "variables"), HOSTILE, ids=lambda value: str(value)[:40])
async def test_a_hostile_request_is_refused_by_its_code(
    shared_company: Company, code: str, document: str, variables: Any
) -> None:
    body = {"query": document, "variables": variables}
    response = await shared_company.owner.post(body, headers=GRAPHQL)
    answer = response.json()
    assert response.status_code == 422
    assert "data" not in answer
    assert [error["extensions"]["code"] for error in answer["errors"]][:1] == [code]


@pytest.mark.parametrize(
    "document",
    [
        nested(12),
        "{ " + " ".join(f"a{n}: tenant {{ id }}" for n in range(15)) + " }",
        "{ tenant { id " + " ".join(f"...F{n}" for n in range(50)) + " } }"
        + " ".join(f"fragment F{n} on Tenant {{ id }}" for n in range(50)),
        "{ tenant { " + " ".join(f"...F{n} @include(if: true)" for n in range(50)) + " } }"
        + " ".join(f"fragment F{n} on Tenant {{ id }}" for n in range(50)),
        f"{{ nodes(ids: [{IDS.rsplit(maxsplit=1)[0]}]) {{ id }} }}",
        chain("NEXT NEXT", length=8),
        get_introspection_query(),
    ],
    ids=lambda document: document[:40],
)  # fmt: skip
async def test_what_just_fits_is_answered(shared_company: Company, document: str) -> None:
    body = (await shared_company.owner.post({"query": document})).json()
    assert "errors" not in body
    assert body["data"] is not None


@pytest.mark.parametrize(
    ("document", "variables", "cost"),
    [
        ("{ tenant { id } }", {}, 1),
        ("{ __typename }", {}, 0),
        ("{ customers { nodes { id } } }", {}, 51),
        ("{ customers(first: 10) { nodes { id contacts { id } } } }", {}, 51),
        ("{ customers(last: 10) { totalCount edges { cursor node { id } } pageInfo { hasNextPage } } }", {}, 21),
        ("query ($n: Int) { customers(first: $n) { nodes { id } } }", {"n": 7}, 8),
        ("query ($n: Int) { customers(first: $n) { nodes { id } } }", {}, 51),
        ("query ($n: Int = 3) { customers(first: $n) { nodes { id } } }", {}, 4),
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["1", "2"]}, 2),
        ("query ($n: Int) { ...A } fragment A on Query { customers(first: $n) { ...B } }"
         " fragment B on CustomerConnection { totalCount nodes { id } }", {"n": 2}, 13),
        ("mutation { __typename }", {}, 10),
    ],
)  # fmt: skip
async def test_an_answer_says_what_it_cost(shared_company: Company, document: str, variables: Any, cost: int) -> None:
    for _ in range(2):
        body = (await shared_company.owner.post({"query": document, "variables": variables})).json()
        assert body["extensions"] == {"cost": {"requested": cost, "maximum": COST_MOST}}


async def test_a_refusal_for_its_cost_says_how_much_it_is(shared_company: Company) -> None:
    document = "{ customers(first: 100) { nodes { workOrders(first: 100) { nodes { id } } } } }"
    body = (await shared_company.owner.post({"query": document}, headers=GRAPHQL)).json()
    assert body["extensions"] == {"cost": {"requested": 1 + 100 * (1 + 1 + 100), "maximum": COST_MOST}}


# ── caches ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> Executor:
    """With caches of the test's own."""
    executor = Executor(the_schema())
    monkeypatch.setattr(callers, "the_executor", lambda: executor)
    return executor


async def test_a_flood_of_documents_leaves_the_caches_bounded_and_the_hot_plan_there(
    shared_company: Company, executor: Executor
) -> None:
    hot = "query Hot { tenant { id name } }"
    for _ in range(2):
        await shared_company.owner.ask(hot)
    (plan,) = [key for key in executor.plans if hot in str(key)]
    documents = executor.documents
    for number in range(200):
        await shared_company.owner.ask(f"query Q{number} {{ tenant {{ id }} }}")
    for number in range(2400):
        with pytest.raises(Unprocessable):
            documents.operation(f"{{ nothing{number} }}", None)
        documents.operation(f"query R{number} {{ tenant {{ name }} }}", None)
    assert plan in executor.plans
    assert hot in documents.valid
    assert len(executor.plans) < 200 < PLANS_MOST
    assert len(documents.valid) <= DOCUMENTS_MOST
    assert documents.valid.weight <= DOCUMENTS_BYTES
    assert len(documents.refused) <= REFUSED_MOST
    assert documents.refused.weight <= REFUSED_BYTES


async def test_variables_nobody_declared_make_no_plans(shared_company: Company, executor: Executor) -> None:
    document = "query ($n: Int) { customers(first: $n) { nodes { id } } }"
    for number in range(20):
        await shared_company.owner.ask(document, n=number + 1, **{f"x{number}": number})
    assert len(executor.plans) == 1


async def test_two_tenants_share_a_plan(shared_company: Company, company: Company, executor: Executor) -> None:
    for caller in (shared_company.owner, company.owner):
        await caller.ask("{ customers { nodes { id } } }")
    assert len(executor.plans) == 1


async def test_a_very_long_document_is_answered_and_not_kept(shared_company: Company, executor: Executor) -> None:
    document = "{ tenant { id } } # " + "x" * 60_000
    await shared_company.owner.ask(document)
    assert len(executor.documents.valid) == 0


async def test_a_known_document_is_not_parsed_again(shared_company: Company, executor: Executor) -> None:
    documents = executor.documents
    first = documents.operation("{ tenant { id } }", None)
    assert documents.operation("{ tenant { id } }", None).document is first.document
    # What is held under a text is answered with, whatever the text says.
    held = documents.valid.get("{ tenant { id } }")
    assert held is not None
    documents.valid.put("this is no GraphQL", held, weight=1)
    assert await shared_company.owner.ask("this is no GraphQL") == {
        "tenant": {"id": f"tenant_{shared_company.tenant.id}"}
    }


@pytest.mark.parametrize(
    ("document", "said"), [("{ tenannt { id } }", "Cannot query field"), ("{ tenant", "Syntax Error")]
)
async def test_an_invalid_document_is_refused_each_time_and_never_among_the_valid(
    shared_company: Company, executor: Executor, document: str, said: str
) -> None:
    answers = [await shared_company.owner.errors(document) for _ in range(3)]
    assert said in answers[0][0]["message"]
    assert answers == [answers[0]] * 3
    assert (document in executor.documents.valid, document in executor.documents.refused) == (False, True)


async def test_variables_are_the_request_s_own(shared_company: Company, executor: Executor) -> None:
    document = "query ($n: Int!) { customers(first: $n) { pageInfo { hasNextPage } } }"
    assert "customers" in await shared_company.owner.ask(document, n=1)
    (bad,) = await shared_company.owner.errors(document, n="one")
    assert "$n" in bad["message"]
    assert "customers" in await shared_company.owner.ask(document, n=2)
    assert list(executor.documents.valid) == [document]


def test_what_was_asked_for_twice_outlives_any_number_asked_for_once() -> None:
    cache: BoundedCache[str, int] = BoundedCache(most=8, weight_most=800)
    for key in ("hot", "cold"):
        cache.put(key, 1, weight=10)
    assert cache.get("hot") == 1
    for number in range(1000):
        cache.put(f"flood {number}", number, weight=10)
    assert ("hot" in cache, "cold" in cache) == (True, False)
    assert len(cache) == 3
    assert cache.weight == 30


def test_a_cache_is_bounded_by_weight_too() -> None:
    cache: BoundedCache[int, int] = BoundedCache(most=1000, weight_most=1600)
    for number in range(100):
        cache.put(number, number, weight=100)
        cache.get(number)
    cache.put(-1, -1, weight=101)
    assert cache.weight == 1200
    assert (cache.get(99), cache.get(0), cache.get(-1)) == (99, None, None)
