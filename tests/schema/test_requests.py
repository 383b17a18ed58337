"""What is not a request of somebody known is refused in the protocol's terms, and never ends in a 500."""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from starlette.applications import Starlette

from beltstack.app import Services, build_app
from beltstack.domain.access import Role
from beltstack.plugins.runtime import PluginHost
from beltstack.settings import Settings
from beltstack.store.database import Database, libpq_url
from beltstack.store.sealing import Sealer
from beltstack.store.tokens import new_token, token_hash
from tests.api import Api, Company
from tests.schema.rules import a_rule
from tests.schema.shop import a_shop
from tests.store.rows import as_owner

ME = "{ tenant { id } }"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def api(shared_company: Company) -> Api:
    return shared_company.owner


def with_token(api: Api, token: str) -> Api:
    return Api(api.database, api.host, api.sealer, token)


def codes_of(response: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in response.json()["errors"]]


# ── who asks ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "bst_app_x", "Bearer nonsense", "Bearer " + "a" * 5000,
     "Bearer bst_app_", "Bearer ü"],
)  # fmt: skip
async def test_a_header_without_a_token_is_unauthenticated(header: str, api: Api) -> None:
    response = await api.post({"query": ME}, headers={"Authorization": header.encode()})
    assert (response.status_code, codes_of(response)) == (401, ["UNAUTHENTICATED"])
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_a_request_without_a_header_is_unauthenticated(api: Api) -> None:
    async with client_of(api) as client:
        response = await client.post("/graphql", json={"query": ME})
    assert (response.status_code, codes_of(response)) == (401, ["UNAUTHENTICATED"])


async def test_a_well_formed_token_that_nobody_handed_out_is_unauthenticated(api: Api) -> None:
    response = await with_token(api, new_token()).post({"query": ME})
    assert (response.status_code, codes_of(response)) == (401, ["UNAUTHENTICATED"])


async def test_a_token_with_one_letter_changed_is_unauthenticated(api: Api) -> None:
    swapped = api.token[:-1] + ("a" if api.token[-1] != "a" else "b")
    assert (await with_token(api, swapped).post({"query": ME})).status_code == 401


@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
async def test_a_token_holds_until_it_is_revoked_or_expires(column: str, shared_company: Company) -> None:
    caller = await shared_company.as_role(Role.VIEWER)
    set_to = f"update api_token set {column} = :at where hash = :hash returning 1"
    mine = {"hash": token_hash(caller.token)}
    if column == "expires_at":
        await as_owner(caller.database, set_to, at=datetime.now(UTC) + timedelta(hours=1), **mine)
    await caller.ask(ME)
    assert await as_owner(caller.database, set_to, at=datetime.now(UTC) - timedelta(seconds=1), **mine)
    response = await caller.post({"query": ME})
    assert (response.status_code, codes_of(response)) == (401, ["UNAUTHENTICATED"])


KNOWN = {
    "a query": ME,
    "a query that plans nothing": "{ __typename }",
    "introspection beside a query": "{ tenant { id } __schema { queryType { name } } }",
    "a mutation": 'mutation { customerCreate(input: {name: "After the end"}) { userErrors { code } } }',
    "a document that is refused": "{ nothing }",
    "a document that costs too much": "{ customers { nodes { workOrders { nodes { visits { id } } } } } }",
    "a page that is refused": "{ customers(first: 0) { nodes { id } } }",
}


