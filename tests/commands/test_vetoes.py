"""Before work is completed every enabled plugin is asked: all who say no are heard, who must be asked is missed."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from beltstack.domain.access import Role
from beltstack.domain.work_orders import WorkOrder
from beltstack.plugins import Change, FailMode, Plugin, Review, Veto, secret
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer
from tests.api import Api, Company
from tests.schema.rules import a_rule
from tests.schema.shop import ORDER, Shop, a_shop


async def a_shop_with(company: Company, *plugins: Plugin) -> Shop:
    """The company with these plugins installed and enabled."""
    shop = await a_shop(with_plugins(company.owner, *plugins))
    for plugin in plugins:
        await shop.api.do("integrationEnable", "integration { id }", pluginId=plugin.manifest.id)
    return shop


def with_plugins(api: Api, *plugins: Plugin) -> Api:
    return replace(api, host=PluginHost(plugins))


async def complete(shop: Shop, order: Any, **given: Any) -> Any:
    return await shop.api.send("workOrderComplete", ORDER, id=order["id"], expectedVersion=order["version"], **given)


def says_no(*vetoes: Veto) -> Any:
    return lambda change, context: vetoes


async def test_the_findings_rule_holds_completion_back_until_there_is_a_note(shop: Shop) -> None:
    await shop.api.do("integrationEnable", "integration { id }", pluginId="findings_rule")
    order = await shop.order()
    refused = await complete(shop, order)
    assert refused["userErrors"] == [{
        "message": "Add a note that starts with 'Findings:' and says what was found.",
        "code": "VETOED", "path": ["input", "lineItems"], "pluginId": "findings_rule",
        "pluginCode": "FINDINGS_MISSING", "currentState": None, "availableTransitions": None,
    }]  # fmt: skip
    assert refused["workOrder"] == order
    note = {"kind": "TEXT", "description": "Findings: a burnt capacitor.", "quantity": "0"}
    noted = await shop.api.do(
        "lineItemAdd", ORDER, workOrderId=order["id"], expectedVersion=order["version"], lineItems=[note]
    )
    assert (await complete(shop, noted))["workOrder"]["state"] == "COMPLETED"


async def test_the_settings_of_the_tenant_are_what_a_veto_goes_by(shop: Shop) -> None:
    await shop.api.do(
        "integrationEnable", "integration { id }", pluginId="findings_rule", settings={"word": "Diagnosis"}
    )
    refused = await complete(shop, await shop.order())
    assert "'Diagnosis'" in refused["userErrors"][0]["message"]


@pytest.mark.parametrize("turn", ["integrationDisable", "integrationPause"])
async def test_only_what_is_enabled_is_asked(turn: str, shop: Shop) -> None:
    used = await shop.api.do("integrationEnable", "integration { id version }", pluginId="findings_rule")
    await shop.move(turn, used, "integration { id }")
    assert (await complete(shop, await shop.order()))["workOrder"]["state"] == "COMPLETED"


async def test_what_one_tenant_enabled_is_not_asked_for_another(shop: Shop, another_company: Any) -> None:
    await shop.api.do("integrationEnable", "integration { id }", pluginId="findings_rule")
    other = await a_shop((await another_company()).owner)
    assert (await complete(other, await other.order()))["workOrder"]["state"] == "COMPLETED"


async def test_all_reasons_of_all_plugins_come_together(company: Company) -> None:
    shop = await a_shop_with(
        company,
        a_rule("alpha", says_no(Veto("Take a photo.", "PHOTO", ("line_items", "0")), Veto("Take another one."))),
        a_rule("beta", says_no()),
        a_rule("gamma", lambda change, context: Veto("Ask the customer to sign.", "SIGNATURE")),
        a_rule("silent", lambda change, context: None),
    )
    refused = await complete(shop, await shop.order())
    told = [(e["pluginId"], e["pluginCode"], e["message"], e["path"]) for e in refused["userErrors"]]
    assert told == [
        ("alpha", "PHOTO", "Take a photo.", ["input", "lineItems", "0"]),
        ("alpha", "VETO", "Take another one.", None),
        ("gamma", "SIGNATURE", "Ask the customer to sign.", None),
    ]
    assert {error["code"] for error in refused["userErrors"]} == {"VETOED"}


async def test_a_veto_sees_the_work_order_as_it_would_be_and_who_asks(company: Company) -> None:
    seen: list[tuple[Change[WorkOrder], Review]] = []

    def look(change: Change[WorkOrder], context: Review) -> None:
        seen.append((change, context))

    shop = await a_shop_with(company, a_rule("looker", look))
    await complete(shop, await shop.order(title="No heat"))
    ((change, context),) = seen
    assert change.before is not None
    assert (change.before.state, change.after.state, change.after.title) == ("OPEN", "COMPLETED", "No heat")
    assert (context.tenant.name, context.actor.roles) == ("North Air", frozenset({Role.OWNER}))


async def test_a_veto_never_sees_a_secret(company: Company) -> None:
    @dataclass(frozen=True, slots=True)
    class Settings:
        word: str
        key: str = secret(default="")

    seen: list[Any] = []

    def look(change: Change[WorkOrder], context: Review) -> None:
        seen.append(context.settings)

    shop = await a_shop(with_plugins(company.owner, a_rule("looker", look, settings=Settings)))
    enabled = await shop.api.do(
        "integrationEnable", "integration { settings }", pluginId="looker", settings={"word": "x", "key": "hidden"}
    )
    assert enabled["settings"] == {"word": "x"}
    await complete(shop, await shop.order())
    assert seen == [Settings("x", "")]


async def test_available_transitions_tell_the_vetoes_before_anybody_asks(shop: Shop) -> None:
    await shop.api.do("integrationEnable", "integration { id }", pluginId="findings_rule")
    order = await shop.order()
    document = (
        "query ($id: ID!) { workOrder(id: $id) { availableTransitions { command allowed reasons { code pluginId } } } }"
    )
    found = (await shop.api.ask(document, id=order["id"]))["workOrder"]["availableTransitions"]
    by_command = {one["command"]: one for one in found}
    assert by_command["COMPLETE"] == {
        "command": "COMPLETE", "allowed": False, "reasons": [{"code": "VETOED", "pluginId": "findings_rule"}],
    }  # fmt: skip
    assert by_command["HOLD"] == {"command": "HOLD", "allowed": True, "reasons": []}


# ── plugins that fail ─────────────────────────────────────────────────────────────────────────────


def crash(change: Change[WorkOrder], context: Review) -> None:
    raise RuntimeError("the secret is 42")


class Hang:
    """Does not answer until the test is over."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def __call__(self, change: Change[WorkOrder], context: Review) -> None:
        self.over.wait(10)


