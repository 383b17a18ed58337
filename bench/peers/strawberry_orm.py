"""strawberry with SQLAlchemy's ORM and DataLoaders, as its documentation shows: one session a request."""

# The classes take their columns from the tables when they are made, which mypy cannot see.
# mypy: disable-error-code="attr-defined"

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import strawberry
from sqlalchemy import and_, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from uuid_utils.compat import uuid7

from beltstack.store import tables
from beltstack.store.database import DatabaseRole, options, psycopg_url
from beltstack.store.tokens import token_hash

OPEN = ("OPEN", "SCHEDULED", "IN_PROGRESS", "ON_HOLD")


class Base(DeclarativeBase):
    metadata = tables.metadata


class CustomerRow(Base):
    __table__ = tables.customer


class SiteRow(Base):
    __table__ = tables.site


class TechnicianRow(Base):
    __table__ = tables.technician


class WorkOrderRow(Base):
    __table__ = tables.work_order


class VisitRow(Base):
    __table__ = tables.visit


class AssignmentRow(Base):
    __table__ = tables.assignment


class LineItemRow(Base):
    __table__ = tables.line_item


class EventRow(Base):
    __table__ = tables.event


class DeliveryRow(Base):
    __table__ = tables.delivery


class AuditRow(Base):
    __table__ = tables.audit_entry


class Loaders:
    """One request's: a session may do one thing at a time, so the loaders take turns."""

    def __init__(self, session: AsyncSession, who: Any) -> None:
        self.session, self.who = session, who
        self._turn = asyncio.Lock()
        self.customer = DataLoader(self._by_id(CustomerRow))
        self.site = DataLoader(self._by_id(SiteRow))
        self.technician = DataLoader(self._by_id(TechnicianRow))
        self.visits = DataLoader(self._of(VisitRow, "work_order_id", "sequence"))
        self.assignments = DataLoader(self._of(AssignmentRow, "visit_id", "position"))
        self.line_items = DataLoader(self._of(LineItemRow, "work_order_id", "position"))
        self.open_work_orders = DataLoader(self._open)

    async def all(self, statement: Any) -> Sequence[Any]:
        async with self._turn:
            return (await self.session.execute(statement)).scalars().all()

    def _by_id(self, kind: Any) -> Callable[[list[UUID]], Any]:
        async def load(keys: list[UUID]) -> list[Any]:
            found = await self.all(select(kind).where(kind.tenant_id == self.who.tenant_id, kind.id.in_(keys)))
            rows = {row.id: row for row in found}
            return [rows.get(key) for key in keys]

        return load

    def _of(self, kind: Any, column: str, order: str) -> Callable[[list[UUID]], Any]:
        owner = getattr(kind, column)

        async def load(keys: list[UUID]) -> list[list[Any]]:
            mine = and_(kind.tenant_id == self.who.tenant_id, owner.in_(keys))
            rows = defaultdict(list)
            for row in await self.all(select(kind).where(mine).order_by(getattr(kind, order))):
                rows[getattr(row, column)].append(row)
            return [rows[key] for key in keys]

        return load

    async def _open(self, keys: list[UUID]) -> list[int]:
        owner = WorkOrderRow.customer_id
        statement = (
            select(owner, func.count())
            .where(WorkOrderRow.tenant_id == self.who.tenant_id, owner.in_(keys), WorkOrderRow.state.in_(OPEN))
            .group_by(owner)
        )
        async with self._turn:
            counts: dict[UUID, int] = dict((await self.session.execute(statement)).tuples().all())
        return [counts.get(key, 0) for key in keys]


Info = strawberry.Info[Loaders, None]


@strawberry.type
class Amount:
    amount: Decimal


@strawberry.type
class Span:
    start: datetime
    end: datetime


@strawberry.type
class Place:
    line1: str
    line2: str | None
    city: str | None
    region: str | None
    postal_code: str | None
    country: str


@strawberry.type
class Customer:
    id: strawberry.ID
    name: str
    phone: str | None

    @strawberry.field
    async def open_work_orders(self, info: Info) -> int:
        return await info.context.open_work_orders.load(UUID(str(self.id)))


