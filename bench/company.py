"""A company to measure with: a tenant, its owner's token, work orders with lines, and an integration."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from beltstack.commands import customers, sites, work_orders
from beltstack.commands.asking import Answer, Asked, Request, perform
from beltstack.commands.tenancy import create_tenant, create_token
from beltstack.commands.work import Work
from beltstack.domain.access import Actor, Role
from beltstack.domain.customers import Customer, CustomerKind
from beltstack.domain.deliveries import Integration
from beltstack.domain.ids import CustomerId, IntegrationId, LineItemId, SiteId, WorkOrderId
from beltstack.domain.line_items import LineItem, LineKind
from beltstack.domain.sites import Site
from beltstack.domain.work_orders import WorkOrder
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database
from beltstack.store.integrations import Integrations
from beltstack.store.sealing import Sealer
from beltstack.store.session import Session
from beltstack.store.tenants import caller_of_token
from beltstack.store.tokens import token_hash
from beltstack.store.trips import Trips

ZONE = "America/Chicago"
LINES = (("Diagnosis", "1", "95.00"), ("Capacitor 45/5 MFD", "1", "38.50"), ("Labor", "1.5", "110.00"))


class SetUpRefused(Exception):
    """A command that the measure needs was refused."""


@dataclass(frozen=True, slots=True)
class Company:
    """One tenant and who acts for it."""

    database: Database
    host: PluginHost
    sealer: Sealer
    token: str
    actor: Actor

    def asked(self) -> Asked:
        return Asked(
            actor=self.actor, now=datetime.now(UTC), database=self.database, host=self.host, sealer=self.sealer
        )

    async def do(self, stem: str, command: Callable[[Work], Awaitable[UUID | None]]) -> UUID:
        """Carry out one command that must succeed; returns its subject's id."""
        answer: Answer[None] = await perform(self.asked(), Request(stem), command, unread)
        if answer.refusals or answer.subject_id is None:
            raise SetUpRefused(f"{stem}: {', '.join(refusal.message for refusal in answer.refusals)}")
        return answer.subject_id

    async def enable(
        self, plugin_id: str, *, settings: dict[str, Any] | None = None, instance: str = "bench"
    ) -> IntegrationId:
        """Set a plugin up for this tenant."""
        change = Integration(IntegrationId(uuid7()), plugin_id, instance=instance, settings=settings or {}).enable()
        async with self.database.transaction(self.actor.tenant_id) as connection:
            session = Session(connection, self.actor, datetime.now(UTC))
            await Integrations(session).save(replace(change, before=None, facts=()))
        return change.after.id

    async def work_orders(self, count: int) -> tuple[WorkOrderId, ...]:
        """Open work orders of one customer, with three lines each; each stands at version 1."""
        customer = Customer(CustomerId(uuid7()), CustomerKind.RESIDENTIAL, "Maria Garcia", phone="512 555 0100")
        await self.do("customer.create", lambda work: customers.create(work, customer=customer))
        site = Site(SiteId(uuid7()), customer.id, "Home", ZONE)
        await self.do("site.create", lambda work: sites.create(work, site=site))
        made = []
        for _ in range(count):
            new = a_work_order(customer.id, site.id)
            await self.do("work_order.create", lambda work, new=new: work_orders.create(work, work_order=new))  # type: ignore[misc]
            made.append(new.id)
        return tuple(made)


async def unread(trips: Trips, answer: Answer[Any]) -> None:
    """For commands whose answer nobody wants."""


async def a_company(database: Database, host: PluginHost, sealer: Sealer, *, slug: str) -> Company:
    await create_tenant(database, slug=slug, name="North Air", currency="USD", timezone=ZONE)
    token = await create_token(database, slug=slug, roles=(Role.OWNER,), label="bench", at=datetime.now(UTC))
    caller = await caller_of_token(database, token_hash(token))
    assert caller is not None
    return Company(database, host, sealer, token, caller.actor)


def a_work_order(customer_id: CustomerId, site_id: SiteId) -> WorkOrder:
    lines = tuple(
        LineItem(
            LineItemId(uuid7()), LineKind.LABOR, text, Decimal(quantity), unit_price=Decimal(price), position=place
        )
        for place, (text, quantity, price) in enumerate(LINES)
    )
    return WorkOrder(
        id=WorkOrderId(uuid7()),
        number="",
        title="No cooling upstairs",
        customer_id=customer_id,
        site_id=site_id,
        currency="",
        created_at=datetime.now(UTC),
        line_items=lines,
    )
