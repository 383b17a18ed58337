"""A plugin's `Connection` and `Context` over memory: the SDK's own protocols, with the rules that the core keeps."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ParamSpec, TypeVar, cast
from uuid import UUID

import anyio.to_process
import httpx

from beltstack.domain.customers import Customer
from beltstack.domain.deliveries import Reference
from beltstack.domain.errors import NotFound
from beltstack.domain.ids import CustomerId, IntegrationId, InvoiceId, SiteId, WorkOrderId
from beltstack.domain.invoices import Invoice
from beltstack.domain.sites import Site
from beltstack.domain.work_orders import WorkOrder
from beltstack.plugins.context import Credentials, Envelope, Records, References, TenantInfo
from beltstack.plugins.errors import NeedsAttention

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class MemoryRecords:
    found: dict[UUID, Any] = field(default_factory=dict)
    reads: int = 0

    def hold(self, *records: Any) -> None:
        self.found |= {record.id: record for record in records}

    async def customer(self, customer_id: CustomerId) -> Customer:
        return self._get(Customer, customer_id)

    async def site(self, site_id: SiteId) -> Site:
        return self._get(Site, site_id)

    async def work_order(self, work_order_id: WorkOrderId) -> WorkOrder:
        return self._get(WorkOrder, work_order_id)

    async def invoice(self, invoice_id: InvoiceId) -> Invoice:
        return self._get(Invoice, invoice_id)

    def _get(self, kind: type[T], record_id: UUID) -> T:
        self.reads += 1
        found = self.found.get(record_id)
        if not isinstance(found, kind):
            raise NotFound(f"There is no {kind.__name__} {record_id}.")
        return found


@dataclass
class MemoryReferences:
    """Unique both ways, as the core keeps them."""

    kept: dict[tuple[str, UUID], Reference] = field(default_factory=dict)
    uses: int = 0

    async def find(self, entity: str, entity_id: UUID) -> Reference | None:
        self.uses += 1
        return self.kept.get((entity, entity_id))

    async def link(self, reference: Reference) -> None:
        self.uses += 1
        key = (reference.entity, reference.entity_id)
        theirs = (reference.entity, reference.external_id)
        if any((one.entity, one.external_id) == theirs and at != key for at, one in self.kept.items()):
            words = f"{reference.entity} {reference.external_id} is linked to another record."
            raise NeedsAttention(words, code="REFERENCE_TAKEN")
        self.kept[key] = reference


@dataclass
class MemoryCredentials:
    """One at a time renews; whoever waited gets what was renewed meanwhile. `past` keeps every value there was."""

    held: Any
    past: list[Any] = field(default_factory=list)
    uses: int = 0
    renewals: int = 0

    def __post_init__(self) -> None:
        self.past.append(self.held)
        self._lock = asyncio.Lock()

    async def read(self, kind: type[T]) -> T:
        self.uses += 1
        assert isinstance(self.held, kind), f"the manifest names {type(self.held).__name__} as its credentials"
        return self.held

    async def renew(self, kind: type[T], stale: T, refresh: Callable[[T], Awaitable[T]]) -> T:
        async with self._lock:
            current = await self.read(kind)
            if current == stale:
                self.renewals += 1
                current = self.held = await refresh(stale)
                self.past.append(current)
            return current


@dataclass
class MemoryConnection:
    """One tenant's use of a plugin. `blocking` calls in a real child process; `before_call` counts."""

    tenant: TenantInfo
    integration_id: IntegrationId
    records: Records
    references: References
    credentials: Credentials
    http: httpx.AsyncClient
    settings: Any
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("beltstack.plugin"))
    counted: int = 0

    def settings_as(self, kind: type[T]) -> T:
        assert isinstance(self.settings, kind), f"the manifest names {type(self.settings).__name__} as its settings"
        return self.settings

    async def blocking(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return cast(T, await anyio.to_process.run_sync(partial(function, *args, **kwargs), cancellable=True))

    async def before_call(self) -> None:
        self.counted += 1


@dataclass(kw_only=True)
class MemoryContext(MemoryConnection):
    """One attempt to tell one event."""

    event: Envelope
    attempt: int = 1
    idempotency_key: str
