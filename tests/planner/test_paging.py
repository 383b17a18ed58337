"""Keyset pages: walked either way every row comes once, whatever is added meanwhile, and bad pages are refused."""

import base64
import json

import pytest
from uuid_utils.compat import uuid4, uuid7

from beltstack.plugins.runtime import PluginHost
from beltstack.schema.queries import LISTS
from beltstack.schema.refusals import camel
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer
from tests.api import Api
from tests.conftest import a_company
from tests.schema.every import SCHEMA
from tests.schema.shop import Shop, a_shop

ROWS = 120
# As many root fields as a mutation may have.
BATCH = 5
INFO = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"


@pytest.fixture(scope="module")
async def shop(database: Database, sealer: Sealer) -> Shop:
    """A customer of ours with 120 sites, beside the shop's own."""
    company = await a_company(database, PluginHost([]), sealer)
    shop = await a_shop(company.owner)
    for start in range(0, ROWS, BATCH):
        fields = " ".join(
            f's{number}: siteCreate(input: {{customerId: "{shop.customer}", name: "Site {number}", timezone: "UTC"}})'
            " { userErrors { code } }"
            for number in range(start, start + BATCH)
        )
        await shop.api.ask(f"mutation {{ {fields} }}")
    return shop


async def walk(api: Api, size: int, *, backward: bool) -> list[list[str]]:
    """The ids of page after page until there is no further one."""
    sizes, cursor = ("last", "before") if backward else ("first", "after")
    document = f"query ($cursor: String) {{ sites({sizes}: {size}, {cursor}: $cursor) {{ nodes {{ id }} {INFO} }} }}"
    pages: list[list[str]] = []
    at, more = None, True
    while more:
        page = (await api.ask(document, cursor=at))["sites"]
        pages.append([node["id"] for node in page["nodes"]])
        info = page["pageInfo"]
        at, more = (
            (info["startCursor"], info["hasPreviousPage"]) if backward else (info["endCursor"], info["hasNextPage"])
        )
        assert len(pages) <= ROWS
    return pages


@pytest.mark.parametrize("size", [7, 50, 100])
async def test_a_walk_forward_visits_each_row_once_newest_first(size: int, shop: Shop) -> None:
    pages = await walk(shop.api, size, backward=False)
    ids = [one for page in pages for one in page]
    assert {len(page) for page in pages[:-1]} == {size}
    assert len(ids) == len(set(ids)) == ROWS + 1
    assert ids == sorted(ids, reverse=True)


async def test_a_walk_backward_visits_the_same_rows_in_the_same_order(shop: Shop) -> None:
    forward = [one for page in await walk(shop.api, 50, backward=False) for one in page]
    backward = await walk(shop.api, 7, backward=True)
    assert [one for page in reversed(backward) for one in page] == forward


async def test_a_page_holds_50_rows_by_default_and_100_at_most(shop: Shop) -> None:
    data = await shop.api.ask("{ usual: sites { nodes { id } } most: sites(first: 100) { nodes { id } } }")
    assert [len(data[name]["nodes"]) for name in ("usual", "most")] == [50, 100]


@pytest.mark.parametrize("size", [1, 119, 120, 121])
async def test_a_page_knows_what_lies_beyond_it(size: int, shop: Shop) -> None:
    ids = [one for page in await walk(shop.api, 100, backward=False) for one in page]
    document = f"query ($cursor: String) {{ sites(first: 100, after: $cursor) {{ nodes {{ id }} {INFO} }} }}"
    start = await cursor_of(shop, ids[ROWS - size]) if size <= ROWS else None
    page = (await shop.api.ask(document, cursor=start))["sites"]
    assert page["pageInfo"]["hasNextPage"] == (size > 100)
    assert page["pageInfo"]["hasPreviousPage"] == (start is not None)


async def test_rows_added_meanwhile_disturb_no_walk(shop: Shop) -> None:
    customers = [(await shop.api.do("customerCreate", "customer { id }", name="x"))["id"] for _ in range(4)]
    document = f"query ($cursor: String) {{ customers(first: 2, after: $cursor) {{ nodes {{ id }} {INFO} }} }}"
    first = (await shop.api.ask(document))["customers"]
    await shop.api.do("customerCreate", "customer { id }", name="Newer than the cursor")
    second = (await shop.api.ask(document, cursor=first["pageInfo"]["endCursor"]))["customers"]
    assert [node["id"] for page in (first, second) for node in page["nodes"]] == customers[::-1]


async def test_a_cursor_outlives_its_row(shop: Shop) -> None:
    """Keyset, not offset: a row that never was, or is gone, still says where to go on."""
    page = (await shop.api.ask("query ($after: String) { sites(after: $after) { nodes { id } } }",
                               after=await cursor_of(shop, f"site_{uuid7()}")))["sites"]  # fmt: skip
    assert len(page["nodes"]) == 50