@pytest.fixture
def hang() -> Iterator[Hang]:
    hang = Hang()
    yield hang
    hang.over.set()


JUNK = {"a text": "no", "a number": 5, "a list of texts": ["no"], "an exception": ValueError("x")}


async def test_a_crashed_veto_that_must_be_asked_refuses(company: Company) -> None:
    shop = await a_shop_with(company, a_rule("books", crash, fail_mode=FailMode.CLOSED))
    order = await shop.order()
    refused = await complete(shop, order)
    (error,) = refused["userErrors"]
    assert (error["code"], error["pluginId"]) == ("PLUGIN_UNAVAILABLE", "books")
    assert error["message"] == "Books could not be asked, and must be; try again."
    assert refused["workOrder"] == order


async def test_a_crashed_veto_that_need_not_be_asked_lets_the_work_pass(company: Company) -> None:
    shop = await a_shop_with(company, a_rule("books", crash, fail_mode=FailMode.OPEN))
    assert (await complete(shop, await shop.order()))["workOrder"]["state"] == "COMPLETED"


@pytest.mark.parametrize("said", JUNK.values(), ids=JUNK)
async def test_an_answer_that_is_no_veto_is_a_crash(said: Any, company: Company) -> None:
    shop = await a_shop_with(company, a_rule("books", lambda change, context: said, fail_mode=FailMode.CLOSED))
    refused = await complete(shop, await shop.order())
    assert [error["code"] for error in refused["userErrors"]] == ["PLUGIN_UNAVAILABLE"]


@pytest.mark.parametrize("mode", list(FailMode))
async def test_a_veto_that_hangs_is_given_up_and_counts_as_its_fail_mode_says(
    mode: FailMode, company: Company, hang: Hang
) -> None:
    shop = await a_shop_with(company, a_rule("books", hang, fail_mode=mode))
    order, started = await shop.order(), time.monotonic()
    payload = await complete(shop, order)
    assert time.monotonic() - started < 5
    codes = [error["code"] for error in payload["userErrors"]]
    if mode is FailMode.CLOSED:
        assert (codes, payload["workOrder"]) == (["PLUGIN_UNAVAILABLE"], order)
        assert payload["userErrors"][0]["message"] == "Books did not answer in time, and must be; try again."
    else:
        assert (codes, payload["workOrder"]["state"]) == ([], "COMPLETED")


async def test_one_crash_silences_nobody_else(company: Company) -> None:
    shop = await a_shop_with(
        company, a_rule("alpha", crash, fail_mode=FailMode.OPEN), a_rule("beta", says_no(Veto("Take a photo.")))
    )
    refused = await complete(shop, await shop.order())
    assert [(error["code"], error["pluginId"]) for error in refused["userErrors"]] == [("VETOED", "beta")]


@pytest.mark.parametrize("mode", list(FailMode))
async def test_an_enabled_plugin_that_is_not_installed_here_is_missed_if_it_must_be_asked(
    mode: FailMode, company: Company, database: Database, sealer: Sealer
) -> None:
    shop = await a_shop_with(company, a_rule("books", says_no(), fail_mode=mode))
    order = await shop.order()
    elsewhere = replace(shop, api=with_plugins(shop.api))
    payload = await complete(elsewhere, order)
    codes = [error["code"] for error in payload["userErrors"]]
    assert codes == (["PLUGIN_UNAVAILABLE"] if mode is FailMode.CLOSED else [])
    assert not codes or "not installed here" in payload["userErrors"][0]["message"]


async def test_each_use_of_a_plugin_is_asked_with_its_own_settings(shop: Shop) -> None:
    for instance, word in (("first", "Findings:"), ("second", "Diagnosis")):
        await shop.api.do(
            "integrationEnable", "integration { id }", pluginId="findings_rule", instance=instance,
            settings={"word": word},
        )  # fmt: skip
    note = {"kind": "TEXT", "description": "Diagnosis done.", "quantity": "0"}
    refused = await complete(shop, await shop.order(lineItems=[note]))
    assert ["'Findings:'" in error["message"] for error in refused["userErrors"]] == [True]
