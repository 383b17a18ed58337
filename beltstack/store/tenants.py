"""The tenant itself, its tokens, and its number sequences."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, text, update

from beltstack.domain.access import Actor, ActorKind, Role
from beltstack.domain.changes import Change
from beltstack.domain.errors import NotFound, StaleObject
from beltstack.domain.ids import TechnicianId, TenantId
from beltstack.domain.tenants import Tenant
from beltstack.store import tables
from beltstack.store.batches import Premise
from beltstack.store.database import Database
from beltstack.store.records import from_row, to_row
from beltstack.store.session import Session


class Tenants:
    """The one tenant of the session."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def get(self) -> Tenant:
        rows = await self.session.rows(_TENANT, {"tenant": self.session.tenant_id})
        if not rows:
            raise NotFound("This tenant is gone.")
        return from_row(Tenant, rows[0])

    def foresee(self) -> None:
        """`get` will be asked for."""
        self.session.foresee(_TENANT, {"tenant": self.session.tenant_id})

    async def save(self, change: Change[Tenant]) -> None:
        if change.before is None or change.before == change.after:
            return
        table, row = tables.tenant, to_row(change.after, tables.tenant)
        done = await self.session.connection.execute(
            update(table)
            .where(table.c.id == change.before.id, table.c.version == change.before.version)
            .values(**{**row, "version": change.before.version + 1, "updated_at": self.session.now})
        )
        if done.rowcount != 1:
            raise StaleObject("The settings were changed meanwhile; read them again.", path=("expected_version",))


class Numbers:
    """Counters per tenant and kind. The counter's row stays locked until commit: take numbers last."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def next(self, kind: str, *, first: int = 1001) -> int:
        row = await self.session.first(_NEXT, {"tenant": self.session.tenant_id, "kind": kind, "first": first})
        assert row is not None
        number: int = row.last
        return number


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a token speaks for. A later read that relies on it asks again in passing, by `premise`."""

    actor: Actor
    premise: Premise


async def caller_of_token(database: Database, token_hash: bytes) -> Caller | None:
    """Looked up now, in one round trip; None where the token is unknown, expired or revoked."""
    values = (f"\\x{token_hash.hex()}",)
    found = await database.reads.fetch(_ACTOR, values, tenant_id=None)
    return None if found is None else Caller(_actor(json.loads(found)), Premise(_ACTOR, values, found))


async def check_premise(database: Database, premise: Premise) -> None:
    """Whether what was looked up once holds now. Raises PremiseFailed."""
    await database.reads.fetch(_NOTHING, (), tenant_id=None, premise=premise)


def _actor(row: Mapping[str, Any]) -> Actor:
    return Actor(
        tenant_id=TenantId(UUID(row["tenant_id"])),
        kind=ActorKind(row["kind"]),
        id=UUID(row["id"]),
        roles=frozenset(Role(role) for role in row["roles"]),
        technician_id=row["technician_id"] and TechnicianId(UUID(row["technician_id"])),
    )


_TENANT = select(tables.tenant).where(tables.tenant.c.id == bindparam("tenant"))
_NOTHING = "select"
_ACTOR = "select to_json(actor) from token_actor($1::bytea) as actor"
_NEXT = text(
    """insert into number_sequence (tenant_id, kind, last) values (:tenant, :kind, :first)
       on conflict (tenant_id, kind) do update set last = number_sequence.last + 1 returning last"""
)
