"""A plugin at work for one tenant: tell it events, ask its vetoes, look at what it did."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from functools import cache
from inspect import isawaitable
from typing import Any
from uuid import UUID, uuid5

import httpx

from beltstack.domain.deliveries import Reference
from beltstack.domain.events import Fact
from beltstack.domain.ids import EventId, IntegrationId
from beltstack.plugins.context import Envelope, Review
from beltstack.plugins.errors import WaitFor
from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.setup import secret_fields
from beltstack.plugins.testing.memory import (
    MemoryConnection,
    MemoryContext,
    MemoryCredentials,
    MemoryRecords,
    MemoryReferences,
)
from beltstack.plugins.testing.samples import NOON, Samples

SHORTEST_SECRET = 6
TIMEOUT_SECONDS = 15.0


@dataclass
class Desk:
    """One tenant's integration with a plugin. Records, references and credentials last from event to event."""

    plugin: Plugin
    samples: Samples
    settings: Any
    credentials: MemoryCredentials
    http: httpx.AsyncClient
    records: MemoryRecords = field(default_factory=MemoryRecords)
    references: MemoryReferences = field(default_factory=MemoryReferences)
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("beltstack.plugin"))

    def __post_init__(self) -> None:
        samples = self.samples
        self.records.hold(samples.customer, samples.site, samples.work_order, samples.invoice)
        self.integration_id = IntegrationId(samples.id_of("integration"))

    async def deliver(self, fact: Fact, *, attempt: int = 1) -> None:
        """Tell the plugin of an event as the worker would; what it waits for is linked by the way."""
        for _ in range(5):
            try:
                await self._tell(fact, attempt)
            except WaitFor as wait:
                # The event that would have made it may be none that this plugin is told.
                theirs = f"remote-{wait.entity_id}"
                await self.references.link(Reference(wait.entity, wait.entity_id, theirs))
            else:
                return
        raise AssertionError(f"{fact.type} still waits for another record after five were linked")

    async def replay(self, fact: Fact) -> None:
        """Tell it once more, as after an attempt nobody knows the outcome of."""
        await self.deliver(fact, attempt=2)

    async def ask(self, hook: str, change: Any) -> Any:
        """A veto's answer."""
        answer = getattr(self.plugin, hook)(change=change, context=self.review)
        return await answer if isawaitable(answer) else answer

    async def check(self) -> None:
        await self.plugin.check(self._connection())

    @property
    def review(self) -> Review:
        return Review(self.samples.tenant, self.samples.actor, NOON, self.settings)

    @property
    def uses(self) -> int:
        """How often the plugin touched anything of this tenant's."""
        return self.records.reads + self.references.uses + self.credentials.uses

    @property
    def secrets(self) -> set[str]:
        """Every secret text there is or was: secret settings, and credentials as far as the plugin calls them so."""
        found = texts_of(self.settings, only=secret_fields(type(self.settings)))
        for held in self.credentials.past:
            found |= texts_of(held, only=secret_fields(type(held)) or None)
        return {text for text in found if len(text) >= SHORTEST_SECRET}

    def key_of(self, fact: Fact) -> str:
        """The idempotency key of every attempt to tell this event."""
        return str(uuid5(self.integration_id, str(self._event_id(fact))))

    async def _tell(self, fact: Fact, attempt: int) -> None:
        event = Envelope(self._event_id(fact), fact.type, NOON, fact.stream, 1)
        context = MemoryContext(
            **vars(self._connection()), event=event, attempt=attempt, idempotency_key=self.key_of(fact)
        )
        answer = getattr(self.plugin, fact.type.replace(".", "_"))(event=fact, context=context)
        if isawaitable(answer):
            await answer

    def _connection(self) -> MemoryConnection:
        return MemoryConnection(
            tenant=self.samples.tenant,
            integration_id=self.integration_id,
            records=self.records,
            references=self.references,
            credentials=self.credentials,
            http=self.http,
            settings=self.settings,
            log=self.log,
        )

    def _event_id(self, fact: Fact) -> EventId:
        return EventId(uuid5(fact.stream, fact.type))


@asynccontextmanager
async def open_desk(plugin: Plugin, *, settings: Any, credentials: Any, mark: str = "north") -> AsyncIterator[Desk]:
    """A desk with an HTTP client as the worker lends it: no redirects, no compression, nothing from the environment."""
    async with httpx.AsyncClient(
        verify=_tls(), trust_env=False, timeout=TIMEOUT_SECONDS, headers={"Accept-Encoding": "identity"}
    ) as http:
        yield Desk(plugin, Samples(mark), settings, MemoryCredentials(credentials), http)
        # A remote's thread may still be closing its side.
        await asyncio.sleep(0)


@cache
def _tls() -> ssl.SSLContext:
    """Reading all the world's certificates takes longer than everything else about a desk."""
    return httpx.create_ssl_context(trust_env=False)


def texts_of(value: Any, *, only: frozenset[str] | None = None) -> set[str]:
    """The texts in a dataclass, of all its fields or of some."""
    names = [item.name for item in fields(value) if only is None or item.name in only]
    return {str(getattr(value, name)) for name in names if isinstance(getattr(value, name), str | UUID)}
