"""How a hook calls QuickBooks: counted, in a child process, with a token that is renewed once when refused."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

from beltstack.plugins import Connection, ReconnectNeeded
from beltstack_quickbooks import oauth
from beltstack_quickbooks.faults import TOKEN_REFUSED
from beltstack_quickbooks.mapping import Entity
from beltstack_quickbooks.settings import QuickBooksCredentials, QuickBooksSettings

_CLIENT = "beltstack_quickbooks.client"
_ALMOST_EXPIRED = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Company:
    """One company and the key to it, as they go to the child process."""

    base_url: str
    realm_id: str
    minor_version: int
    access_token: str = field(repr=False)
    connect_seconds: float = 3.0
    read_seconds: float = 20.0


def in_child(name: str, company: Company, *arguments: Any) -> Any:
    """Run a function of the client, which only this process, a child, imports.

    The name is resolved here and not where the call is made: pickling the function itself would import the vendor's
    library (21 MB, half a second, process-wide settings) into every process that loads this plugin.
    """
    return getattr(import_module(_CLIENT), name)(company, *arguments)


class Books:
    """The tenant's company in QuickBooks for the length of one hook. Each method raises as `faults.body_of` does."""

    def __init__(self, connection: Connection, attempt: int = 1) -> None:
        self.connection = connection
        self.attempt = attempt
        self.settings = connection.settings_as(QuickBooksSettings)

    async def create(self, kind: str, body: Entity, *, request_id: str, record: str) -> Entity:
        created: Entity = await self._call("create", record, kind, body, request_id)
        return created

    async def update(self, kind: str, body: Entity, *, record: str) -> Entity:
        updated: Entity = await self._call("update", record, kind, body)
        return updated

    async def read(self, kind: str, external_id: str = "", *, record: str) -> Entity:
        thing: Entity = await self._call("read", record, kind, external_id)
        return thing

    async def find(self, kind: str, *, record: str, **equal: str) -> list[Entity]:
        found: list[Entity] = await self._call("find", record, kind, tuple(equal.items()))
        return found

    async def _call(self, name: str, record: str, *arguments: Any) -> Any:
        credentials = await self.connection.credentials.read(QuickBooksCredentials)
        if _is_over(credentials):
            credentials = await self._renewed(credentials)
        try:
            return await self._once(name, credentials, record, *arguments)
        except ReconnectNeeded as refusal:
            if refusal.code != TOKEN_REFUSED:
                raise
        # A refused token means that nothing was done, so the same call may go out again.
        return await self._once(name, await self._renewed(credentials), record, *arguments)

    async def _once(self, name: str, credentials: QuickBooksCredentials, *arguments: Any) -> Any:
        await self.connection.before_call()
        company = Company(
            self.settings.base_url, credentials.realm_id, self.settings.minor_version, credentials.access_token
        )
        return await self.connection.blocking(in_child, name, company, *arguments)

    async def _renewed(self, stale: QuickBooksCredentials) -> QuickBooksCredentials:
        # Counted before, not while, the credentials are locked: counting writes to the integration's own row.
        await self.connection.before_call()

        async def refresh(current: QuickBooksCredentials) -> QuickBooksCredentials:
            return await oauth.refreshed(current, http=self.connection.http, settings=self.settings)

        return await self.connection.credentials.renew(QuickBooksCredentials, stale, refresh)


def _is_over(credentials: QuickBooksCredentials) -> bool:
    if not credentials.access_token:
        return True
    until = credentials.access_expires_at
    return until is not None and datetime.fromisoformat(until) <= datetime.now(UTC) + _ALMOST_EXPIRED
