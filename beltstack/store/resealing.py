"""Every integration's secrets sealed anew with the newest key, while everything else goes on."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text

from beltstack.domain.access import Actor, ActorKind
from beltstack.domain.ids import TenantId
from beltstack.store.database import Database, DatabaseRole
from beltstack.store.integrations import Vault
from beltstack.store.sealing import SealBroken, Sealer
from beltstack.store.session import Session

BATCH = 100


class CannotReseal(Exception):
    """Some secrets do not open with any key that is here; the message names their integrations."""


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many were sealed anew, and how many had the newest key already or hold no secret."""

    anew: int
    as_they_were: int


async def reseal(database: Database, sealer: Sealer) -> Resealed:
    """One short transaction for each integration of every tenant; safe to repeat. Raises CannotReseal at the end."""
    anew = as_they_were = 0
    broken: list[str] = []
    last = (UUID(int=0), UUID(int=0))
    while keys := await _next(database, last):
        for tenant_id, integration_id in keys:
            try:
                is_anew = await _one(database, sealer, tenant_id, integration_id)
            except SealBroken:
                broken.append(f"{integration_id} of tenant {tenant_id}")
                continue
            anew, as_they_were = anew + is_anew, as_they_were + (not is_anew)
        last = keys[-1]
    if broken:
        raise CannotReseal(
            f"Sealed {anew} anew, but these do not open with any key given: {', '.join(broken)}. Add the key they were"
            " sealed with to BELTSTACK_SECRET_KEY, or connect those integrations again; then repeat this."
        )
    return Resealed(anew, as_they_were)


async def _one(database: Database, sealer: Sealer, tenant_id: TenantId, integration_id: UUID) -> bool:
    actor = Actor(tenant_id, ActorKind.SYSTEM, tenant_id, frozenset())
    async with database.transaction(tenant_id) as connection:
        return await Vault(Session(connection, actor, datetime.now(UTC)), sealer).reseal(integration_id)


async def _next(database: Database, last: tuple[UUID, UUID]) -> list[tuple[TenantId, UUID]]:
    async with database.transaction(None, role=DatabaseRole.ENGINE) as connection:
        values = {"tenant": last[0], "integration": last[1], "most": BATCH}
        return [(TenantId(row.tenant_id), row.id) for row in (await connection.execute(_NEXT, values)).all()]


_NEXT = text(
    """select tenant_id, id from integration where (tenant_id, id) > (:tenant, :integration)
       order by tenant_id, id limit :most"""
)
