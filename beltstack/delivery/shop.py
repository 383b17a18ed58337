"""What every lane of one worker shares."""

import asyncio
import os
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import anyio
import httpx

from beltstack.delivery.context import Share
from beltstack.delivery.credentials import RenewalQueues
from beltstack.delivery.http import Connections
from beltstack.delivery.policy import RetryPolicy
from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.runtime import PluginHost
from beltstack.plugins.setup import DeadLetters, Outbound
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer

PROCESSES_AT_ONCE = max(4, 2 * (os.cpu_count() or 1))
PROCESSES_OF_ONE = PROCESSES_AT_ONCE // 2
"""An integration whose calls hang leaves the others their half."""


@dataclass(frozen=True, slots=True)
class Shop:
    """Made within the event loop that uses it; closed at its end."""

    database: Database
    host: PluginHost
    sealer: Sealer
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    budget_seconds: float = 10.0
    """After this a lane hands back, so that others get their turn."""
    chance: Callable[[], float] = random.random
    connections: Connections = field(default_factory=Connections)
    renewals: RenewalQueues = field(default_factory=RenewalQueues)
    processes: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(PROCESSES_AT_ONCE))
    shares: defaultdict[UUID, anyio.CapacityLimiter] = field(
        default_factory=lambda: defaultdict(lambda: anyio.CapacityLimiter(PROCESSES_OF_ONE))
    )
    abandoned: set[asyncio.Task[Any]] = field(default_factory=set)
    """Reactions that did not stop when they were told to."""

    def share(self, integration_id: UUID) -> Share:
        """The places for child processes that an integration has."""
        return Share(self.processes, self.shares[integration_id])

    def client(self, plugin: Plugin) -> httpx.AsyncClient:
        """A client that reaches as far as the plugin's manifest says."""
        is_public = plugin.manifest.outbound is Outbound.PUBLIC and not self.host.may_call_private
        return self.connections.client(is_public=is_public)

    @property
    def plugins(self) -> tuple[str, ...]:
        return tuple(self.host.plugins)

    @property
    def lenient(self) -> tuple[str, ...]:
        """The plugins whose streams go on past a dead letter."""
        return tuple(
            plugin_id
            for plugin_id, plugin in self.host.plugins.items()
            if plugin.manifest.dead_letters is DeadLetters.CONTINUE
        )

    async def close(self) -> None:
        await self.renewals.finish()
        await self.connections.close()
