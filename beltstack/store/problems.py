"""Problems of integrations: one open problem per (integration, key), counted until it is resolved."""

from uuid import UUID

from sqlalchemy import text

from beltstack.store.session import Session

# A plugin's error may be long; a problem is a sentence.
MESSAGE_CHARACTERS = 500
UPSERT = """on conflict (tenant_id, integration_id, key) where resolved_at is null
    do update set count = problem.count + excluded.count, message = excluded.message, last_at = excluded.last_at,
                  is_critical = excluded.is_critical"""
"""The end of each INSERT into `problem`."""


class IntegrationProblems:
    """The tenant's open problems."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def note(self, integration_id: UUID, key: str, message: str, *, is_critical: bool) -> None:
        """Open it, or count it once more."""
        values = {"integration": integration_id, "key": key, "message": message[:MESSAGE_CHARACTERS]}
        await self._run(_NOTE, values | {"id": self.session.new_id(), "critical": is_critical})

    async def resolve(self, integration_id: UUID, *keys: str) -> None:
        """Those that are open under these keys are over."""
        await self._run(_RESOLVE, {"integration": integration_id, "keys": list(keys)})

    async def resolve_mended(self, integration_id: UUID) -> None:
        """Somebody enabled or resumed it: all are over but those that dead letters stand for."""
        await self._run(_RESOLVE_MENDED, {"integration": integration_id})

    async def resolve_dead_letters(self) -> None:
        """Those are over whose last dead letter was tried again or canceled."""
        await self._run(_RESOLVE_DEAD_LETTERS, {})

    async def _run(self, statement: object, values: dict[str, object]) -> None:
        await self.session.connection.execute(
            statement,  # type: ignore[call-overload]
            {"tenant": self.session.tenant_id, "now": self.session.now} | values,
        )


_NOTE = text(
    f"""insert into problem (tenant_id, id, integration_id, key, message, is_critical, first_at, last_at)
        values (:tenant, :id, :integration, :key, :message, :critical, :now, :now) {UPSERT}"""  # noqa: S608
)
_RESOLVE = text(
    """update problem set resolved_at = :now
       where tenant_id = :tenant and integration_id = :integration and resolved_at is null
         and key = any(cast(:keys as text[]))"""
)
_RESOLVE_MENDED = text(
    """update problem set resolved_at = :now
       where tenant_id = :tenant and integration_id = :integration and resolved_at is null
         and key not like 'DEAD:%'"""
)
_RESOLVE_DEAD_LETTERS = text(
    """update problem p set resolved_at = :now
       where p.tenant_id = :tenant and p.resolved_at is null and p.key like 'DEAD:%'
         and not exists (
           select from delivery d
           where d.tenant_id = p.tenant_id and d.integration_id = p.integration_id and d.state = 'DEAD'
             and 'DEAD:' || coalesce(d.error_code, d.error_class, 'UNKNOWN') = p.key)"""
)
