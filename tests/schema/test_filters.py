"""Lists are narrowed, sorted, searched and walked as the schema says, and refuse what they cannot understand."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from beltstack.domain.access import Actor, ActorKind, Role
from beltstack.domain.ids import Noun, TenantId, public_id
from beltstack.planner.arguments import constant
from beltstack.planner.compile import Compiler
from beltstack.planner.where import BadFilter, condition
from beltstack.schema.types import REGISTRY
from tests.api import Api, Company
from tests.schema.shop import Shop

NAMES = ["Émile Łódź", "emile lodz", "Zoë O’Brien", "Ada Klein", "ada klein", "100% Cool_Air", "Bob\\Air"]


@pytest.fixture(scope="module")
async def customers(shared_company: Company) -> Api:
    """A company whose only customers are these."""
    for name in NAMES:
        given = {"email": "ada@klein.example", "phone": "(312) 555-0142"} if name == "Ada Klein" else {}
        await shared_company.owner.do("customerCreate", "customer { id }", name=name, **given)
    return shared_company.owner


async def names(api: Api, **arguments: Any) -> list[str]:
    document = """query ($where: CustomerWhere, $search: String, $orderBy: CustomerOrder) {
        customers(where: $where, search: $search, orderBy: $orderBy) { totalCount nodes { name } } }"""
    page = (await api.ask(document, **arguments))["customers"]
    assert page["totalCount"] == len(page["nodes"])
    return sorted(node["name"] for node in page["nodes"])


# ── operators ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({"name": {"eq": "EMILE Lodz"}}, ["Émile Łódź", "emile lodz"]),
        ({"name": {"in": ["ada klein", "nobody"]}}, ["Ada Klein", "ada klein"]),
        ({"name": {"in": []}}, []),
        ({"name": {"startsWith": "ÉM"}}, ["Émile Łódź", "emile lodz"]),
        ({"name": {"startsWith": "klein"}}, []),
        ({"name": {"contains": "klein"}}, ["Ada Klein", "ada klein"]),
        ({"name": {"contains": "%"}}, ["100% Cool_Air"]),
        ({"name": {"contains": "_"}}, ["100% Cool_Air"]),
        ({"name": {"startsWith": "bob\\"}}, ["Bob\\Air"]),
        ({"name": {"isNull": True}}, []),
        ({"email": {"eq": "ADA@klein.example"}}, ["Ada Klein"]),
        ({"email": {"isNull": False}}, ["Ada Klein"]),
        ({"archivedAt": {"isNull": True}}, sorted(NAMES)),
        ({"archivedAt": {"lt": "2126-01-01T00:00:00Z"}}, []),
        ({}, sorted(NAMES)),
        (None, sorted(NAMES)),
    ],
)
async def test_an_operator_finds_what_it_says(customers: Api, where: Any, found: list[str]) -> None:
    assert await names(customers, where=where) == sorted(found)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({"and": [{"name": {"startsWith": "ada"}}, {"email": {"isNull": True}}]}, ["ada klein"]),
        ({"or": [{"name": {"eq": "zoe obrien"}}, {"email": {"isNull": False}}]}, ["Zoë O’Brien", "Ada Klein"]),
        ({"not": {"name": {"startsWith": "ada"}}}, NAMES[:3] + NAMES[5:]),
        ({"not": {"email": {"eq": "ada@klein.example"}}}, [name for name in NAMES if name != "Ada Klein"]),
        ({"or": []}, []),
        ({"and": []}, NAMES),
        ({"name": {"startsWith": "ada"}, "not": {"or": [{"email": {"isNull": False}}]}}, ["ada klein"]),
    ],
)
async def test_filters_join_and_a_missing_value_is_simply_not_equal(
    customers: Api, where: Any, found: list[str]
) -> None:
    assert await names(customers, where=where) == sorted(found)


async def test_the_document_may_spell_a_filter_out_with_variables_anywhere(customers: Api) -> None:
    document = """query ($one: String!, $more: [CustomerWhere!], $is: Boolean!, $none: CustomerWhere) {
        a: customers(where: { name: { in: [$one, "zoe obrien"] } }) { nodes { name } }
        b: customers(where: { or: $more }) { nodes { name } }
        c: customers(where: { and: { email: { isNull: $is } } }) { nodes { name } }
        d: customers(where: { or: [{ name: { eq: $one } }, $none] }) { nodes { name } } }"""
    document = document.replace(", $none: CustomerWhere)", ")").replace(", $none]", "]")
    for nothing in (True, False):
        data = await customers.ask(document, one="emile lodz", more=[{"name": {"eq": "zoe obrien"}}], **{"is": nothing})
        assert [sorted(node["name"] for node in data[key]["nodes"]) for key in "abd"] == [
            ["Zoë O’Brien", "emile lodz", "Émile Łódź"],
            ["Zoë O’Brien"],
            ["emile lodz", "Émile Łódź"],
        ]
        assert len(data["c"]["nodes"]) == (len(NAMES) - 1 if nothing else 1)


@pytest.mark.parametrize(
    "where",
    ["{ name: { eq: null } }", '{ name: { eq: "a", contains: "b" } }', "{ name: {} }", "{ archivedAt: { lt: 3 } }"],
)
async def test_a_filter_names_exactly_one_operator_with_a_value(customers: Api, where: str) -> None:
    response = await customers.post({"query": f"{{ customers(where: {where}) {{ nodes {{ id }} }} }}"})
    assert "data" not in response.json()


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"isNull": True, "eq": public_id(Noun.TECHNICIAN, uuid7())},
        {"isNull": None},
        {"isNull": None, "in": []},
    ],
)
@pytest.mark.parametrize("name", ["technicianId", "workOrderId", "plannedStart"])
def test_the_planner_itself_refuses_what_is_not_exactly_one_operator(name: str, said: Any) -> None:
    visit = REGISTRY.by_name["Visit"]
    tree = {name: {operator: constant(value) for operator, value in said.items()}}
    actor = Actor(TenantId(uuid7()), ActorKind.APP, uuid7(), frozenset({Role.OWNER}))
    with pytest.raises(BadFilter, match="exactly one operator"):
        condition(Compiler(REGISTRY, actor), visit, visit.table, tree)


async def test_a_prefix_finds_what_goes_on_with_the_last_letters_there_are(company: Company) -> None:
    last = "\U0010ffff"
    given = ["Ada", f"Ada{last}", f"Ada{last}{last}z", f"Ada{last * 197}", "Adb"]
    for name in given:
        await company.owner.do("customerCreate", "customer { id }", name=name)
    assert await names(company.owner, where={"name": {"startsWith": "ada"}}) == sorted(given[:-1])
    assert await names(company.owner, where={"name": {"startsWith": f"Ada{last}"}}) == sorted(given[1:-1])
    assert await names(company.owner, where={"name": {"startsWith": ""}}) == sorted(given)


async def test_lists_of_values_are_bounded(customers: Api) -> None:
    document = "query ($where: CustomerWhere) { customers(where: $where) { nodes { id } } }"
    for where in ({"name": {"in": ["x"] * 251}}, {"or": [{"name": {"eq": "x"}}] * 251}):
        (error,) = await customers.errors(document, where=where)
        assert error["extensions"]["code"] in {"BAD_FILTER", "LIST_LIMIT"}


# ── work and visits ───────────────────────────────────────────────────────────────────────────────

DAY = datetime(2026, 3, 2, 15, tzinfo=UTC)


def at(hours: int) -> str:
    return (DAY + timedelta(hours=hours)).isoformat()


async def visits(api: Api, **where: Any) -> list[str | None]:
    document = """query ($where: VisitWhere) { visits(where: $where,
        orderBy: { field: PLANNED_START, direction: ASC }) { nodes { planned { start } } } }"""
    data = await api.ask(document, where=where)
    return [node["planned"] and node["planned"]["start"][11:13] for node in data["visits"]["nodes"]]


async def test_a_board_shows_a_day_and_a_technician_their_visits(shop: Shop) -> None:
    other = (await shop.api.do("technicianCreate", "technician { id }", name="Ann"))["id"]
    order = await shop.order()
    for hours, technician in ((0, shop.technician), (2, other), (24, shop.technician)):
        await shop.visit(order, planned={"start": at(hours), "end": at(hours + 1)}, technicianIds=[technician])
    await shop.visit(order, planned=None, technicianIds=[])
    hour = f"{DAY:%H}"
    assert await visits(shop.api, plannedStart={"between": {"from": at(0), "to": at(24)}}) == [hour, "17"]
    assert await visits(shop.api, plannedStart={"gt": at(0)}) == ["17", hour]
    assert await visits(shop.api, plannedStart={"gte": at(2)}) == ["17", hour]
    assert await visits(shop.api, plannedStart={"lte": "2026-03-02T09:00:00-06:00"}) == [hour]
    assert await visits(shop.api, plannedStart={"eq": "2026-03-02T11:00:00-06:00"}) == ["17"]
    assert await visits(shop.api, plannedStart={"isNull": True}) == [None]
    assert await visits(shop.api, plannedStart={"isNull": False}) == [hour, "17", hour]
    assert await visits(shop.api, **{"not": {"plannedStart": {"lt": at(48)}}}) == [None]
    assert await visits(shop.api, technicianId={"eq": shop.technician}) == [hour, hour]
    assert await visits(shop.api, technicianId={"in": [other, shop.technician]}) == [hour, "17", hour]
    assert await visits(shop.api, technicianId={"eq": shop.technician}, plannedStart={"lt": at(1)}) == [hour]
    assert await visits(shop.api) == [hour, "17", hour, None]
    literal = f'{{ visits(where: {{ plannedStart: {{ lt: "{at(1)}" }} }}) {{ totalCount }} }}'
    assert (await shop.api.ask(literal))["visits"]["totalCount"] == 1


async def test_unbilled_work_is_one_filter_and_a_customer_s_history_another(shop: Shop) -> None:
    await shop.order()
    done = await shop.completed()
    document = """query ($state: WorkOrderState!, $customer: ID!, $other: ID!, $states: [WorkOrderState!]!) {
        unbilled: workOrders(where: { state: { eq: COMPLETED }, billingState: { eq: UNBILLED } }) { nodes { id } }
        state: workOrders(where: { state: { eq: $state } }) { nodes { id } }
        states: workOrders(where: { state: { in: $states } }) { totalCount }
        literal: workOrders(where: { state: { in: [OPEN, COMPLETED] } }) { totalCount }
        history: workOrders(where: { customerId: { eq: $customer } }) { totalCount }
        foreign: workOrders(where: { customerId: { in: [$other] } }) { totalCount }
        customer(id: $customer) { workOrders(where: { number: { startsWith: "wo" }, state: { eq: $state } }) {
            totalCount } } }"""
    technician_as_customer = shop.customer.replace(Noun.CUSTOMER.value, Noun.TECHNICIAN.value)
    data = await shop.api.ask(
        document, state="COMPLETED", customer=shop.customer, other=technician_as_customer, states=["OPEN", "COMPLETED"]
    )
    assert data["unbilled"] == data["state"] == {"nodes": [{"id": done["id"]}]}
    assert [data[name]["totalCount"] for name in ("states", "literal", "history", "foreign")] == [2, 2, 2, 0]
    again = await shop.api.ask(
        document, state="OPEN", customer=shop.customer, other=shop.technician, states=["CANCELED"]
    )
    assert again["state"] != data["state"]
    assert [again[name]["totalCount"] for name in ("states", "literal", "history", "foreign")] == [0, 2, 2, 0]
    assert again["customer"]["workOrders"]["totalCount"] == 1


async def test_an_invoice_is_found_by_its_number_state_and_due_day(shop: Shop) -> None:
    invoice, _ = await shop.issued(), await shop.drafted()
    document = """query ($where: InvoiceWhere) { invoices(where: $where,
        orderBy: { field: DUE_ON, direction: ASC }) { nodes { number dueOn } } }"""

    async def found(**where: Any) -> list[Any]:
        return [node["number"] for node in (await shop.api.ask(document, where=where))["invoices"]["nodes"]]

    number = invoice["number"]
    assert await found() == [number, None]
    assert await found(number={"eq": number.lower()}) == [number]
    assert await found(state={"eq": "DRAFT"}) == [None]
    assert await found(dueOn={"gt": "2026-01-01"}) == [number]
    assert await found(dueOn={"isNull": True}) == [None]
    assert await found(dueOn={"between": {"from": "2026-01-01", "to": "2026-01-01"}}) == []


# ── orders and pages ──────────────────────────────────────────────────────────────────────────────

WALK = """query ($after: String, $direction: OrderDirection!, $size: Int!) {
    customers(first: $size, after: $after, orderBy: { field: FIELD, direction: $direction }) {
        nodes { id name } pageInfo { hasNextPage endCursor startCursor } } }"""


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("field", ["NAME", "CREATED"])
async def test_a_walk_meets_each_row_once_whatever_is_inserted_meanwhile(
    company: Company, field: str, direction: str
) -> None:
    api = company.owner
    before = [await api.do("customerCreate", "customer { id name }", name=name) for name in ("b", "a", "b", "c", "b")]
    seen: list[Any] = []
    after = None
    for turn in range(20):
        page = (await api.ask(WALK.replace("FIELD", field), after=after, direction=direction, size=2))["customers"]
        seen += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
        await api.do("customerCreate", "customer { id }", name="b" if turn % 2 else "0")
    ids = [one["id"] for one in seen]
    assert len(ids) == len({*ids})
    assert {one["id"] for one in before} <= {*ids}
    keys = [(one["name"] if field == "NAME" else "", one["id"]) for one in seen]
    assert keys == sorted(keys, reverse=direction == "DESC")


async def test_pages_run_backwards_in_any_order(company: Company) -> None:
    api = company.owner
    for name in "dbca":
        await api.do("customerCreate", "customer { id }", name=name)
    document = """query ($before: String) { customers(last: 3, before: $before,
        orderBy: { field: NAME, direction: ASC }) { nodes { name } pageInfo { startCursor hasPreviousPage } } }"""
    page = (await api.ask(document))["customers"]
    assert [node["name"] for node in page["nodes"]] == ["b", "c", "d"]
    page = (await api.ask(document, before=page["pageInfo"]["startCursor"]))["customers"]
    assert [node["name"] for node in page["nodes"]] == ["a"]
    assert page["pageInfo"]["hasPreviousPage"] is False


async def test_a_walk_by_start_crosses_into_the_visits_without_a_plan(shop: Shop) -> None:
    order = await shop.order()
    for _ in range(3):
        await shop.visit(order, planned=None, technicianIds=[])
    await shop.visit(order)
    document = """query ($after: String) { visits(first: 1, after: $after,
        orderBy: { field: PLANNED_START, direction: ASC }) { nodes { id planned { start } }
        pageInfo { endCursor } } }"""
    seen: list[Any] = []
    after = None
    for _ in range(4):
        page = (await shop.api.ask(document, after=after))["visits"]
        seen += page["nodes"]
        after = page["pageInfo"]["endCursor"]
    assert [bool(one["planned"]) for one in seen] == [True, False, False, False]
    assert len({one["id"] for one in seen}) == 4


async def cursor(api: Api, arguments: str = "", field: str = "customers") -> str:
    page = (await api.ask(f"{{ {field}{arguments} {{ pageInfo {{ endCursor }} }} }}"))[field]
    found: str = page["pageInfo"]["endCursor"]
    return found


async def code(api: Api, after: str, arguments: str = "", field: str = "customers") -> str | None:
    document = f"query ($after: String) {{ {field}(after: $after{arguments}) {{ nodes {{ id }} }} }}"
    body = (await api.post({"query": document, "variables": {"after": after}})).json()
    return body["errors"][0]["extensions"]["code"] if "errors" in body else None


BY_NAME = "orderBy: { field: NAME, direction: ASC }"


async def test_a_cursor_belongs_to_its_order_its_list_and_its_tenant(shop: Shop, customers: Api) -> None:
    own, by_name = await cursor(shop.api), await cursor(shop.api, f"({BY_NAME})")
    assert await code(shop.api, own) is None
    assert await code(shop.api, by_name, f", {BY_NAME}") is None
    assert await code(shop.api, own, f", {BY_NAME}") == "BAD_CURSOR"
    assert await code(shop.api, by_name) == "BAD_CURSOR"
    assert await code(shop.api, by_name, f", {BY_NAME.replace('ASC', 'DESC')}") == "BAD_CURSOR"
    assert await code(shop.api, own, field="sites") == "BAD_CURSOR"
    assert await code(customers, own) == "BAD_CURSOR"
    assert await code(customers, by_name, f", {BY_NAME}") == "BAD_CURSOR"


@pytest.mark.parametrize("value", [None, 3, "\0", "\ud800", ["x"]])
async def test_a_forged_cursor_is_refused_like_any_other(shop: Shop, value: Any) -> None:
    parts = json.loads(base64.urlsafe_b64decode(await cursor(shop.api, f"({BY_NAME})") + "=="))
    forged = base64.urlsafe_b64encode(json.dumps([*parts[:2], value, parts[3]]).encode()).decode()
    assert await code(shop.api, forged, f", {BY_NAME}") == "BAD_CURSOR"


@pytest.mark.parametrize("value", ["x", "2026-03-02", "0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-14:00"])
async def test_a_forged_instant_is_refused_or_compared_and_never_breaks_anything(shop: Shop, value: str) -> None:
    await shop.visit(await shop.order())
    by_start = "orderBy: { field: PLANNED_START, direction: ASC }"
    parts = json.loads(base64.urlsafe_b64decode(await cursor(shop.api, f"({by_start})", "visits") + "=="))
    forged = base64.urlsafe_b64encode(json.dumps([*parts[:2], value, parts[3]]).encode()).decode()
    assert await code(shop.api, forged, f", {by_start}", "visits") in {"BAD_CURSOR", None}


# ── search ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("klei", ["Ada Klein", "ada klein"]),
        ("KLEIN ad", ["Ada Klein", "ada klein"]),
        ("lódz", ["Émile Łódź", "emile lodz"]),
        ("obrien", ["Zoë O’Brien"]),
        ("o'brien", ["Zoë O’Brien"]),
        ('"ada klein"', ["Ada Klein", "ada klein"]),
        ('"klein ada"', []),
        ('"ada klei"', []),
        ("klein -0142", ["ada klein"]),
        ('-"ada klein" -air', ["Émile Łódź", "emile lodz", "Zoë O’Brien"]),
        ("zoe OR emile", ["Zoë O’Brien", "Émile Łódź", "emile lodz"]),
        ("zoe or emile", []),
        ("3125550142", ["Ada Klein"]),
        ("312-555", ["Ada Klein"]),
        ("ada@klein.ex", ["Ada Klein"]),
        ("nobody", []),
        ("!!!", []),
        ("OR", []),
        ("  ", sorted(NAMES)),
        ("", sorted(NAMES)),
        (None, sorted(NAMES)),
    ],
)
async def test_search_finds_what_a_person_means(customers: Api, search: str | None, found: list[str]) -> None:
    assert await names(customers, search=search) == sorted(found)


async def test_a_changed_record_is_found_by_what_it_says_now(company: Company) -> None:
    api = company.owner
    customer = await api.do("customerCreate", "customer { id version }", name="Old Name")
    await api.do(
        "customerUpdate", "customer { id }", id=customer["id"], expectedVersion=customer["version"],
        patch={"name": "New Name"},
    )  # fmt: skip
    assert await names(api, search="new") == await names(api, where={"name": {"eq": "new name"}}) == ["New Name"]
    assert await names(api, search="old") == await names(api, where={"name": {"eq": "old name"}}) == []


async def test_search_reaches_work_orders_sites_equipment_and_the_price_list(shop: Shop) -> None:
    await shop.order(title="Gefrierschrank taut", poNumber="PO-77")
    await shop.api.do("equipmentCreate", "equipment { id }", siteId=shop.site, name="Furnace", serial="SN-00/42")
    await shop.api.do("catalogItemCreate", "catalogItem { id }", kind="PART", name="Cap", sku="C45", unitPrice="1.00")
    document = """query ($site: ID!) { a: workOrders(search: "gefrier po-77") { totalCount }
        b: workOrders(search: "wo") { totalCount } c: equipmentList(search: "sn-00/4") { totalCount }
        d: catalogItems(search: "c45") { totalCount } e: sites(search: "home") { totalCount }
        f: site(id: $site) { workOrders(search: "taut") { totalCount } } }"""
    data = await shop.api.ask(document, site=shop.site)
    assert [data[key]["totalCount"] for key in "abcde"] == [1, 1, 1, 1, 1]
    assert data["f"]["workOrders"]["totalCount"] == 1


async def test_search_stays_within_the_tenant(customers: Api, company: Company) -> None:
    assert await names(company.owner, search="klein") == []
    assert await names(company.owner, search="-nobody") == []
    assert len(await names(customers, search="-nobody")) == len(NAMES)


# NUL and halves of characters are refused before anything is planned.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(search=TEXTS | st.text(alphabet="\"-&|!():*<>'\\ aOR", max_size=60))
async def test_no_text_is_a_syntax_error(customers: Api, search: str) -> None:
    assert set(await names(customers, search=search)) <= set(NAMES)


async def test_an_id_that_never_was_matches_nothing(customers: Api) -> None:
    document = "query ($id: ID!) { sites(where: { customerId: { eq: $id } }) { totalCount } }"
    for identifier in ("", "x", "☃", public_id(Noun.CUSTOMER, uuid7()), public_id(Noun.SITE, uuid7())):
        assert (await customers.ask(document, id=identifier))["sites"]["totalCount"] == 0


async def test_the_lists_of_one_record_count_its_own_rows_alone(shop: Shop) -> None:
    other = (await shop.api.do("customerCreate", "customer { id }", name="Other"))["id"]
    for _ in range(2):
        await shop.order()
    document = """{ customers(orderBy: { field: CREATED, direction: ASC }) { nodes { id
        workOrders(where: { state: { eq: OPEN } }) { totalCount } } } }"""
    data = await shop.api.ask(document)
    counts = {node["id"]: node["workOrders"]["totalCount"] for node in data["customers"]["nodes"]}
    assert counts == {shop.customer: 2, other: 0}
