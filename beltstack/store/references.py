"""Links between our records and a remote's, unique both ways; a new one wakes the deliveries that wait for it."""

from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from beltstack.domain.deliveries import Reference
from beltstack.domain.ids import IntegrationId
from beltstack.store import tables
from beltstack.store.outbox import WAKE_CHANNEL
from beltstack.store.records import from_row
from beltstack.store.session import Session


class ReferenceTaken(Exception):
    """The remote's record is linked with another record of ours; the message names both."""


class References:
    """The tenant's links, by integration."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def find(self, integration_id: IntegrationId, entity: str, entity_id: UUID) -> Reference | None:
        table = tables.reference
        row = await self.session.first(
            select(table).where(
                table.c.tenant_id == self.session.tenant_id,
                table.c.integration_id == integration_id,
                table.c.entity == entity,
                table.c.entity_id == entity_id,
            )
        )
        return None if row is None else from_row(Reference, row)

    async def of(self, entity: str, entity_id: UUID) -> dict[IntegrationId, Reference]:
        """Every integration's link to one record of ours."""
        table = tables.reference
        rows = await self.session.all(
            select(table).where(
                table.c.tenant_id == self.session.tenant_id, table.c.entity == entity, table.c.entity_id == entity_id
            )
        )
        return {IntegrationId(row.integration_id): from_row(Reference, row) for row in rows}

    async def link(self, integration_id: IntegrationId, reference: Reference) -> None:
        """Insert or renew, and wake what waits for it. Raises ReferenceTaken."""
        values = {
            "tenant": self.session.tenant_id,
            "integration": integration_id,
            "entity": reference.entity,
            "entity_id": reference.entity_id,
            "external_id": reference.external_id,
            "external_version": reference.external_version,
            "external_url": reference.external_url,
            "content_hash": reference.content_hash,
        }
        # Against a delivery that is just about to wait for this very link: see `lanes.settle`.
        await self.session.connection.execute(LOCK_LINKS_SHARED, {"integration": str(integration_id)})
        try:
            await self.session.connection.execute(_LINK, values)
        except IntegrityError as error:
            raise ReferenceTaken(
                f"{reference.external_id} over there is linked with another {reference.entity.replace('_', ' ')}"
                f" already, so {reference.entity_id} cannot be linked with it."
            ) from error
        await self.session.connection.execute(_WAKE, values)


LOCK_LINKS = text("select pg_advisory_xact_lock(hashtextextended('links/' || :integration, 0))")
LOCK_LINKS_SHARED = text("select pg_advisory_xact_lock_shared(hashtextextended('links/' || :integration, 0))")
_LINK = text(
    """insert into reference (tenant_id, integration_id, entity, entity_id, external_id, external_version,
                              external_url, content_hash)
       values (:tenant, :integration, :entity, :entity_id, :external_id, :external_version, :external_url,
               :content_hash)
       on conflict (tenant_id, integration_id, entity, entity_id) do update set
         external_id = excluded.external_id, external_version = excluded.external_version,
         external_url = excluded.external_url, content_hash = excluded.content_hash, updated_at = now()"""
)
_WAKE = text(
    f"""with woken as (
          update delivery set state = 'READY', due_at = now(), waits_for = null
          where tenant_id = :tenant and integration_id = :integration and state = 'WAITING'
            and waits_for = :entity_id
          returning 1)
        select pg_notify('{WAKE_CHANNEL}', '') from (select from woken limit 1) as any_of_them"""  # noqa: S608
)
