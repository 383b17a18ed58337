"""The keys to a company, got for a code and renewed: a form post, tolerant of what Intuit adds to its answer."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx

from beltstack.plugins import (
    ConnectAnswer,
    Connection,
    ConnectRequest,
    NeedsAttention,
    PluginError,
    ReconnectNeeded,
    RetryLater,
    Throttled,
)
from beltstack_quickbooks.faults import THROTTLE_SECONDS, seconds_of
from beltstack_quickbooks.settings import QuickBooksCredentials, QuickBooksSettings, check_addresses

_TIMEOUT = httpx.Timeout(20.0, connect=3.0)
_DEADLINE_SECONDS = 25.0
"""httpx counts each read by itself; this counts them all."""
_REVOKED = "invalid_grant"
_SCOPE = "com.intuit.quickbooks.accounting"
_UNKNOWN_APP = frozenset({"invalid_client", "unauthorized_client"})


def authorize_url(ask: ConnectRequest) -> str:
    """Intuit's page of consent. It knows no PKCE: the code is bound to the app by the client secret alone."""
    settings = ask.settings_as(QuickBooksSettings)
    asked = {
        "client_id": settings.client_id,
        "response_type": "code",
        "scope": _SCOPE,
        "redirect_uri": ask.redirect_uri,
        "state": ask.state,
    }
    return f"{settings.authorize_url}?{urlencode(asked)}"


async def connected(answer: ConnectAnswer, connection: Connection) -> QuickBooksCredentials:
    """Exchange the code. Raises NeedsAttention where the admin has to do something first, and as `refreshed` does."""
    settings = connection.settings_as(QuickBooksSettings)
    check_addresses(settings.token_url)
    realm_id = answer.parameters.get("realmId", "")
    if not (realm_id.isascii() and realm_id.isdecimal()):
        raise NeedsAttention("Intuit did not say which company was chosen: connect again.", code="NO_COMPANY")
    client_secret = settings.client_secret or await _kept_secret(connection)
    form = {"grant_type": "authorization_code", "code": answer.code, "redirect_uri": answer.redirect_uri}
    empty = QuickBooksCredentials(realm_id, access_token="", refresh_token="", client_secret=client_secret)
    fresh = _with(empty, await _token(form, http=connection.http, settings=settings, client_secret=client_secret))
    if not fresh.refresh_token:
        raise RetryLater("Intuit gave no token to renew the connection with: connect again.")
    return fresh


async def _kept_secret(connection: Connection) -> str:
    """The app's secret from the connection before this one."""
    try:
        return (await connection.credentials.read(QuickBooksCredentials)).client_secret
    except ReconnectNeeded as none:
        words = "Put the app's client secret into the settings, then connect."
        raise NeedsAttention(words, code="NO_CLIENT_SECRET") from none


async def refreshed(
    stale: QuickBooksCredentials, *, http: httpx.AsyncClient, settings: QuickBooksSettings
) -> QuickBooksCredentials:
    """New credentials for the old ones' refresh token, which Intuit replaces on the way: store them before use.

    Raises ReconnectNeeded where the connection has ended or the app's own keys are wrong, Throttled, RetryLater.
    """
    form = {"grant_type": "refresh_token", "refresh_token": stale.refresh_token}
    return _with(stale, await _token(form, http=http, settings=settings, client_secret=stale.client_secret))


async def _token(
    form: dict[str, str], *, http: httpx.AsyncClient, settings: QuickBooksSettings, client_secret: str
) -> dict[str, Any]:
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            response = await http.post(
                settings.token_url,
                data=form,
                auth=(settings.client_id, client_secret),
                headers={"Accept": "application/json"},
                timeout=_TIMEOUT,
                follow_redirects=False,
            )
    except (httpx.HTTPError, TimeoutError) as error:
        raise RetryLater("Intuit did not answer when asked for a new token; it is asked again.") from error
    answer = _object(response)
    if response.status_code != 200:
        raise _refusal(response, str(answer.get("error", "")))
    return answer


def _with(stale: QuickBooksCredentials, answer: dict[str, Any]) -> QuickBooksCredentials:
    """Only the three fields that are ours are read; the refresh token stays where the answer brings none."""
    access_token = answer.get("access_token")
    if not isinstance(access_token, str) or not access_token:
        raise RetryLater("Intuit's answer held no new token; it is asked again.")
    seconds = answer.get("expires_in")
    lives = timedelta(seconds=seconds) if isinstance(seconds, int) and 0 < seconds < 10**9 else None
    return replace(
        stale,
        access_token=access_token,
        refresh_token=str(answer.get("refresh_token") or stale.refresh_token),
        access_expires_at=(datetime.now(UTC) + lives).isoformat() if lives else None,
    )


def _refusal(response: httpx.Response, error: str) -> PluginError:
    seconds = seconds_of(response.headers.get("Retry-After"), default=None)
    if response.status_code == 429:
        words = "Intuit has given out as many tokens as it will for now; it goes on by itself."
        return Throttled(words, seconds=THROTTLE_SECONDS if seconds is None else seconds)
    if error == _REVOKED:
        words = "The connection to QuickBooks has ended: it was revoked or not used for too long. Connect it again."
        return ReconnectNeeded(words, code=error)
    if error in _UNKNOWN_APP or response.status_code == 401:
        words = "Intuit does not know the app: check its client id and client secret, then connect it again."
        return ReconnectNeeded(words, code=error or "401")
    words = f"Intuit answered {response.status_code} when asked for a new token; it is asked again."
    return RetryLater(words, seconds=seconds, code=error or str(response.status_code))


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
