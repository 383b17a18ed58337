"""Short transactions of one tenant, opened on behalf of one of its integrations."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from beltstack.domain.access import Actor, ActorKind, Role
from beltstack.domain.ids import IntegrationId, TenantId
from beltstack.store.database import Database
from beltstack.store.session import Session


@dataclass(frozen=True, slots=True)
class TenantSessions:
    """Short transactions of one tenant, in the name of one integration."""

    database: Database
    tenant_id: TenantId
    integration_id: IntegrationId

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Session]:
        actor = Actor(self.tenant_id, ActorKind.PLUGIN, self.integration_id, frozenset({Role.VIEWER}))
        async with self.database.transaction(self.tenant_id) as connection:
            yield Session(connection, actor, datetime.now(UTC))
