"""Values that no rule could accept: each is refused where it lies, all of an input together, and nothing is written."""

from collections.abc import Callable
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLNonNull
from uuid_utils.compat import uuid4, uuid7

from beltstack.domain.ids import Noun, public_id
from tests.api import Api, Company
from tests.schema.every import EVERY_MUTATION, SCHEMA, Place, an_input, answer_to, codes_in, places_of, with_id
from tests.schema.shop import ORDER, PLANNED, Shop
from tests.store.rows import rows_of

LONG = "x" * 10_000
BEFORE_TIME = {"start": "1969-12-31T09:00:00Z", "end": "1969-12-31T10:00:00Z"}


@pytest.fixture(scope="module")
def api(shared_company: Company) -> Api:
    return shared_company.owner


def problems_of(payload: Any) -> set[tuple[str, str]]:
    """Each refusal's code and where it lies."""
    return {(error["code"], ".".join(error["path"] or ())) for error in payload["userErrors"]}


# ── ids ───────────────────────────────────────────────────────────────────────────────────────────

IDS: dict[str, Callable[[Noun], str]] = {
    "of nothing": lambda noun: public_id(noun, uuid7()),
    "of another noun": lambda noun: public_id(Noun.TOKEN, uuid7()),
    "without its noun": lambda _: str(uuid7()),
    "empty": lambda _: "",
    "words": lambda _: "the usual one",
    "in capitals": lambda noun: public_id(noun, uuid7()).upper(),
    "in braces": lambda noun: f"{noun.value}_{{{uuid7()}}}",
    "very long": lambda noun: f"{noun.value}_{LONG}",
    "an attack": lambda _: "' or 1=1 --",
}
ONE_PLACE_OF_EACH = {
    place.noun: (name, place)
    for name, mutation in EVERY_MUTATION.items()
    for place in places_of(mutation)
    if not place.is_new
}


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize(("name", "place"), ONE_PLACE_OF_EACH.values(), ids=[one.value for one in ONE_PLACE_OF_EACH])
async def test_an_id_that_names_nothing_is_not_found(name: str, place: Place, kind: str, api: Api) -> None:
    mutation = EVERY_MUTATION[name]
    nothing = {noun: public_id(noun, uuid7()) for noun in Noun}
    given = with_id(an_input(mutation, nothing, version=1), place, IDS[kind](place.noun))
    assert set(codes_in(await answer_to(api, mutation, given))) == {"NOT_FOUND"}


@pytest.mark.parametrize("kind", sorted(IDS))
async def test_a_query_by_such_an_id_answers_null(kind: str, api: Api) -> None:
    identifier = IDS[kind](Noun.CUSTOMER)
    document = "query ($id: ID!) { node(id: $id) { id } nodes(ids: [$id]) { id } customer(id: $id) { id } }"
    assert await api.ask(document, id=identifier) == {"node": None, "nodes": [None], "customer": None}


@pytest.mark.parametrize(
    "chosen",
    [str(uuid7()), f"cust_{uuid4()}", f"site_{uuid7()}", "cust_", f"cust_{uuid7()}".upper(), "1"],
    ids=["no noun", "version 4", "another noun", "no UUID", "capitals", "a number"],
)
async def test_an_id_of_one_s_own_is_a_uuid_of_version_7(chosen: str, api: Api) -> None:
    assert problems_of(await api.send("customerCreate", id=chosen, name="Rosa")) == {("INVALID_INPUT", "input.id")}


async def test_an_id_of_one_s_own_that_is_taken_is_refused(shared_shop: Shop) -> None:
    api, order = shared_shop.api, await shared_shop.order(lineItems=[])
    line = {"id": public_id(Noun.LINE_ITEM, uuid7()), "description": "First", "unitPrice": "1.00"}
    visit = {"id": public_id(Noun.VISIT, uuid7()), "workOrderId": order["id"]}
    add = {"workOrderId": order["id"], "lineItems": [line]}
    order = await api.do("lineItemAdd", ORDER, expectedVersion=order["version"], **add)
    await api.do("visitCreate", "visit { id }", **visit)
    again = [
        await api.send("customerCreate", id=shared_shop.customer, name="Rosa"),
        await api.send("visitCreate", instructions="Another", **visit),
        await api.send("lineItemAdd", expectedVersion=order["version"] + 1, **add),
    ]
    assert [problems_of(one) for one in again] == [
        {("ALREADY_EXISTS", "input.id")},
        {("ALREADY_EXISTS", "input.id")},
        {("ALREADY_EXISTS", "input.lineItems.0.id")},
    ]
    document = "query ($id: ID!) { workOrder(id: $id) { lineItems { description } visits { instructions } } }"
    kept = (await api.ask(document, id=order["id"]))["workOrder"]
    assert kept == {"lineItems": [{"description": "First"}], "visits": [{"instructions": None}]}


