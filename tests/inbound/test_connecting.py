"""Connecting by OAuth, over real HTTP: an admin's browser, our server and a remote that asks for consent."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

import httpx
import pytest
from beltstack_quickbooks import QuickBooks, QuickBooksCredentials, QuickBooksSettings
from beltstack_quickbooks.oauth import refreshed
from sqlalchemy import text
from starlette.applications import Starlette

from beltstack.app import Services
from beltstack.commands.connecting import ReturnElsewhere, challenge_of, checked_return
from beltstack.delivery.connecting import a_connection
from beltstack.delivery.shop import Shop
from beltstack.demo.quickbooks import LoopbackQuickBooks
from beltstack.domain.access import Role
from beltstack.domain.ids import IntegrationId
from beltstack.inbound.connecting import Connecting
from beltstack.plugins import ConnectAnswer, Connection, ConnectRequest, ConnectsByOAuth, Plugin, Rejected
from beltstack.store.database import Database, DatabaseRole
from beltstack.store.sealing import Sealer
from tests.conftest import a_company
from tests.inbound.serving import Served, served
from tests.schema.rules import Listener, a_manifest

CONNECT = "integration { id status } authorizeUrl"


class Awkward(Plugin, ConnectsByOAuth):
    """Does at the exchange what the code says."""

    manifest = a_manifest("awkward", credentials=QuickBooksCredentials)
    answers: list[ConnectAnswer]

    def __init__(self) -> None:
        self.answers = []

    def authorize_url(self, ask: ConnectRequest) -> str:
        return f"https://remote.example/consent?{urlencode({'state': ask.state, 'challenge': ask.code_challenge})}"

    async def connect(self, answer: ConnectAnswer, connection: Connection) -> Any:
        self.answers.append(answer)
        match answer.code:
            case "hang":
                await asyncio.sleep(60)
            case "crash":
                raise RuntimeError("".join(("the error", "'s own text ", answer.code, answer.code_verifier)))
            case "exit":
                raise SystemExit(1)
            case "junk":
                return {"access_token": "x"}
            case "good":
                return QuickBooksCredentials("1", "an access token", "a refresh token", "a client secret")
        connection.log.warning("the code was %s", answer.code)
        raise Rejected(f"The remote said that {answer.code} and {answer.code_verifier} are no good.")


class Crooked(Plugin, ConnectsByOAuth):
    """Names no address at all."""

    manifest = a_manifest("crooked")

    def authorize_url(self, ask: ConnectRequest) -> str:
        return "javascript:alert(1)"

    async def connect(self, answer: ConnectAnswer, connection: Connection) -> Any:
        return None


@pytest.fixture(scope="module")
def books() -> Iterator[LoopbackQuickBooks]:
    with LoopbackQuickBooks() as company:
        yield company


@pytest.fixture(scope="module")
async def server(database: Database, sealer: Sealer) -> AsyncIterator[Served]:
    async with served(database, sealer, [QuickBooks(), Awkward(), Crooked(), Listener()]) as found:
        yield found


@pytest.fixture
async def office(server: Served) -> Served:
    """A tenant of the test's own."""
    return await server.another()


@asynccontextmanager
async def a_browser() -> AsyncIterator[httpx.AsyncClient]:
    """Keeps cookies; follows nothing by itself."""
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


def settings_for(books: LoopbackQuickBooks) -> dict[str, Any]:
    return {
        "item_id": "1",
        "client_id": books.client_id,
        "client_secret": books.client_secret,
        "base_url": books.url,
        "token_url": f"{books.url}/oauth2/v1/tokens/bearer",
        "authorize_url": f"{books.url}/connect/oauth2",
    }


async def begun(office: Served, integration_id: str, return_to: str = "/settings?tab=books") -> str:
    payload = await office.owner.send("integrationConnect", CONNECT, id=integration_id, returnTo=return_to)
    assert payload["userErrors"] == []
    url: str = payload["authorizeUrl"]
    return url


