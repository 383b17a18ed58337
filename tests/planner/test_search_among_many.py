"""A search reads a few rows whether its words are rare or common, and finds what is there either way.

The small companies of other tests are seen whole by the look at the newest rows: here most rows lie behind it.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, text

from beltstack.domain.words import tenant_mark
from beltstack.planner.where import needed_words, text_query
from beltstack.store.database import Database
from tests.planner.filled import ROWS, TENANTS, a_filled_database
from tests.planner.test_plans_use_indexes import planned
from tests.store.test_migrations import as_owner

Holds = Callable[[int], bool]
# What a search finds among the customers 1 to ROWS: all are "air", every second one "even", the first 60 "old".
SEARCHES: dict[str, Holds] = {
    "air": lambda n: True,
    "even": lambda n: n % 2 == 0,
    "old": lambda n: n <= 60,
    "air even c12": lambda n: n % 2 == 0 and str(n).startswith("12"),
    "even old": lambda n: n <= 60 and n % 2 == 0,
    "even odd": lambda n: False,
    "air -even": lambda n: n % 2 == 1,
    "-air": lambda n: False,
    "-old": lambda n: n > 60,
    "old OR c3999": lambda n: n <= 60 or n == 3999,
    "even OR old": lambda n: n <= 60 or n % 2 == 0,
    "nowhere": lambda n: False,
    "nowhere air": lambda n: False,
}


@pytest.fixture(scope="module")
def filled_url(server_url: str) -> Iterator[str]:
    with a_filled_database(server_url) as url:
        yield url


@pytest_asyncio.fixture
async def database(filled_url: str) -> AsyncIterator[Database]:
    database = Database(filled_url)
    yield database
    await database.close()


async def customers(database: Database, arguments: str, fields: str = "nodes { name }") -> dict[str, Any]:
    plan, values = planned(f"customers({arguments}) {{ {fields} }}")
    assert plan.statement is not None
    async with database.transaction(TENANTS[0]) as connection:
        answered = json.loads((await connection.execute(plan.statement, values)).scalar_one())["customers"]
    assert isinstance(answered, dict)
    return answered


def numbers(answered: dict[str, Any]) -> list[int]:
    return [int(node["name"].removeprefix("c")) for node in answered["nodes"]]


@pytest.mark.parametrize("typed", SEARCHES)
async def test_the_newest_are_found_page_by_page_and_all_are_counted(database: Database, typed: str) -> None:
    expected = [n for n in range(ROWS, 0, -1) if SEARCHES[typed](n)]
    page = f'search: "{typed}", first: 30'
    fields = "totalCount nodes { name } pageInfo { hasNextPage endCursor }"
    first = await customers(database, page, fields)
    assert (numbers(first), first["totalCount"]) == (expected[:30], len(expected))
    assert first["pageInfo"]["hasNextPage"] is (len(expected) > 30)
    if expected:
        second = await customers(database, f'{page}, after: "{first["pageInfo"]["endCursor"]}"', fields)
        assert (numbers(second), second["totalCount"]) == (expected[30:60], len(expected))


@pytest.mark.parametrize("typed", SEARCHES)
@pytest.mark.parametrize("backwards", ["last: 30", "first: 30, orderBy: { field: CREATED, direction: ASC }"])
async def test_the_oldest_are_found_too(database: Database, typed: str, backwards: str) -> None:
    expected = [n for n in range(1, ROWS + 1) if SEARCHES[typed](n)][:30]
    found = numbers(await customers(database, f'search: "{typed}", {backwards}'))
    assert sorted(found) == expected


@pytest.mark.parametrize("typed", SEARCHES)
async def test_a_filter_beside_the_search_leaves_nothing_out(database: Database, typed: str) -> None:
    """The filter is applied after the search: what the search leaves out for being old, the filter would miss."""
    expected = [n for n in range(ROWS, 0, -1) if SEARCHES[typed](n) and str(n).startswith("1")]
    found = await customers(database, f'search: "{typed}", first: 30, where: {{ name: {{ startsWith: "c1" }} }}')
    assert numbers(found) == expected[:30]


@pytest.mark.parametrize("typed", SEARCHES)
async def test_a_page_between_two_cursors_holds_what_lies_there(database: Database, typed: str) -> None:
    everything = [n for n in range(ROWS, 0, -1) if SEARCHES[typed](n)]
    if not everything:
        pytest.skip("nothing is found")
    paged = await customers(database, f'search: "{typed}", first: 10', "edges { cursor node { name } }")
    cursors = [edge["cursor"] for edge in paged["edges"]]
    between = f'search: "{typed}", first: 30, after: "{cursors[0]}", before: "{cursors[-1]}"'
    assert numbers(await customers(database, between)) == everything[1 : len(cursors) - 1]


def rows_read(connection: Connection, typed: str, most: int | None) -> int:
    """How many customers this transaction has fetched for a search."""
    mark = tenant_mark(TENANTS[0])
    alternatives = [[f"('{mark}{word}':*)" for word in typed.split()]]
    values = {"asked": text_query(alternatives), "words": needed_words(alternatives), "most": most}
    connection.execute(text("select set_config('app.tenant', :tenant, true)"), {"tenant": str(TENANTS[0])})
    asked = "select count(*) from found_in_customer(:asked, cast(cast(:words as text[]) as tsquery[]), null, :most)"
    connection.execute(text(asked), values)
    # What an index scan fetches is counted as its index's, what a bitmap fetches as the table's.
    counted = """
        select sum(pg_stat_get_xact_tuples_fetched(of)), pg_stat_get_xact_numscans('customer'::regclass)
        from unnest(array['customer', 'customer_pkey', 'customer_search_idx']::regclass[]) of
    """
    fetched, whole_scans = connection.execute(text(counted)).one()
    assert whole_scans == 0
    return int(fetched)


@pytest.mark.parametrize(
    ("typed", "most", "at_most"),
    [
        ("air", 21, 250),
        ("even", 21, 250),
        ("air even", 21, 250),
        ("c1234", 21, 250),
        ("air c1234", 21, 250),
        ("air even c1234", None, 250),
        ("old", 21, 300),
        ("nowhere air", 21, 250),
    ],
)
def test_a_search_reads_few_rows(filled_url: str, typed: str, most: int | None, at_most: int) -> None:
    with as_owner(filled_url) as connection:
        assert 0 < rows_read(connection, typed, most) <= at_most
