"""The address where an integration's webhooks arrive: believed or not, kept, and only then answered."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from beltstack.delivery.outcomes import frames_of
from beltstack.delivery.shop import Shop
from beltstack.domain.access import Actor, ActorKind
from beltstack.domain.ids import IntegrationId, Noun, TenantId, public_id
from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.inbound import Inbound, ReceivesWebhooks
from beltstack.plugins.setup import secret_fields
from beltstack.plugins.signing import BadSignature
from beltstack.store.codecs import from_json
from beltstack.store.database import DatabaseUnavailable
from beltstack.store.inbound import InboundBox, parse_address
from beltstack.store.integrations import Vault
from beltstack.store.session import Session

BODY_BYTES = 256 * 1024
HEADER_CHARACTERS = 1_000
VERIFY_SECONDS = 1.0
THREADS_EACH = 2

log = logging.getLogger(__name__)


class TurnedAway(Exception):
    """A message that is not kept; the sender reads why, with a code and a status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom a message is for; `settings` is the manifest's dataclass, secrets included."""

    tenant_id: TenantId
    integration_id: IntegrationId
    plugin: Plugin
    settings: Any


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The endpoint. Each plugin verifies in threads of its own: one that hangs keeps no other's waiting."""

    shop: Shop
    clock: Callable[[], datetime]
    threads: dict[str, ThreadPoolExecutor] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        return [Route("/plugins/{plugin_id}/webhooks/{address}", self.receive, methods=["POST"])]

    async def receive(self, request: Request) -> Response:
        """202 once the message is kept; 200 where it has come before; else why not, in JSON."""
        try:
            addressee = await self._addressee(request.path_params["plugin_id"], request.path_params["address"])
            inbound = Inbound(dict(request.headers), await _body(request), self.clock())
            key = await self._verified(addressee, inbound)
            identifier = await self._kept(addressee, inbound, key)
        except TurnedAway as turned_away:
            return _answer(turned_away)
        except DatabaseUnavailable:
            words = "The database does not answer just now; send this again in a moment."
            return _answer(TurnedAway(503, "DATABASE_UNAVAILABLE", words))
        if identifier is None:
            return JSONResponse({"state": "KNOWN"}, status_code=200)
        return JSONResponse({"state": "RECEIVED", "id": public_id(Noun.INBOUND, identifier)}, status_code=202)

    def close(self) -> None:
        for executor in self.threads.values():
            executor.shutdown(wait=False, cancel_futures=True)

    async def _addressee(self, plugin_id: str, text: str) -> Addressee:
        plugin = self.shop.host.plugins.get(plugin_id)
        try:
            tenant_id, address = parse_address(text)
        except ValueError:
            raise _nobody() from None
        if plugin is None or not isinstance(plugin, ReceivesWebhooks):
            raise _nobody()
        async with self.shop.database.transaction(tenant_id) as connection:
            session = self._session(connection, tenant_id, address)
            door = await InboundBox(session).door(plugin_id, address)
            if door is None:
                raise _nobody()
            settings = dict(door.settings)
            try:
                if secret_fields(plugin.manifest.settings):
                    settings |= (await Vault(session, self.shop.sealer).open(door.integration_id)).settings
                whole = from_json(plugin.manifest.settings, settings)
            except DatabaseUnavailable:
                raise
            except Exception as error:
                raise self._failed(plugin, error) from error
        return Addressee(tenant_id, door.integration_id, plugin, whole)

    async def _verified(self, addressee: Addressee, inbound: Inbound) -> str:
        """What makes the message the same as another one."""
        plugin = addressee.plugin
        assert isinstance(plugin, ReceivesWebhooks)
        loop = asyncio.get_running_loop()
        asked = loop.run_in_executor(self._threads_of(plugin), plugin.verify, inbound, addressee.settings)
        try:
            key = await asyncio.wait_for(asked, VERIFY_SECONDS)
            if not isinstance(key, str) or not key:
                raise TypeError("verify answers a text that tells messages apart")
        except BadSignature as bad:
            raise TurnedAway(401, "SIGNATURE_REFUSED", str(bad)) from bad
        except Exception as error:
            raise self._failed(plugin, error) from error
        return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()

    async def _kept(self, addressee: Addressee, inbound: Inbound, key: str) -> UUID | None:
        plugin, integration_id = addressee.plugin, addressee.integration_id
        assert isinstance(plugin, ReceivesWebhooks)
        headers = {
            name: value[:HEADER_CHARACTERS] for name, value in inbound.headers.items() if name in {*plugin.keeps}
        }
        async with self.shop.database.transaction(addressee.tenant_id) as connection:
            box = InboundBox(self._session(connection, addressee.tenant_id, integration_id))
            return await box.keep(integration_id, key=key, headers=headers, body=inbound.body)

    def _session(self, connection: Any, tenant_id: TenantId, identifier: UUID) -> Session:
        return Session(connection, Actor(tenant_id, ActorKind.PLUGIN, identifier, frozenset()), self.clock())

    def _threads_of(self, plugin: Plugin) -> ThreadPoolExecutor:
        plugin_id = plugin.manifest.id
        if plugin_id not in self.threads:
            self.threads[plugin_id] = ThreadPoolExecutor(THREADS_EACH, thread_name_prefix=f"verify-{plugin_id}")
        return self.threads[plugin_id]

    def _failed(self, plugin: Plugin, error: Exception) -> TurnedAway:
        """The sender keeps the message and sends it again."""
        what = f"{type(error).__name__}\n{frames_of(error)}"
        log.error("plugin %s could not say whether a message is to be believed: %s", plugin.manifest.id, what)
        words = f"{plugin.manifest.name} cannot be asked just now; send this again later."
        return TurnedAway(503, "PLUGIN_UNAVAILABLE", words)


def _nobody() -> TurnedAway:
    return TurnedAway(404, "ADDRESS_UNKNOWN", "Nobody is to be reached here, or not any more.")


async def _body(request: Request) -> bytes:
    """As it was sent: whoever verifies it needs every byte."""
    raw = bytearray()
    try:
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > BODY_BYTES:
                raise TurnedAway(413, "MESSAGE_TOO_LARGE", f"A message holds at most {BODY_BYTES:,} bytes.")
    except ClientDisconnect:
        raise TurnedAway(400, "MESSAGE_CUT_OFF", "The message ended early.") from None
    return bytes(raw)


def _answer(turned_away: TurnedAway) -> Response:
    error = {"code": turned_away.code, "message": str(turned_away)}
    return Response(json.dumps({"error": error}), status_code=turned_away.status, media_type="application/json")
