"""What was asked: idempotency keys with their first answers, and the audit trail."""

from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from beltstack.domain.errors import Refusal
from beltstack.store import tables
from beltstack.store.session import Session


class IdempotencyKeyReused(Refusal):
    """The same key with other arguments."""

    code = "IDEMPOTENCY_KEY_REUSED"


class IdempotencyInProgress(Refusal):
    """The first request with this key is still running."""

    code = "IDEMPOTENCY_IN_PROGRESS"


class Idempotency:
    """First answers by (tenant, actor, key)."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def first_answer(self, key: str, request_hash: bytes) -> dict[str, Any] | None:
        """The stored answer; None the first time, and then nobody else gets past here until the transaction ends."""
        name = f"{self.session.tenant_id}/{self.session.actor.id}/{key}"
        row = await self.session.first(_TRY_LOCK, {"name": name})
        if row is None or not row.locked:
            raise IdempotencyInProgress(
                "A request with this idempotency key is still running; wait for its answer, then repeat yours.",
                path=("idempotency_key",),
            )
        table = tables.idempotency
        found = await self.session.first(
            select(table.c.request_hash, table.c.answer).where(
                table.c.tenant_id == self.session.tenant_id,
                table.c.actor_id == self.session.actor.id,
                table.c.key == key,
            )
        )
        if found is None:
            return None
        if found.request_hash != request_hash:
            raise IdempotencyKeyReused(
                "This idempotency key was used for a request with other arguments; choose a new key.",
                path=("idempotency_key",),
            )
        answer: dict[str, Any] = found.answer
        return answer

    async def remember(self, key: str, request_hash: bytes, answer: dict[str, Any]) -> None:
        await self.session.connection.execute(
            insert(tables.idempotency).values(
                tenant_id=self.session.tenant_id,
                actor_id=self.session.actor.id,
                key=key,
                request_hash=request_hash,
                answer=answer,
                created_at=self.session.now,
            )
        )


class Audit:
    """Who did what; only ever added to."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def note(self, command: str, subject_id: UUID | None, *, note: str | None = None) -> None:
        await self.session.write(
            _NOTE,
            {
                "tenant": self.session.tenant_id,
                "id": self.session.new_id(),
                "at": self.session.now,
                "actor_kind": self.session.actor.kind.value,
                "actor_id": self.session.actor.id,
                "command": command,
                "subject_id": subject_id,
                "request_id": self.session.request_id,
                "facts": list(self.session.told),
                "note": note,
            },
        )


_NOTE = text(
    """insert into audit_entry (tenant_id, id, at, actor_kind, actor_id, command, subject_id, request_id, facts, note)
       values (:tenant, :id, :at, :actor_kind, :actor_id, :command, :subject_id, :request_id, :facts, :note)"""
)
_TRY_LOCK = text("select pg_try_advisory_xact_lock(hashtextextended(:name, 0)) as locked")
