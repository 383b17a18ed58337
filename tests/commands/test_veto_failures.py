"""A veto that fails leaves a problem, whatever becomes of the command; one that fails always is left alone."""

import threading
from dataclasses import replace
from typing import Any

import pytest

from beltstack.plugins import FailMode, Plugin
from beltstack.plugins.runtime import PluginHost
from tests.api import Company
from tests.schema.rules import a_rule
from tests.schema.shop import ORDER, Shop, a_shop

PROBLEMS = "{ integrations { nodes { pluginId problems { key message count isCritical } } } }"


async def a_shop_with(company: Company, *plugins: Plugin) -> Shop:
    shop = await a_shop(replace(company.owner, host=PluginHost(plugins)))
    for plugin in plugins:
        await shop.api.do("integrationEnable", "integration { id }", pluginId=plugin.manifest.id)
    return shop


async def complete(shop: Shop, order: Any, **given: Any) -> Any:
    return await shop.api.send("workOrderComplete", ORDER, id=order["id"], expectedVersion=order["version"], **given)


async def problems(shop: Shop) -> dict[str, list[tuple[str, int]]]:
    found = (await shop.api.ask(PROBLEMS))["integrations"]["nodes"]
    return {one["pluginId"]: [(each["key"], each["count"]) for each in one["problems"]] for one in found}


class Fault:
    """A veto that fails as it is told to, and counts how often it was asked."""

    def __init__(self, kind: str) -> None:
        self.kind, self.asked, self.over = kind, 0, threading.Event()

    def __call__(self, change: Any, context: Any) -> Any:
        self.asked += 1
        if self.kind == "CRASHED":
            raise RuntimeError("the secret is 42")
        if self.kind == "LATE":
            self.over.wait(5)
        return ["no"] if self.kind == "JUNK" else None


@pytest.mark.parametrize("kind", ["CRASHED", "LATE", "JUNK"])
@pytest.mark.parametrize("key", [None, "one"], ids=["without a key", "with a key"])
async def test_a_veto_that_fails_leaves_a_problem_though_the_command_is_taken_back(
    kind: str, key: str | None, company: Company
) -> None:
    fault = Fault(kind)
    shop = await a_shop_with(company, a_rule("books", fault, fail_mode=FailMode.CLOSED))
    order = await shop.order()
    refused = await complete(shop, order, idempotencyKey=key)
    fault.over.set()
    assert [error["code"] for error in refused["userErrors"]] == ["PLUGIN_UNAVAILABLE"]
    assert await problems(shop) == {"books": [(f"VETO_{kind}", 1)]}
    assert "42" not in str(await shop.api.ask(PROBLEMS))


async def test_a_plugin_that_hangs_is_not_held_against_the_next_one(company: Company) -> None:
    fault = Fault("LATE")
    shop = await a_shop_with(
        company,
        a_rule("alpha", fault, fail_mode=FailMode.OPEN),
        a_rule("beta", Fault("NONE"), fail_mode=FailMode.OPEN),
    )
    await complete(shop, await shop.order())
    fault.over.set()
    assert await problems(shop) == {"alpha": [("VETO_LATE", 1)], "beta": []}


@pytest.mark.parametrize("mode", list(FailMode))
async def test_a_plugin_that_fails_again_and_again_is_not_asked_any_more(mode: FailMode, company: Company) -> None:
    fault = Fault("CRASHED")
    shop = await a_shop_with(company, a_rule("books", fault, fail_mode=mode))
    codes = []
    for _ in range(7):
        payload = await complete(shop, await shop.order())
        codes.append([error["code"] for error in payload["userErrors"]])
    assert codes == [["PLUGIN_UNAVAILABLE"] if mode is FailMode.CLOSED else []] * 7
    assert fault.asked == 5
    assert await problems(shop) == {"books": [("VETO_CRASHED", 5)]}


async def test_a_plugin_that_is_well_again_is_asked_after_its_rest(company: Company) -> None:
    fault = Fault("CRASHED")
    shop = await a_shop_with(company, a_rule("books", fault, fail_mode=FailMode.CLOSED))
    now = [0.0]
    shop.api.host.breakers.clock = lambda: now[0]
    for _ in range(6):
        await complete(shop, await shop.order())
    fault.kind, now[0] = "NONE", 31.0
    for _ in range(2):
        assert (await complete(shop, await shop.order()))["userErrors"] == []
    assert fault.asked == 7
