"""Outgoing webhooks: one integration is one endpoint, told of every event, signed as Standard Webhooks 1.0 says."""

import inspect
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from beltstack.plugins import (
    Connection,
    Context,
    DeadLetters,
    Limits,
    Manifest,
    NeedsAttention,
    Outbound,
    Plugin,
    hookimpl,
    secret,
)
from beltstack_webhooks.message import body_of, headers_of
from beltstack_webhooks.sending import send

FOUR_DAYS = 4 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Settings:
    """`events` are types like `invoice.issued`, none for all; while the secret is changed, both of them sign."""

    url: str
    signing_secret: str = secret(repr=False)
    older_signing_secret: str = secret(default="", repr=False)
    events: tuple[str, ...] = ()
    description: str = ""

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.signing_secret, self.older_signing_secret)))


class Webhooks(Plugin):
    manifest = Manifest(
        id="webhooks",
        name="Webhooks",
        version="0.1.0",
        description="Tells a URL of yours what happens, each message signed.",
        settings=Settings,
        limits=Limits(timeout_seconds=20, patience_seconds=FOUR_DAYS),
        dead_letters=DeadLetters.CONTINUE,
        outbound=Outbound.PUBLIC,
    )

    async def check(self, connection: Connection) -> None:
        """That the secrets are such and that the URL leads to the public internet and to a server."""
        settings = connection.settings_as(Settings)
        try:
            headers_of(settings.secrets, "check", datetime.now(UTC), b"")
        except ValueError as error:
            raise NeedsAttention(str(error), code="SECRET_UNUSABLE") from error
        try:
            # What a receiver says to HEAD does not matter, only that one is there.
            async with connection.http.stream("HEAD", settings.url, follow_redirects=False):
                pass
        except httpx.InvalidURL as error:
            raise NeedsAttention("The URL is none: write it like https://example.com/hooks.") from error
        except httpx.TransportError as error:
            raise NeedsAttention(f"The URL could not be reached ({type(error).__name__}).", code="NO_ANSWER") from error


async def tell(event: Any, context: Context) -> None:
    """Send one event, unless the settings do not name its type."""
    settings = context.settings_as(Settings)
    if settings.events and context.event.type not in settings.events:
        return
    await context.before_call()
    body = body_of(event, context.event, context.tenant.id)
    headers = headers_of(settings.secrets, context.idempotency_key, datetime.now(UTC), body)
    await send(context.http, settings.url, body, headers, attempt=context.attempt)


def _hear_everything() -> None:
    """Every reaction there is, by the plugin API's own list: a new kind of event needs no change here."""
    for name, method in vars(Plugin).items():
        if inspect.iscoroutinefunction(method) and hasattr(method, "beltstack_spec"):

            async def reaction(self: Webhooks, event: Any, context: Context) -> None:
                await tell(event, context)

            reaction.__name__ = name
            setattr(Webhooks, name, hookimpl(reaction))


_hear_everything()
