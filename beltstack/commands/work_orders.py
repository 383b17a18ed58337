"""Work orders: create, update, delete a draft, and one function per transition."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from beltstack.commands.work import Work
from beltstack.domain.access import Action
from beltstack.domain.changes import Change
from beltstack.domain.errors import AlreadyExists, InvalidInput, NotFound
from beltstack.domain.ids import EquipmentId, LineItemId, WorkOrderId
from beltstack.domain.lifecycle import TRANSITIONS, WorkOrderCommand
from beltstack.domain.line_items import LineItem
from beltstack.domain.sites import SiteOfAnotherCustomer
from beltstack.domain.tenants import Tenant
from beltstack.domain.work_orders import RemainingVisits, WorkOrder, WorkOrderOutcome, checked_lines, new_work_order


async def create(work: Work, *, work_order: WorkOrder, override_reason: str | None = None) -> WorkOrderId:
    """Take a work order in, with its first line items; the number is taken last."""
    work.must_be_able_to(Action.CREATE_WORK_ORDER)
    work.foresee_review()
    customer = await work.customers.get(work_order.customer_id, path=("customer_id",), lock=True)
    may_override = work.actor.can(Action.OVERRIDE_CUSTOMER_BLOCK) and bool(override_reason)
    customer.check_can_be_served(may_override=may_override, path=("customer_id",))
    if override_reason:
        work.note = f"override: {override_reason[:500]}"
    await _check_place(work, work_order)
    await _check_lines(work, work_order)
    tenant = await work.tenants.get()
    proposed = new_work_order(replace(work_order, currency=tenant.currency, created_at=work.now))
    await work.review("before_work_order_create", proposed, tenant)
    number = await work.numbers.next("work_order")
    change = new_work_order(replace(proposed.after, number=f"WO-{number}"))
    await work.save_work_order(change, tenant)
    return change.after.id


async def update(
    work: Work, *, work_order_id: WorkOrderId, expected_version: int, patch: dict[str, Any]
) -> WorkOrderId:
    work.must_be_able_to(Action.EDIT_WORK_ORDER)
    work_order = await work.work_orders.get(work_order_id, lock=True)
    work_order.expect(expected_version)
    change = work_order.revise(patch)
    await _check_place(work, change.after)
    await work.save_work_order(change, await work.tenants.get())
    return work_order_id


async def delete(work: Work, *, work_order_id: WorkOrderId, expected_version: int) -> WorkOrderId:
    work.must_be_able_to(Action.EDIT_WORK_ORDER)
    work_order = await work.work_orders.get(work_order_id, lock=True)
    await work.work_orders.remove(work_order.expect(expected_version).delete())
    return work_order_id


async def submit(work: Work, *, work_order_id: WorkOrderId, expected_version: int) -> WorkOrderId:
    return await _transition(
        work, WorkOrderCommand.SUBMIT, work_order_id, expected_version, lambda work_order, _: work_order.submit()
    )


async def hold(
    work: Work,
    *,
    work_order_id: WorkOrderId,
    expected_version: int,
    reason: str,
    review_on: date | None,
    cancel_visits: bool,
) -> WorkOrderId:
    return await _transition(
        work,
        WorkOrderCommand.HOLD,
        work_order_id,
        expected_version,
        lambda work_order, tenant: work_order.hold(
            tenant, reason=reason, review_on=review_on, cancel_visits=cancel_visits
        ),
    )


async def resume(work: Work, *, work_order_id: WorkOrderId, expected_version: int) -> WorkOrderId:
    return await _transition(work, WorkOrderCommand.RESUME, work_order_id, expected_version, WorkOrder.resume)


async def complete(
    work: Work,
    *,
    work_order_id: WorkOrderId,
    expected_version: int,
    outcome: WorkOrderOutcome,
    remaining_visits: RemainingVisits | None,
) -> WorkOrderId:
    """Close the field work on a work order and tell the plugins."""
    return await _transition(
        work,
        WorkOrderCommand.COMPLETE,
        work_order_id,
        expected_version,
        lambda work_order, tenant: work_order.complete(
            tenant, at=work.now, by=work.actor.id, outcome=outcome, remaining_visits=remaining_visits
        ),
    )


async def approve(work: Work, *, work_order_id: WorkOrderId, expected_version: int) -> WorkOrderId:
    return await _transition(
        work,
        WorkOrderCommand.APPROVE,
        work_order_id,
        expected_version,
        lambda work_order, tenant: work_order.approve(tenant, at=work.now, by=work.actor.id),
    )


async def reject(work: Work, *, work_order_id: WorkOrderId, expected_version: int, reason: str) -> WorkOrderId:
    return await _transition(
        work,
        WorkOrderCommand.REJECT,
        work_order_id,
        expected_version,
        lambda work_order, tenant: work_order.reject(tenant, reason=reason),
    )


async def reopen(work: Work, *, work_order_id: WorkOrderId, expected_version: int, reason: str) -> WorkOrderId:
    return await _transition(
        work,
        WorkOrderCommand.REOPEN,
        work_order_id,
        expected_version,
        lambda work_order, tenant: work_order.reopen(tenant, reason=reason),
    )


async def close(work: Work, *, work_order_id: WorkOrderId, expected_version: int) -> WorkOrderId:
    return await _transition(
        work,
        WorkOrderCommand.CLOSE,
        work_order_id,
        expected_version,
        lambda work_order, tenant: work_order.close(tenant, at=work.now),
    )


async def unlock(work: Work, *, work_order_id: WorkOrderId, expected_version: int, reason: str) -> WorkOrderId:
    return await _transition(
        work,
        WorkOrderCommand.UNLOCK,
        work_order_id,
        expected_version,
        lambda work_order, tenant: work_order.unlock(tenant, reason=reason),
    )


async def cancel(
    work: Work,
    *,
    work_order_id: WorkOrderId,
    expected_version: int,
    reason: str,
    keep_billable_lines: bool | None,
) -> WorkOrderId:
    return await _transition(
        work,
        WorkOrderCommand.CANCEL,
        work_order_id,
        expected_version,
        lambda work_order, tenant: work_order.cancel(
            tenant, reason=reason, keep_billable_lines=keep_billable_lines, at=work.now
        ),
    )


async def reinstate(work: Work, *, work_order_id: WorkOrderId, expected_version: int) -> WorkOrderId:
    return await _transition(work, WorkOrderCommand.REINSTATE, work_order_id, expected_version, WorkOrder.reinstate)


async def add_line_items(
    work: Work, *, work_order_id: WorkOrderId, expected_version: int, new: tuple[LineItem, ...]
) -> WorkOrderId:
    """Add lines at the end, in the order given."""

    def edit(work_order: WorkOrder) -> Iterable[LineItem]:
        # Alone first: the caller numbers the new lines from 0, not from the last old one on.
        checked_lines(new, work_order.currency)
        _check_ids_are_new(new, work_order)
        after = max((item.position for item in work_order.line_items), default=-1) + 1
        return (*work_order.line_items, *(replace(item, position=after + place) for place, item in enumerate(new)))

    return await _edit_lines(work, work_order_id, expected_version, edit)


async def update_line_item(
    work: Work, *, line_item_id: LineItemId, expected_version: int, patch: dict[str, Any]
) -> WorkOrderId:
    work.must_be_able_to(Action.EDIT_LINE_ITEMS)

    def edit(work_order: WorkOrder) -> Iterable[LineItem]:
        old = work_order.line_item(line_item_id)
        new = old.revise(patch, currency=work_order.currency)
        return (new if item.id == old.id else item for item in work_order.line_items)

    return await _edit_lines(work, await work.work_orders.of_line_item(line_item_id), expected_version, edit)


async def remove_line_item(work: Work, *, line_item_id: LineItemId, expected_version: int) -> WorkOrderId:
    work.must_be_able_to(Action.EDIT_LINE_ITEMS)

    def edit(work_order: WorkOrder) -> Iterable[LineItem]:
        old = work_order.line_item(line_item_id)
        return (item for item in work_order.line_items if item.id != old.id)

    return await _edit_lines(work, await work.work_orders.of_line_item(line_item_id), expected_version, edit)


async def _edit_lines(
    work: Work,
    work_order_id: WorkOrderId,
    expected_version: int,
    edit: Callable[[WorkOrder], Iterable[LineItem]],
) -> WorkOrderId:
    work.must_be_able_to(Action.EDIT_LINE_ITEMS)
    work.foresee_review()
    work_order = await work.work_orders.get(work_order_id, lock=True, path=("work_order_id",))
    work.about = work_order_id
    work_order.check_own(work.actor)
    work_order.expect(expected_version)
    change = work_order.with_line_items(tuple(edit(work_order)))
    await _check_lines(work, change.after, known=work_order.line_items)
    tenant = await work.tenants.get()
    if not change.is_nothing:
        await work.review("before_line_item_change", change, tenant)
    await work.save_work_order(change, tenant)
    return work_order_id


async def _check_lines(work: Work, work_order: WorkOrder, *, known: tuple[LineItem, ...] = ()) -> None:
    """New lines name visits of this work order and entries of the price list that exist."""
    old = {item.id for item in known}
    for index, item in enumerate(item for item in work_order.line_items if item.id not in old):
        path = ("line_items", str(index))
        if item.visit_id is not None and item.visit_id not in {visit.id for visit in work_order.visits}:
            raise NotFound("This visit is not one of the work order.", path=(*path, "visit_id"))
        if item.catalog_item_id is not None:
            await work.catalog_items.get(item.catalog_item_id, path=(*path, "catalog_item_id"))


def _check_ids_are_new(new: tuple[LineItem, ...], work_order: WorkOrder) -> None:
    taken = {item.id for item in work_order.line_items}
    for index, item in enumerate(new):
        if item.id in taken:
            path = ("line_items", str(index), "id")
            raise AlreadyExists("This id is in use already; choose a new one.", path=path)


Decide = Callable[[WorkOrder, Tenant], Change[WorkOrder]]


async def _transition(
    work: Work, command: WorkOrderCommand, work_order_id: WorkOrderId, expected_version: int, decide: Decide
) -> WorkOrderId:
    """Permission, load, decide, ask the vetoes, save. Where the target holds already, nothing happens."""
    work.must_be_able_to(TRANSITIONS[command].action)
    work.foresee_review()
    work_order = await work.work_orders.get(work_order_id, lock=True)
    if work_order.has_reached(command):
        return work_order_id
    work_order.expect(expected_version)
    check_rights(work, command, work_order)
    tenant = await work.tenants.get()
    change = decide(work_order, tenant)
    await work.review(f"before_work_order_{command.words}", change, tenant)
    await work.save_work_order(change, tenant)
    return work_order_id


def check_rights(work: Work, command: WorkOrderCommand, work_order: WorkOrder) -> None:
    """What goes beyond the role: rarer sources take more, and a technician acts on their own work."""
    row = TRANSITIONS[command]
    work.must_be_able_to(row.action)
    if row.held_by is not None and work_order.state in row.rare:
        work.must_be_able_to(row.held_by)
    work_order.check_own(work.actor, lead_only=command is WorkOrderCommand.COMPLETE)


async def _check_place(work: Work, work_order: WorkOrder) -> None:
    """The site is the customer's, the contact too, the equipment stands at the site."""
    site = await work.sites.get(work_order.site_id, path=("site_id",))
    if site.customer_id != work_order.customer_id:
        raise SiteOfAnotherCustomer("This site belongs to another customer.", path=("site_id",))
    if work_order.contact_id is not None:
        contact = await work.contacts.get(work_order.contact_id, path=("contact_id",))
        if contact.customer_id != work_order.customer_id:
            raise SiteOfAnotherCustomer("This contact belongs to another customer.", path=("contact_id",))
    for index, equipment_id in enumerate(work_order.equipment_ids):
        await _check_equipment(work, equipment_id, work_order, index)


async def _check_equipment(work: Work, equipment_id: EquipmentId, work_order: WorkOrder, index: int) -> None:
    path = ("equipment_ids", str(index))
    if equipment_id in work_order.equipment_ids[:index]:
        raise InvalidInput("This equipment is in the list already; name it once.", path=path)
    equipment = await work.equipment.get(equipment_id, path=path)
    if equipment.site_id != work_order.site_id:
        raise SiteOfAnotherCustomer("This equipment stands at another site.", path=path)
