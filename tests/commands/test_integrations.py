"""An admin enables a plugin: it checks its connection first, and whatever the check does, the request is answered."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from beltstack.plugins import Connection, Manifest, NeedsAttention, Plugin, secret
from beltstack.plugins.runtime import PluginHost
from beltstack.store.sealing import Sealer, new_key
from tests.api import Api, Company

STATE = "integration { id version status problem problemCode settings problems { key message count resolvedAt } }"
Check = Callable[[Connection], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Settings:
    region: str = "us"
    key: str = secret(default="")


@dataclass(frozen=True, slots=True)
class Keys:
    token: str


class Checker(Plugin):
    """Its check is what the test says; what it saw is kept."""

    manifest = Manifest(
        id="checker", name="Checker", version="1", description="Checks.", settings=Settings, credentials=Keys
    )

    def __init__(self, check: Check | None = None) -> None:
        self.seen: list[tuple[Settings, str | None]] = []
        self.does = check

    async def check(self, connection: Connection) -> None:
        try:
            token = (await connection.credentials.read(Keys)).token
        except NeedsAttention:
            token = None
        self.seen.append((connection.settings_as(Settings), token))
        if self.does is not None:
            await self.does(connection)


def refuses(words: str, code: str | None = None) -> Check:
    async def check(_: Connection) -> None:
        raise NeedsAttention(words, code=code)

    return check


def with_plugin(company: Company, plugin: Plugin, **changes: Any) -> Api:
    return replace(company.owner, host=PluginHost([plugin]), **changes)


async def enable(api: Api, **given: Any) -> Any:
    return await api.send("integrationEnable", STATE, pluginId="checker", **given)


# ── a check that says no ──────────────────────────────────────────────────────────────────────────


async def test_a_new_integration_whose_check_fails_stays_off_and_says_why(company: Company) -> None:
    api = with_plugin(company, Checker(refuses("Turn numbering on.", "NOT_READY")))
    payload = await enable(api, settings={"region": "eu", "key": "abcdefgh"}, credentials={"token": "t-123456"})
    (error,) = payload["userErrors"]
    assert (error["code"], error["pluginId"], error["pluginCode"]) == ("CHECK_FAILED", "checker", "NOT_READY")
    assert error["message"] == "Turn numbering on."
    integration = payload["integration"]
    assert (integration["status"], integration["settings"]) == ("DISABLED", {"region": "eu"})
    assert (integration["problem"], integration["problemCode"]) == ("Turn numbering on.", "CHECK_FAILED")
    assert [(one["key"], one["count"]) for one in integration["problems"]] == [("CHECK_FAILED", 1)]


async def test_what_was_stored_is_enabled_once_the_check_passes(company: Company) -> None:
    plugin = Checker(refuses("Turn numbering on."))
    api = with_plugin(company, plugin)
    await enable(api, settings={"key": "abcdefgh"}, credentials={"token": "t-123456"})
    plugin.does = None
    payload = await enable(api, settings={"key": "abcdefgh"})
    assert payload["userErrors"] == []
    integration = payload["integration"]
    assert (integration["status"], integration["problem"]) == ("ENABLED", None)
    assert integration["problems"][0]["resolvedAt"] is not None
    assert plugin.seen == [(Settings("us", "abcdefgh"), "t-123456")] * 2


async def test_other_settings_that_fail_their_check_leave_the_old_ones_at_work(company: Company) -> None:
    plugin = Checker()
    api = with_plugin(company, plugin)
    await enable(api, settings={"region": "us", "key": "abcdefgh"}, credentials={"token": "t-123456"})
    plugin.does = refuses("No such region.")
    payload = await enable(api, settings={"region": "mars", "key": "12345678"}, credentials={"token": "t-999999"})
    assert [error["code"] for error in payload["userErrors"]] == ["CHECK_FAILED"]
    assert (payload["integration"]["status"], payload["integration"]["settings"]) == ("ENABLED", {"region": "us"})
    plugin.does = None
    await api.do("integrationCheck", STATE, id=payload["integration"]["id"])
    assert plugin.seen[1:] == [(Settings("mars", "12345678"), "t-999999"), (Settings("us", "abcdefgh"), "t-123456")]


async def test_a_check_can_be_asked_for_again_and_clears_what_it_found(company: Company) -> None:
    plugin = Checker()
    api = with_plugin(company, plugin)
    made = (await enable(api, credentials={"token": "t-123456"}))["integration"]
    plugin.does = refuses("The token is gone.")
    for _ in range(2):
        payload = await api.send("integrationCheck", STATE, id=made["id"])
        assert [error["code"] for error in payload["userErrors"]] == ["CHECK_FAILED"]
    assert (payload["integration"]["status"], payload["integration"]["problem"]) == ("ENABLED", "The token is gone.")
    assert [(one["key"], one["count"]) for one in payload["integration"]["problems"]] == [("CHECK_FAILED", 2)]
    plugin.does = None
    mended = await api.do("integrationCheck", STATE, id=made["id"])
    assert (mended["problem"], mended["problems"][0]["resolvedAt"] is None) == (None, False)


# ── a check that fails ────────────────────────────────────────────────────────────────────────────


async def crash(_: Connection) -> None:
    raise RuntimeError("the token is t-123456")


async def leave(_: Connection) -> None:
    raise SystemExit(3)


async def hang(_: Connection) -> None:
    await asyncio.sleep(30)


async def block(_: Connection) -> None:
    time.sleep(3)  # noqa: ASYNC251 - the offence


@pytest.mark.parametrize("does", [crash, leave, hang, block])
async def test_a_check_that_fails_refuses_and_holds_nobody_up(does: Check, company: Company) -> None:
    api = with_plugin(company, Checker(does), check_seconds=0.4)
    started, longest = time.monotonic(), 0.0
    asked = asyncio.create_task(enable(api, credentials={"token": "t-123456"}))
    while not asked.done():
        before = time.monotonic()
        await asyncio.sleep(0.02)
        longest = max(longest, time.monotonic() - before)
    payload = asked.result()
    assert [error["code"] for error in payload["userErrors"]] == ["CHECK_FAILED"]
    assert payload["integration"]["status"] == "DISABLED"
    assert "t-123456" not in str(payload)
    assert time.monotonic() - started < 2.9
    assert longest < 1.0


# ── once, and without one ─────────────────────────────────────────────────────────────────────────


async def test_an_idempotency_key_repeats_the_first_answer_and_checks_nothing(company: Company) -> None:
    plugin = Checker(refuses("Turn numbering on.", "NOT_READY"))
    api = with_plugin(company, plugin)
    first = await enable(api, credentials={"token": "t-123456"}, idempotencyKey="one")
    plugin.does = None
    again = await enable(api, credentials={"token": "t-123456"}, idempotencyKey="one")
    assert again == first
    assert len(plugin.seen) == 1
    assert (await enable(api, credentials={"token": "t-123456"}, idempotencyKey="two"))["userErrors"] == []
    assert (await enable(api, credentials={"token": "t-123456"}, idempotencyKey="one"))["integration"]["status"] == (
        "ENABLED"
    )


async def test_a_request_that_ends_during_the_check_leaves_it_off_and_can_be_repeated(company: Company) -> None:
    plugin = Checker(hang)
    api = with_plugin(company, plugin, check_seconds=0.5)
    asked = asyncio.create_task(enable(api, credentials={"token": "t-123456"}, idempotencyKey="one"))
    while not plugin.seen:  # noqa: ASYNC110 - it is seen in another thread
        await asyncio.sleep(0.01)
    asked.cancel()
    await asyncio.wait({asked})
    (left,) = (await api.ask("{ integrations { nodes { status settings } } }"))["integrations"]["nodes"]
    assert left == {"status": "DISABLED", "settings": {"region": "us"}}
    plugin.does = None
    payload = await enable(api, credentials={"token": "t-123456"}, idempotencyKey="one")
    assert (payload["userErrors"], payload["integration"]["status"]) == ([], "ENABLED")


async def test_somebody_else_s_change_during_the_check_is_not_enabled_unchecked(company: Company) -> None:
    plugin = Checker()
    api = with_plugin(company, plugin)

    async def change_meanwhile(_: Connection) -> None:
        if plugin.seen[-1][0].region == "us":
            plugin.does = refuses("Not there.")
            await asyncio.to_thread(lambda: asyncio.run(_enable_elsewhere(api)))

    plugin.does = change_meanwhile
    payload = await enable(api, settings={"region": "us"})
    assert [error["code"] for error in payload["userErrors"]] == ["STALE_OBJECT"]
    (left,) = (await api.ask("{ integrations { nodes { status } } }"))["integrations"]["nodes"]
    assert left["status"] == "DISABLED"


async def _enable_elsewhere(api: Api) -> None:
    database = type(api.database)(str(api.database.url.render_as_string(hide_password=False)))
    await enable(replace(api, database=database), settings={"region": "mars"})
    await database.close()


# ── configuring ───────────────────────────────────────────────────────────────────────────────────


async def test_configuring_changes_what_is_named_and_keeps_the_rest_and_the_secrets(company: Company) -> None:
    plugin = Checker()
    api = with_plugin(company, plugin)
    made = (await enable(api, settings={"region": "us", "key": "abcdefgh"}, credentials={"token": "t-123456"}))[
        "integration"
    ]
    changed = await api.do(
        "integrationConfigure", STATE, id=made["id"], expectedVersion=made["version"], settings={"region": "eu"}
    )
    assert (changed["settings"], changed["status"]) == ({"region": "eu"}, "ENABLED")
    await api.do("integrationCheck", STATE, id=made["id"])
    assert plugin.seen[1:] == [(Settings("eu", "abcdefgh"), "t-123456")] * 2
    stale = await api.refusal(
        "integrationConfigure", id=made["id"], expectedVersion=made["version"], settings={"region": "us"}
    )
    assert stale["code"] == "STALE_OBJECT"


async def test_configuring_turns_nothing_on(company: Company) -> None:
    plugin = Checker()
    api = with_plugin(company, plugin)
    made = (await enable(api))["integration"]
    for turn, status in (("integrationPause", "PAUSED"), ("integrationDisable", "DISABLED")):
        made = await api.do(turn, STATE, id=made["id"], expectedVersion=made["version"])
        given = {"id": made["id"], "expectedVersion": made["version"], "settings": {"region": status.lower()}}
        made = await api.do("integrationConfigure", STATE, **given)
        assert (made["status"], made["settings"]) == (status, {"region": status.lower()})
    assert [seen.region for seen, _ in plugin.seen] == ["us", "paused"]


async def test_what_was_sealed_with_a_key_that_is_gone_is_refused_and_can_be_given_anew(company: Company) -> None:
    api = with_plugin(company, Checker())
    made = (await enable(api, settings={"key": "abcdefgh"}, credentials={"token": "t-123456"}))["integration"]
    elsewhere = replace(api, sealer=Sealer.of_key(new_key()))
    given = {"id": made["id"], "expectedVersion": made["version"], "settings": {"region": "eu"}}
    refused = await elsewhere.refusal("integrationConfigure", **given)
    assert refused["code"] == "SECRETS_UNREADABLE"
    assert "which this process does not have" in refused["message"]
    (refused,) = (await enable(elsewhere, settings={"key": "ijklmnop"}))["userErrors"]
    assert refused["code"] == "SECRETS_UNREADABLE"
    (refused,) = (await elsewhere.send("integrationCheck", STATE, id=made["id"]))["userErrors"]
    assert (refused["code"], refused["pluginCode"]) == ("CHECK_FAILED", "SEAL_BROKEN")
    anew = await enable(elsewhere, settings={"key": "ijklmnop"}, credentials={"token": "t-654321"})
    assert anew["userErrors"] == []
    assert anew["integration"]["status"] == "ENABLED"
