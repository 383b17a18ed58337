"""What plugins add to the API's types: answered beside the core's own, null where off, refused when unfit."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, literal

from beltstack.plugins import FieldType, Manifest, Plugin, PythonField, Review, Rows, SqlField
from beltstack.plugins.fields import PluginField
from beltstack.plugins.runtime import PluginHost
from beltstack.schema.build import build_schema
from beltstack.schema.execution import Executor
from beltstack.schema.plugin_fields import with_plugin_fields
from tests.api import Company
from tests.schema.shop import Shop, a_shop


@dataclass(frozen=True, slots=True)
class Settings:
    """`mark` ends what is shouted."""

    mark: str = "!"


async def shouted(rows: Rows, context: Review) -> Sequence[str]:
    mark = context.settings_as(Settings).mark
    return [f"{row['title'].upper()}{mark} {row['total.amount']} {context.tenant.currency}" for row in rows]


LENGTH = SqlField(
    "WorkOrder", "titleLength", FieldType.WHOLE_NUMBER, "How long the title is.", lambda of: func.length(of["title"])
)
SHOUT = PythonField(
    "WorkOrder", "shout", FieldType.TEXT, "The title, aloud, and its price.", ("title", "total.amount"), shouted
)


def a_plugin(*added: PluginField, plugin_id: str = "loud") -> Plugin:
    class Loud(Plugin):
        manifest = Manifest(
            id=plugin_id, name="Loud", version="0.1.0", description="Makes work orders loud.", settings=Settings
        )
        fields = added

    return Loud()


async def a_shop_with(company: Company, *plugins: Plugin, enabled: bool = True) -> Shop:
    host, schema = PluginHost(plugins), build_schema()
    executor = Executor(schema, with_plugin_fields(schema, host))
    shop = await a_shop(replace(company.owner, host=host, executor=executor))
    for plugin in plugins if enabled else ():
        await shop.api.do("integrationEnable", "integration { id }", pluginId=plugin.manifest.id)
    return shop


async def titles(shop: Shop, fields: str) -> list[Any]:
    asked: Any = await shop.api.ask(f"{{ workOrders {{ nodes {{ {fields} }} }} }}")
    nodes: list[Any] = asked["workOrders"]["nodes"]
    return nodes


async def test_fields_of_sql_and_of_python_stand_beside_the_core_s_own(company: Company) -> None:
    shop = await a_shop_with(company, a_plugin(LENGTH, SHOUT))
    for title in ("Boiler", 'Say "hi"\n'.strip()):
        await shop.order(title=title)
    assert await titles(shop, "title loud_titleLength again: loud_shout") == [
        {"title": 'Say "hi"', "loud_titleLength": 8, "again": 'SAY "HI"! 129.00 USD'},
        {"title": "Boiler", "loud_titleLength": 6, "again": "BOILER! 129.00 USD"},
    ]


async def test_they_are_there_by_id_below_other_types_and_in_a_mutation_s_answer(company: Company) -> None:
    shop = await a_shop_with(company, a_plugin(LENGTH, SHOUT))
    order = await shop.order(title="Boiler")
    found = await shop.api.ask(
        """query ($id: ID!, $customer: ID!) {
            node(id: $id) { ... on WorkOrder { loud_titleLength loud_shout } }
            customer(id: $customer) { workOrders { nodes { loud_titleLength loud_shout } } } }""",
        id=order["id"],
        customer=shop.customer,
    )
    loud = {"loud_titleLength": 6, "loud_shout": "BOILER! 129.00 USD"}
    assert found == {"node": loud, "customer": {"workOrders": {"nodes": [loud]}}}
    made = await shop.api.do(
        "workOrderUpdate", "workOrder { loud_titleLength loud_shout }", id=order["id"],
        expectedVersion=order["version"], patch={"title": "Furnace"},
    )  # fmt: skip
    assert made == {"loud_titleLength": 7, "loud_shout": "FURNACE! 129.00 USD"}


async def test_a_python_field_is_asked_once_for_all_objects_of_an_answer(company: Company) -> None:
    asked: list[int] = []

    async def counting(rows: Rows, _: Review) -> Sequence[str]:
        asked.append(len(rows))
        return ["x"] * len(rows)

    shop = await a_shop_with(company, a_plugin(replace(SHOUT, batch=counting)))
    for _ in range(3):
        await shop.order()
    await titles(shop, "loud_shout")
    assert asked == [3]


async def test_the_tenant_s_settings_are_what_a_field_goes_by(company: Company) -> None:
    shop = await a_shop_with(company, a_plugin(SHOUT), enabled=False)
    await shop.api.do("integrationEnable", "integration { id }", pluginId="loud", settings={"mark": "?"})
    await shop.order(title="Boiler")
    assert await titles(shop, "loud_shout") == [{"loud_shout": "BOILER? 129.00 USD"}]


async def test_where_the_plugin_is_off_its_fields_are_null_at_once(company: Company) -> None:
    shop = await a_shop_with(company, a_plugin(LENGTH, SHOUT), enabled=False)
    await shop.order(title="Boiler")
    off, on = (
        {"loud_titleLength": None, "loud_shout": None},
        {"loud_titleLength": 6, "loud_shout": "BOILER! 129.00 USD"},
    )
    fields = "loud_titleLength loud_shout"
    assert await titles(shop, fields) == [off]
    used = await shop.api.do("integrationEnable", "integration { id version }", pluginId="loud")
    assert await titles(shop, fields) == [on]
    await shop.move("integrationPause", used, "integration { id }")
    assert await titles(shop, fields) == [off]


async def test_what_one_tenant_enabled_is_null_for_another(company: Company, another_company: Any) -> None:
    shop = await a_shop_with(company, a_plugin(LENGTH, SHOUT))
    theirs = replace((await another_company()).owner, host=shop.api.host, executor=shop.api.executor)
    other = await a_shop(theirs)
    await other.order(title="Boiler")
    assert await titles(other, "loud_titleLength loud_shout") == [{"loud_titleLength": None, "loud_shout": None}]


# ── what a plugin does wrong ──────────────────────────────────────────────────────────────────────


async def raises(rows: Rows, _: Review) -> Sequence[str]:
    raise ZeroDivisionError("the secret is 42")


async def hangs(rows: Rows, _: Review) -> Sequence[str]:
    await asyncio.sleep(600)
    return []


async def too_few(rows: Rows, _: Review) -> Sequence[str]:
    return []


async def of_another_type(rows: Rows, _: Review) -> Sequence[Any]:
    return [7] * len(rows)


@pytest.mark.parametrize("batch", [raises, hangs, too_few, of_another_type])
async def test_a_field_that_fails_is_null_with_an_error_and_the_rest_is_complete(batch: Any, company: Company) -> None:
    shop = await a_shop_with(company, a_plugin(LENGTH, replace(SHOUT, batch=batch)))
    await shop.order(title="Boiler")
    body = (await shop.api.post({"query": "{ workOrders { nodes { title loud_shout loud_titleLength } } }"})).json()
    assert body["data"]["workOrders"]["nodes"] == [{"title": "Boiler", "loud_shout": None, "loud_titleLength": 6}]
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "PLUGIN_UNAVAILABLE"
    assert error["extensions"]["pluginId"] == "loud"
    assert "secret" not in error["message"]


UNFIT = {
    "an unknown type": (replace(LENGTH, on="WorkOder"), "no such type"),
    "a type without rows": (replace(LENGTH, on="Money"), "no such type"),
    "a name with its own underscore": (replace(LENGTH, name="title_length"), "not named like"),
    "no description": (replace(LENGTH, description=" "), "no description"),
    "SQL over a column that is not there": (replace(LENGTH, expression=lambda of: of["colour"]), "cannot be made"),
    "SQL over a cost that not everybody may see": (
        replace(LENGTH, on="LineItem", expression=lambda of: of["unitCost.amount"]), "cannot be made"),
    "no SQL at all": (replace(LENGTH, expression=lambda _: 7), "is no column"),  # type: ignore[arg-type, return-value]
    "a requirement that is not there": (replace(SHOUT, requires=("colour",)), "requires colour"),
    "a relation as a requirement": (replace(SHOUT, requires=("lineItems",)), "requires lineItems"),
}  # fmt: skip


@pytest.mark.parametrize(("unfit", "words"), UNFIT.values(), ids=UNFIT)
def test_an_unfit_field_sets_its_plugin_aside_with_the_reason(unfit: PluginField, words: str) -> None:
    host, schema = PluginHost([a_plugin(unfit), a_plugin(LENGTH, plugin_id="fine")]), build_schema()
    registry = with_plugin_fields(schema, host)
    assert words in host.broken["loud"]
    assert list(host.plugins) == ["fine"]
    assert "fine_titleLength" in registry.by_name["WorkOrder"].fields
    assert not [name for name in registry.by_name["WorkOrder"].fields if name.startswith("loud_")]


def test_a_field_added_twice_sets_its_plugin_aside() -> None:
    host = PluginHost([a_plugin(LENGTH, replace(SHOUT, name="titleLength"))])
    with_plugin_fields(build_schema(), host)
    assert "WorkOrder.titleLength twice" in host.broken["loud"]


async def test_introspection_tells_the_field_its_type_and_whose_it_is(company: Company) -> None:
    shop = await a_shop_with(company, a_plugin(LENGTH))
    asked = await shop.api.ask('{ __type(name: "WorkOrder") { fields { name description type { kind name } } } }')
    (told,) = [field for field in asked["__type"]["fields"] if field["name"] == "loud_titleLength"]
    assert told["type"] == {"kind": "SCALAR", "name": "Int"}
    assert told["description"] == "How long the title is. From the plugin Loud; null where it is off."


def test_another_schema_and_the_core_s_registry_know_nothing_of_it() -> None:
    schema = build_schema()
    with_plugin_fields(schema, PluginHost([a_plugin(LENGTH)]))
    untouched = with_plugin_fields(build_schema(), PluginHost([]))
    assert "loud_titleLength" not in untouched.by_name["WorkOrder"].fields
    assert "loud_titleLength" not in build_schema()._schema.type_map["WorkOrder"].fields  # type: ignore[attr-defined]


EACH_TYPE = [
    (FieldType.TEXT, literal('a "b"'), 'a "b"', 'a "b"'),
    (FieldType.FLAG, literal(True), True, True),
    (FieldType.DECIMAL, literal(Decimal("1.50")), Decimal("1.50"), "1.50"),
    (FieldType.DAY, literal(date(2026, 3, 2)), date(2026, 3, 2), "2026-03-02"),
]


@pytest.mark.parametrize(("kind", "sql", "value", "answer"), EACH_TYPE, ids=[one[0].name for one in EACH_TYPE])
async def test_both_kinds_answer_a_type_alike(
    kind: FieldType, sql: Any, value: Any, answer: Any, company: Company
) -> None:
    async def batch(rows: Rows, _: Review) -> Sequence[Any]:
        return [value] * len(rows)

    one = replace(LENGTH, name="bySql", type=kind, expression=lambda _: sql)
    other = replace(SHOUT, name="byPython", type=kind, requires=(), batch=batch)
    shop = await a_shop_with(company, a_plugin(one, other))
    await shop.order()
    assert await titles(shop, "loud_bySql loud_byPython") == [{"loud_bySql": answer, "loud_byPython": answer}]