async def consent(browser: httpx.AsyncClient, link: str) -> str:
    """Where the remote sends the browser back to, once the person has said yes."""
    there = await browser.get(link)
    assert there.status_code == 303, there.text
    back = await browser.get(there.headers["location"])
    assert back.status_code == 302, back.text
    return str(back.headers["location"])


async def came_back(browser: httpx.AsyncClient, link: str, **parameters: str) -> httpx.Response:
    """The callback as the awkward plugin's remote would call it."""
    there = await browser.get(link)
    assert there.status_code == 303, there.text
    state = dict(parse_qsl(urlsplit(there.headers["location"]).query))["state"]
    where = link.partition("/start")[0]
    return await browser.get(f"{where}/callback?{urlencode({'state': state, **parameters})}")


def is_a_plain_page(answer: httpx.Response, code: str) -> bool:
    assert answer.status_code == 400, answer.text
    assert f"<code>{code}</code>" in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    return True


# ── the whole way ─────────────────────────────────────────────────────────────────────────────────


async def test_an_admin_connects_quickbooks_and_goes_on_where_they_were(
    office: Served, books: LoopbackQuickBooks
) -> None:
    integration_id = await office.enabled("quickbooks", settings=settings_for(books))
    async with a_browser() as browser:
        callback = await consent(browser, await begun(office, integration_id))
        assert callback.startswith(f"{office.url}/plugins/quickbooks/oauth/callback?")
        done = await browser.get(callback)
    assert (done.status_code, done.headers["location"]) == (303, f"{office.url}/settings?tab=books")
    found = await office.integration(integration_id, "status connectedAt")
    assert found["status"] == "ENABLED"
    assert found["connectedAt"]


async def test_the_tokens_are_sealed_and_can_be_renewed(office: Served, books: LoopbackQuickBooks) -> None:
    integration_id = await connected(office, books)
    shop = Shop(office.services.database, office.services.host, office.services.sealer)
    identifier = IntegrationId(UUID(integration_id.rpartition("_")[2]))
    try:
        async with a_connection(shop, QuickBooks(), office.tenant.id, identifier, seconds=10) as connection:
            first = await connection.credentials.read(QuickBooksCredentials)
            settings = connection.settings_as(QuickBooksSettings)
            fresh = await connection.credentials.renew(
                QuickBooksCredentials, first, lambda stale: refreshed(stale, http=connection.http, settings=settings)
            )
            assert (await connection.credentials.read(QuickBooksCredentials)) == fresh
    finally:
        await shop.close()
    assert (first.realm_id, first.client_secret) == (books.realm_id, books.client_secret)
    assert first.access_token != fresh.access_token
    await nothing_holds(office, first.access_token, first.refresh_token, books.client_secret)


async def test_who_connected_stands_in_the_audit(office: Served, books: LoopbackQuickBooks) -> None:
    await connected(office, books)
    rows = await office.rows(
        "select command, actor_kind, actor_id from audit_entry where command like 'integration.connect%' order by id"
    )
    assert [row.command for row in rows] == ["integration.connect", "integration.connected"]
    assert rows[0].actor_id == rows[1].actor_id
    assert {row.actor_kind for row in rows} == {"APP"}


async def test_the_plugin_is_handed_the_proof_of_its_challenge_and_what_else_came(
    office: Served, server: Served
) -> None:
    plugin = server.services.host.plugins["awkward"]
    assert isinstance(plugin, Awkward)
    link = await begun(office, await office.enabled("awkward"))
    async with a_browser() as browser:
        there = await browser.get(link)
        done = await came_back(browser, link, code="good", realmId="42", iss="x")
    assert done.status_code == 303
    answer = plugin.answers[-1]
    challenge = dict(parse_qsl(urlsplit(there.headers["location"]).query))["challenge"]
    assert challenge_of(answer.code_verifier) == challenge
    assert answer.redirect_uri == f"{office.url}/plugins/awkward/oauth/callback"
    assert answer.parameters == {"realmId": "42", "iss": "x"}
    assert answer.code_verifier not in link + there.headers["location"]
    assert answer.code_verifier not in repr(answer)


