"""A tenant whose every table is full of what breaks text, numbers and clocks, written by plain SQL."""

import json
import random
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from psycopg.types.range import TimestamptzRange
from sqlalchemy import ARRAY, Boolean, CheckConstraint, Column, Date, DateTime, Double, Integer, Numeric, Table, Uuid
from sqlalchemy.dialects.postgresql import BYTEA, JSONB, TSTZRANGE
from sqlalchemy.types import LargeBinary

from beltstack.domain.customers import ContactRole
from beltstack.domain.ids import TenantId
from beltstack.store import searchable, tables
from beltstack.store.database import Database

ROWS = {
    "customer": 9, "contact": 14, "site": 12, "equipment": 12, "technician": 6, "catalog_item": 8, "tax_code": 5,
    "work_order": 24, "visit": 30, "assignment": 30, "line_item": 60, "invoice": 20, "invoice_line": 40,
    "payment": 20, "event": 12, "integration": 4, "delivery": 24, "inbound": 12,
}  # fmt: skip
NULLS = 0.3
WRITTEN_BY_THE_STORE = {"search", "name_key", "email_key", "serial_key", "sku_key", "code_key", "number_key",
                        "planned_order", "due_order"}  # fmt: skip
TEXTS = (
    "", " ", "plain", 'say "no"', "back\\slash \\u0041 \\", "tab\tnew\nline\rback\bfeed\f", "\x01\x02\x1f\x7f\x80\x9f",
    "Boiler O’Brien 12-b", "boiler room Łódź", "broken ROOM boiler",
    "emoji 🔧🇺🇸 👩‍🔧", "e\u0301 ñ ß ı İ", "\u2028\u2029\ufeff\u200e", "</script>'--", "%s $1 :p0 {} {0}",
    '{"\x010":{}}', "null", "𝔘𝔫𝔦", "\ufffd\uffff\U0010ffff", "long " + "x'\"\\é🔧" * 3000,
)  # fmt: skip
NUMBERS = tuple(
    Decimal(text)
    for text in ("0", "0.0000", "0.0001", "1", "10", "100", "1000000", "129.50", "-0.01", "25.060", "1.005", "33.333",
                 "99999999999999.9999", "-99999999999999.9999", "7.10")
)  # fmt: skip
INSTANTS = (
    datetime(1970, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, 23, 59, 59, 999999, UTC),
    datetime(2026, 3, 2, 15, 0, 0, tzinfo=UTC), datetime(2026, 3, 2, 15, 0, 0, 500000, UTC),
    datetime(2026, 3, 2, 15, 0, 0, 1, UTC), datetime(2026, 3, 2, 15, 0, 0, 120, UTC),
    datetime(1969, 12, 31, 23, 59, 59, 123450, UTC), datetime(2024, 2, 29, 12, 30, 1, 10, UTC),
)  # fmt: skip
DAYS = (date(1970, 1, 1), date(2024, 2, 29), date(2199, 12, 31), date(2026, 11, 1))
CURRENCIES = ("USD", "BHD", "JPY", "EUR")
JSON_OBJECTS: tuple[Any, ...] = (
    {},
    {"a": None, "b": [1, 2.5, 'x"\\\n\x01'], "c": {"d": [{}, [], {"\x010": {}}]}, "é🔧": True},
    {"big": 12345678901234567890, "exact": 0.1, "small": 1e-07, "zero": 0.0, "wide": 123456789.125},
)


def full_tenant(tenant_id: TenantId, *, seed: int) -> dict[str, list[dict[str, Any]]]:
    """Rows for every table that the API reads, by table, in an order that satisfies the foreign keys."""
    stock = _Stock(tenant_id, random.Random(seed), seed)
    names = [table.name for table in tables.metadata.sorted_tables if table.name in ROWS]
    return {name: stock.fill(tables.metadata.tables[name]) for name in names} | {
        "work_order_equipment": stock.equipment_of_orders(),
        "invoice_work_order": stock.orders_of_invoices(),
        "reference": stock.references(),
    }


async def store(database: Database, tenant_id: TenantId, rows: dict[str, list[dict[str, Any]]]) -> None:
    async with database.transaction(tenant_id) as connection:
        for name, given in rows.items():
            await connection.execute(tables.metadata.tables[name].insert(), given)


