"""GraphQL over HTTP: which request is answered, in which media type, with which status."""

import json
from typing import Any

import httpx
import pytest

from tests.api import Company

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
FIELD = "{ tenant { name } }"
NEEDS_A_NUMBER = "query ($n: Int!) { customers(first: $n) { nodes { id } } }"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (GRAPHQL, GRAPHQL),
        (JSON, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json, text/plain, */*", JSON),
        (f"{GRAPHQL}, application/graphql+json, {JSON}, text/event-stream", GRAPHQL),
        (f"{GRAPHQL};charset=utf-8, {JSON};charset=utf-8", GRAPHQL),
        (f"{GRAPHQL};q=0.5, {JSON}", JSON),
        (f"{JSON};q=0, */*", None),
        ("text/html", None),
        (f"{GRAPHQL};q=0", None),
        (f"{GRAPHQL};q=many", None),
    ],
)
async def test_the_client_chooses_the_media_type(shared_company: Company, accept: str, kind: str | None) -> None:
    response = await shared_company.owner.post({"query": FIELD}, headers={"Accept": accept})
    assert response.status_code == (406 if kind is None else 200)
    assert response.headers["content-type"] == f"{kind or JSON}; charset=utf-8"
    assert ("errors" in response.json()) is (kind is None)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"query": "{"}, 400),
        ({"query": "{ nothing }"}, 422),
        ({"query": NEEDS_A_NUMBER, "variables": {"n": "many"}}, 422),
        ({"query": NEEDS_A_NUMBER}, 422),
        ({"query": "query A { tenant { id } } query B { tenant { id } }"}, 422),
        ({"query": FIELD, "operationName": "C"}, 422),
        ({"query": "query ($n: Int!) { nothing }", "variables": {"n": None}}, 400),
    ],
)
async def test_what_is_not_executed_has_no_data(shared_company: Company, body: Any, status: int) -> None:
    response = await shared_company.owner.post(body, headers={"Accept": GRAPHQL})
    assert response.status_code == status
    assert set(response.json()) == {"errors"}
    assert {error["extensions"]["code"] for error in response.json()["errors"]} == {"BAD_REQUEST"}
    legacy = await shared_company.owner.post(body, headers={"Accept": JSON})
    assert (legacy.status_code, legacy.json()) == (200, response.json())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"3",
        b"null",
        b'"x"',
        b"[]",
        b'[{"query": "{ tenant { id } }"}]',
        b'{"query": 3}',
        b'{"query": "{ tenant { id } }", "variables": []}',
        b'{"query": "{ tenant { id } }", "operationName": 1}',
        b'{"query": "{ tenant { id } }", "extensions": "x"}',
        b'{"query": "{ tenant { id } }\xff"}',
        b'{"query": "{ tenant { id } }", "variables": {"a": "\\ud800"}}',
        b'{"query": "{ tenant { id } }", "variables": {"a": NaN}}',
        b'{"query": "{ tenant { id } }", "variables": {"a": ' + b"9" * 5000 + b"}}",
        b"[" * 100_000,
    ],
    ids=lambda content: repr(content[:60]),
)
async def test_what_is_no_request_is_refused_in_json(shared_company: Company, content: bytes) -> None:
    response = await shared_company.owner.post(content=content, headers={"Content-Type": JSON})
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_a_body_is_json_in_utf_8_and_not_endless(shared_company: Company) -> None:
    content = json.dumps({"query": FIELD}).encode()
    for headers in (
        {"Content-Type": "text/plain"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": JSON, "Content-Encoding": "gzip"},
        {},
    ):
        response = await shared_company.owner.post(content=content, headers=headers)
        assert response.status_code == 415, headers
    long = await shared_company.owner.post({"query": FIELD, "variables": {"a": "x" * 256 * 1024}})
    assert long.status_code == 413
    assert long.headers["content-type"].startswith(JSON)


async def test_a_query_goes_by_get(shared_company: Company) -> None:
    variables = json.dumps({"n": 1})
    response = await get(shared_company, query=NEEDS_A_NUMBER, variables=variables)
    assert (response.status_code, response.json()["data"]) == (200, {"customers": {"nodes": []}})
    assert (await get(shared_company, query=NEEDS_A_NUMBER, variables="{")).status_code == 400
    assert (await get(shared_company, query=NEEDS_A_NUMBER, variables="3")).status_code == 400
    assert (await get(shared_company)).status_code == 400


async def test_a_mutation_by_get_changes_nothing(shared_company: Company) -> None:
    document = 'mutation { customerCreate(input: {name: "By address"}) { customer { id } } }'
    response = await get(shared_company, query=document)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    listed = await shared_company.owner.ask("{ customers { nodes { name } } }")
    assert "By address" not in str(listed)


async def test_another_method_is_told_which_there_are(shared_company: Company) -> None:
    response = await shared_company.owner.post({"query": FIELD}, method="PUT")
    assert response.status_code == 405
    assert {"GET", "POST"} <= set(response.headers["allow"].replace(" ", "").split(","))


async def test_a_token_is_asked_for_before_the_body_is_read(shared_company: Company) -> None:
    response = await shared_company.owner.post(content=b"[" * 9, headers={"Authorization": "Bearer x", "Accept": JSON})
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")


async def get(company: Company, **parameters: str) -> httpx.Response:
    return await company.owner.post(method="GET", params=parameters, headers={"Accept": GRAPHQL})
