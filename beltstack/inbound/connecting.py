"""The two addresses of connecting by OAuth: `start` ties the attempt to a browser, `callback` ends it."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from beltstack.commands.asking import Answer, Asked, perform
from beltstack.commands.asking import Request as CommandRequest
from beltstack.commands.connecting import finish, redirect_uri
from beltstack.commands.work import Work
from beltstack.delivery.connecting import a_connection
from beltstack.delivery.outcomes import frames_of
from beltstack.delivery.patience import in_time
from beltstack.delivery.shop import Shop
from beltstack.domain.access import Actor, ActorKind
from beltstack.domain.ids import IntegrationId
from beltstack.inbound.pages import HEADERS, problem_page
from beltstack.plugins.errors import PluginError
from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.oauth import ConnectAnswer, ConnectsByOAuth
from beltstack.store.connecting import ATTEMPT_LIFE, Attempt, Attempts, ConnectRefused, ConnectState, ConnectUnknown
from beltstack.store.database import DatabaseUnavailable
from beltstack.store.session import Session
from beltstack.store.trips import Trips

EXCHANGE_SECONDS = 20.0
OUR_PARAMETERS = frozenset({"state", "code", "error", "error_description", "error_uri"})

log = logging.getLogger(__name__)


class ConnectDenied(ConnectRefused):
    """The person said no on the remote's page."""

    code = "CONNECT_DENIED"


class ConnectFailed(ConnectRefused):
    """The remote, or the plugin, did not do its part."""

    code = "CONNECT_FAILED"