@pytest.mark.parametrize(
    ("before", "after"),
    [("NEEDS_REAUTH", "ENABLED"), ("BROKEN", "ENABLED"), ("PAUSED", "PAUSED"), ("DISABLED", "DISABLED")],
)
async def test_connecting_mends_what_waited_for_it_and_turns_nothing_on(
    before: str, after: str, office: Served, books: LoopbackQuickBooks
) -> None:
    integration_id = await office.enabled("quickbooks", settings=settings_for(books))
    await office.rows("update integration set status = :s, problem = 'x' returning 1", s=before)
    await office.rows("update lane set rests_until = 'infinity', failures = 9 returning 1")
    known = await office.integration(integration_id, "version")
    async with a_browser() as browser:
        callback = await consent(browser, await begun(office, integration_id))
        assert (await browser.get(callback)).status_code == 303
    found = await office.integration(integration_id, "status problem connectedAt version")
    assert found["status"] == after
    assert found["connectedAt"]
    # An attempt that began with the old credentials must not stop it now: it goes by the version.
    assert found["version"] == known["version"] + 1
    assert (found["problem"] is None) == (after == "ENABLED")
    (lane,) = await office.rows("select failures from lane")
    assert (lane.failures == 0) == (after == "ENABLED")


async def test_connecting_mends_what_was_sealed_with_a_key_that_is_gone(office: Served, server: Served) -> None:
    integration_id = await office.enabled("awkward")
    await office.rows("update integration set sealed = '\\x00' returning 1")
    async with a_browser() as browser:
        done = await came_back(browser, await begun(office, integration_id), code="good")
    assert done.status_code == 303, done.text
    shop = Shop(office.services.database, office.services.host, office.services.sealer)
    identifier, plugin = IntegrationId(UUID(integration_id.rpartition("_")[2])), server.services.host.plugins["awkward"]
    try:
        async with a_connection(shop, plugin, office.tenant.id, identifier, seconds=5) as connection:
            assert (await connection.credentials.read(QuickBooksCredentials)).access_token == "an access token"
    finally:
        await shop.close()


async def test_connecting_again_needs_no_client_secret(office: Served, books: LoopbackQuickBooks) -> None:
    await connected(office, books)
    without = settings_for(books) | {"client_secret": ""}
    integration_id = await office.enabled("quickbooks", settings=without)
    async with a_browser() as browser:
        assert (await browser.get(await consent(browser, await begun(office, integration_id)))).status_code == 303


async def connected(office: Served, books: LoopbackQuickBooks) -> str:
    integration_id = await office.enabled("quickbooks", settings=settings_for(books))
    async with a_browser() as browser:
        done = await browser.get(await consent(browser, await begun(office, integration_id)))
    assert done.status_code == 303, done.text
    return integration_id


async def nothing_holds(office: Served, *secrets: str) -> None:
    """No table of the tenant, and nothing the API says of the integration."""
    tables = ("integration", "connect_attempt", "audit_entry", "event", "idempotency")
    dump = "".join([str(await office.rows(f"select {name}::text from {name}")) for name in tables])
    fields = "settings problem problemCode webhookUrl deliveries { nodes { error } } inbound { nodes { error } }"
    dump += str(await office.owner.ask(f"{{ integrations(first: 5) {{ nodes {{ {fields} }} }} }}"))
    assert [secret for secret in secrets if secret in dump or secret.encode().hex() in dump] == []


# ── states that are no good ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("state", ["", "nonsense", "0" * 64, "0" * 64 + "secret", "é" * 80, "<script>", "0" * 5000])
@pytest.mark.parametrize("step", ["start", "callback"])
async def test_a_state_that_was_never_given_out_is_unknown(state: str, step: str, office: Served) -> None:
    async with a_browser() as browser:
        query = urlencode({"state": state, "code": "c0de"})
        answer = await browser.get(f"{office.url}/plugins/quickbooks/oauth/{step}?{query}")
    assert is_a_plain_page(answer, "CONNECT_UNKNOWN")
    assert not state or state not in answer.text