@strawberry.type
class Site:
    id: strawberry.ID
    name: str
    address: Place | None


@strawberry.type
class Technician:
    id: strawberry.ID
    name: str


@strawberry.type
class Assignment:
    row: strawberry.Private[Any]
    state: str

    @strawberry.field
    async def technician(self, info: Info) -> Technician:
        row = await info.context.technician.load(self.row.technician_id)
        return Technician(id=row.id, name=row.name)


@strawberry.type
class Visit:
    row: strawberry.Private[Any]
    id: strawberry.ID
    state: str

    @strawberry.field
    def planned(self) -> Span | None:
        return Span(start=self.row.planned_start, end=self.row.planned_end) if self.row.planned_start else None

    @strawberry.field
    async def assignments(self, info: Info) -> list[Assignment]:
        return [Assignment(row=row, state=row.state) for row in await info.context.assignments.load(self.row.id)]


@strawberry.type
class LineItem:
    row: strawberry.Private[Any]
    id: strawberry.ID
    description: str
    quantity: Decimal
    unit: str | None

    @strawberry.field
    def unit_price(self) -> Amount | None:
        return None if self.row.unit_price is None else Amount(amount=self.row.unit_price)

    @strawberry.field
    def net(self) -> Amount:
        return Amount(amount=self.row.net)


@strawberry.type
class WorkOrder:
    row: strawberry.Private[Any]
    id: strawberry.ID
    version: int
    number: str
    title: str
    priority: str
    state: str
    created_at: datetime

    @strawberry.field
    async def customer(self, info: Info) -> Customer:
        return _customer(await info.context.customer.load(self.row.customer_id))

    @strawberry.field
    async def site(self, info: Info) -> Site:
        row = await info.context.site.load(self.row.site_id)
        parts = ("line1", "line2", "city", "region", "postal_code", "country")
        address = Place(**{part: row.address.get(part) for part in parts}) if row.address else None
        return Site(id=row.id, name=row.name, address=address)

    @strawberry.field
    async def visits(self, info: Info) -> list[Visit]:
        return [Visit(row=row, id=row.id, state=row.state) for row in await info.context.visits.load(self.row.id)]

    @strawberry.field
    async def line_items(self, info: Info) -> list[LineItem]:
        return [
            LineItem(row=row, id=row.id, description=row.description, quantity=row.quantity, unit=row.unit)
            for row in await info.context.line_items.load(self.row.id)
        ]


@strawberry.type
class WorkOrders:
    nodes: list[WorkOrder]


@strawberry.type
class Customers:
    nodes: list[Customer]


@strawberry.type
class Query:
    @strawberry.field
    async def work_orders(self, info: Info, state: str, first: int) -> WorkOrders:
        mine = and_(WorkOrderRow.tenant_id == info.context.who.tenant_id, WorkOrderRow.state == state)
        rows = await info.context.all(select(WorkOrderRow).where(mine).order_by(WorkOrderRow.id.desc()).limit(first))
        return WorkOrders(nodes=[_work_order(row) for row in rows])

    @strawberry.field
    async def work_order(self, info: Info, id: strawberry.ID) -> WorkOrder | None:  # noqa: A002
        mine = and_(WorkOrderRow.tenant_id == info.context.who.tenant_id, WorkOrderRow.id == UUID(str(id)))
        rows = await info.context.all(select(WorkOrderRow).where(mine))
        return _work_order(rows[0]) if rows else None

    @strawberry.field
    async def customers(self, info: Info, first: int, after: strawberry.ID) -> Customers:
        mine = and_(CustomerRow.tenant_id == info.context.who.tenant_id, CustomerRow.id < UUID(str(after)))
        rows = await info.context.all(select(CustomerRow).where(mine).order_by(CustomerRow.id.desc()).limit(first))
        return Customers(nodes=[_customer(row) for row in rows])


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def transition(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        expected_version: int,
        state: str,
        reason: str | None = None,
    ) -> WorkOrder:
        """Lock, version check, update, event, what is owed, audit."""
        session, who = info.context.session, info.context.who
        mine = and_(WorkOrderRow.tenant_id == who.tenant_id, WorkOrderRow.id == UUID(str(id)))
        row = (await session.execute(select(WorkOrderRow).where(mine).with_for_update())).scalar_one()
        if row.version != expected_version or row.state == state:
            raise ValueError("The work order stands elsewhere.")
        total = select(func.coalesce(func.sum(LineItemRow.net), 0)).where(
            LineItemRow.tenant_id == who.tenant_id, LineItemRow.work_order_id == row.id
        )
        data = {
            "work_order_id": str(row.id), "number": row.number, "title": row.title, "from_state": row.state,
            "state": state, "priority": row.priority, "customer_id": str(row.customer_id),
            "site_id": str(row.site_id), "total": str((await session.execute(total)).scalar_one()),
            "currency": row.currency, "reason": reason,
        }  # fmt: skip
        row.state, row.hold_reason, row.version = state, reason, row.version + 1
        row.updated_at, row.updated_by = func.now(), who.id
        await _tell(session, who, row, state, data)
        await session.flush()
        return _work_order(row)


