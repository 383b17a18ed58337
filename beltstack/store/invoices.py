"""Invoices with their lines, and the payments received for them."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select

from beltstack.domain.changes import Change
from beltstack.domain.errors import Path
from beltstack.domain.ids import Noun, WorkOrderId
from beltstack.domain.invoices import Invoice, InvoiceLine
from beltstack.domain.payments import Payment
from beltstack.store import searchable, tables
from beltstack.store.outbox import tell
from beltstack.store.records import Repository, from_row, to_row


class Invoices(Repository[Invoice]):
    noun, table, kind = Noun.INVOICE, tables.invoice, Invoice
    conflicts = {"invoice_tenant_id_number_key": "Another invoice has this number."}

    async def get(self, identifier: UUID, *, lock: bool = False, path: Path = ()) -> Invoice:
        mine = (tables.invoice.c.tenant_id == self.session.tenant_id, tables.invoice.c.id == identifier)
        statement = select(tables.invoice).where(*mine)
        row = await self.session.first(statement.with_for_update() if lock else statement)
        if row is None:
            raise self.missing(path)
        return _invoice(row._asdict(), await self._lines(identifier))

    async def work_order_of(self, identifier: UUID, *, path: Path = ()) -> WorkOrderId:
        """Which work order an invoice bills: it has to be locked first."""
        table = tables.invoice
        statement = select(table.c.work_order_id).where(
            table.c.tenant_id == self.session.tenant_id, table.c.id == identifier
        )
        row = await self.session.first(statement)
        if row is None:
            raise self.missing(path)
        return WorkOrderId(row.work_order_id)

    async def standing_for(self, work_order_id: WorkOrderId) -> Invoice | None:
        """The draft or invoice that stands for a work order already; voided ones do not count."""
        table = tables.invoice
        row = await self.session.first(
            select(table).where(
                table.c.tenant_id == self.session.tenant_id,
                table.c.work_order_id == work_order_id,
                table.c.state.not_in(["VOID"]),
            )
        )
        return None if row is None else _invoice(row._asdict(), await self._lines(row.id))

    async def save(self, change: Change[Invoice]) -> None:
        """Lines are written once, with the draft; nothing edits them later."""
        await self.write(change)
        if change.before is None:
            rows = [{**to_row(line, tables.invoice_line), "invoice_id": change.after.id} for line in change.after.lines]
            await self.session.insert(tables.invoice_line, *rows)
        await tell(self.session, change.facts)

    async def remove(self, change: Change[Invoice]) -> None:
        """Take a discarded draft away; it never had a number."""
        tenant_id, identifier = self.session.tenant_id, change.after.id
        lines, invoice = tables.invoice_line, tables.invoice
        await self.session.connection.execute(
            delete(lines).where(lines.c.tenant_id == tenant_id, lines.c.invoice_id == identifier)
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


def _invoice(row: dict[str, Any], lines: tuple[InvoiceLine, ...]) -> Invoice:
    return replace(from_row(Invoice, {**row, "lines": ()}), lines=lines)
