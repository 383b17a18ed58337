"""Work orders with all that belongs to them: visits, assignments, line items, the equipment they concern."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import Range, insert
from sqlalchemy.exc import IntegrityError

from beltstack.domain.changes import Change
from beltstack.domain.errors import NotFound, Path, Refusal
from beltstack.domain.ids import Noun, VisitId, WorkOrderId
from beltstack.domain.line_items import LineItem
from beltstack.domain.visits import Assignment, Visit
from beltstack.domain.work_orders import WorkOrder
from beltstack.store import searchable, tables
from beltstack.store.outbox import tell
from beltstack.store.records import Repository, constraint_of, from_row, to_row


class DoubleBooked(Refusal):
    """The technician has another visit at that time; of two dispatchers at once, one hears this."""

    code = "DOUBLE_BOOKED"


class WorkOrders(Repository[WorkOrder]):
    """`blocks` says whether the tenant's policy forbids overlapping assignments."""

    noun, table, kind = Noun.WORK_ORDER, tables.work_order, WorkOrder
    conflicts = {"work_order_tenant_id_number_key": "Another work order has this number."}

    async def get(self, identifier: UUID, *, lock: bool = False, path: Path = ()) -> WorkOrder:
        """The whole work order. The lock is taken first, so that what is read after it is what the lock covers."""
        key = {"tenant": self.session.tenant_id, "id": identifier}
        found = await self.session.together(*([(_LOCK, key)] if lock else []), (_LOAD, key))
        if not found[-1]:
            raise self.missing(path)
        return _work_order(found[-1][0]._asdict())

    async def of_visit(self, visit_id: VisitId) -> WorkOrderId:
        """Which work order a visit belongs to."""
        return WorkOrderId(await self._owner(tables.visit, visit_id, Noun.VISIT))

    async def of_line_item(self, line_item_id: UUID) -> WorkOrderId:
        return WorkOrderId(await self._owner(tables.line_item, line_item_id, Noun.LINE_ITEM))

    async def save(self, change: Change[WorkOrder], *, blocks: bool = True) -> None:
        await self.write(change)
        before, after = change.before, change.after
        await self._save_equipment(before, after)
        await self._save_line_items(before, after)
        await self._save_visits(before, after, blocks=blocks)
        await tell(self.session, change.facts)

    async def remove(self, change: Change[WorkOrder]) -> None:
        """Delete a draft and say so."""
        mine = {"tenant": self.session.tenant_id, "id": change.after.id}
        for statement in _DELETE:
            await self.session.connection.execute(statement, mine)
        await tell(self.session, change.facts)

    def found_by(self, value: WorkOrder) -> dict[str, Any]:
        return searchable.of_work_order(self.session.tenant_id, value)

    async def _owner(self, table: Any, identifier: UUID, noun: Noun) -> UUID:
        statement = select(table.c.work_order_id).where(
            table.c.tenant_id == self.session.tenant_id, table.c.id == identifier
        )
        row = await self.session.first(statement)
        if row is None:
            raise NotFound(f"There is no {noun.words} with this id.")
        owner: UUID = row.work_order_id
        return owner

    async def _save_equipment(self, before: WorkOrder | None, after: WorkOrder) -> None:
        if after.equipment_ids == (before.equipment_ids if before else ()):
            return
        table = tables.work_order_equipment
        mine = (table.c.tenant_id == self.session.tenant_id, table.c.work_order_id == after.id)
        await self.session.connection.execute(delete(table).where(*mine))
        await self.session.insert(
            table,
            *(
                {"work_order_id": after.id, "equipment_id": equipment_id, "position": position}
                for position, equipment_id in enumerate(after.equipment_ids)
            ),
        )

    async def _save_line_items(self, before: WorkOrder | None, after: WorkOrder) -> None:
        table = tables.line_item
        old = {item.id: item for item in before.line_items} if before else {}
        if gone := old.keys() - {item.id for item in after.line_items}:
            mine = (table.c.tenant_id == self.session.tenant_id, table.c.id.in_(gone))
            await self.session.connection.execute(delete(table).where(*mine))
        new = [_line_row(item, after) for item in after.line_items if item.id not in old]
        await self.guarded(lambda: self.session.insert_entity(table, *new))
        for item in after.line_items:
            if item.id in old and item != old[item.id]:
                await self.session.update_entity(table, _line_row(item, after), version=old[item.id].version)

    async def _save_visits(self, before: WorkOrder | None, after: WorkOrder, *, blocks: bool) -> None:
        old = {visit.id: visit for visit in before.visits} if before else {}
        for visit in after.visits:
            if visit == old.get(visit.id):
                continue
            row = _visit_row(visit, after)
            if visit.id in old:
                await self.session.update_entity(tables.visit, row, version=old[visit.id].version)
            else:
                await self.guarded(lambda row=row: self.session.insert_entity(tables.visit, row))  # type: ignore[misc]
            await self._save_assignments(visit, blocks=blocks)

    async def _save_assignments(self, visit: Visit, *, blocks: bool) -> None:
        rows = [
            {"tenant_id": self.session.tenant_id, **_assignment_row(assignment, visit, position, blocks=blocks)}
            for position, assignment in enumerate(visit.assignments)
        ]
        if not rows:
            return
        statement = insert(tables.assignment).values(rows)
        changing = {name: statement.excluded[name] for name in rows[0] if name not in {"tenant_id", "id", "visit_id"}}
        upsert = statement.on_conflict_do_update(index_elements=["tenant_id", "id"], set_=changing)
        await self.guarded(lambda: self.session.connection.execute(upsert))

    def refusal(self, error: IntegrityError) -> Refusal:
        if constraint_of(error) == "assignment_no_double_booking":
            return DoubleBooked("A technician of this visit has another visit at that time.", path=("technician_id",))
        return super().refusal(error)


