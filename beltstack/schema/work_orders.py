"""Work orders, their line items and their transitions."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import func, select

from beltstack.commands import work_orders
from beltstack.commands.asking import Asked, ask
from beltstack.commands.available_transitions import available_transitions
from beltstack.commands.work import Work
from beltstack.domain.access import Action
from beltstack.domain.billing import BillingState
from beltstack.domain.errors import Refusal
from beltstack.domain.ids import Noun, WorkOrderId
from beltstack.domain.lifecycle import TRANSITIONS, WorkOrderCommand, WorkOrderState
from beltstack.domain.line_items import Coverage, LineKind
from beltstack.domain.line_items import LineItem as DomainLineItem
from beltstack.domain.work_orders import Priority, RemainingVisits, Source, WorkOrderOutcome
from beltstack.domain.work_orders import WorkOrder as DomainWorkOrder
from beltstack.planner.entities import Batched, Expression, ToMany, ToOne
from beltstack.schema.catalog import CatalogItem
from beltstack.schema.customers import Contact, Customer
from beltstack.schema.inputs import dry_run, expected_version, idempotency_key, key, new_key
from beltstack.schema.mutations import Mutation
from beltstack.schema.refusals import UserError, commands_from, error_as_json, user_error
from beltstack.schema.sites import Equipment, Site
from beltstack.schema.types import Connection, Money, Node, bind, column, connection, money, says
from beltstack.store import tables

if TYPE_CHECKING:
    from beltstack.schema.invoices import Invoice
    from beltstack.schema.visits import Visit


def _currency_of_work_order() -> Expression:
    return lambda row: (
        select(tables.work_order.c.currency)
        .where(tables.work_order.c.tenant_id == row.c.tenant_id, tables.work_order.c.id == row.c.work_order_id)
        .scalar_subquery()
    )


def _total() -> Expression:
    return lambda row: (
        select(func.coalesce(func.sum(tables.line_item.c.net), 0))
        .where(tables.line_item.c.tenant_id == row.c.tenant_id, tables.line_item.c.work_order_id == row.c.id)
        .scalar_subquery()
    )


@strawberry.type(description="Whether a command would be taken now.")
class AvailableTransition:
    command: WorkOrderCommand = says("The command.")
    allowed: bool = says("Whether it would be taken now.")
    reasons: list[UserError] = says("Everything that stands against it.")


async def _transitions(asked: Asked, rows: Sequence[Mapping[str, Any]], _: Any) -> list[list[dict[str, Any]]]:
    """For one work order with every reason; for several by state and rights."""
    if len(rows) == 1:
        identifier = WorkOrderId(UUID(rows[0]["id"]))
        found = await ask(asked, lambda work: available_transitions(work, work_order_id=identifier))
        return [[_told(one.command, one.reasons) for one in found]]
    return [[_by_state(row["state"], command, asked) for command in WorkOrderCommand] for row in rows]


def _told(command: WorkOrderCommand, reasons: Sequence[Refusal]) -> dict[str, Any]:
    return {
        "__typename": "AvailableTransition",
        "command": command.value,
        "allowed": not reasons,
        "reasons": [error_as_json(user_error(refusal)) for refusal in reasons],
    }


def _by_state(state: str, command: WorkOrderCommand, asked: Asked) -> dict[str, Any]:
    told = _told(command, ())
    is_allowed = command in commands_from(WorkOrderState(state)) and asked.actor.can(TRANSITIONS[command].action)
    return {**told, "allowed": is_allowed}


@bind(
    Noun.WORK_ORDER,
    tables.work_order,
    fields={
        "total": money(_total()),
        "nte_amount": money("nte_amount", nullable=True),
        "customer": ToOne("Customer", "customer_id"),
        "site": ToOne("Site", "site_id"),
        "contact": ToOne("Contact", "contact_id"),
        "equipment": ToMany(
            "Equipment",
            "work_order_id",
            order_by="position",
            through=tables.work_order_equipment,
            through_column="equipment_id",
        ),
        "line_items": ToMany("LineItem", "work_order_id", order_by="position"),
        "visits": ToMany("Visit", "work_order_id", order_by="sequence"),
        "invoices": ToMany(
            "Invoice",
            "work_order_id",
            paged=True,
            through=tables.invoice_work_order,
            through_column="invoice_id",
        ),
        "available_transitions": Batched({"id": column("id"), "state": column("state")}, _transitions),
    },
)
@strawberry.type(description="The contract of work: who it is for, what was promised, what happened, what is owed.")
class WorkOrder(Node):
    version: int = says("Counts the changes of the work order, its visits and its line items.")
    number: str = says("The human number, unique within the tenant.")
    title: str = says("What is to be done, in a line.")
    description: str | None = says("What is to be done, at length.")
    customer: Customer = says("Whom it is for.")
    site: Site = says("Where it is done.")
    contact: Contact | None = says("Whom to talk to.")
    equipment: list[Equipment] = says("What is serviced.")
    source: Source = says("How it came in.")
    priority: Priority = says("How urgent it is.")
    state: WorkOrderState = says("Where it stands.")
    needs_return: bool = says("Whether the last visit ended without the work being done.")
    hold_reason: str | None = says("Why it is on hold.")
    review_on: date | None = says("When to look at the hold again.")
    cancel_reason: str | None = says("Why it was canceled.")
    outcome: WorkOrderOutcome | None = says("What came of it.")
    po_number: str | None = says("The customer's purchase order.")
    no_charge: bool = says("Whether nothing is billed.")
    nte_amount: Money | None = says("Not to exceed: a total above it needs approval at completion.")
    billing_state: BillingState = says("Where its money stands.")
    total: Money = says("What its lines come to, before tax.")
    line_items: list["LineItem"] = says("Its lines, in their order.")
    visits: list[Annotated["Visit", strawberry.lazy("beltstack.schema.visits")]] = says("Its trips, in their order.")
    invoices: Connection[Annotated["Invoice", strawberry.lazy("beltstack.schema.invoices")]] = connection(
        Noun.INVOICE, "What it was billed with, newest first."
    )
    started_at: datetime | None = says("When work started.")
    completed_at: datetime | None = says("When the field work was completed.")
    approved_at: datetime | None = says("When it was approved.")
    closed_at: datetime | None = says("When it was locked.")
    created_at: datetime = says("When it came in.")
    updated_at: datetime = says("When it was last changed.")

    available_transitions: list[AvailableTransition] = says(
        "What may be done with it now, and what stands against it. On a single work order the plugins' vetoes are"
        " asked, too; in lists it tells what state and rights allow."
    )


@bind(
    Noun.LINE_ITEM,
    tables.line_item,
    fields={
        "unit_price": money("unit_price", currency=_currency_of_work_order(), nullable=True),
        "unit_cost": money("unit_cost", currency=_currency_of_work_order(), nullable=True),
        "discount_amount": money("discount_amount", currency=_currency_of_work_order()),
        "net": money("net", currency=_currency_of_work_order()),
        "catalog_item": ToOne("CatalogItem", "catalog_item_id"),
        "visit": ToOne("Visit", "visit_id"),
    },
    hidden={"unit_cost": Action.SEE_COST},
)
@strawberry.type(description="One line of what is done, used or charged.")
class LineItem(Node):
    version: int = says("Counts the changes.")
    kind: LineKind = says("What it stands for.")
    description: str = says("What the customer reads.")
    quantity: Decimal = says("How many units.")
    unit: str | None = says("What is counted, like 'hour'.")
    unit_price: Money | None = says("Price of one unit; null until somebody sets it.")
    unit_cost: Money | None = says("Cost of one unit; null without the right to see costs.")
    discount_percent: Decimal = says("Taken off first, 0 to 100.")
    discount_amount: Money = says("Taken off next.")
    net: Money = says("What the customer is charged for it, before tax is added.")
    coverage: Coverage = says("Who bears the price.")
    invoiced_quantity: Decimal = says("How many of the units are on invoices, drafts among them.")
    taxable: bool = says("Whether tax is charged.")
    catalog_item: CatalogItem | None = says("The entry of the price list it came from.")
    visit: Annotated["Visit", strawberry.lazy("beltstack.schema.visits")] | None = says("The trip it belongs to.")


@strawberry.input(description="A line to add.")
class LineItemInput:
    description: str = says("What the customer reads.")
    id: strawberry.ID | None = new_key(Noun.LINE_ITEM)
    kind: LineKind = strawberry.field(description="What it stands for.", default=LineKind.LABOR)
    quantity: Decimal = strawberry.field(description="How many units.", default=Decimal(1))
    unit: str | None = strawberry.field(description="What is counted, like 'hour'.", default=None)
    unit_price: Decimal | None = strawberry.field(
        description="Price of one unit; may be set later, before completion.", default=None
    )
    unit_cost: Decimal | None = strawberry.field(description="Cost of one unit.", default=None)
    discount_percent: Decimal = strawberry.field(description="Taken off first, 0 to 100.", default=Decimal(0))
    discount_amount: Decimal = strawberry.field(description="Taken off next.", default=Decimal(0))
    coverage: Coverage = strawberry.field(description="Who bears the price.", default=Coverage.BILLABLE)
    taxable: bool = strawberry.field(description="Whether tax is charged.", default=True)
    visit_id: strawberry.ID | None = key(Noun.VISIT, "The trip it belongs to.", default=None)
    catalog_item_id: strawberry.ID | None = key(Noun.CATALOG_ITEM, "The entry of the price list.", default=None)


@strawberry.input(description="What changes about a line; what is absent stays, null empties.")
class LineItemPatch:
    description: strawberry.Maybe[str] = says("What the customer reads.")
    kind: strawberry.Maybe[LineKind] = says("What it stands for.")
    quantity: strawberry.Maybe[Decimal] = says("How many units.")
    unit: strawberry.Maybe[str | None] = says("What is counted.")
    unit_price: strawberry.Maybe[Decimal | None] = says("Price of one unit.")
    unit_cost: strawberry.Maybe[Decimal | None] = says("Cost of one unit.")
    discount_percent: strawberry.Maybe[Decimal] = says("Taken off first, 0 to 100.")
    discount_amount: strawberry.Maybe[Decimal] = says("Taken off next.")
    coverage: strawberry.Maybe[Coverage] = says("Who bears the price.")
    taxable: strawberry.Maybe[bool] = says("Whether tax is charged.")
    position: strawberry.Maybe[int] = says("Its place among the lines, from 0.")


@strawberry.input(description="A new work order.")
class WorkOrderCreateInput:
    customer_id: strawberry.ID = key(Noun.CUSTOMER, "Whom it is for.")
    site_id: strawberry.ID = key(Noun.SITE, "Where it is done: a site of the customer.")
    title: str = says("What is to be done, in a line.")
    source: Source = says("How it came in.")
    id: strawberry.ID | None = new_key(Noun.WORK_ORDER)
    description: str | None = strawberry.field(description="What is to be done, at length.", default=None)
    contact_id: strawberry.ID | None = key(Noun.CONTACT, "Whom to talk to.", default=None)
    equipment_ids: list[strawberry.ID] = key(Noun.EQUIPMENT, "What is serviced.", default_factory=list)
    priority: Priority = strawberry.field(description="How urgent it is.", default=Priority.NORMAL)
    po_number: str | None = strawberry.field(description="The customer's purchase order.", default=None)
    no_charge: bool = strawberry.field(description="Whether nothing is billed.", default=False)
    nte_amount: Decimal | None = strawberry.field(description="Not to exceed, before tax.", default=None)
    draft: bool = strawberry.field(description="Whether it starts as DRAFT instead of OPEN.", default=False)
    line_items: list[LineItemInput] = strawberry.field(description="Its first lines.", default_factory=list)
    override_reason: str | None = strawberry.field(
        description="Why a customer on hold is served all the same; takes a manager.", default=None
    )
    idempotency_key: str | None = idempotency_key()
    dry_run: bool = dry_run()


@strawberry.input(description="What changes about a work order; what is absent stays, null empties.")
class WorkOrderPatch:
    title: strawberry.Maybe[str] = says("What is to be done, in a line.")
    description: strawberry.Maybe[str | None] = says("What is to be done, at length.")
    contact_id: strawberry.Maybe[strawberry.ID | None] = key(Noun.CONTACT, "Whom to talk to.")
    equipment_ids: strawberry.Maybe[list[strawberry.ID]] = key(Noun.EQUIPMENT, "What is serviced.")
    priority: strawberry.Maybe[Priority] = says("How urgent it is.")
    po_number: strawberry.Maybe[str | None] = says("The customer's purchase order.")
    no_charge: strawberry.Maybe[bool] = says("Whether nothing is billed.")
    nte_amount: strawberry.Maybe[Decimal | None] = says("Not to exceed, before tax.")


@strawberry.input(description="Which work order to change, and how.")
class WorkOrderUpdateInput:
    id: strawberry.ID = key(Noun.WORK_ORDER, "The work order.")
    expected_version: int = expected_version()
    patch: WorkOrderPatch = says("What changes.")
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="Which work order to move.")
class WorkOrderTransitionInput:
    id: strawberry.ID = key(Noun.WORK_ORDER, "The work order.")
    expected_version: int = expected_version()
    idempotency_key: str | None = idempotency_key()
    dry_run: bool = dry_run()


@strawberry.input(description="Which work order to move, and why.")
class WorkOrderReasonInput(WorkOrderTransitionInput):
    reason: str = says("Why; it is kept and told to the plugins.")


@strawberry.input(description="Which work order to hold, and why.")
class WorkOrderHoldInput(WorkOrderTransitionInput):
    reason: str = says("What is waited for.")
    review_on: date | None = strawberry.field(description="When to look at it again.", default=None)
    cancel_visits: bool = strawberry.field(description="Whether planned visits are canceled.", default=False)


@strawberry.input(description="Which work order to complete, and how it ended.")
class WorkOrderCompleteInput(WorkOrderTransitionInput):
    outcome: WorkOrderOutcome = strawberry.field(description="What came of it.", default=WorkOrderOutcome.RESOLVED)
    remaining_visits: RemainingVisits | None = strawberry.field(
        description="What becomes of visits still planned; needed if there are any.", default=None
    )


@strawberry.input(description="Which work order to cancel, and why.")
class WorkOrderCancelInput(WorkOrderReasonInput):
    keep_billable_lines: bool | None = strawberry.field(
        description="Once work has started: whether its lines stay billable, like a trip fee.", default=None
    )


@strawberry.input(description="Which work order gets more lines.")
class LineItemAddInput:
    work_order_id: strawberry.ID = key(Noun.WORK_ORDER, "The work order.")
    expected_version: int = expected_version()
    line_items: list[LineItemInput] = says("The lines to add, at the end.")
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="Which line to change, and how.")
class LineItemUpdateInput:
    id: strawberry.ID = key(Noun.LINE_ITEM, "The line.")
    expected_version: int = says("The version of the work order you read.")
    patch: LineItemPatch = says("What changes.")
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="Which line to take off.")
class LineItemRemoveInput:
    id: strawberry.ID = key(Noun.LINE_ITEM, "The line.")
    expected_version: int = says("The version of the work order you read.")
    idempotency_key: str | None = idempotency_key()


async def create(
    work: Work, *, draft: bool, line_items: tuple[dict[str, Any], ...], override_reason: str | None, **values: Any
) -> WorkOrderId:
    lines = tuple(DomainLineItem(**line, position=place) for place, line in enumerate(line_items))
    new = DomainWorkOrder(
        **values,
        number="",
        currency="",
        created_at=work.now,
        state=WorkOrderState.DRAFT if draft else WorkOrderState.OPEN,
        line_items=lines,
    )
    return await work_orders.create(work, work_order=new, override_reason=override_reason)


async def add_lines(work: Work, *, line_items: tuple[dict[str, Any], ...], **values: Any) -> WorkOrderId:
    return await work_orders.add_line_items(work, new=tuple(DomainLineItem(**line) for line in line_items), **values)


def _of_work_order(stem: str, description: str, given: type[Any], run: Any) -> Mutation:
    return Mutation(f"work_order.{stem}", description, given, Noun.WORK_ORDER, run)


MUTATIONS = (
    _of_work_order("create", "Take a work order in.", WorkOrderCreateInput, create),
    _of_work_order("update", "Change what a work order says.", WorkOrderUpdateInput, work_orders.update),
    _of_work_order("delete", "Delete a draft.", WorkOrderTransitionInput, work_orders.delete),
    _of_work_order("submit", "Accept a draft.", WorkOrderTransitionInput, work_orders.submit),
    _of_work_order("hold", "Stop until something is mended.", WorkOrderHoldInput, work_orders.hold),
    _of_work_order("resume", "Go on after a hold.", WorkOrderTransitionInput, work_orders.resume),
    _of_work_order("complete", "Close the field work.", WorkOrderCompleteInput, work_orders.complete),
    _of_work_order("approve", "Confirm completed work.", WorkOrderTransitionInput, work_orders.approve),
    _of_work_order("reject", "Send completed work back.", WorkOrderReasonInput, work_orders.reject),
    _of_work_order("reopen", "Take completed work up again.", WorkOrderReasonInput, work_orders.reopen),
    _of_work_order("close", "Lock what is billed.", WorkOrderTransitionInput, work_orders.close),
    _of_work_order("unlock", "Undo the lock.", WorkOrderReasonInput, work_orders.unlock),
    _of_work_order("cancel", "Call the work off.", WorkOrderCancelInput, work_orders.cancel),
    _of_work_order("reinstate", "Take canceled work up again.", WorkOrderTransitionInput, work_orders.reinstate),
    Mutation("line_item.add", "Add lines to a work order.", LineItemAddInput, Noun.WORK_ORDER, add_lines),
    Mutation(
        "line_item.update",
        "Change a line; answers with its work order.",
        LineItemUpdateInput,
        Noun.WORK_ORDER,
        work_orders.update_line_item,
        id_of=Noun.LINE_ITEM,
    ),
    Mutation(
        "line_item.remove",
        "Take a line off; answers with its work order.",
        LineItemRemoveInput,
        Noun.WORK_ORDER,
        work_orders.remove_line_item,
        id_of=Noun.LINE_ITEM,
    ),
)
