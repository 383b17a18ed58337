"""Connecting an integration by OAuth: the attempt that an admin begins, and the credentials it ends with."""

import base64
import logging
import secrets
import traceback
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urljoin, urlsplit

from beltstack.commands.work import Work
from beltstack.domain.access import Action
from beltstack.domain.deliveries import Integration
from beltstack.domain.errors import InvalidInput, Refusal
from beltstack.domain.ids import IntegrationId
from beltstack.plugins.oauth import ConnectRequest, ConnectsByOAuth
from beltstack.plugins.runtime import PluginUnavailable
from beltstack.store.codecs import to_json
from beltstack.store.connecting import Attempts, ConnectState
from beltstack.store.integrations import Secrets
from beltstack.store.sealing import SealBroken

LONGEST_RETURN = 2_000
AUTHORIZE_URL = "authorize_url"

log = logging.getLogger(__name__)


class NotConnectedByOauth(Refusal):
    """The plugin's credentials do not come from a page of consent, or it is not installed here."""

    code = "NOT_CONNECTED_BY_OAUTH"


class PublicUrlMissing(Refusal):
    """Nobody said where browsers reach this server, so no remote can send them back."""

    code = "PUBLIC_URL_MISSING"


class ReturnElsewhere(InvalidInput):
    """The address to return to is not this server's: a link could lead people anywhere."""

    code = "RETURN_ELSEWHERE"


async def connect(work: Work, *, id: IntegrationId, return_to: str) -> IntegrationId:  # noqa: A002 - the input's name
    """Begin to connect: answers the link for the admin's browser, good for ten minutes, one browser and one use."""
    work.must_be_able_to(Action.MANAGE_INTEGRATIONS)
    integration = await work.integrations.get(id)
    plugin = work.host.plugins.get(integration.plugin_id)
    if not isinstance(plugin, ConnectsByOAuth):
        raise NotConnectedByOauth("This integration is not connected by OAuth; give it credentials, if it takes any.")
    if work.public_url is None:
        raise PublicUrlMissing("Set BELTSTACK_PUBLIC_URL to the address at which browsers reach this server.")
    target = checked_return(work.public_url, return_to)
    state = ConnectState.new(work.session.tenant_id, work.session.new_id())
    verifier = secrets.token_urlsafe(48)
    url = _authorize_url(work, plugin, integration, state=str(state), verifier=verifier)
    attempts = Attempts(work.session, work.sealer, integration.plugin_id)
    await attempts.begin(state, id, return_to=target, verifier=verifier, url=url)
    work.said[AUTHORIZE_URL] = f"{work.public_url}/plugins/{integration.plugin_id}/oauth/start?state={state}"
    return id


async def finish(work: Work, *, integration_id: IntegrationId, credentials: Any) -> IntegrationId:
    """Seal what the plugin got for the code; what waited for it goes on."""
    work.must_be_able_to(Action.MANAGE_INTEGRATIONS)
    integration = await work.integrations.get(integration_id, lock=True)
    await work.integrations.save(integration.connect(at=work.now))
    await work.vault.keep(integration_id, Secrets(await _secret_settings(work, integration_id), to_json(credentials)))
    return integration_id


async def _secret_settings(work: Work, integration_id: IntegrationId) -> Mapping[str, Any]:
    """Those kept; none where the key they were sealed with is gone, which is what connecting again mends."""
    try:
        return (await work.vault.open(integration_id)).settings
    except SealBroken:
        return {}


def redirect_uri(public_url: str, plugin_id: str) -> str:
    """What is registered with the remote as the app's own address."""
    return f"{public_url}/plugins/{plugin_id}/oauth/callback"


def challenge_of(verifier: str) -> str:
    """PKCE's S256."""
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode("ascii").rstrip("=")


def checked_return(public_url: str, return_to: str) -> str:
    """The whole address; raises ReturnElsewhere where it is not of the public one's origin."""
    # Browsers read a backslash as a slash and pass over tabs and line ends: none of them belongs into an address.
    if len(return_to) > LONGEST_RETURN or not return_to.isascii() or not return_to.isprintable():
        raise _elsewhere(public_url)
    if "\\" in return_to or " " in return_to:
        raise _elsewhere(public_url)
    try:
        target = urljoin(f"{public_url}/", return_to)
        is_ours = _origin(target) == _origin(public_url)
    except ValueError:
        is_ours = False
    if not is_ours:
        raise _elsewhere(public_url)
    return target


def _origin(url: str) -> tuple[str, str | None, int | None, bool]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port, "@" in parts.netloc


def _elsewhere(public_url: str) -> ReturnElsewhere:
    return ReturnElsewhere(f"Return to a path, or to an address that begins with {public_url}/.", path=("return_to",))


def _authorize_url(work: Work, plugin: ConnectsByOAuth, integration: Integration, *, state: str, verifier: str) -> str:
    plugin_id = integration.plugin_id
    try:
        ask = ConnectRequest(
            state=state,
            redirect_uri=redirect_uri(work.public_url or "", plugin_id),
            code_challenge=challenge_of(verifier),
            settings=work.open_settings(plugin_id, integration.settings),
        )
        url = plugin.authorize_url(ask)
        is_address = urlsplit(url).scheme in {"http", "https"} and url.isascii() and url.isprintable()
    except Exception as error:
        # Without the error's own text, which may hold the state.
        frames = "".join(traceback.format_tb(error.__traceback__))
        log.error("plugin %s could not say where to connect: %s\n%s", plugin_id, type(error).__name__, frames)
        raise PluginUnavailable("The plugin could not say where to connect; its maker has to look.") from error
    if not is_address:
        raise PluginUnavailable("The plugin named no address to connect at; its maker has to look.")
    return url