# ── text ──────────────────────────────────────────────────────────────────────────────────────────

BAD_LINES = {
    "blank": "  \t ",
    "10,000 characters": LONG,
    "a bell": "Ro\x07sa",
    "a line break": "Rosa\nDelgado",
    "a line separator": "Rosa\u2028Delgado",
}


@pytest.mark.parametrize("name", BAD_LINES.values(), ids=BAD_LINES)
@pytest.mark.parametrize(
    ("mutation", "others"),
    [
        ("customerCreate", {}),
        ("technicianCreate", {}),
        ("catalogItemCreate", {"kind": "PART", "unitPrice": "1.00"}),
        ("taxCodeCreate", {"code": "IL", "components": [{"name": "IL", "rate": "0.1"}]}),
    ],
)
async def test_a_name_is_one_line(mutation: str, others: dict[str, Any], name: str, api: Api) -> None:
    ((code, path),) = problems_of(await api.send(mutation, name=name, **others))
    assert (code.startswith("INVALID_"), path) == (True, "input.name")


@pytest.mark.parametrize(
    "name", ["Søren Müller-ルーシー", "O'Brien; drop table customer; --", "💡 & <b>Sons</b>", "x" * 255]
)
async def test_any_other_name_comes_back_as_it_was_given(name: str, api: Api) -> None:
    assert await api.do("customerCreate", "customer { name }", name=name) == {"name": name}


async def test_notes_have_lines_and_a_limit(api: Api) -> None:
    text = "First\n\tSecond\r\n" + "x" * 9_000
    made = await api.do("customerCreate", "customer { notes }", name="Rosa", notes=text)
    assert made["notes"] == text
    refused = await api.send("customerCreate", name="Rosa", notes="x" * 10_001)
    assert problems_of(refused) == {("INVALID_INPUT", "input.notes")}


async def test_every_problem_of_an_input_is_told_at_once(api: Api) -> None:
    refused = await api.send(
        "customerCreate",
        "customer { id }",
        name="",
        email="nobody",
        phone="1" * 51,
        givenName="a\nb",
        notes="\x01",
        billingAddress={"line1": " ", "postalCode": "1" * 21, "country": "usa"},
    )
    assert refused["customer"] is None
    assert problems_of(refused) == {
        ("INVALID_INPUT", path)
        for path in (
            "input.name", "input.email", "input.phone", "input.givenName", "input.notes", "input.billingAddress.line1",
            "input.billingAddress.postalCode", "input.billingAddress.country",
        )
    }  # fmt: skip


async def test_what_is_wrong_in_a_patch_lies_in_the_patch(api: Api) -> None:
    customer = await api.do("customerCreate", "customer { id version name }", name="Rosa")
    given = {"id": customer["id"], "expectedVersion": 1, "patch": {"name": " ", "email": "nobody"}}
    refused = await api.send("customerUpdate", "customer { name version }", **given)
    assert problems_of(refused) == {("INVALID_INPUT", "input.patch.name"), ("INVALID_INPUT", "input.patch.email")}
    assert refused["customer"] == {"name": "Rosa", "version": 1}


NEVER_NULL = [
    (name, "patch", field)
    for name in EVERY_MUTATION
    if name.endswith("Update")
    for kind in [SCHEMA.get_type(f"{name.removesuffix('Update')[0].upper()}{name.removesuffix('Update')[1:]}Patch")]
    if isinstance(kind, GraphQLInputObjectType)
    for field in kind.fields
]


