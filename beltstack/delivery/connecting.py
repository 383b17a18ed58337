"""A connection opened outside of any delivery: to check it, to run a plugin's job, to hear what its remote sends."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from beltstack.delivery.context import ConnectionContext, IntegrationReferences, RateLimit, TenantRecords
from beltstack.delivery.credentials import IntegrationCredentials
from beltstack.delivery.discretion import DeliveryLog, Discretion
from beltstack.delivery.sessions import TenantSessions
from beltstack.delivery.shop import Shop
from beltstack.domain.ids import IntegrationId, TenantId
from beltstack.plugins.context import TenantInfo
from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.setup import secret_fields
from beltstack.store.codecs import from_json
from beltstack.store.integrations import Integrations, Vault
from beltstack.store.lanes import FreeLane
from beltstack.store.tenants import Tenants


@asynccontextmanager
async def a_connection(
    shop: Shop,
    plugin: Plugin,
    tenant_id: TenantId,
    integration_id: IntegrationId,
    *,
    seconds: float,
    given: Mapping[str, Any] | None = None,
) -> AsyncIterator[ConnectionContext]:
    """A `beltstack.plugins.Connection` of a stored integration, whatever its status, for so many seconds.

    `given` are secret settings in place of those that are sealed.

    Raises NotFound, SealBroken, and what structuring raises where the stored settings do not fit the manifest.
    """
    sessions = TenantSessions(shop.database, tenant_id, integration_id)
    discretion = Discretion()
    kind = plugin.manifest.settings
    secrets = dict(given or {})
    async with sessions.begin() as session:
        integration = await Integrations(session).get(integration_id)
        tenant = await Tenants(session).get()
        if secret_fields(kind) and given is None:
            secrets = dict((await Vault(session, shop.sealer).open(integration_id)).settings)
    discretion.learn(secrets)
    today = datetime.now(UTC).astimezone(ZoneInfo(tenant.timezone)).date()
    async with shop.client(plugin) as http:
        yield ConnectionContext(
            tenant=TenantInfo(tenant.id, tenant.name, tenant.currency, tenant.timezone, today),
            integration_id=integration_id,
            records=TenantRecords(sessions),
            references=IntegrationReferences(sessions),
            credentials=IntegrationCredentials(sessions, shop.sealer, shop.renewals, discretion),
            http=http,
            log=DeliveryLog(plugin.manifest.id, discretion, {"integration_id": str(integration_id)}),
            settings=from_json(kind, integration.settings | secrets),
            deadline=asyncio.get_running_loop().time() + seconds,
            discretion=discretion,
            rate_limit=RateLimit(FreeLane(shop.database, tenant_id, integration_id), plugin.manifest.limits),
            processes=shop.share(integration_id),
        )