@pytest.mark.parametrize("plugin", ["awkward", "listener", "nothing"])
async def test_another_plugins_state_is_unknown(plugin: str, office: Served, books: LoopbackQuickBooks) -> None:
    integration_id = await office.enabled("quickbooks", settings=settings_for(books))
    async with a_browser() as browser:
        callback = await consent(browser, await begun(office, integration_id))
        answer = await browser.get(callback.replace("/quickbooks/", f"/{plugin}/"))
        assert is_a_plain_page(answer, "CONNECT_UNKNOWN")
        assert (await browser.get(callback)).status_code == 303


async def test_another_tenants_state_is_unknown(server: Served, office: Served) -> None:
    """The state names its tenant; with another one's id in it, it is none."""
    integration_id = await office.enabled("awkward")
    stranger = await server.another()
    link = await begun(office, integration_id)
    forged = link.replace(office.tenant.id.hex, stranger.tenant.id.hex)
    async with a_browser() as browser:
        assert is_a_plain_page(await browser.get(forged), "CONNECT_UNKNOWN")


async def test_a_state_is_used_once(office: Served, books: LoopbackQuickBooks) -> None:
    integration_id = await office.enabled("quickbooks", settings=settings_for(books))
    async with a_browser() as browser:
        link = await begun(office, integration_id)
        callback = await consent(browser, link)
        cookies = dict(browser.cookies)
        answers = await asyncio.gather(*(browser.get(callback) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [303] + [400] * 7
        browser.cookies.update(cookies)
        assert is_a_plain_page(await browser.get(callback), "CONNECT_USED")
        assert is_a_plain_page(await browser.get(link), "CONNECT_USED")


async def test_a_state_is_good_for_ten_minutes(office: Served, books: LoopbackQuickBooks) -> None:
    integration_id = await office.enabled("quickbooks", settings=settings_for(books))
    async with a_browser() as browser:
        callback = await consent(browser, await begun(office, integration_id))
        (life,) = await office.rows("select extract(epoch from expires_at - now()) as seconds from connect_attempt")
        assert 580 < life.seconds <= 600
        await office.rows("update connect_attempt set expires_at = now() - interval '1 second' returning 1")
        assert is_a_plain_page(await browser.get(callback), "CONNECT_EXPIRED")
    assert (await office.integration(integration_id, "connectedAt"))["connectedAt"] is None


async def test_a_state_stolen_on_its_way_is_no_good_in_another_browser(
    office: Served, books: LoopbackQuickBooks
) -> None:
    integration_id = await office.enabled("quickbooks", settings=settings_for(books))
    async with a_browser() as browser, a_browser() as thief:
        link = await begun(office, integration_id)
        callback = await consent(browser, link)
        assert is_a_plain_page(await thief.get(callback), "CONNECT_ELSEWHERE")
        assert is_a_plain_page(await thief.get(link), "CONNECT_ELSEWHERE")
        assert (await browser.get(callback)).status_code == 303


async def test_two_browsers_at_once_each_finish_their_own(office: Served, books: LoopbackQuickBooks) -> None:
    integration_id = await office.enabled("quickbooks", settings=settings_for(books))
    async with a_browser() as one, a_browser() as other:
        links = [await begun(office, integration_id, f"/from/{number}") for number in range(2)]
        callbacks = await asyncio.gather(consent(one, links[0]), consent(other, links[1]))
        answers = await asyncio.gather(one.get(callbacks[0]), other.get(callbacks[1]))
    assert [answer.headers.get("location") for answer in answers] == [f"{office.url}/from/0", f"{office.url}/from/1"]


async def test_the_cookie_is_for_these_addresses_alone_and_for_no_script(office: Served) -> None:
    integration_id = await office.enabled("awkward")
    async with a_browser() as browser:
        cookie = (await browser.get(await begun(office, integration_id))).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/plugins/awkward/oauth", "Max-Age=600"} <= set(cookie.split("; "))


async def test_what_a_token_began_it_does_not_end_once_it_is_revoked(office: Served, books: LoopbackQuickBooks) -> None:
    integration_id = await office.enabled("quickbooks", settings=settings_for(books))
    async with a_browser() as browser:
        callback = await consent(browser, await begun(office, integration_id))
        async with office.services.database.transaction(None, role=DatabaseRole.OWNER) as connection:
            await connection.execute(
                text("update api_token set revoked_at = now() where tenant_id = :tenant"), {"tenant": office.tenant.id}
            )
        assert is_a_plain_page(await browser.get(callback), "CONNECT_UNKNOWN")
    assert [row.connected_at for row in await office.rows("select connected_at from integration")] == [None]


async def test_a_program_that_only_looks_takes_nothing_from_the_person(office: Served) -> None:
    link = await begun(office, await office.enabled("awkward"))
    async with a_browser() as program, a_browser() as browser:
        assert (await program.head(link)).status_code == 405
        assert (await browser.get(link)).status_code == 303


async def test_old_attempts_go_when_a_new_one_begins(office: Served) -> None:
    integration_id = await office.enabled("awkward")
    await begun(office, integration_id)
    await office.rows("update connect_attempt set expires_at = now() - interval '2 days' returning 1")
    await begun(office, integration_id)
    assert len(await office.rows("select 1 from connect_attempt")) == 1


# ── a remote, or a plugin, that does not do its part ──────────────────────────────────────────────


async def test_a_person_who_says_no_is_told_that_nothing_was_changed(office: Served) -> None:
    integration_id = await office.enabled("awkward")
    async with a_browser() as browser:
        answer = await came_back(
            browser, await begun(office, integration_id), error="access_denied", error_description="<b>no</b>"
        )
    assert is_a_plain_page(answer, "CONNECT_DENIED")
    assert f'href="{office.url}/settings?tab=books"' in answer.text
    assert "<b>" not in answer.text


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"error": "server_error"}, "answered with an error instead of a code"),
        ({}, "answered with an error instead of a code"),
        ({"code": "crash"}, "did not foresee"),
        ({"code": "exit"}, "did not foresee"),
        ({"code": "junk"}, "could not make sense of the answer"),
        ({"code": "c0de-of-a-stranger"}, "The remote said that [secret] and [secret] are no good."),
    ],
)
async def test_an_exchange_that_fails_leaves_everything_as_it_was_and_no_secret_behind(
    parameters: dict[str, str], words: str, office: Served, caplog: pytest.LogCaptureFixture
) -> None:
    integration_id = await office.enabled("awkward")
    with caplog.at_level(logging.DEBUG, logger="beltstack"):
        async with a_browser() as browser:
            answer = await came_back(browser, await begun(office, integration_id), **parameters)
    assert is_a_plain_page(answer, "CONNECT_FAILED")
    assert words in answer.text
    assert (await office.integration(integration_id, "connectedAt"))["connectedAt"] is None
    assert "c0de-of-a-stranger" not in caplog.text + answer.text
    assert "the error's own text" not in caplog.text + answer.text