@pytest.mark.parametrize(("name", "patch", "field"), NEVER_NULL, ids=[f"{one[0]}-{one[2]}" for one in NEVER_NULL])
async def test_null_in_a_patch_empties_or_is_refused_and_never_a_defect(
    name: str, patch: str, field: str, api: Api
) -> None:
    mutation = EVERY_MUTATION[name]
    nothing = {noun: public_id(noun, uuid7()) for noun in Noun}
    given = an_input(mutation, nothing, version=999) | {patch: {field: None}}
    body = await answer_to(api, mutation, given)
    if "errors" in body:
        assert [error["extensions"]["code"] for error in body["errors"]] == ["BAD_REQUEST"]
        assert "cannot be explicitly set to null" in body["errors"][0]["message"]
    else:
        assert codes_in(body) in (["NOT_FOUND"], ["STALE_OBJECT"])


def test_what_a_command_needs_is_required_by_the_schema() -> None:
    for name in EVERY_MUTATION:
        field = SCHEMA.mutation_type.fields[name]  # type: ignore[union-attr]
        assert isinstance(field.args["input"].type, GraphQLNonNull), name


# ── money and numbers ─────────────────────────────────────────────────────────────────────────────

REFUSED_DECIMALS = [
    129, 129.5, True, "", " ", "abc", "1,000.00", "1e3", "1E+3", "NaN", "Infinity", "-Infinity", "1_000", " 1", "1 ",
    "٣", "0x10", "1" * 41, "--1", "1.2.3", [], {},
]  # fmt: skip


