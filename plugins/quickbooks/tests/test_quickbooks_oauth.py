"""Renewing the token: rotated keys are kept, strange answers are survived, and the end of a connection is said."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from beltstack_quickbooks import QuickBooksCredentials, QuickBooksSettings
from beltstack_quickbooks.oauth import refreshed

from beltstack.demo.quickbooks import LoopbackQuickBooks
from beltstack.plugins import PluginError, ReconnectNeeded, RetryLater, Throttled


@pytest.fixture
def loopback() -> Iterator[LoopbackQuickBooks]:
    with LoopbackQuickBooks() as company:
        yield company


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


@pytest.fixture
def settings(loopback: LoopbackQuickBooks) -> QuickBooksSettings:
    token_url = f"{loopback.url}/oauth2/v1/tokens/bearer"
    return QuickBooksSettings(item_id="1", client_id=loopback.client_id, base_url=loopback.url, token_url=token_url)


@pytest.fixture
def keys(loopback: LoopbackQuickBooks) -> QuickBooksCredentials:
    return QuickBooksCredentials(**loopback.connect(), client_secret=loopback.client_secret)


def answering(status: int, body: Any, **headers: str) -> httpx.AsyncClient:
    """A client whose every request is answered so: answers that no loopback gives."""
    text = body if isinstance(body, str) else json.dumps(body)
    return httpx.AsyncClient(
        transport=httpx.MockTransport(lambda _: httpx.Response(status, text=text, headers=headers))
    )


async def error_of(keys: QuickBooksCredentials, settings: QuickBooksSettings, http: httpx.AsyncClient) -> PluginError:
    with pytest.raises(PluginError) as raised:
        await refreshed(keys, http=http, settings=settings)
    for secret in (keys.refresh_token, keys.access_token, keys.client_secret):
        assert secret not in raised.value.message
    return raised.value


async def test_both_tokens_are_replaced(
    keys: QuickBooksCredentials, settings: QuickBooksSettings, http: httpx.AsyncClient
) -> None:
    new = await refreshed(keys, http=http, settings=settings)
    assert new.access_token != keys.access_token
    assert new.refresh_token != keys.refresh_token
    assert (new.realm_id, new.client_secret) == (keys.realm_id, keys.client_secret)
    assert new.access_expires_at is not None
    left = datetime.fromisoformat(new.access_expires_at) - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)


async def test_fields_intuit_adds_change_nothing(
    loopback: LoopbackQuickBooks, keys: QuickBooksCredentials, settings: QuickBooksSettings, http: httpx.AsyncClient
) -> None:
    loopback.faults.arm("extra_fields", operation="token")
    new = await refreshed(keys, http=http, settings=settings)
    assert (await refreshed(new, http=http, settings=settings)).refresh_token != new.refresh_token


async def test_fields_intuit_leaves_out_are_kept_or_unknown(
    keys: QuickBooksCredentials, settings: QuickBooksSettings
) -> None:
    async with answering(200, {"access_token": "new"}) as http:
        new = await refreshed(keys, http=http, settings=settings)
    assert new == replace(keys, access_token="new", access_expires_at=None)  # noqa: S106 - a made-up one


@pytest.mark.parametrize("body", ["", "{", [], {}, {"access_token": None}, {"access_token": 5}])
async def test_an_answer_without_a_token_is_asked_for_again(
    keys: QuickBooksCredentials, settings: QuickBooksSettings, body: Any
) -> None:
    async with answering(200, body) as http:
        assert type(await error_of(keys, settings, http)) is RetryLater


async def test_a_revoked_connection_has_to_be_connected_again(
    loopback: LoopbackQuickBooks, keys: QuickBooksCredentials, settings: QuickBooksSettings, http: httpx.AsyncClient
) -> None:
    loopback.revoke()
    error = await error_of(keys, settings, http)
    assert (type(error), error.code) == (ReconnectNeeded, "invalid_grant")


async def test_a_wrong_secret_is_said_to_be_the_apps(
    keys: QuickBooksCredentials, settings: QuickBooksSettings, http: httpx.AsyncClient
) -> None:
    error = await error_of(replace(keys, client_secret="guessed"), settings, http)  # noqa: S106 - a made-up one
    assert (type(error), error.code) == (ReconnectNeeded, "invalid_client")
    assert "client id and client secret" in error.message


@pytest.mark.parametrize(
    "fault", ["drop_before_commit", "server_error", "bad_gateway", "empty_answer", "truncated_answer"]
)
async def test_intuits_own_trouble_is_waited_for(
    loopback: LoopbackQuickBooks,
    keys: QuickBooksCredentials,
    settings: QuickBooksSettings,
    http: httpx.AsyncClient,
    fault: str,
) -> None:
    loopback.faults.arm(fault, operation="token")
    assert type(await error_of(keys, settings, http)) is RetryLater


@pytest.mark.parametrize(("headers", "seconds"), [({"Retry-After": "7"}, 7), ({}, 60)])
async def test_a_throttle_rests_as_long_as_it_was_told(
    keys: QuickBooksCredentials, settings: QuickBooksSettings, headers: dict[str, str], seconds: int
) -> None:
    async with answering(429, "", **headers) as http:
        error = await error_of(keys, settings, http)
    assert isinstance(error, Throttled)
    assert error.seconds == seconds


def test_no_key_shows_in_a_printout(keys: QuickBooksCredentials) -> None:
    printed = repr(keys)
    assert keys.realm_id in printed
    assert not [one for one in (keys.access_token, keys.refresh_token, keys.client_secret) if one in printed]
