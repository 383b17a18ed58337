"""Attempts to connect an integration: kept for minutes, used once, by the one browser that began them."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, ClassVar, Self
from uuid import UUID

from sqlalchemy import text

from beltstack.domain.access import Actor, ActorKind, Role
from beltstack.domain.ids import IntegrationId, TenantId
from beltstack.store import tables
from beltstack.store.sealing import Sealer
from beltstack.store.session import Session

ATTEMPT_LIFE = timedelta(minutes=10)
KEPT_FOR = timedelta(days=1)
_ID_CHARACTERS = 32


class ConnectRefused(Exception):
    """An attempt to connect goes no further. No command's refusal: the person reads it on a page, with its `code`."""

    code: ClassVar[str]


class ConnectUnknown(ConnectRefused):
    """No attempt to connect this plugin goes by this state."""

    code = "CONNECT_UNKNOWN"


class ConnectExpired(ConnectRefused):
    """It took too long."""

    code = "CONNECT_EXPIRED"


class ConnectUsed(ConnectRefused):
    """It was finished before."""

    code = "CONNECT_USED"


class ConnectElsewhere(ConnectRefused):
    """It was begun in another browser."""

    code = "CONNECT_ELSEWHERE"


@dataclass(frozen=True, slots=True)
class ConnectState:
    """What travels through the remote: where to look, and a secret of which only the hash is kept."""

    tenant_id: TenantId
    attempt_id: UUID
    secret: str

    @classmethod
    def new(cls, tenant_id: TenantId, attempt_id: UUID) -> Self:
        return cls(tenant_id, attempt_id, secrets.token_urlsafe(32))

    @classmethod
    def parse(cls, state: str) -> Self:
        """Raises ConnectUnknown."""
        tenant, attempt = state[:_ID_CHARACTERS], state[_ID_CHARACTERS : 2 * _ID_CHARACTERS]
        try:
            return cls(TenantId(UUID(hex=tenant)), UUID(hex=attempt), state[2 * _ID_CHARACTERS :])
        except ValueError:
            raise _unknown() from None

    def __str__(self) -> str:
        return f"{self.tenant_id.hex}{self.attempt_id.hex}{self.secret}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt as it was begun. `actor` is who did; `url` is the remote's page of consent."""

    id: UUID
    integration_id: IntegrationId
    actor: Actor
    return_to: str
    verifier: str
    url: str


class Attempts:
    """The tenant's attempts to connect integrations of one plugin."""

    def __init__(self, session: Session, sealer: Sealer, plugin_id: str) -> None:
        self.session = session
        self.sealer = sealer
        self.plugin_id = plugin_id

    async def begin(
        self, state: ConnectState, integration_id: IntegrationId, *, return_to: str, verifier: str, url: str
    ) -> None:
        """Keep it; the tenant's old ones go."""
        session, actor = self.session, self.session.actor
        values = {"tenant": session.tenant_id, "before": session.now - KEPT_FOR}
        await session.connection.execute(_FORGET, values)
        sealed = self.sealer.seal(
            {"verifier": verifier, "url": url},
            tenant_id=session.tenant_id,
            plugin_id=self.plugin_id,
            row_id=state.attempt_id,
        )
        await session.insert(
            tables.connect_attempt,
            {
                "id": state.attempt_id,
                "integration_id": integration_id,
                "secret_hash": hash_of(state.secret),
                "sealed": sealed,
                "return_to": return_to,
                "actor_kind": actor.kind.value,
                "actor_id": actor.id,
                "roles": sorted(role.value for role in actor.roles),
                "expires_at": session.now + ATTEMPT_LIFE,
            },
        )

    async def open(self, state: ConnectState, browser: str) -> Attempt:
        """The attempt, from now on this browser's. Raises ConnectRefused."""
        row = await self._row(state)
        if row.browser_hash is not None:
            _check_browser(row, browser)
        await self._note(row, browser_hash=hash_of(browser))
        return self._attempt(row)

    async def use(self, state: ConnectState, browser: str) -> Attempt:
        """The attempt, once. Raises ConnectRefused."""
        row = await self._row(state)
        _check_browser(row, browser)
        await self._note(row, used_at=self.session.now)
        if not row.is_alive:
            raise ConnectUnknown("Whoever began this connection may not connect any more. Begin again.")
        return self._attempt(row)

    async def _row(self, state: ConnectState) -> Any:
        values = {"tenant": self.session.tenant_id, "id": state.attempt_id, "plugin": self.plugin_id}
        row = await self.session.first(_FIND, values)
        if row is None or not secrets.compare_digest(row.secret_hash, hash_of(state.secret)):
            raise _unknown()
        if row.used_at is not None:
            raise ConnectUsed("This connection was finished, or refused, before. Begin again.")
        if row.expires_at <= self.session.now:
            raise ConnectExpired("This took more than ten minutes. Begin again.")
        return row

    async def _note(self, row: Any, **changes: Any) -> None:
        table = tables.connect_attempt
        await self.session.connection.execute(
            table.update().where(table.c.tenant_id == self.session.tenant_id, table.c.id == row.id).values(**changes)
        )

    def _attempt(self, row: Any) -> Attempt:
        tenant_id = self.session.tenant_id
        data = self.sealer.open(row.sealed, tenant_id=tenant_id, plugin_id=self.plugin_id, row_id=row.id)
        roles = frozenset(Role(role) for role in row.roles)
        return Attempt(
            id=row.id,
            integration_id=IntegrationId(row.integration_id),
            actor=Actor(tenant_id, ActorKind(row.actor_kind), row.actor_id, roles),
            return_to=row.return_to,
            verifier=data["verifier"],
            url=data["url"],
        )


def hash_of(secret: str) -> bytes:
    """A fast hash will do: nobody guesses 256 bits."""
    return sha256(secret.encode()).digest()


def _check_browser(row: Any, browser: str) -> None:
    if row.browser_hash is None or not secrets.compare_digest(row.browser_hash, hash_of(browser)):
        raise ConnectElsewhere("This connection was begun in another browser. Finish it there, or begin again here.")


def _unknown() -> ConnectUnknown:
    return ConnectUnknown("There is no such attempt to connect. Begin again from the integration's page.")


_FORGET = text("delete from connect_attempt where tenant_id = :tenant and expires_at < :before")
_FIND = text(
    """select a.*, a.actor_kind <> 'APP' or token_is_alive(a.actor_id) as is_alive
       from connect_attempt a join integration i on i.tenant_id = a.tenant_id and i.id = a.integration_id
       where a.tenant_id = :tenant and a.id = :id and i.plugin_id = :plugin
       for update of a"""
)