class _Stock:
    """Makes rows that satisfy the constraints, and remembers their ids for the keys of others."""

    def __init__(self, tenant_id: TenantId, chance: random.Random, own: int) -> None:
        self.own = own
        self.tenant_id = tenant_id
        self.chance = chance
        self.ids: dict[str, list[UUID]] = {}
        self.made = 0

    def fill(self, table: Table) -> list[dict[str, Any]]:
        self.ids[table.name] = [self._id() for _ in range(ROWS[table.name])]
        rows = [self._row(table, identifier, place) for place, identifier in enumerate(self.ids[table.name])]
        # The rows lie in the table in another order than their ids.
        self.chance.shuffle(rows)
        return rows

    def equipment_of_orders(self) -> list[dict[str, Any]]:
        return [
            {"tenant_id": self.tenant_id, "work_order_id": order, "equipment_id": one, "position": place}
            for order in self.ids["work_order"][::2]
            for place, one in enumerate(self.chance.sample(self.ids["equipment"], self.chance.randrange(4)))
        ]

    def orders_of_invoices(self) -> list[dict[str, Any]]:
        return [
            {"tenant_id": self.tenant_id, "invoice_id": invoice, "work_order_id": one, "position": place}
            for invoice in self.ids["invoice"]
            for place, one in enumerate(self.chance.sample(self.ids["work_order"], self.chance.randrange(1, 4)))
        ]

    def references(self) -> list[dict[str, Any]]:
        return [
            {
                "tenant_id": self.tenant_id, "integration_id": integration, "entity": "invoice", "entity_id": invoice,
                "external_id": f"{self._text()[:80]}{self._next()}", "external_url": self._maybe(self._text),
                "updated_at": self.chance.choice(INSTANTS),
            }
            for invoice in self.ids["invoice"]
            for integration in self.chance.sample(self.ids["integration"], self.chance.randrange(4))
        ]  # fmt: skip

    def _row(self, table: Table, identifier: UUID, place: int) -> dict[str, Any]:
        chosen: dict[str, Any] = {"tenant_id": self.tenant_id, "id": identifier}
        chosen |= SPECIAL.get(table.name, _nothing)(self, place)
        targets = {key.parent.name: key.column.table.name for key in table.foreign_keys if key.column.name == "id"}
        enums = _enums(table)
        for column in table.columns:
            if column.name in chosen or column.computed is not None or column.name in WRITTEN_BY_THE_STORE:
                continue
            if column.nullable and self.chance.random() < NULLS:
                chosen[column.name] = None
            elif column.name in targets:
                chosen[column.name] = self.chance.choice(self.ids[targets[column.name]])
            else:
                chosen[column.name] = (
                    self.chance.choice(enums[column.name]) if column.name in enums else self._of(column)
                )
        return chosen | as_the_store_writes(table.name, chosen)

    def _of(self, column: Column[Any]) -> Any:
        kind = column.type
        makers: tuple[tuple[Any, Callable[[], Any]], ...] = (
            (Uuid, self._id),
            (Boolean, lambda: self.chance.random() < 0.5),
            (Integer, lambda: self.chance.randrange(1, 6)),
            (Double, lambda: 0.0),
            (Numeric, lambda: self.chance.choice(NUMBERS)),
            (DateTime, lambda: self.chance.choice(INSTANTS)),
            (Date, lambda: self.chance.choice(DAYS)),
            (JSONB, lambda: self.chance.choice(JSON_OBJECTS)),
            ((LargeBinary, BYTEA), lambda: b"\x00"),
            (TSTZRANGE, TimestamptzRange),
            (ARRAY, lambda: self.chance.sample([role.value for role in ContactRole], self.chance.randrange(3))),
        )
        return next((make for of, make in makers if isinstance(kind, of)), self._text)()

    def address(self) -> Any:
        if self.chance.random() < NULLS:
            return None
        parts = {part: self._maybe(self._text) for part in ("line2", "city", "region", "postal_code")}
        return {"line1": self._text(), "country": self.chance.choice(("US", "FR"))} | parts

    def components(self) -> list[dict[str, Any]]:
        """Rates as strings, which is how the store writes them."""
        return [
            {"name": self._text(), "rate": self.chance.choice(("0", "0.0825", "0.1", "0.00001")), "compound": chance}
            for chance in (True, False, False)[: self.chance.randrange(4)]
        ]

    def span(self, name: str) -> dict[str, Any]:
        if self.chance.random() < NULLS:
            return {f"{name}_start": None, f"{name}_end": None}
        start = self.chance.choice(INSTANTS)
        return {f"{name}_start": start, f"{name}_end": start + timedelta(minutes=90, microseconds=1)}

    def _text(self) -> str:
        return self.chance.choice(TEXTS)

    def _maybe(self, make: Callable[[], Any]) -> Any:
        return None if self.chance.random() < NULLS else make()

    def _next(self) -> int:
        self.made += 1
        return self.made

    def _id(self) -> UUID:
        """Version 7 with a clock of one tick for each id; every other one is the same in every tenant."""
        tick = self._next()
        return UUID(int=(0x0190 << 112) | (tick << 80) | (7 << 76) | (2 << 62) | (self.own if tick % 2 else 0))


