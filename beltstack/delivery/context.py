"""What a reaction works with: everything it reaches is bound to one tenant, one integration and one event."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from logging import Logger
from typing import Any, ParamSpec, Protocol, TypeVar
from uuid import UUID, uuid5

import anyio
import anyio.to_process
import httpx

from beltstack.delivery.discretion import Discretion
from beltstack.delivery.sessions import TenantSessions
from beltstack.domain.customers import Customer
from beltstack.domain.deliveries import Reference
from beltstack.domain.ids import CustomerId, IntegrationId, InvoiceId, SiteId, WorkOrderId
from beltstack.domain.invoices import Invoice
from beltstack.domain.sites import Site
from beltstack.domain.work_orders import WorkOrder
from beltstack.plugins.bounds import within_bounds
from beltstack.plugins.context import Credentials, Envelope, Records, References, TenantInfo
from beltstack.plugins.errors import NeedsAttention, OutcomeUnknown, Throttled
from beltstack.plugins.setup import Limits
from beltstack.store import references as stored
from beltstack.store.customers import Customers
from beltstack.store.invoices import Invoices
from beltstack.store.lanes import Reserved
from beltstack.store.sites import Sites
from beltstack.store.work_orders import WorkOrders

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE_SECONDS = 1.0
"""How long a call waits for its turn in the rate limit before the whole lane rests instead."""


@dataclass(frozen=True, slots=True)
class TenantRecords:
    """Reads of the tenant's own records, each in a transaction of its own; raises NotFound."""

    sessions: TenantSessions

    async def customer(self, customer_id: CustomerId) -> Customer:
        async with self.sessions.begin() as session:
            return await Customers(session).get(customer_id)

    async def site(self, site_id: SiteId) -> Site:
        async with self.sessions.begin() as session:
            return await Sites(session).get(site_id)

    async def work_order(self, work_order_id: WorkOrderId) -> WorkOrder:
        async with self.sessions.begin() as session:
            return await WorkOrders(session).get(work_order_id)

    async def invoice(self, invoice_id: InvoiceId) -> Invoice:
        async with self.sessions.begin() as session:
            return await Invoices(session).get(invoice_id)


@dataclass(frozen=True, slots=True)
class IntegrationReferences:
    """The integration's links; a new one wakes what waits for it."""

    sessions: TenantSessions

    async def find(self, entity: str, entity_id: UUID) -> Reference | None:
        async with self.sessions.begin() as session:
            return await stored.References(session).find(self.sessions.integration_id, entity, entity_id)

    async def link(self, reference: Reference) -> None:
        """Raises NeedsAttention where the remote's record is another one's already."""
        try:
            async with self.sessions.begin() as session:
                await stored.References(session).link(self.sessions.integration_id, reference)
        except stored.ReferenceTaken as taken:
            raise NeedsAttention(str(taken), code="REFERENCE_TAKEN") from taken


class Reserves(Protocol):
    """Where calls of the rate limit are reserved: a held lane, or a connection nobody holds."""

    async def reserve(self, *, burst: int, interval_seconds: float, patience_seconds: float) -> Reserved: ...
    async def reserve_of_the_day(self, calls: int) -> Reserved: ...


class RateLimit:
    """The connection's limit of calls, kept in the lane's row for all workers."""

    def __init__(self, lane: Reserves, limits: Limits) -> None:
        self._lane = lane
        self._daily = limits.calls_a_day
        # At most `calls` in any window: a burst, and the rest spread over the window.
        self._burst = max(1, min(limits.at_once, limits.calls - 1))
        self._interval_seconds = limits.window_seconds / max(1, limits.calls - self._burst)

    async def before_call(self) -> None:
        reserved = await self._lane.reserve(
            burst=self._burst, interval_seconds=self._interval_seconds, patience_seconds=PATIENCE_SECONDS
        )
        if not reserved.is_allowed:
            raise Throttled("The connection's calls are used up for now.", seconds=reserved.wait_seconds)
        if self._daily is not None:
            today = await self._lane.reserve_of_the_day(self._daily)
            if not today.is_allowed:
                raise Throttled("The connection's calls of this day are used up.", seconds=today.wait_seconds)
        if reserved.wait_seconds > 0:
            await asyncio.sleep(reserved.wait_seconds)


@dataclass(frozen=True, slots=True)
class Share:
    """Places for child processes: all that the worker has, and how many of them one integration may take."""

    of_all: anyio.CapacityLimiter
    of_one: anyio.CapacityLimiter


@dataclass(slots=True)
class ConnectionContext:
    """A `beltstack.plugins.Connection` until `deadline`, which is by the event loop's clock."""

    tenant: TenantInfo
    integration_id: IntegrationId
    records: Records
    references: References
    credentials: Credentials
    http: httpx.AsyncClient
    log: Logger
    settings: Any
    deadline: float
    discretion: Discretion
    rate_limit: RateLimit
    processes: Share

    def settings_as(self, kind: type[T]) -> T:
        """The integration's settings as the plugin's own dataclass."""
        assert isinstance(self.settings, kind), f"the manifest names {type(self.settings).__name__} as its settings"
        return self.settings

    async def blocking(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a vendor's synchronous call in a child process, killed when the attempt's time is over."""
        remaining_seconds = self.deadline - asyncio.get_running_loop().time()
        try:
            with anyio.fail_after(max(0.0, remaining_seconds)):
                async with self.processes.of_one:
                    call = partial(within_bounds, function, *args, **kwargs)
                    return await anyio.to_process.run_sync(call, cancellable=True, limiter=self.processes.of_all)
        except anyio.BrokenWorkerProcess as broken:
            raise OutcomeUnknown(
                "The process that made the call ended before it answered.", code="CALL_LOST"
            ) from broken

    async def before_call(self) -> None:
        """Ask for one call of the connection's rate limit; raises Throttled where none is left for now."""
        await self.rate_limit.before_call()


@dataclass(slots=True)
class DeliveryContext(ConnectionContext):
    """One attempt's `beltstack.plugins.Context`."""

    event: Envelope
    attempt: int
    idempotency_key: str


def idempotency_key(integration_id: UUID, event_id: UUID) -> str:
    """36 characters, so that it fits wherever a remote takes a key; the same for every attempt."""
    return str(uuid5(integration_id, str(event_id)))