def _line_row(item: LineItem, work_order: WorkOrder) -> dict[str, Any]:
    row = to_row(item, tables.line_item)
    return {**row, "work_order_id": work_order.id, "net": item.net(work_order.currency)}


def _visit_row(visit: Visit, work_order: WorkOrder) -> dict[str, Any]:
    return {
        **to_row(visit, tables.visit),
        **searchable.of_visit(visit),
        "work_order_id": work_order.id,
        "planned_start": visit.planned and visit.planned.start,
        "planned_end": visit.planned and visit.planned.end,
        "window_start": visit.window and visit.window.start,
        "window_end": visit.window and visit.window.end,
    }


def _assignment_row(assignment: Assignment, visit: Visit, position: int, *, blocks: bool) -> dict[str, Any]:
    during = Range(visit.planned.start, visit.planned.end) if visit.planned else None
    return {
        **to_row(assignment, tables.assignment),
        "visit_id": visit.id,
        "position": position,
        "during": during,
        "blocks": blocks,
    }


def _work_order(row: dict[str, Any]) -> WorkOrder:
    visits = [_visit(visit) for visit in row.pop("visits") or ()]
    items = row.pop("line_items") or ()
    work_order = from_row(WorkOrder, {**row, "equipment_ids": row["equipment_ids"] or ()})
    return replace(work_order, visits=tuple(visits), line_items=tuple(from_row(LineItem, item) for item in items))


def _visit(row: dict[str, Any]) -> Visit:
    spans = {
        name: {"start": row[f"{name}_start"], "end": row[f"{name}_end"]} if row[f"{name}_start"] else None
        for name in ("planned", "window")
    }
    return from_row(Visit, {**row, **spans, "assignments": row["assignments"] or ()})


_LOCK = text("select 1 from work_order where tenant_id = :tenant and id = :id for update")
# One statement for the whole work order: its parts come as JSON arrays.
_LOAD = text(
    """select w.*,
         (select array_agg(e.equipment_id order by e.position) from work_order_equipment e
           where e.tenant_id = w.tenant_id and e.work_order_id = w.id) as equipment_ids,
         (select jsonb_agg(to_jsonb(l) order by l.position, l.id) from line_item l
           where l.tenant_id = w.tenant_id and l.work_order_id = w.id) as line_items,
         (select jsonb_agg(to_jsonb(v) || jsonb_build_object('assignments',
             (select jsonb_agg(to_jsonb(a) order by a.position) from assignment a
               where a.tenant_id = v.tenant_id and a.visit_id = v.id)) order by v.sequence) from visit v
           where v.tenant_id = w.tenant_id and v.work_order_id = w.id) as visits
       from work_order w where w.tenant_id = :tenant and w.id = :id"""
)
_DELETE = [
    text(
        "delete from assignment where tenant_id = :tenant and visit_id in"
        " (select id from visit where tenant_id = :tenant and work_order_id = :id)"
    ),
    *(
        text(f"delete from {table} where tenant_id = :tenant and work_order_id = :id")  # noqa: S608 - constants
        for table in ("visit", "line_item", "work_order_equipment")
    ),
    text("delete from work_order where tenant_id = :tenant and id = :id"),
]