@dataclass(frozen=True, slots=True)
class Connecting:
    """The endpoints. Without a public address nothing can have begun, and every state is unknown."""

    shop: Shop
    clock: Callable[[], datetime]
    public_url: str | None
    exchange_seconds: float = EXCHANGE_SECONDS

    def routes(self) -> list[Route]:
        return [
            Route("/plugins/{plugin_id}/oauth/start", self.start, methods=["GET"]),
            Route("/plugins/{plugin_id}/oauth/callback", self.callback, methods=["GET"]),
        ]

    async def start(self, request: Request) -> Response:
        """Send the browser on to the remote's page of consent, with a cookie that only it has."""
        if request.method == "HEAD":
            return _only_a_look()
        try:
            plugin, state = self._asked_for(request)
            browser = request.cookies.get(_cookie(state)) or secrets.token_urlsafe(32)
            async with self.shop.database.transaction(state.tenant_id) as connection:
                attempts = Attempts(self._session(connection, state), self.shop.sealer, plugin.manifest.id)
                attempt = await attempts.open(state, browser)
        except ConnectRefused as refused:
            return problem_page(str(refused), refused.code, status=400)
        except DatabaseUnavailable:
            return _unavailable()
        answer = RedirectResponse(attempt.url, status_code=303, headers=HEADERS)
        answer.set_cookie(
            _cookie(state),
            browser,
            max_age=int(ATTEMPT_LIFE.total_seconds()),
            path=self._cookie_path(plugin.manifest.id),
            secure=(self.public_url or "").startswith("https:"),
            httponly=True,
            # The remote sends the browser back by a link, and to links Lax cookies go along.
            samesite="lax",
        )
        return answer

    async def callback(self, request: Request) -> Response:
        """The person is back: exchange the code, seal what comes of it, go on where they came from."""
        if request.method == "HEAD":
            return _only_a_look()
        back: str | None = None
        try:
            plugin, state = self._asked_for(request)
            attempt = await self._used(request, plugin, state)
            back = attempt.return_to
            await self._finish(attempt, await self._exchanged(request, plugin, attempt))
        except ConnectRefused as refused:
            return problem_page(str(refused), refused.code, status=400, back=back)
        except DatabaseUnavailable:
            return _unavailable()
        answer = RedirectResponse(back, status_code=303, headers=HEADERS)
        answer.delete_cookie(_cookie(state), path=self._cookie_path(plugin.manifest.id))
        return answer

    def _asked_for(self, request: Request) -> tuple[Plugin, ConnectState]:
        state = ConnectState.parse(request.query_params.get("state", ""))
        plugin = self.shop.host.plugins.get(request.path_params["plugin_id"])
        if plugin is None or not isinstance(plugin, ConnectsByOAuth) or self.public_url is None:
            raise ConnectUnknown("There is no such attempt to connect. Begin again from the integration's page.")
        return plugin, state

    async def _used(self, request: Request, plugin: Plugin, state: ConnectState) -> Attempt:
        """From here on the state is good for nothing, whatever becomes of the exchange."""
        browser = request.cookies.get(_cookie(state), "")
        async with self.shop.database.transaction(state.tenant_id) as connection:
            attempts = Attempts(self._session(connection, state), self.shop.sealer, plugin.manifest.id)
            return await attempts.use(state, browser)

    async def _exchanged(self, request: Request, plugin: Plugin, attempt: Attempt) -> Any:
        """The credentials. What the remote sent is not repeated to anybody."""
        name = plugin.manifest.name
        given = request.query_params
        if given.get("error") == "access_denied":
            raise ConnectDenied(f"{name} was not given consent, so nothing was changed.")
        if "error" in given or not given.get("code"):
            raise ConnectFailed(f"{name} answered with an error instead of a code. Begin again.")
        assert self.public_url is not None
        answer = ConnectAnswer(
            code=given["code"],
            code_verifier=attempt.verifier,
            redirect_uri=redirect_uri(self.public_url, plugin.manifest.id),
            parameters={key: value for key, value in given.items() if key not in OUR_PARAMETERS},
        )
        credentials = await self._asked_plugin(plugin, attempt.actor, attempt.integration_id, answer)
        if not isinstance(credentials, plugin.manifest.credentials):
            log.error("plugin %s connected with other credentials than its manifest names", plugin.manifest.id)
            raise ConnectFailed(f"{name} could not make sense of the answer; its maker has to look.")
        return credentials

    async def _asked_plugin(
        self, plugin: Plugin, actor: Actor, integration_id: IntegrationId, answer: ConnectAnswer
    ) -> Any:
        assert isinstance(plugin, ConnectsByOAuth)
        name, seconds = plugin.manifest.name, self.exchange_seconds
        try:
            opened = a_connection(self.shop, plugin, actor.tenant_id, integration_id, seconds=seconds)
            async with opened as connection:
                connection.discretion.learn((answer.code, answer.code_verifier))
                try:
                    exchange = plugin.connect
                    return await in_time(
                        lambda: exchange(answer, connection), seconds=seconds, abandoned=self.shop.abandoned
                    )
                except PluginError as error:
                    said = connection.discretion.about(error.message)
                    raise ConnectFailed(f"{name} could not be connected. {said}") from error
        except (ConnectRefused, DatabaseUnavailable):
            raise
        except TimeoutError as error:
            raise ConnectFailed(f"{name} did not answer in time. Begin again in a while.") from error
        except Exception as error:
            log.error("connecting %s: %s\n%s", plugin.manifest.id, type(error).__name__, frames_of(error))
            raise ConnectFailed(f"{name} failed in a way it did not foresee; its maker has to look.") from error

    async def _finish(self, attempt: Attempt, credentials: Any) -> None:
        shop = self.shop
        asked = Asked(attempt.actor, self.clock(), shop.database, shop.host, shop.sealer)

        async def command(work: Work) -> IntegrationId:
            return await finish(work, integration_id=attempt.integration_id, credentials=credentials)

        answer: Answer[None] = await perform(asked, CommandRequest("integration.connected"), command, _nothing)
        if answer.refusals:
            raise ConnectFailed(answer.refusals[0].message)

    def _session(self, connection: Any, state: ConnectState) -> Session:
        """Nobody has said who they are yet: the state speaks for the attempt and for nothing else."""
        nobody = Actor(state.tenant_id, ActorKind.SYSTEM, state.attempt_id, frozenset())
        return Session(connection, nobody, self.clock())

    def _cookie_path(self, plugin_id: str) -> str:
        return f"{urlsplit(self.public_url or '').path}/plugins/{plugin_id}/oauth"


async def _nothing(_: Trips, __: Answer[Any]) -> None:
    return None


def _cookie(state: ConnectState) -> str:
    """One for each attempt, so that two tabs do not take each other's."""
    return f"beltstack_connect_{state.attempt_id.hex}"


def _only_a_look() -> Response:
    """Programs that try out links must not take the attempt from the person."""
    return Response(status_code=405, headers={"Allow": "GET", **HEADERS})


def _unavailable() -> Response:
    words = "The database does not answer just now; try again in a moment."
    return problem_page(words, "DATABASE_UNAVAILABLE", status=503)
