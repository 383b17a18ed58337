"""Integrations with their lanes, and the vault of what of them is secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update

from beltstack.domain.changes import Change
from beltstack.domain.deliveries import Integration, IntegrationStatus
from beltstack.domain.ids import Noun
from beltstack.store import tables
from beltstack.store.outbox import WAKE_CHANNEL
from beltstack.store.records import Repository
from beltstack.store.sealing import Sealer
from beltstack.store.session import Session
from beltstack.store.sweeping import mark_for_sweep


class Integrations(Repository[Integration]):
    noun, table, kind = Noun.INTEGRATION, tables.integration, Integration
    conflicts = {
        "integration_tenant_id_plugin_id_instance_key": "This plugin is set up already under this instance's name.",
        "integration_one_ledger_key": "Another ledger is enabled; a tenant has one. Disable the other one first.",
    }

    async def write(self, change: Change[Integration]) -> None:
        """The row, and its lane: made with it, and woken when it may run again."""
        await super().write(change)
        values = {"tenant": self.session.tenant_id, "integration": change.after.id}
        if change.before is None:
            await self.session.insert(tables.lane, {"integration_id": change.after.id})
        is_off = change.before is None or change.before.status is IntegrationStatus.DISABLED
        if is_off and change.after.status is not IntegrationStatus.DISABLED:
            await mark_for_sweep(self.session, change.after.id)
        if change.after.status is IntegrationStatus.ENABLED and change.before != change.after:
            await self.session.connection.execute(_RESTED, values)

    async def find(self, plugin_id: str, instance: str, *, lock: bool = False) -> Integration | None:
        """The tenant's use of a plugin under an instance's name."""
        found = select(self.table).where(
            self.table.c.tenant_id == self.session.tenant_id,
            self.table.c.plugin_id == plugin_id,
            self.table.c.instance == instance,
        )
        row = await self.session.first(found.with_for_update() if lock else found)
        return None if row is None else self.value(row)

    async def all(self) -> tuple[Integration, ...]:
        rows = await self.session.all(
            select(self.table)
            .where(self.table.c.tenant_id == self.session.tenant_id)
            .order_by(self.table.c.plugin_id, self.table.c.instance)
        )
        return tuple(self.value(row) for row in rows)


@dataclass(frozen=True, slots=True)
class Secrets:
    """What of an integration is sealed: its secret settings, and its credentials once it is connected."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    credentials: Mapping[str, Any] | None = None


class Vault:
    """The sealed part of the tenant's integrations."""

    def __init__(self, session: Session, sealer: Sealer) -> None:
        self.session = session
        self.sealer = sealer

    async def open(self, integration_id: UUID) -> Secrets:
        """Raises NotFound, and SealBroken where the key is missing or the bytes are not this row's."""
        row = await self._row(integration_id)
        return Secrets() if row.sealed is None else self._opened(row.sealed, row.plugin_id, integration_id)

    async def keep(self, integration_id: UUID, secrets: Secrets) -> None:
        """Seal in place of what was there; the row is locked from here to the transaction's end."""
        row = await self._row(integration_id)
        sealed = self.sealer.seal(
            {"settings": dict(secrets.settings), "credentials": secrets.credentials and dict(secrets.credentials)},
            tenant_id=self.session.tenant_id,
            plugin_id=row.plugin_id,
            row_id=integration_id,
        )
        await self.session.connection.execute(
            update(tables.integration).where(*self._mine(integration_id)).values(sealed=sealed)
        )

    async def reseal(self, integration_id: UUID) -> bool:
        """Seal with the newest key what another one has sealed; whether there was anything to do. Raises SealBroken."""
        await self.lock(integration_id)
        row = await self._row(integration_id)
        if row.sealed is None or self.sealer.is_current(row.sealed):
            return False
        await self.keep(integration_id, self._opened(row.sealed, row.plugin_id, integration_id))
        return True

    async def lock(self, integration_id: UUID) -> None:
        """Keep others from changing the row until the transaction ends, but not from owing it deliveries."""
        await self.session.connection.execute(
            select(tables.integration.c.id).where(*self._mine(integration_id)).with_for_update(key_share=True)
        )

    def _opened(self, sealed: bytes, plugin_id: str, integration_id: UUID) -> Secrets:
        data = self.sealer.open(sealed, tenant_id=self.session.tenant_id, plugin_id=plugin_id, row_id=integration_id)
        return Secrets(data["settings"], data["credentials"])

    async def _row(self, integration_id: UUID) -> Any:
        found = select(tables.integration.c.plugin_id, tables.integration.c.sealed).where(*self._mine(integration_id))
        row = await self.session.first(found)
        if row is None:
            raise Integrations(self.session).missing()
        return row

    def _mine(self, integration_id: UUID) -> tuple[Any, ...]:
        table = tables.integration
        return (table.c.tenant_id == self.session.tenant_id, table.c.id == integration_id)


_RESTED = text(
    f"""with rested as (
          update lane set failures = 0, rests_until = 'epoch'
          where tenant_id = :tenant and integration_id = :integration returning 1)
        select pg_notify('{WAKE_CHANNEL}', '') from rested"""  # noqa: S608 - a constant
)