async def _tell(session: AsyncSession, who: Any, row: Any, state: str, data: dict[str, Any]) -> None:
    held = state == "ON_HOLD"
    kind = "work_order.held" if held else "work_order.resumed"
    seq = select(func.coalesce(func.max(EventRow.seq), 0) + 1).where(
        EventRow.tenant_id == who.tenant_id, EventRow.stream == row.id
    )
    integrations = tables.integration
    enabled = select(integrations.c.id).where(
        integrations.c.tenant_id == who.tenant_id, integrations.c.status != "DISABLED"
    )
    request, actor = uuid4().hex, {"tenant_id": who.tenant_id, "actor_kind": who.kind, "actor_id": who.id}
    event = EventRow(
        **actor, id=uuid7(), stream=row.id, seq=(await session.execute(seq)).scalar_one(), type=kind, v=1,
        occurred_at=func.now(), request_id=request, data=data,
    )  # fmt: skip
    session.add(event)
    await session.flush()
    for integration_id in (await session.execute(enabled)).scalars().all():
        session.add(
            DeliveryRow(
                tenant_id=who.tenant_id, id=uuid7(), event_id=event.id, integration_id=integration_id, stream=row.id,
                seq=event.seq, state="READY",
            )
        )  # fmt: skip
    session.add(
        AuditRow(
            **actor, id=uuid7(), command="work_order.hold" if held else "work_order.resume", subject_id=row.id,
            request_id=request, facts=[kind],
        )
    )  # fmt: skip
    await session.execute(text("select pg_notify('beltstack_wake', '')"))


def _work_order(row: Any) -> WorkOrder:
    return WorkOrder(
        row=row, id=row.id, version=row.version, number=row.number, title=row.title, priority=row.priority,
        state=row.state, created_at=row.created_at,
    )  # fmt: skip


def _customer(row: Any) -> Customer:
    return Customer(id=row.id, name=row.name, phone=row.phone)


@asynccontextmanager
async def strawberry_orm(url: str) -> AsyncIterator[Any]:
    """An ASGI app: a session for each request, in a transaction with the token's tenant."""
    engine = create_async_engine(
        psycopg_url(url), pool_size=10, max_overflow=0, connect_args={"options": options(DatabaseRole.APP)}
    )
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    schema = strawberry.Schema(Query, Mutation)

    class Endpoint(GraphQL[Loaders, None]):
        async def get_context(self, request: Any, response: Any) -> Loaders:
            session: AsyncSession = request.scope["session"]
            token = request.headers["authorization"].removeprefix("Bearer ")
            row = (await session.execute(_WHO, {"hash": token_hash(token)})).one()
            return Loaders(session, row)

    endpoint = Endpoint(schema, graphql_ide=None)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async with sessions() as session, session.begin():
            held: list[Any] = []

            async def after_commit(message: Any) -> None:
                held.append(message)

            await endpoint({**scope, "session": session}, receive, after_commit)
        for message in held:
            await send(message)

    yield app
    await engine.dispose()


_WHO = text("select set_config('app.tenant', tenant_id::text, true), tenant_id, id, kind from token_actor(:hash)")