async def test_a_code_that_the_remote_does_not_know_connects_nothing(office: Served, books: LoopbackQuickBooks) -> None:
    integration_id = await office.enabled("quickbooks", settings=settings_for(books))
    async with a_browser() as browser:
        callback = await consent(browser, await begun(office, integration_id))
        answer = await browser.get(callback.replace("code=", "code=0"))
    assert is_a_plain_page(answer, "CONNECT_FAILED")
    assert (await office.integration(integration_id, "connectedAt"))["connectedAt"] is None


async def test_an_exchange_that_hangs_ends_and_nobody_waits_for_it(office: Served, server: Served) -> None:
    integration_id = await office.enabled("awkward")
    async with brief_server(server.services) as (url, browser):
        link = (await begun(office, integration_id)).replace(office.url, url)
        answer = await asyncio.wait_for(came_back(browser, link, code="hang"), 5)
        assert is_a_plain_page(answer, "CONNECT_FAILED")
        assert "did not answer in time" in answer.text


@asynccontextmanager
async def brief_server(services: Services) -> AsyncIterator[tuple[str, httpx.AsyncClient]]:
    """The endpoints with less patience than in earnest."""
    shop = Shop(services.database, services.host, services.sealer)
    connecting = Connecting(shop, lambda: datetime.now(UTC), services.settings.public_url, exchange_seconds=0.3)
    transport = httpx.ASGITransport(app=Starlette(routes=connecting.routes()))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://brief.test") as client:
            yield "http://brief.test", client
    finally:
        await shop.close()


