"""Invoices with their lines, and the payments received for them."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from beltstack.domain.changes import Change
from beltstack.domain.errors import Path
from beltstack.domain.ids import Noun, WorkOrderId
from beltstack.domain.invoices import Invoice, InvoiceLine, InvoiceState
from beltstack.domain.payments import Payment
from beltstack.store import searchable, tables
from beltstack.store.outbox import tell
from beltstack.store.records import Repository, from_row, to_row


class Invoices(Repository[Invoice]):
    noun, table, kind = Noun.INVOICE, tables.invoice, Invoice
    conflicts = {"invoice_tenant_id_number_key": "Another invoice has this number."}

    async def get(self, identifier: UUID, *, lock: bool = False, path: Path = ()) -> Invoice:
        mine = (tables.invoice.c.tenant_id == self.session.tenant_id, tables.invoice.c.id == identifier)
        statement = select(tables.invoice, _WORK_ORDERS).where(*mine)
        row = await self.session.first(statement.with_for_update(of=tables.invoice) if lock else statement)
        if row is None:
            raise self.missing(path)
        return _invoice(row._asdict(), await self._lines(identifier))

    async def work_orders_of(self, identifier: UUID, *, path: Path = ()) -> tuple[WorkOrderId, ...]:
        """Which work orders an invoice bills: they have to be locked first, in the order answered."""
        table = tables.invoice_work_order
        rows = await self.session.all(
            select(table.c.work_order_id)
            .where(table.c.tenant_id == self.session.tenant_id, table.c.invoice_id == identifier)
            .order_by(table.c.work_order_id)
        )
        if not rows:
            raise self.missing(path)
        return tuple(WorkOrderId(row.work_order_id) for row in rows)

    async def standing_for(self, work_order_id: WorkOrderId, *, instead: Invoice | None = None) -> list[InvoiceState]:
        """The states of the drafts and invoices that bill a work order, voided ones left out.

        `instead` is one of them as it is about to be saved.
        """
        table, link = tables.invoice, tables.invoice_work_order
        rows = await self.session.all(
            select(table.c.id, table.c.state)
            .join(link, (link.c.tenant_id == table.c.tenant_id) & (link.c.invoice_id == table.c.id))
            .where(
                link.c.tenant_id == self.session.tenant_id,
                link.c.work_order_id == work_order_id,
                table.c.state != InvoiceState.VOID.value,
            )
        )
        states = {row.id: InvoiceState(row.state) for row in rows}
        if instead is not None:
            states[instead.id] = instead.state
        return list(states.values())

    async def save(self, change: Change[Invoice]) -> None:
        """Lines are written once, with the draft; nothing edits them later."""
        await self.write(change)
        if change.before is None:
            rows = [{**to_row(line, tables.invoice_line), "invoice_id": change.after.id} for line in change.after.lines]
            await self.session.insert(tables.invoice_line, *rows)
            await self.session.insert(
                tables.invoice_work_order,
                *(
                    {"invoice_id": change.after.id, "work_order_id": work_order_id, "position": position}
                    for position, work_order_id in enumerate(change.after.work_order_ids)
                ),
            )
        await tell(self.session, change.facts)

    async def remove(self, change: Change[Invoice]) -> None:
        """Take a discarded draft away; it never had a number."""
        tenant_id, identifier = self.session.tenant_id, change.after.id
        invoice = tables.invoice
        for parts in (tables.invoice_line, tables.invoice_work_order):
            await self.session.connection.execute(
                delete(parts).where(parts.c.tenant_id == tenant_id, parts.c.invoice_id == identifier)
            )
        await self.session.connection.execute(
            delete(invoice).where(invoice.c.tenant_id == tenant_id, invoice.c.id == identifier)
        )
        await tell(self.session, change.facts)

    def found_by(self, value: Invoice) -> dict[str, Any]:
        return searchable.of_invoice(value)

    async def _lines(self, invoice_id: UUID) -> tuple[InvoiceLine, ...]:
        table = tables.invoice_line
        rows = await self.session.all(
            select(table)
            .where(table.c.tenant_id == self.session.tenant_id, table.c.invoice_id == invoice_id)
            .order_by(table.c.position)
        )
        return tuple(from_row(InvoiceLine, row) for row in rows)


class Payments(Repository[Payment]):
    noun, table, kind = Noun.PAYMENT, tables.payment, Payment


_LINK = tables.invoice_work_order
_WORK_ORDERS = (
    select(func.array_agg(aggregate_order_by(_LINK.c.work_order_id, _LINK.c.position)))
    .where(_LINK.c.tenant_id == tables.invoice.c.tenant_id, _LINK.c.invoice_id == tables.invoice.c.id)
    .scalar_subquery()
    .label("work_order_ids")
)


def _invoice(row: dict[str, Any], lines: tuple[InvoiceLine, ...]) -> Invoice:
    return replace(from_row(Invoice, {**row, "lines": ()}), lines=lines)