def as_the_store_writes(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """What stands beside a record for filters, orders and searches, by the store's own functions."""
    record = SimpleNamespace(**row)
    if isinstance(row.get("address"), dict):  # an integration's is a UUID
        record.address = SimpleNamespace(**row["address"])
    if table == "visit":
        record.planned = SimpleNamespace(start=row["planned_start"]) if row["planned_start"] else None
    tenanted = {
        "customer": searchable.of_customer, "site": searchable.of_site, "equipment": searchable.of_equipment,
        "catalog_item": searchable.of_catalog_item, "work_order": searchable.of_work_order,
    }  # fmt: skip
    plain = {
        "technician": searchable.of_technician, "tax_code": searchable.of_tax_code, "visit": searchable.of_visit,
        "invoice": searchable.of_invoice,
    }  # fmt: skip
    if table in tenanted:
        return dict(tenanted[table](row["tenant_id"], record))  # type: ignore[operator]
    return dict(plain[table](record)) if table in plain else {}  # type: ignore[operator]


def _nothing(_: _Stock, __: int) -> dict[str, Any]:
    return {}


def _a_visit(stock: _Stock, place: int) -> dict[str, Any]:
    return stock.span("planned") | stock.span("window") | {"sequence": place + 1}


def _an_invoice(stock: _Stock, place: int) -> dict[str, Any]:
    state = stock.chance.choice(("DRAFT", "ISSUED", "PAID"))
    number = None if state == "DRAFT" else f"{place}-{stock._text()[:60]}"
    return {"state": state, "number": number, "currency": stock.chance.choice(CURRENCIES),
            "total": stock.chance.choice(NUMBERS[:8]), "paid": stock.chance.choice(NUMBERS[:8])}  # fmt: skip


def _a_tax_code(stock: _Stock, place: int) -> dict[str, Any]:
    return {"code": f"{place}{stock._text()[:60]}", "components": stock.components()}


def _a_delivery(stock: _Stock, place: int) -> dict[str, Any]:
    """Two for each event, to two integrations."""
    return {"event_id": stock.ids["event"][place // 2], "integration_id": stock.ids["integration"][place % 4]}


SPECIAL: dict[str, Callable[[_Stock, int], dict[str, Any]]] = {
    "customer": lambda stock, _: {"billing_address": stock.address()},
    "site": lambda stock, _: {"address": stock.address()},
    "catalog_item": lambda stock, place: {"sku": f"{place}" if place % 2 else None},
    "tax_code": _a_tax_code,
    "work_order": lambda stock, place: {"number": f"WO-{place}", "currency": stock.chance.choice(CURRENCIES)},
    "visit": _a_visit,
    "assignment": lambda stock, _: {"blocks": False, "during": None},
    "invoice": _an_invoice,
    "invoice_line": lambda stock, _: {
        "tax_snapshot": stock.chance.choice((None, {"code": 'T"X'}, {"code": None}, {})),
        "tax_components": [
            {"name": stock._text(), "rate": str(rate), "amount": str(rate)} for rate in stock.chance.sample(NUMBERS, 2)
        ],
    },
    "payment": lambda stock, _: {"currency": stock.chance.choice(CURRENCIES)},
    "event": lambda stock, place: {"seq": place},
    "delivery": _a_delivery,
    "inbound": lambda stock, place: {
        "integration_id": stock.ids["integration"][place % 4],
        "work_order_id": None if place % 2 else UUID(int=place),  # of a draft that was deleted
    },
    "line_item": lambda stock, _: {
        "discount_percent": stock.chance.choice((Decimal("NaN"), Decimal("12.50"), Decimal(0)))
    },
    "integration": lambda stock, place: {"plugin_id": f"plugin_{place}", "is_ledger": False, "status": "ENABLED"},
}


def _enums(table: Table) -> dict[str, list[str]]:
    """What the CHECK constraints say a column may hold."""
    found: dict[str, list[str]] = {}
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint):
            said = re.fullmatch(r"(\w+) in \((.*)\)", str(constraint.sqltext))
            if said:
                found[said[1]] = json.loads(f"[{said[2]}]".replace("'", '"'))
    return found