async def test_an_empty_page_has_no_cursors(shop: Shop) -> None:
    page = (await shop.api.ask(f"{{ payments {{ totalCount edges {{ cursor }} nodes {{ id }} {INFO} }} }}"))["payments"]
    assert page == {
        "totalCount": 0, "edges": [], "nodes": [],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
    }  # fmt: skip


async def test_edges_and_nodes_are_the_same_rows_with_their_cursors(shop: Shop) -> None:
    fields = f"edges {{ cursor node {{ id name }} }} nodes {{ id name }} {INFO}"
    page = (await shop.api.ask(f"{{ sites(first: 3) {{ {fields} }} }}"))["sites"]
    assert [edge["node"] for edge in page["edges"]] == page["nodes"]
    cursors = [edge["cursor"] for edge in page["edges"]]
    assert (page["pageInfo"]["startCursor"], page["pageInfo"]["endCursor"]) == (cursors[0], cursors[-1])


async def test_the_total_counts_every_row_whatever_the_page(shop: Shop) -> None:
    data = await shop.api.ask("""query ($id: ID!) {
        sites(first: 1) { totalCount } customer(id: $id) { sites(last: 2) { totalCount nodes { id } } } }""",
        id=shop.customer)  # fmt: skip
    assert data["sites"] == {"totalCount": ROWS + 1}
    assert (data["customer"]["sites"]["totalCount"], len(data["customer"]["sites"]["nodes"])) == (ROWS + 1, 2)


# ── refusals ──────────────────────────────────────────────────────────────────────────────────────

BAD_PAGES = {
    "no rows": "first: 0",
    "fewer than none": "first: -1",
    "too many": "first: 101",
    "too many from the end": "last: 101",
    "none from the end": "last: 0",
    "both ways": "first: 1, last: 1",
}


@pytest.mark.parametrize("page", BAD_PAGES.values(), ids=BAD_PAGES)
@pytest.mark.parametrize("where", ["root", "nested"])
async def test_a_page_out_of_bounds_is_refused(page: str, where: str, shop: Shop) -> None:
    asked = f"sites({page}) {{ nodes {{ id }} }}"
    document = f"{{ {asked} }}" if where == "root" else f"{{ customers(first: 5) {{ nodes {{ {asked} }} }} }}"
    (error,) = await shop.api.errors(document)
    assert error["extensions"]["code"] == "BAD_PAGE"


@pytest.mark.parametrize("size", ["2147483648", "1.5", '"10"', "true"])
async def test_a_size_is_a_whole_number(size: str, shop: Shop) -> None:
    (error,) = await shop.api.errors(f"{{ sites(first: {size}) {{ nodes {{ id }} }} }}")
    assert error["extensions"]["code"] == "BAD_REQUEST"


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


INSIDES = ["1:ID:", "1:ID:1", str(uuid4()), f"2:ID:{uuid4()}", f"1:NAME:{uuid4()}", "1:ID:' or 1=1"]
BAD_CURSORS = ["", "nonsense", "%%%", "ü", "a" * 10_000, *map(encoded, INSIDES)]


@pytest.mark.parametrize("cursor", BAD_CURSORS, ids=range(len(BAD_CURSORS)))
@pytest.mark.parametrize("side", ["after", "before"])
async def test_a_cursor_of_another_list_or_of_none_is_refused(cursor: str, side: str, shop: Shop) -> None:
    document = f"query ($cursor: String) {{ sites({side}: $cursor) {{ nodes {{ id }} }} }}"
    (error,) = await shop.api.errors(document, cursor=cursor)
    assert error["extensions"]["code"] == "BAD_CURSOR"


async def test_a_bad_page_in_a_mutation_s_answer_is_refused_and_nothing_is_done(shop: Shop) -> None:
    document = """mutation ($id: ID!) { customerUpdate(input: {id: $id, expectedVersion: 1, patch: {name: "Changed"}}) {
        customer { sites(first: 0) { nodes { id } } } userErrors { code } } }"""
    customer = await shop.api.do("customerCreate", "customer { id }", name="Rosa")
    (error,) = await shop.api.errors(document, id=customer["id"])
    assert error["extensions"]["code"] == "BAD_PAGE"
    found = await shop.api.ask("query ($id: ID!) { customer(id: $id) { name version } }", id=customer["id"])
    assert found == {"customer": {"name": "Rosa", "version": 1}}


@pytest.mark.parametrize("name", sorted(LISTS))
def test_every_list_is_paged_the_same_way(name: str) -> None:
    assert SCHEMA.query_type is not None
    assert list(SCHEMA.query_type.fields[camel(name)].args)[:4] == ["first", "after", "last", "before"]


async def cursor_of(shop: Shop, identifier: str) -> str:
    """What the list of sites, newest first, calls the place of a site."""
    page = (await shop.api.ask("{ sites(first: 1) { edges { cursor } } }"))["sites"]
    cursor = page["edges"][0]["cursor"]
    version, tag, value, _ = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return encoded(json.dumps([version, tag, value, identifier.rpartition("_")[2]]))