@pytest.mark.parametrize("document", KNOWN.values(), ids=KNOWN)
async def test_a_token_known_from_a_request_before_is_of_no_use_once_revoked(
    document: str, shared_company: Company
) -> None:
    caller = await shared_company.as_role(Role.OWNER)
    headers = {"Authorization": f"Bearer {caller.token}"}
    transport = httpx.ASGITransport(app=caller.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        for _ in range(3):
            assert "tenant" in (await client.post("/graphql", json={"query": ME})).json()["data"]
        revoke = "update api_token set revoked_at = now() where hash = :hash returning 1"
        assert await as_owner(caller.database, revoke, hash=token_hash(caller.token))
        response = await client.post("/graphql", json={"query": document})
    assert (response.status_code, codes_of(response)) == (401, ["UNAUTHENTICATED"])
    assert "data" not in response.json()
    assert await as_owner(caller.database, "select 1 from customer where name = 'After the end'") == []


async def test_a_token_known_from_a_request_before_has_the_roles_it_has_now(shared_company: Company) -> None:
    caller = await shared_company.as_role(Role.OWNER)
    headers = {"Authorization": f"Bearer {caller.token}"}
    transport = httpx.ASGITransport(app=caller.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        ask = {"query": "{ integrations { nodes { id } } }"}
        assert "errors" not in (await client.post("/graphql", json=ask)).json()
        demote = "update api_token set roles = '{VIEWER}' where hash = :hash returning 1"
        assert await as_owner(caller.database, demote, hash=token_hash(caller.token))
        assert codes_of(await client.post("/graphql", json=ask)) == ["FORBIDDEN"]


async def test_a_command_is_carried_out_once_even_if_the_token_s_rights_change_under_it(company: Company) -> None:
    asked: list[str] = []
    url = libpq_url(company.owner.database.url)

    def demotes(change: Any, _: Any) -> None:
        asked.append(change.after.number)
        with psycopg.connect(url, autocommit=True, options="-c role=beltstack_owner -c search_path=beltstack") as owner:
            owner.execute("update api_token set roles = '{OWNER,VIEWER}' where hash = %s", [token_hash(caller.token)])

    caller = replace(company.owner, host=PluginHost([a_rule("rule", demotes)]))
    shop = await a_shop(caller)
    await caller.do("integrationEnable", "integration { id }", pluginId="rule")
    order = await shop.order()
    document = """mutation ($input: WorkOrderCompleteInput!) { workOrderComplete(input: $input) {
        workOrder { invoices(first: 0) { nodes { id } } } userErrors { code } } }"""
    given = {"input": {"id": order["id"], "expectedVersion": order["version"]}}
    transport = httpx.ASGITransport(app=caller.app())
    headers = {"Authorization": f"Bearer {caller.token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        await client.post("/graphql", json={"query": ME})
        response = await client.post("/graphql", json={"query": document, "variables": given})
    assert codes_of(response) == ["BAD_PAGE"]
    assert asked == [order["number"]]


async def test_the_token_is_kept_as_a_hash_only(api: Api) -> None:
    rows = await as_owner(api.database, "select api_token::text from api_token")
    assert [row for (row,) in rows if api.token[8:] in row] == []


# ── what is asked ─────────────────────────────────────────────────────────────────────────────────


RUBBISH = {
    "nothing": b"",
    "not JSON": b"query { tenant }",
    "an array": b"[]",
    "a batch": b'[{"query": "{ tenant { id } }"}]',
    "a number": b"3",
    "a string": b'"x"',
    "null": b"null",
    "no query": b"{}",
    "a query that is no string": b'{"query": 1}',
    "variables in a list": b'{"query": "{ tenant { id } }", "variables": []}',
    "variables as text": b'{"query": "{ tenant { id } }", "variables": "{}"}',
    "a name that is a number": b'{"query": "{ tenant { id } }", "operationName": 7}',
    "bad UTF-8": b'{"query": "\xff"}',
    "half a surrogate pair in UTF-8": b'{"query": "{ a \xed\xa0\x80 }"}',
    "half a surrogate pair, escaped": b'{"query": "{ tenant { id } }", "variables": {"a": "\\ud800"}}',
    "half a surrogate pair as a name": b'{"query": "{ tenant { id } }", "variables": {"\\udfff": 1}}',
    "UTF-16": '{"query": "{ tenant { id } }"}'.encode("utf-16"),
    "NaN": b'{"query": "{ tenant { id } }", "variables": {"a": NaN}}',
    "Infinity": b'{"query": "{ tenant { id } }", "variables": {"a": -Infinity}}',
    "deep nesting": b"[" * 100_000,
    "deep nesting in variables": b'{"query": "x", "variables": {"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}}",
    "an integer of 5,000 digits": b'{"query": "x", "variables": {"a": ' + b"9" * 5_000 + b"}}",
    "an unfinished body": b'{"query": "{ tenant { id',
}  # fmt: skip


@pytest.mark.parametrize("body", RUBBISH.values(), ids=RUBBISH)
async def test_rubbish_is_a_bad_request(body: bytes, api: Api) -> None:
    response = await api.post(content=body, headers=JSON)
    assert (response.status_code, codes_of(response)) == (400, ["BAD_REQUEST"])


@pytest.mark.parametrize("size", [256 * 1024 + 1, 300 * 1024])
async def test_a_body_over_the_limit_is_too_large(size: int, api: Api) -> None:
    body = json.dumps({"query": ME}).encode()
    response = await api.post(content=body + b" " * (size - len(body)), headers=JSON)
    assert response.status_code == 413


async def test_a_body_at_the_limit_is_answered(api: Api) -> None:
    body = json.dumps({"query": ME}).encode()
    response = await api.post(content=body + b" " * (256 * 1024 - len(body)), headers=JSON)
    assert response.status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_only_json_is_taken(kind: str, api: Api) -> None:
    response = await api.post(content=json.dumps({"query": ME}).encode(), headers={"Content-Type": kind})
    assert response.status_code == 415


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
async def test_json_is_taken_however_it_is_written(kind: str, api: Api) -> None:
    response = await api.post(content=json.dumps({"query": ME}).encode(), headers={"Content-Type": kind})
    assert response.status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_only_get_and_post_are_taken(method: str, api: Api) -> None:
    async with client_of(api) as client:
        response = await client.request(method, "/graphql", params={"query": ME})
    assert (response.status_code, set(response.headers["Allow"].split(", "))) == (405, {"GET", "HEAD", "POST"})


def client_of(api: Api) -> httpx.AsyncClient:
    """The app itself, as `beltstack serve` runs it."""
    services = Services(Settings.from_environment({"HOME": "/tmp"}), api.database, api.host, api.sealer)
    app: Starlette = build_app(services, with_worker=False)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")


DOCUMENTS = {
    "no document": "",
    "only a comment": "# nothing",
    "a fragment alone": "fragment f on Query { tenant { id } }",
    "an unknown field": "{ nothing }",
    "an unknown argument": "{ tenant(id: 1) { id } }",
    "no selection": "{ tenant }",
    "a missing argument": "{ customer { id } }",
    "a subscription": "subscription { tenant { id } }",
    "a type definition": "type Query { a: Int }",
    "a fragment of itself": "{ ...f } fragment f on Query { ...f }",
    "a NUL": "{ tenant { id\x00 } }",
    "an escaped half of a surrogate pair": '{ node(id: "\\uD800") { id } }',
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
async def test_a_document_that_cannot_be_carried_out_is_refused_as_one(document: str, api: Api) -> None:
    response = await api.post({"query": document})
    assert response.status_code in {200, 400}
    assert set(codes_of(response)) == {"BAD_REQUEST"}
    assert response.json().get("data") is None


async def test_an_operation_that_the_document_does_not_hold_is_refused(api: Api) -> None:
    response = await api.post({"query": "query a { tenant { id } }", "operationName": "b"})
    assert (response.status_code, codes_of(response)) == (200, ["BAD_REQUEST"])
    assert "data" not in response.json()


# ── what goes wrong on our side ───────────────────────────────────────────────────────────────────


class Broken(PluginHost):
    """A host with a defect of its own, to see what the caller is told of it."""

    def listeners(self, event_type: str) -> tuple[str, ...]:
        raise ZeroDivisionError("the secret is 42")


async def test_a_defect_is_told_by_a_reference_that_the_log_has(
    database: Database, sealer: Sealer, shared_company: Company, caplog: pytest.LogCaptureFixture
) -> None:
    api = Api(database, Broken([]), sealer, shared_company.owner.token)
    document = 'mutation { customerCreate(input: {name: "Rosa"}) { customer { id } } }'
    with caplog.at_level(logging.ERROR):
        response = await api.post({"query": document})
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "INTERNAL_ERROR"
    assert "secret" not in response.text
    assert "ZeroDivisionError" not in response.text
    reference = error["extensions"]["reference"]
    assert reference in error["message"]
    (logged,) = [record for record in caplog.records if reference in record.getMessage()]
    assert logged.exc_info is not None
    assert isinstance(logged.exc_info[1], ZeroDivisionError)


async def test_a_defect_leaves_nothing_behind(database: Database, sealer: Sealer, shared_company: Company) -> None:
    api = Api(database, Broken([]), sealer, shared_company.owner.token)
    document = 'mutation { customerCreate(input: {name: "Nobody", idempotencyKey: "defect"}) { customer { id } } }'
    assert codes_of(await api.post({"query": document})) == ["INTERNAL_ERROR"]
    found: Any = await as_owner(database, "select 1 from customer where name = 'Nobody'")
    assert found == []
    # The key is free: the request was never answered.
    made = await shared_company.owner.do("customerCreate", "customer { name }", name="Nobody", idempotencyKey="defect")
    assert made == {"name": "Nobody"}
