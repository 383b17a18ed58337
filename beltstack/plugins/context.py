"""What a hook is handed: `Review` for vetoes, `Context` for reactions."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from logging import Logger
from typing import Any, ParamSpec, Protocol, TypeVar
from uuid import UUID

import httpx

from beltstack.domain.access import Actor
from beltstack.domain.customers import Customer
from beltstack.domain.deliveries import Reference
from beltstack.domain.ids import CustomerId, EventId, IntegrationId, InvoiceId, SiteId, TenantId, WorkOrderId
from beltstack.domain.invoices import Invoice
from beltstack.domain.sites import Site
from beltstack.domain.work_orders import WorkOrder

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TenantInfo:
    id: TenantId
    name: str
    currency: str
    timezone: str
    today: date
    """The day it is where the tenant is."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The event a reaction is told of; de-duplicate on `id`."""

    id: EventId
    type: str
    occurred_at: datetime
    stream: UUID
    seq: int


@dataclass(frozen=True, slots=True)
class Review:
    """What a veto sees beside the change, and a field beside its rows: no session, no network, no clock of its own."""

    tenant: TenantInfo
    actor: Actor
    now: datetime
    settings: Any

    def settings_as(self, kind: type[T]) -> T:
        """The integration's settings as the plugin's own dataclass."""
        assert isinstance(self.settings, kind), f"the manifest names {type(self.settings).__name__} as its settings"
        return self.settings


class Records(Protocol):
    """Reads of the tenant's own records, as they are now; each raises `NotFound`."""

    async def customer(self, customer_id: CustomerId) -> Customer: ...
    async def site(self, site_id: SiteId) -> Site: ...
    async def work_order(self, work_order_id: WorkOrderId) -> WorkOrder: ...
    async def invoice(self, invoice_id: InvoiceId) -> Invoice: ...


class References(Protocol):
    """The integration's links between our records and theirs, unique both ways."""

    async def find(self, entity: str, entity_id: UUID) -> Reference | None: ...
    async def link(self, reference: Reference) -> None:
        """Insert or renew; wakes whatever waits for it. Raises NeedsAttention if `external_id` is another record's."""


class Credentials(Protocol):
    """The integration's credentials, opened only here."""

    async def read(self, kind: type[T]) -> T: ...
    async def renew(self, kind: type[T], stale: T, refresh: Callable[[T], Awaitable[T]]) -> T:
        """Under a row lock: if somebody renewed `stale` meanwhile, theirs; else `refresh`, stored before it is used."""


class Connection(Protocol):
    """One tenant's use of the plugin, outside of any event: for checks, jobs and what comes in from the remote."""

    tenant: TenantInfo
    integration_id: IntegrationId
    records: Records
    references: References
    credentials: Credentials
    http: httpx.AsyncClient
    log: Logger

    def settings_as(self, kind: type[T]) -> T:
        """The integration's settings as the plugin's own dataclass."""

    async def blocking(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a vendor's synchronous call in a child process; a timeout ends it. Arguments and result are pickled."""

    async def before_call(self) -> None:
        """Ask for one call of the connection's rate limit; raises Throttled where none is left for now."""


class Context(Connection, Protocol):
    """What a reaction works with; bound to one tenant, one integration and one event."""

    event: Envelope
    attempt: int
    """1 the first time; more than 1 means an earlier attempt may have had effects."""
    idempotency_key: str
    """The same for every attempt of this event with this integration."""
