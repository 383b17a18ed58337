"""However a document asks, each field answers what its own place asked for."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from beltstack.plugins.runtime import PluginHost
from beltstack.store.batches import BatchPool
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer
from tests.conftest import a_company
from tests.schema.shop import DIAGNOSIS, Shop, a_shop


@pytest.fixture(scope="module")
async def shop(database: Database, sealer: Sealer) -> Shop:
    """Two customers: the first with three work orders of two lines at two sites, the second with one of each."""
    company = await a_company(database, PluginHost([]), sealer)
    first, second = await a_shop(company.owner), await a_shop(company.owner)
    lines = [DIAGNOSIS, {"description": "Capacitor", "unitPrice": "38.50"}]
    await first.api.do("siteCreate", "site { id }", customerId=first.customer, name="Cabin", timezone="UTC")
    for title in ("One", "Two", "Three"):
        await first.order(title=title, lineItems=lines)
    await second.order(title="Other")
    return first


async def asked(shop: Shop, fields: str, **variables: Any) -> Any:
    """What is asked of the first customer."""
    types = "".join(f", ${name}: {kind}" for name, kind in (("n", "Int"), ("yes", "Boolean!")) if name in variables)
    document = f"query ($id: ID!{types}) {{ customer(id: $id) {{ {fields} }} }}"
    return (await shop.api.ask(document, id=shop.customer, **variables))["customer"]


def titles(page: Any) -> list[str]:
    return [node["title"] for node in page["nodes"]]


async def test_two_aliases_of_a_list_have_their_own_pages(shop: Shop) -> None:
    found = await asked(
        shop,
        """newest: workOrders(first: 1) { nodes { title } } two: workOrders(first: 2) { totalCount nodes { title } }
        oldest: workOrders(last: 1) { nodes { title } } workOrders { nodes { title } }""",
    )
    pages = [titles(found[name]) for name in ("newest", "two", "oldest", "workOrders")]
    assert pages == [["Three"], ["Three", "Two"], ["One"], ["Three", "Two", "One"]]
    assert found["two"]["totalCount"] == 3


async def test_nodes_and_edges_may_ask_for_different_pages_below_them(shop: Shop) -> None:
    data = await shop.api.ask(
        """{ customers(last: 1) {
            nodes { orders: workOrders(first: 1) { nodes { title } } }
            edges { node { orders: workOrders(first: 2) { nodes { title } } } } } }"""
    )
    ((by_nodes,), (by_edges,)) = data["customers"]["nodes"], data["customers"]["edges"]
    assert titles(by_nodes["orders"]) == ["Three"]
    assert titles(by_edges["node"]["orders"]) == ["Three", "Two"]


async def test_two_ways_to_a_record_may_ask_for_different_pages_of_it(shop: Shop) -> None:
    data = await shop.api.ask(
        """{ workOrders(last: 1) { nodes {
            a: customer { workOrders(first: 1) { nodes { title } } }
            b: customer { workOrders(first: 2) { nodes { title } } } } } }"""
    )
    (order,) = data["workOrders"]["nodes"]
    assert (titles(order["a"]["workOrders"]), titles(order["b"]["workOrders"])) == (["Three"], ["Three", "Two"])


async def test_two_aliases_of_a_plain_list_have_their_own_fields(shop: Shop) -> None:
    fields = "nodes { a: lineItems { description catalogItem { id } } b: lineItems { visit { id } description } }"
    (order, *_) = (await asked(shop, f"workOrders {{ {fields} }}"))["workOrders"]["nodes"]
    assert order["a"] == [
        {"description": "Diagnosis", "catalogItem": None},
        {"description": "Capacitor", "catalogItem": None},
    ]
    assert order["b"] == [{"description": "Diagnosis", "visit": None}, {"description": "Capacitor", "visit": None}]


async def test_fields_asked_for_twice_are_merged(shop: Shop) -> None:
    found = await asked(
        shop, "workOrders(first: 1) { nodes { title } } workOrders(first: 1) { nodes { site { name } } }"
    )
    assert found == {"workOrders": {"nodes": [{"title": "Three", "site": {"name": "Home"}}]}}


async def test_fragments_are_part_of_what_is_asked(shop: Shop) -> None:
    document = """query ($id: ID!) { customer(id: $id) { ...whole ... on Customer { kind } ... { name } } }
        fragment whole on Customer { workOrders(first: 1) { ...page } sites { nodes { ...place } } }
        fragment page on WorkOrderConnection { totalCount nodes { title customer { ...who } } }
        fragment place on Site { name customer { ...who } }
        fragment who on Customer { name sites(first: 1) { nodes { name } } }"""
    found = (await shop.api.ask(document, id=shop.customer))["customer"]
    who = {"name": "Ada Klein", "sites": {"nodes": [{"name": "Cabin"}]}}
    assert found == {
        "workOrders": {"totalCount": 3, "nodes": [{"title": "Three", "customer": who}]},
        "sites": {"nodes": [{"name": "Cabin", "customer": who}, {"name": "Home", "customer": who}]},
        "kind": "RESIDENTIAL",
        "name": "Ada Klein",
    }


async def test_fragments_on_the_interface_ask_each_kind_for_its_own(shop: Shop) -> None:
    document = """query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id
        ... on Customer { orders: workOrders(first: 1) { nodes { title } } }
        ... on Site { orders: workOrders(first: 2) { nodes { title } } customer { name } }
        ... on Technician { name } } }"""
    found = (await shop.api.ask(document, ids=[shop.site, shop.customer, shop.technician, shop.site]))["nodes"]
    assert [one["__typename"] for one in found] == ["Site", "Customer", "Technician", "Site"]
    assert found[0] == found[3]
    assert (titles(found[0]["orders"]), titles(found[1]["orders"])) == (["Three", "Two"], ["Three"])


@pytest.mark.parametrize(("given", "count"), [({"n": 2}, 2), ({"n": None}, 3), ({}, 3)])
async def test_variables_reach_nested_arguments(given: dict[str, Any], count: int, shop: Shop) -> None:
    document = "query ($id: ID!, $n: Int) { customer(id: $id) { workOrders(first: $n) { nodes { title } } } }"
    found = await shop.api.ask(document, id=shop.customer, **given)
    assert len(found["customer"]["workOrders"]["nodes"]) == count


async def test_a_variable_s_default_holds_where_none_is_given(shop: Shop) -> None:
    document = "query ($id: ID!, $n: Int = 1) { customer(id: $id) { workOrders(first: $n) { nodes { title } } } }"
    found = await shop.api.ask(document, id=shop.customer)
    assert titles(found["customer"]["workOrders"]) == ["Three"]


@pytest.mark.parametrize("yes", [True, False])
async def test_directives_take_fields_out(yes: bool, shop: Shop) -> None:
    fields = "name @include(if: $yes) sites @skip(if: $yes) { nodes { name } } ... @include(if: $yes) { kind }"
    found = await asked(shop, fields, yes=yes)
    assert found.keys() == ({"name", "kind"} if yes else {"sites"})


async def test_typename_is_answered_at_every_level(shop: Shop) -> None:
    data = await shop.api.ask(
        "{ __typename customers(first: 1) { __typename nodes { __typename } edges { __typename } } }"
    )
    assert data["customers"] == {
        "__typename": "CustomerConnection",
        "nodes": [{"__typename": "Customer"}],
        "edges": [{"__typename": "CustomerEdge"}],
    }


async def test_a_mutation_s_answer_is_selected_like_a_query_s(shop: Shop) -> None:
    document = """mutation ($id: ID!) { customerUpdate(input: {id: $id, expectedVersion: 1, patch: {}}) { ...answer } }
        fragment answer on CustomerUpdatePayload { who: customer { name ...orders } userErrors { code } }
        fragment orders on Customer { two: workOrders(first: 2) { totalCount nodes { title ...lines } } }
        fragment lines on WorkOrder { lineItems { description } }"""
    payload = (await shop.api.ask(document, id=shop.customer))["customerUpdate"]
    assert payload["who"]["two"]["totalCount"] == 3
    assert titles(payload["who"]["two"]) == ["Three", "Two"]
    assert [line["description"] for line in payload["who"]["two"]["nodes"][0]["lineItems"]] == [
        "Diagnosis",
        "Capacitor",
    ]


@pytest.fixture
def statements_of(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Awaitable[list[str]]]:
    """What a document has the reads' connections say to the database."""
    sent: list[str] = []
    fetch = BatchPool.fetch

    async def noted(self: BatchPool, statement: str, *arguments: Any, **named: Any) -> bytes | None:
        if "token_actor" not in statement:
            sent.append(statement)
        return await fetch(self, statement, *arguments, **named)

    async def ask(document: str) -> list[str]:
        sent.clear()
        await shop.api.ask(document)
        return list(sent)

    monkeypatch.setattr(BatchPool, "fetch", noted)
    return ask


@pytest.mark.parametrize("where", ["root", "nested"])
async def test_rows_are_counted_only_when_asked(
    where: str, statements_of: Callable[[str], Awaitable[list[str]]]
) -> None:
    def document(fields: str) -> str:
        page = f"workOrders {{ {fields} nodes {{ id }} }}"
        return f"{{ {page} }}" if where == "root" else f"{{ customers {{ nodes {{ {page} }} }} }}"

    asked = ("", "totalCount", "all: totalCount", "... { totalCount }")
    counted = ["count(" in "".join(await statements_of(document(fields))) for fields in asked]
    assert counted == [False, True, True, True]


async def test_a_query_is_one_statement_whatever_it_asks_for(
    statements_of: Callable[[str], Awaitable[list[str]]],
) -> None:
    fields = "nodes { customer { name sites { nodes { name } totalCount } } lineItems { description } visits { id } }"
    document = "{{ tenant {{ name }} workOrders(first: {}) {{ {} }} customers {{ nodes {{ name }} }} }}"
    assert [len(await statements_of(document.format(size, fields))) for size in (1, 4)] == [1, 1]