# ── what is refused before anything begins ────────────────────────────────────────────────────────


async def test_a_plugin_without_a_page_of_consent_is_refused(office: Served) -> None:
    integration_id = await office.enabled("listener")
    refusal = await office.owner.refusal("integrationConnect", "authorizeUrl", id=integration_id, returnTo="/")
    assert refusal["code"] == "NOT_CONNECTED_BY_OAUTH"


async def test_a_plugin_that_names_no_address_is_refused(office: Served) -> None:
    integration_id = await office.enabled("crooked")
    payload = await office.owner.send("integrationConnect", "authorizeUrl", id=integration_id, returnTo="/")
    assert payload["authorizeUrl"] is None
    assert [error["code"] for error in payload["userErrors"]] == ["PLUGIN_UNAVAILABLE"]
    assert await office.rows("select 1 from connect_attempt") == []


async def test_without_a_public_address_nothing_begins(database: Database, sealer: Sealer, server: Served) -> None:
    company = await a_company(database, server.services.host, sealer)
    made = await company.owner.do("integrationEnable", "integration { id webhookUrl }", pluginId="awkward")
    refusal = await company.owner.refusal("integrationConnect", id=made["id"], returnTo="/")
    assert refusal["code"] == "PUBLIC_URL_MISSING"
    assert "BELTSTACK_PUBLIC_URL" in refusal["message"]


async def test_only_admins_connect(database: Database, sealer: Sealer, server: Served) -> None:
    company = await a_company(database, server.services.host, sealer)
    made = await company.owner.do("integrationEnable", "integration { id }", pluginId="awkward")
    manager = await company.as_role(Role.MANAGER)
    refusal = await manager.refusal("integrationConnect", id=made["id"], returnTo="/")
    assert refusal["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    ("return_to", "target"),
    [
        ("/a?b=c#d", "https://belt.example/a?b=c#d"),
        ("", "https://belt.example/"),
        ("a", "https://belt.example/a"),
        ("https://belt.example/x", "https://belt.example/x"),
        ("https:evil.example", "https://belt.example/evil.example"),
        ("https://belt.example:443/x", "https://belt.example:443/x"),
    ],
)
def test_the_way_back_is_within_the_own_origin(return_to: str, target: str) -> None:
    assert checked_return("https://belt.example", return_to) == target


@pytest.mark.parametrize(
    "return_to",
    [
        "https://evil.example/", "//evil.example/", "http://belt.example/", "https://belt.example:444/",
        "https://belt.example@evil.example/", "https://evil@belt.example/", "https://belt.example.evil.example/",
        "\\\\evil.example", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)", "data:text/html,x", "/a\r\nb",
        "/é", "https://[", "https://belt.example:x/", "/" + "a" * 2_001, " //evil.example",
    ],
)  # fmt: skip
def test_the_way_back_leads_nowhere_else(return_to: str) -> None:
    with pytest.raises(ReturnElsewhere, match=r"https://belt\.example/"):
        checked_return("https://belt.example", return_to)


def test_the_challenge_is_the_one_of_the_standards_example() -> None:
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
