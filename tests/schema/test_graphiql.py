"""GraphiQL comes from the package's own files, under a strict policy, and only where it is turned on."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import parse, validate
from starlette.applications import Starlette

from beltstack.app import Services, build_app
from beltstack.commands.tenancy import create_token
from beltstack.demo.company import found_company
from beltstack.domain.access import Role
from beltstack.plugins.runtime import PluginHost
from beltstack.schema.ide import FOLDER, example_documents
from beltstack.settings import Settings
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer
from tests.api import Api, the_schema

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
EXAMPLES = example_documents()


def an_app(database: Database, host: PluginHost, sealer: Sealer, *, graphiql: bool | None) -> Starlette:
    settings = Settings(data_dir=Path(), graphiql=graphiql)
    return build_app(Services(settings, database, host, sealer), with_worker=False)


def a_browser(app: Starlette) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")


@pytest.fixture
async def browser(database: Database, host: PluginHost, sealer: Sealer) -> AsyncIterator[httpx.AsyncClient]:
    async with a_browser(an_app(database, host, sealer, graphiql=True)) as client:
        yield client


@pytest.fixture(scope="module")
async def demo(database: Database, host: PluginHost, sealer: Sealer) -> Api:
    """The demo's company and its owner."""
    now = datetime.now(UTC)
    await found_company(database, host, sealer, slug="graphiql-demo", now=now)
    token = await create_token(database, slug="graphiql-demo", roles=(Role.OWNER,), label="test", at=now)
    return Api(database, host, sealer, token)


async def test_a_browser_gets_a_page_whose_every_file_this_server_has(browser: httpx.AsyncClient) -> None:
    response = await browser.get("/graphql", headers={"Accept": BROWSER})
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (
        re.search(r"https?://|//[a-z]", re.sub(r"(?s)<script type=\"application/json\".*?</script>", "", response.text))
        is None
    )
    addresses = re.findall(r'(?:src|href|data-schema)="([^"]+)"', response.text)
    files = {address: await browser.get(address) for address in addresses if not address.startswith("data:")}
    kinds = {Path(address).suffix: file.headers["content-type"] for address, file in files.items()}
    assert {file.status_code for file in files.values()} == {200}
    assert kinds == {
        ".js": "text/javascript; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".graphql": "text/plain; charset=utf-8",
    }
    assert {file.headers["cache-control"] for file in files.values()} == {"public, max-age=31536000, immutable"}
    assert {file.headers["x-content-type-options"] for file in files.values()} == {"nosniff"}


async def test_the_page_runs_its_own_files_only_and_nobody_frames_it(browser: httpx.AsyncClient) -> None:
    headers = (await browser.get("/graphql", headers={"Accept": BROWSER})).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert (policy["script-src"], policy["connect-src"]) == ("'self'", "'self'")
    assert policy["frame-ancestors"] == "'none'"
    assert not re.search(r"https?:|\*|unsafe-eval", headers["content-security-policy"])
    assert (headers["x-frame-options"], headers["x-content-type-options"]) == ("DENY", "nosniff")


def test_the_style_sheet_loads_nothing_from_elsewhere() -> None:
    (style,) = FOLDER.glob("*.css")
    assert re.findall(r"url\(\s*[\"']?(?!data:|#)[^)]*\)|@import", style.read_text()) == []


def test_what_a_browser_has_to_fetch_is_small_and_says_its_licences() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("graphiql-*")) < 1_500_000
    licences = (FOLDER / "LICENSES.txt").read_text()
    assert all(f"\n{name} " in licences for name in ("graphiql", "graphql", "react", "react-dom", "codemirror"))


@pytest.mark.parametrize("name", ["nothing.js", "..%2Fide.py", "%2e%2e/schema.graphql", "LICENSES.txt%00.js"])
async def test_no_other_file_is_served(browser: httpx.AsyncClient, name: str) -> None:
    assert (await browser.get(f"/graphql/assets/{name}")).status_code == 404


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html;q=0.5, application/json", "text/html;q=0"])
async def test_a_client_that_wants_an_answer_gets_no_page(browser: httpx.AsyncClient, accept: str) -> None:
    response = await browser.get("/graphql", headers={"Accept": accept})
    assert "json" in response.headers["content-type"]
    assert response.status_code in {401, 406}


async def test_a_question_in_the_address_is_answered_and_not_shown(browser: httpx.AsyncClient) -> None:
    response = await browser.get("/graphql", params={"query": "{ tenant { id } }"}, headers={"Accept": BROWSER})
    assert response.status_code == 401


@pytest.mark.parametrize("said", [None, False])
async def test_where_it_is_off_there_is_neither_page_nor_file(
    database: Database, host: PluginHost, sealer: Sealer, said: bool | None
) -> None:
    async with a_browser(an_app(database, host, sealer, graphiql=said)) as client:
        page = await client.get("/graphql", headers={"Accept": BROWSER})
        assert (page.status_code, "html" in page.headers["content-type"]) == (401, False)
        (script,) = FOLDER.glob("*.js")
        assert (await client.get(f"/graphql/assets/{script.name}")).status_code == 404


@pytest.mark.parametrize(
    ("said", "is_on"), [({}, None), ({"BELTSTACK_GRAPHIQL": "true"}, True), ({"BELTSTACK_GRAPHIQL": "1"}, True),
                        ({"BELTSTACK_GRAPHIQL": "false"}, False), ({"BELTSTACK_GRAPHIQL": "perhaps"}, False)]
)  # fmt: skip
def test_only_a_plain_yes_turns_it_on(said: dict[str, str], is_on: bool | None) -> None:
    assert Settings.from_environment({"HOME": "/", **said}).graphiql is is_on


@pytest.mark.parametrize("name", EXAMPLES)
async def test_an_example_fits_the_schema_and_is_answered_on_the_demo_s_company(demo: Api, name: str) -> None:
    assert validate(the_schema()._schema, parse(EXAMPLES[name])) == []
    answered: dict[str, Any] = await demo.ask(EXAMPLES[name])
    if name.endswith("transition"):
        assert [error["code"] for error in answered["workOrderComplete"]["userErrors"]] == ["NOT_FOUND"]
    else:
        assert all(connection["nodes"] for connection in answered.values()), answered


def test_there_is_an_example_of_each_kind() -> None:
    assert list(EXAMPLES) == ["1_board", "2_customer_history", "3_unbilled_work", "4_transition"]