@pytest.mark.parametrize("value", REFUSED_DECIMALS, ids=repr)
async def test_a_decimal_is_a_plain_number_in_a_string(value: Any, api: Api) -> None:
    document = """mutation ($price: Decimal!) {
        catalogItemCreate(input: {kind: PART, name: "x", unitPrice: $price}) { userErrors { code } } }"""
    (error,) = await api.errors(document, price=value)
    assert error["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("literal", ["129.50", "129", "1e3"])
async def test_a_number_in_the_document_is_no_decimal(literal: str, api: Api) -> None:
    document = f"""mutation {{
        catalogItemCreate(input: {{kind: PART, name: "x", unitPrice: {literal}}}) {{ userErrors {{ code }} }} }}"""
    (error,) = await api.errors(document)
    assert "never a number" in error["message"]


BAD_LINE_ITEMS = {
    "a negative price": ({"unitPrice": "-0.01"}, "unitPrice"),
    "an absurd price": ({"unitPrice": "10000000000"}, "unitPrice"),
    "a price of five decimals": ({"unitPrice": "1.00001"}, "unitPrice"),
    "nothing of it": ({"quantity": "0"}, "quantity"),
    "less than nothing of it": ({"quantity": "-1"}, "quantity"),
    "a million of it": ({"quantity": "1000000"}, "quantity"),
    "a negative cost": ({"unitCost": "-1"}, "unitCost"),
    "a discount over 100 %": ({"unitPrice": "1.00", "discountPercent": "100.01"}, "discountPercent"),
    "a negative discount": ({"unitPrice": "1.00", "discountAmount": "-1.00"}, "discountAmount"),
    "a tenth of a cent off": ({"unitPrice": "1.00", "discountAmount": "0.001"}, "discountAmount"),
    "more off than it comes to": ({"unitPrice": "1.00", "discountAmount": "1.01"}, "discountAmount"),
    "a discount that adds": ({"kind": "DISCOUNT", "unitPrice": "1.00"}, "unitPrice"),
    "a text with a price": ({"kind": "TEXT", "quantity": "0", "unitPrice": "1.00"}, "unitPrice"),
    "no description": ({"description": " "}, "description"),
    "a description of 10,000 characters": ({"description": LONG}, "description"),
    "more than a document holds": ({"unitPrice": "9999999999", "quantity": "999999"}, "quantity"),
}


@pytest.mark.parametrize(("line", "field"), BAD_LINE_ITEMS.values(), ids=BAD_LINE_ITEMS)
async def test_a_bad_line_is_refused_where_it_stands(line: dict[str, Any], field: str, shared_shop: Shop) -> None:
    api, order = shared_shop.api, await shared_shop.order()
    good, bad = {"description": "Good", "unitPrice": "1.00"}, {"description": "Bad"} | line
    # It is the second one that the caller gives, whatever the work order has already.
    refused = await api.send(
        "lineItemAdd", ORDER, workOrderId=order["id"], expectedVersion=order["version"], lineItems=[good, bad]
    )
    assert {path for _, path in problems_of(refused)} == {f"input.lineItems.1.{field}"}
    assert refused["workOrder"] == order
    fresh = await api.send(
        "workOrderCreate", customerId=shared_shop.customer, siteId=shared_shop.site, title="x", source="CALL",
        lineItems=[good, bad],
    )  # fmt: skip
    assert problems_of(fresh) == problems_of(refused)


async def test_the_problems_of_several_lines_and_of_the_order_come_together(shared_shop: Shop) -> None:
    refused = await shared_shop.api.send(
        "workOrderCreate", customerId=shared_shop.customer, siteId=shared_shop.site, title="", source="CALL",
        nteAmount="-1.00", lineItems=[{"description": ""}, {"description": "x", "quantity": "0", "unitPrice": "-1"}],
    )  # fmt: skip
    assert {path for _, path in problems_of(refused)} == {
        "input.title", "input.nteAmount", "input.lineItems.0.description", "input.lineItems.1.quantity",
        "input.lineItems.1.unitPrice",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rate", "is_fine"), [("0", True), ("0.0825", True), ("-0.01", False), ("8.25", False), ("0.12345678", False)]
)
async def test_a_tax_rate_is_a_share(rate: str, is_fine: bool, api: Api) -> None:
    given: dict[str, Any] = {"code": f"C{uuid7()}"[:40], "name": "Tax", "components": [{"name": "Tax", "rate": rate}]}
    payload = await api.send("taxCodeCreate", **given)
    assert (payload["userErrors"] == []) == is_fine
    assert is_fine or {path for _, path in problems_of(payload)} == {"input.components.0.rate"}


@pytest.mark.parametrize("amount", ["0", "0.00", "-1.00", "0.001", "129.01", "99999999999999"])
async def test_a_payment_is_more_than_nothing_and_at_most_the_balance(amount: str, shared_shop: Shop) -> None:
    invoice = await shared_shop.issued()
    refused = await shared_shop.api.send(
        "paymentRecord", "payment { id }", invoiceId=invoice["id"], amount=amount, method="CASH"
    )
    ((code, path),) = problems_of(refused)
    assert code in {"INVALID_AMOUNT", "PAYMENT_EXCEEDS_BALANCE"}
    assert path == "input.amount"
    document = "query ($id: ID!) { invoice(id: $id) { balance { amount } payments { id } } }"
    kept = await shared_shop.api.ask(document, id=invoice["id"])
    assert kept == {"invoice": {"balance": {"amount": "129.00"}, "payments": []}}


@pytest.mark.parametrize("days", [-1, 366, 2_147_483_647])
async def test_terms_are_within_a_year(days: int, shared_shop: Shop) -> None:
    order = await shared_shop.completed()
    refused = await shared_shop.api.send("invoiceDraft", workOrderId=order["id"], termsDays=days)
    assert problems_of(refused) == {("INVALID_INPUT", "input.termsDays")}


# ── times, days and zones ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("zone", ["America/Chicag", "CST6", "", "UTC+1", "../../etc/passwd", "america/chicago", LONG])
async def test_a_time_zone_is_a_name_of_the_iana_list(zone: str, shared_shop: Shop) -> None:
    given = {"customerId": shared_shop.customer, "name": "Home"}
    refused = await shared_shop.api.send("siteCreate", "site { id }", timezone=zone, **given)
    assert problems_of(refused) == {("INVALID_TIMEZONE", "input.timezone")}
    assert refused["site"] is None


@pytest.mark.parametrize(
    "moment",
    ["2026-03-02T09:00:00", "2026-03-02", "2026-02-30T09:00:00Z", "tomorrow", "", 1772442000, "2026-03-02T25:00:00Z",
     "2026-03-02T09:00:00+25:00", LONG],
)  # fmt: skip
async def test_a_moment_is_iso_8601_with_an_offset(moment: Any, shared_shop: Shop) -> None:
    document = """mutation ($order: ID!, $start: DateTime!) { visitCreate(input: {workOrderId: $order,
        planned: {start: $start, end: "2026-03-02T11:00:00Z"}}) { userErrors { code } } }"""
    order = await shared_shop.order()
    (error,) = await shared_shop.api.errors(document, order=order["id"], start=moment)
    assert error["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("day", ["2026-02-30", "02/03/2026", "2026-3-2", "2026-W10-1", "20260302", "today", "", 5])
async def test_a_day_is_one_of_the_calendar(day: Any, api: Api) -> None:
    document = """mutation ($day: Date) {
        tenantUpdate(input: {expectedVersion: 1, patch: {booksLockedThrough: $day}}) { userErrors { code } } }"""
    (error,) = await api.errors(document, day=day)
    assert error["extensions"]["code"] == "BAD_REQUEST"


SPANS = {
    "backwards": {"start": PLANNED["end"], "end": PLANNED["start"]},
    "no time at all": {"start": PLANNED["start"], "end": PLANNED["start"]},
    "two weeks long": {"start": "2026-03-02T09:00:00Z", "end": "2026-03-16T09:00:00Z"},
    "before time": BEFORE_TIME,
    "in the year 9999": {"start": "9999-12-30T09:00:00Z", "end": "9999-12-30T10:00:00Z"},
    "in the year 1": {"start": "0001-01-01T00:00:00+14:00", "end": "0001-01-01T01:00:00+14:00"},
}


@pytest.mark.parametrize("span", SPANS.values(), ids=SPANS)
async def test_a_plan_that_cannot_be_kept_is_refused(span: dict[str, str], shared_shop: Shop) -> None:
    order = await shared_shop.order()
    refused = await shared_shop.api.send("visitCreate", "visit { id }", workOrderId=order["id"], planned=span)
    assert {code for code, _ in problems_of(refused)} <= {"INVALID_TIME_SPAN", "INVALID_INPUT"}
    assert refused["userErrors"]
    assert (await shared_shop.read(order)) == order


async def test_a_moment_comes_back_as_the_same_instant_in_utc(shared_shop: Shop) -> None:
    span = {"start": "2026-03-02T09:00:00.123456-06:00", "end": "2026-03-02T23:30:00+05:45"}
    visit = await shared_shop.api.do(
        "visitCreate", "visit { planned { start end } }", workOrderId=(await shared_shop.order())["id"], planned=span
    )
    assert visit["planned"] == {"start": "2026-03-02T15:00:00.123456+00:00", "end": "2026-03-02T17:45:00+00:00"}


# ── lists ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_list_in_an_input_holds_250_entries(shared_shop: Shop) -> None:
    given = {"customerId": shared_shop.customer, "siteId": shared_shop.site, "title": "x", "source": "CALL"}
    lines = [{"description": "x", "unitPrice": "1.00"}] * 251
    document = "mutation ($input: WorkOrderCreateInput!) { workOrderCreate(input: $input) { userErrors { code } } }"
    (error,) = await shared_shop.api.errors(document, input=given | {"lineItems": lines})
    assert error["extensions"]["code"] == "LIST_LIMIT"
    made = await shared_shop.api.do("workOrderCreate", "workOrder { total { amount } }", lineItems=lines[:250], **given)
    assert made == {"total": {"amount": "250.00"}}


async def test_a_list_of_ids_holds_250_entries_too(api: Api) -> None:
    document = "mutation ($ids: [ID!]!) { deliveryReplay(input: {ids: $ids}) { userErrors { code } } }"
    (error,) = await api.errors(document, ids=[public_id(Noun.DELIVERY, uuid7())] * 251)
    assert error["extensions"]["code"] == "LIST_LIMIT"


async def test_a_hundred_nodes_are_asked_for_at_once_and_no_more(api: Api) -> None:
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    ids = [public_id(Noun.CUSTOMER, uuid7())] * 101
    assert await api.ask(document, ids=ids[:100]) == {"nodes": [None] * 100}
    (error,) = await api.errors(document, ids=ids)
    assert error["extensions"]["code"] == "LIST_LIMIT"


async def test_the_same_equipment_is_named_once(shared_shop: Shop) -> None:
    equipment = await shared_shop.api.do("equipmentCreate", "equipment { id }", siteId=shared_shop.site, name="Furnace")
    refused = await shared_shop.api.send(
        "workOrderCreate", customerId=shared_shop.customer, siteId=shared_shop.site, title="x", source="CALL",
        equipmentIds=[equipment["id"], equipment["id"]],
    )  # fmt: skip
    assert problems_of(refused) == {("INVALID_INPUT", "input.equipmentIds.1")}


async def test_an_empty_list_of_deliveries_is_nothing_to_replay(api: Api) -> None:
    assert problems_of(await api.send("deliveryReplay", ids=[])) == {("INVALID_INPUT", "input.ids")}


# ── plugins' settings ─────────────────────────────────────────────────────────────────────────────


SETTINGS = {
    "an unknown name": ({"wort": "Findings:"}, {("INVALID_SETTINGS", "input.settings.wort")}),
    "a number for a text": ({"word": 5}, {("INVALID_SETTINGS", "input.settings.word")}),
    "a list for a text": ({"word": ["Findings:"]}, {("INVALID_SETTINGS", "input.settings.word")}),
    "null for a text": ({"word": None}, {("INVALID_SETTINGS", "input.settings.word")}),
}


@pytest.mark.parametrize(("settings", "problems"), SETTINGS.values(), ids=SETTINGS)
async def test_settings_are_of_the_types_that_the_manifest_names(
    settings: dict[str, Any], problems: set[tuple[str, str]], company: Company
) -> None:
    refused = await company.owner.send(
        "integrationEnable", "integration { id }", pluginId="findings_rule", settings=settings
    )
    assert problems_of(refused) == problems
    assert await company.owner.ask("{ integrations { nodes { id } } }") == {"integrations": {"nodes": []}}


@pytest.mark.parametrize(
    ("settings", "code"),
    [({"word": "a\x00b"}, "NUL_CHARACTER"), ({"a\x00": 1}, "BAD_REQUEST"), ({"word": ["\x00"]}, "NUL_CHARACTER"),
     ([], "BAD_REQUEST"), ("x", "BAD_REQUEST"), (5, "BAD_REQUEST")],
    ids=["a NUL", "a NUL in a name", "a NUL deep down", "a list", "a text", "a number"],
)  # fmt: skip
async def test_settings_are_an_object_that_a_column_can_hold(settings: Any, code: str, api: Api) -> None:
    document = """mutation ($settings: JSONObject!) {
        integrationEnable(input: {pluginId: "listener", settings: $settings}) { userErrors { code } } }"""
    (error,) = await api.errors(document, settings=settings)
    assert error["extensions"]["code"] == code


@pytest.mark.parametrize("instance", ["a b", "ü", "x" * 64, "../x"])
async def test_an_instance_s_name_is_plain(instance: str, api: Api) -> None:
    refused = await api.send("integrationEnable", pluginId="listener", instance=instance)
    assert problems_of(refused) == {("INVALID_INPUT", "input.instance")}


@pytest.mark.parametrize("plugin", ["nothing", "", LONG])
async def test_a_plugin_that_is_not_installed_is_not_found(plugin: str, api: Api) -> None:
    assert problems_of(await api.send("integrationEnable", pluginId=plugin)) == {("PLUGIN_NOT_FOUND", "input.pluginId")}


async def test_a_plugin_that_is_not_offered_cannot_be_enabled(company: Company) -> None:
    plugins = {
        one["id"]: one["isOffered"] for one in (await company.owner.ask("{ plugins { id isOffered } }"))["plugins"]
    }
    assert plugins["xero"] is False
    refused = await company.owner.send("integrationEnable", pluginId="xero")
    assert problems_of(refused) == {("PLUGIN_NOT_OFFERED", "input.pluginId")}


# ── nothing of it is kept ─────────────────────────────────────────────────────────────────────────


async def test_a_refused_input_leaves_no_row_behind(shop: Shop, company: Company) -> None:
    order, invoice = await shop.order(), await shop.issued()
    before = await rows_of(shop.api.database, company.tenant.id)
    await shop.api.send("workOrderCreate", customerId=shop.customer, siteId=shop.site, title="", source="CALL")
    await shop.api.send(
        "lineItemAdd", workOrderId=order["id"], expectedVersion=order["version"], lineItems=[{"description": ""}]
    )
    await shop.api.send("visitCreate", workOrderId=order["id"], planned=SPANS["backwards"])
    await shop.api.send("paymentRecord", "payment { id }", invoiceId=invoice["id"], amount="130.00", method="CASH")
    assert await rows_of(shop.api.database, company.tenant.id) == before
