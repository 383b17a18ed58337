"""After an enabling: what was told meanwhile by those who did not see it is owed, too."""

from beltstack.delivery.sessions import TenantSessions
from beltstack.delivery.shop import Shop
from beltstack.store.sweeping import due_sweeps, sweep


async def sweep_all(shop: Shop) -> None:
    """Each integration once, as soon as the transactions that ran beside its enabling are over."""
    for key in await due_sweeps(shop.database, plugins=shop.plugins):
        async with TenantSessions(shop.database, key.tenant_id, key.integration_id).begin() as session:
            await sweep(session, key.integration_id, types=shop.host.heard(key.plugin_id))
