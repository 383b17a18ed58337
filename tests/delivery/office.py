"""A tenant with one integration, and a plugin that does with a payment what the test says."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from uuid_utils.compat import uuid7

from beltstack.commands.tenancy import create_tenant
from beltstack.delivery.engine import Pace
from beltstack.delivery.policy import BackOff, RetryPolicy
from beltstack.delivery.working import work
from beltstack.domain.access import Actor, ActorKind, Role
from beltstack.domain.deliveries import Attempt, Delivery, DeliveryState, Integration
from beltstack.domain.events import PaymentRecorded
from beltstack.domain.ids import CustomerId, DeliveryId, IntegrationId, InvoiceId, PaymentId
from beltstack.domain.tenants import Tenant
from beltstack.plugins.context import Context
from beltstack.plugins.hookspecs import Plugin, hookimpl
from beltstack.plugins.runtime import PluginHost
from beltstack.plugins.setup import Manifest
from beltstack.store.database import Database
from beltstack.store.deliveries import Deliveries
from beltstack.store.integrations import Integrations, Secrets, Vault
from beltstack.store.outbox import tell
from beltstack.store.sealing import Sealer, new_key
from beltstack.store.session import Session

React = Callable[[PaymentRecorded, Context], Awaitable[None]]

BRISK = RetryPolicy(
    transient=BackOff(0.02, 0.1), uncertain=BackOff(0.02, 0.1), breaker=BackOff(0.05, 0.2), throttled_seconds=0.2
)
QUICK = Pace(pulse_seconds=0.2, stalled_seconds=1.0, poll_seconds=0.2, grace_seconds=3.0)


def a_plugin(react: React, **manifest: Any) -> Plugin:
    """A plugin under an id of its own, so that nothing an earlier test left behind is carried to it."""
    plugin_id = f"p{secrets.token_hex(6)}"

    class Listener(Plugin):
        @hookimpl
        async def payment_recorded(self, event: PaymentRecorded, context: Context) -> None:
            await react(event, context)

    Listener.manifest = Manifest(
        **{"id": plugin_id, "name": "Acme Books", "version": "1", "description": "Books."} | manifest
    )
    return Listener()


@dataclass(frozen=True)
class Office:
    """The tenant's side: money comes in, and the admin looks at what became of it."""

    database: Database
    host: PluginHost
    sealer: Sealer
    tenant: Tenant
    integration_id: IntegrationId

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        actor = Actor(self.tenant.id, ActorKind.SYSTEM, self.tenant.id, frozenset({Role.OWNER}))
        async with self.database.transaction(self.tenant.id) as connection:
            yield Session(connection, actor, datetime.now(UTC), listeners=self.host.listeners)

    async def receive(self, *amounts: int, invoice: UUID | None = None) -> UUID:
        """Payments for one invoice, which is their stream, in this order."""
        stream = invoice or uuid7()
        async with self.session() as session:
            await tell(session, [a_payment(amount, stream) for amount in amounts])
        return stream

    async def change(self, decide: Callable[[Integration], Any]) -> None:
        async with self.session() as session:
            integrations = Integrations(session)
            await integrations.save(decide(await integrations.get(self.integration_id, lock=True)))

    async def integration(self) -> Integration:
        async with self.session() as session:
            return await Integrations(session).get(self.integration_id)

    async def keep(self, secrets_: Secrets) -> None:
        async with self.session() as session:
            await Vault(session, self.sealer).keep(self.integration_id, secrets_)

    async def deliveries(self) -> list[Delivery]:
        """The oldest first."""
        async with self.session() as session:
            found = await Deliveries(session).list(integration_id=self.integration_id, limit=1000)
        return sorted(found, key=lambda delivery: (delivery.created_at, delivery.seq))

    async def states(self) -> list[DeliveryState]:
        return [delivery.state for delivery in await self.deliveries()]

    async def attempts(self, delivery_id: DeliveryId) -> Sequence[Attempt]:
        async with self.session() as session:
            return await Deliveries(session).attempts(delivery_id)

    async def replay(self, *ids: DeliveryId) -> None:
        async with self.session() as session:
            await Deliveries(session).replay(ids)

    async def all_delivered(self) -> bool:
        return all(state is DeliveryState.DELIVERED for state in await self.states())

    async def lane(self) -> Any:
        async with self.session() as session:
            values = {"tenant": self.tenant.id, "integration": self.integration_id}
            return await session.first(_LANE, values)


async def an_office(database: Database, plugin: Plugin, **changes: Any) -> Office:
    """A tenant of its own with the plugin enabled; `changes` are the integration's."""
    slug = f"t-{secrets.token_hex(8)}"
    tenant = await create_tenant(database, slug=slug, name="North Air", currency="USD", timezone="America/Chicago")
    office = Office(database, PluginHost([plugin]), Sealer.of_key(new_key()), tenant, IntegrationId(uuid7()))
    plugin_id = plugin.manifest.id
    integration = replace(Integration(office.integration_id, plugin_id, instance=plugin_id), **changes)
    async with office.session() as session:
        change = integration.enable()
        await Integrations(session).save(type(change)(None, change.after, change.facts))
    return office


@asynccontextmanager
async def at_work(
    office: Office, *, policy: RetryPolicy = BRISK, pace: Pace = QUICK, database: Database | None = None
) -> AsyncIterator[None]:
    """A worker runs."""
    stop = asyncio.Event()
    worker = asyncio.create_task(
        work(database or office.database, office.host, office.sealer, stop=stop, policy=policy, pace=pace)
    )
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(worker, 20)


async def until(holds: Callable[[], Awaitable[bool]], *, seconds: float = 8.0) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - what holds is in the database
            await asyncio.sleep(0.02)


def a_payment(amount: int, invoice: UUID) -> PaymentRecorded:
    return PaymentRecorded(
        payment_id=PaymentId(uuid7()),
        invoice_id=InvoiceId(invoice),
        customer_id=CustomerId(uuid7()),
        amount=Decimal(amount),
        currency="USD",
        method="CASH",
        received_on=date(2026, 3, 2),
        reference=None,
    )


_LANE = text("select * from lane where tenant_id = :tenant and integration_id = :integration")
