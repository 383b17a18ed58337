"""The slow way to the same answers: tables in Python, every field computed from rows, resolved by graphql-core."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from graphql import GraphQLError, GraphQLSchema, build_schema, execute_sync, get_named_type, get_nullable_type, parse
from sqlalchemy import select

from beltstack.domain.ids import TenantId
from beltstack.store import tables
from beltstack.store.database import Database
from tests.api import the_schema
from tests.planner.narrowing import fits, found, sort_value

PREFIXES = {
    "Tenant": "tenant", "Customer": "cust", "Contact": "cont", "Site": "site", "Equipment": "eqp",
    "Technician": "tech", "CatalogItem": "item", "TaxCode": "tax", "WorkOrder": "wo", "Visit": "visit",
    "Assignment": "asg", "LineItem": "line", "Invoice": "inv", "InvoiceLine": "invline", "Payment": "pay",
    "Integration": "intg", "Event": "evt", "Delivery": "dlv", "Inbound": "inb",
}  # fmt: skip
OF_ADMINS = {"Integration", "Event", "Delivery", "Inbound"}
COSTS = {"LineItem.unitCost", "CatalogItem.unitCost"}
PAGE = 50

Values = Mapping[str, Any]
Told = tuple[str, str]
"""An error's code and message."""


@dataclass(frozen=True)
class Row:
    """One record; `kind` is its GraphQL type."""

    kind: str
    values: Values


class Reference:
    """One tenant's rows, as one kind of caller sees them."""

    def __init__(
        self, tenant_id: TenantId, rows: Mapping[str, list[Values]], *, is_admin: bool, sees_costs: bool
    ) -> None:
        self.tenant_id = tenant_id
        self.rows = rows
        self.is_admin = is_admin
        self.sees_costs = sees_costs
        self._by_id = {name: {row["id"]: row for row in found if "id" in row} for name, found in rows.items()}

    def answer(self, document: str, variables: Values, operation: str | None = None) -> tuple[Any, set[Told]]:
        """The data, and what is told beside it."""
        result = execute_sync(
            reference_schema(),
            parse(document),
            root_value=self,
            variable_values=dict(variables),
            operation_name=operation,
            field_resolver=self._resolve,
            type_resolver=lambda row, *_: row.kind,
        )
        told = {(str((error.extensions or {}).get("code")), error.message) for error in result.errors or ()}
        # What is wrong with the arguments, or with the caller, takes the whole answer.
        refused = {one for one in told if one[0] != "FORBIDDEN_FIELD"}
        return (None, refused) if refused else (result.data, told)

    def ids(self, kind: str) -> list[str]:
        return [public(kind, row["id"]) for row in self.rows[snake(kind)]]

    def find(self, kind: str, identifier: Any) -> Row | None:
        if kind in OF_ADMINS and not self.is_admin:
            return None
        values = self._by_id[snake(kind)].get(identifier)
        return None if values is None else Row(kind, values)

    def where(self, kind: str, **columns: Any) -> list[Row]:
        found = self.rows[snake(kind)]
        return [Row(kind, row) for row in found if all(row[name] == value for name, value in columns.items())]

    def by_public_id(self, text: str) -> Row | None:
        prefix, _, rest = text.rpartition("_")
        kind = next((kind for kind, one in PREFIXES.items() if one == prefix), None)
        if kind is None or not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", rest):
            return None
        return self.find(kind, UUID(rest))

    def cursors(self) -> dict[str, list[str]]:
        """Every row's in every list of its kind and every order, by the list's name and order."""
        query = reference_schema().query_type
        assert query is not None
        roots = {name: get_named_type(one.type).name for name, one in query.fields.items()}
        lists = {f".{name}": kind.removesuffix("Connection") for name, kind in roots.items() if "Connection" in kind}
        lists |= {f"{column}.{place.partition('.')[2]}": kind for place, (kind, column) in CONNECTIONS.items()}
        return {
            f"{name}.{order}": [self._cursor(f"{name}.{order}", Row(kind, row)) for row in self.rows[snake(kind)]]
            for name, kind in lists.items()
            for order in orders_of(kind)
        }

    def _linked(self, place: str, row: Row) -> list[Row]:
        table, column = LINKS[place]
        kind, owner = CONNECTIONS[place]
        linked = [one[column] for one in self.rows[table] if one[owner] == row.values["id"]]
        return [found for found in self.where(kind) if found.values["id"] in linked]

    # ── fields ────────────────────────────────────────────────────────────────────────────────────

    def _resolve(self, source: Any, info: Any, **arguments: Any) -> Any:
        if isinstance(source, Reference):
            return self._root(info, arguments)
        if isinstance(source, dict):
            return source[info.field_name]
        return self._of_row(source, info, arguments)

    def _root(self, info: Any, arguments: Values) -> Any:
        name, returned = info.field_name, get_named_type(info.return_type).name
        if name == "tenant":
            return self.find("Tenant", self.tenant_id)
        if name == "node":
            return self.by_public_id(arguments["id"])
        if name == "nodes":
            return [self.by_public_id(one) for one in arguments["ids"]]
        if not returned.endswith("Connection"):
            found = self.by_public_id(arguments["id"])
            return found if found is not None and found.kind == returned else None
        kind = returned.removesuffix("Connection")
        if kind in OF_ADMINS and not self.is_admin:
            raise GraphQLError("You may not read these.", extensions={"code": "FORBIDDEN"})
        return self._page(self.where(kind), f".{name}", arguments)

    def _page(self, rows: list[Row], name: str, arguments: Values) -> dict[str, Any]:
        """A page of rows, newest first if no order is given, as the connection's specification has it."""
        order, is_descending = "NEWEST", True
        if (given := arguments.get("orderBy")) is not None:
            order, is_descending = f"{given['field']}:{given['direction']}", given["direction"] == "DESC"
        name = f"{name}.{order}"
        ordered = sorted(self._narrowed(rows, arguments), key=lambda row: _rank(row, order), reverse=is_descending)
        total = len(ordered)
        first, last, after, before = (arguments.get(one) for one in ("first", "last", "after", "before"))
        if first is not None and last is not None:
            raise GraphQLError("Both ends at once.", extensions={"code": "BAD_PAGE"})
        size = last if last is not None else PAGE if first is None else first
        if not 1 <= size <= 100:
            raise GraphQLError("No size of a page.", extensions={"code": "BAD_PAGE"})
        for end, is_after in ((after, True), (before, False)):
            if end is not None:
                there = self._place(end, name, order)
                wants_more = is_after is not is_descending
                ordered = [
                    row for row in ordered if (_rank(row, order) > there if wants_more else _rank(row, order) < there)
                ]
        shown = ordered[-size:] if last is not None else ordered[:size]
        is_cut = len(ordered) > size
        edges = [{"node": row, "cursor": self._cursor(name, row)} for row in shown]
        return {
            "edges": edges,
            "nodes": shown,
            "totalCount": total,
            "pageInfo": {
                "hasNextPage": before is not None if last is not None else is_cut,
                "hasPreviousPage": is_cut if last is not None else after is not None,
                "startCursor": edges[0]["cursor"] if edges else None,
                "endCursor": edges[-1]["cursor"] if edges else None,
            },
        }

    def _narrowed(self, rows: list[Row], arguments: Values) -> list[Row]:
        where, search = arguments.get("where") or {}, (arguments.get("search") or "").strip()
        fitting = [row for row in rows if fits(self.rows, row.values, where)]
        return [row for row in fitting if found(row.kind, row.values, search)] if search else fitting

    def _cursor(self, name: str, row: Row) -> str:
        """Opaque, but each list's own."""
        value = sort_value(row.values, _column_of(name))
        whole = [1, self._tag(name), value, str(row.values["id"])]
        text = json.dumps(whole, separators=(",", ":"), ensure_ascii=False, default=_as_postgres_writes)
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def _place(self, cursor: str, name: str, order: str) -> tuple[Any, ...]:
        """The rank of a cursor's row. A cursor of any other list is refused."""
        try:
            _, tag, value, identifier = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        except (ValueError, TypeError, binascii.Error):
            tag = None
        if tag != self._tag(name):
            raise GraphQLError("A cursor of something else.", extensions={"code": "BAD_CURSOR"})
        column = _column_of(order)
        if column == "PLANNED_START":
            value = datetime.fromisoformat(value)
        elif column.endswith("_ON"):
            value = date.fromisoformat(value)
        return (UUID(identifier),) if value is None else (value, UUID(identifier))

    def _tag(self, name: str) -> str:
        return hashlib.blake2s(f"{self.tenant_id} {name}".encode(), digest_size=6).hexdigest()

    def _of_row(self, row: Row, info: Any, arguments: Values) -> Any:
        name, returned = info.field_name, get_named_type(info.return_type).name
        place = f"{row.kind}.{name}"
        if place in COSTS and not self.sees_costs:
            raise GraphQLError(f"Your role may not see {place}.", extensions={"code": "FORBIDDEN_FIELD"})
        if name == "id":
            return public(row.kind, row.values["id"])
        if place in FIELDS:
            return FIELDS[place](self, row.values)
        if place in LISTS:
            kind, column, order = LISTS[place]
            found = self.where(kind, **{column: row.values["id"]})
            return sorted(found, key=lambda one: (one.values[order], one.values["id"]))
        if place in CONNECTIONS:
            kind, column = CONNECTIONS[place]
            rows = self._linked(place, row) if place in LINKS else self.where(kind, **{column: row.values["id"]})
            return self._page(rows, f"{column}.{name}", arguments)
        if returned in PREFIXES:
            return self.find(returned, row.values[f"{snake(name)}_id"])
        return row.values[snake(name)]


def orders_of(kind: str) -> list[str]:
    """The names of a list's orders, as its cursors know them."""
    fields: Any = reference_schema().type_map.get(f"{kind}OrderField")
    named = [f"{name}:{direction}" for name in (fields.values if fields else ()) for direction in ("ASC", "DESC")]
    return ["NEWEST", *named]


def _rank(row: Row, order: str) -> tuple[Any, ...]:
    value = sort_value(row.values, _column_of(order))
    return (row.values["id"],) if value is None else (value, row.values["id"])


def _column_of(order: str) -> str:
    """`.customers.NAME:ASC` is sorted by NAME."""
    return order.rpartition(".")[2].partition(":")[0]


def _as_postgres_writes(value: Any) -> str:
    text: str = value.isoformat()
    return re.sub(r"(\.\d*?)0+\+", r"\1+", text)


def public(kind: str, identifier: UUID) -> str:
    return f"{PREFIXES[kind]}_{identifier}"


def snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


@cache
def reference_schema() -> GraphQLSchema:
    """The product's schema without its resolvers; its scalars write values as the product's do."""
    ours = the_schema()
    schema = build_schema(ours.as_str())
    assert schema.query_type is not None
    for root in schema.query_type.fields.values():
        # What is refused at one root keeps no other from telling what it refuses.
        root.type = get_nullable_type(root.type)
    for name in ("Decimal", "DateTime", "Date"):
        theirs: Any = schema.type_map[name]
        ours_of_name: Any = ours._schema.type_map[name]
        theirs.serialize = theirs.coerce_output_value = ours_of_name.serialize
        theirs.parse_value = theirs.coerce_input_value = ours_of_name.parse_value
    return schema


async def rows_of(database: Database, tenant_id: TenantId) -> dict[str, list[Values]]:
    """One plain SELECT for each table."""
    names = [*map(snake, PREFIXES), "work_order_equipment", "invoice_work_order", "reference"]
    async with database.transaction(tenant_id) as connection:
        return {
            name: [dict(row._mapping) for row in await connection.execute(select(tables.metadata.tables[name]))]
            for name in names
        }


# ── what is more than a column ────────────────────────────────────────────────────────────────────

Compute = Callable[[Reference, Values], Any]


def _money(amount: Any, currency: str) -> dict[str, Any] | None:
    return None if amount is None else {"amount": amount, "currency": currency}


def _own_money(column: str) -> Compute:
    return lambda _, row: _money(row[column], row["currency"])


def _in_currency_of(kind: str, column: str) -> Compute:
    def compute(all_rows: Reference, row: Values) -> Any:
        owner = all_rows.find(kind, row["tenant_id"] if kind == "Tenant" else row[f"{snake(kind)}_id"])
        assert owner is not None
        return _money(row[column], owner.values["currency"])

    return compute


def _total(all_rows: Reference, order: Values) -> Any:
    lines = all_rows.where("LineItem", work_order_id=order["id"])
    return _money(sum((line.values["net"] for line in lines), Decimal(0)), order["currency"])


def _equipment(all_rows: Reference, order: Values) -> list[Row | None]:
    links = [one for one in all_rows.rows["work_order_equipment"] if one["work_order_id"] == order["id"]]
    return [all_rows.find("Equipment", one["equipment_id"]) for one in sorted(links, key=lambda one: one["position"])]


def _address(column: str) -> Compute:
    names = {"line1": "line1", "line2": "line2", "city": "city", "region": "region", "postalCode": "postal_code",
             "country": "country"}  # fmt: skip

    def compute(_: Reference, row: Values) -> Any:
        held = row[column]
        return None if held is None else {name: held[key] for name, key in names.items()}

    return compute


def _span(name: str) -> Compute:
    def compute(_: Reference, row: Values) -> Any:
        start, end = row[f"{name}_start"], row[f"{name}_end"]
        return None if start is None else {"start": start, "end": end}

    return compute


def _components(_: Reference, tax_code: Values) -> Any:
    return [one | {"rate": Decimal(one["rate"])} for one in tax_code["components"]]


def _orders_of_invoice(all_rows: Reference, invoice: Values) -> list[Row | None]:
    links = [one for one in all_rows.rows["invoice_work_order"] if one["invoice_id"] == invoice["id"]]
    return [all_rows.find("WorkOrder", one["work_order_id"]) for one in sorted(links, key=lambda one: one["position"])]


def _tax_parts(_: Reference, line: Values) -> Any:
    return [one | {"rate": Decimal(one["rate"]), "amount": Decimal(one["amount"])} for one in line["tax_components"]]


def _references(all_rows: Reference, invoice: Values) -> Any:
    plugins = {one["id"]: one["plugin_id"] for one in all_rows.rows["integration"]}
    links = [
        one for one in all_rows.rows["reference"] if (one["entity"], one["entity_id"]) == ("invoice", invoice["id"])
    ]
    return [
        {
            "integrationId": public("Integration", one["integration_id"]),
            "pluginId": plugins[one["integration_id"]],
            "externalId": one["external_id"],
            "url": one["external_url"],
            "updatedAt": one["updated_at"],
        }
        for one in sorted(links, key=lambda one: one["integration_id"])
    ]


FIELDS: dict[str, Compute] = {
    "Customer.billingAddress": _address("billing_address"),
    "Site.address": _address("address"),
    "CatalogItem.unitPrice": _in_currency_of("Tenant", "unit_price"),
    "CatalogItem.unitCost": _in_currency_of("Tenant", "unit_cost"),
    "TaxCode.components": _components,
    "WorkOrder.total": _total,
    "WorkOrder.nteAmount": _own_money("nte_amount"),
    "WorkOrder.equipment": _equipment,
    "LineItem.unitPrice": _in_currency_of("WorkOrder", "unit_price"),
    "LineItem.unitCost": _in_currency_of("WorkOrder", "unit_cost"),
    "LineItem.discountAmount": _in_currency_of("WorkOrder", "discount_amount"),
    "LineItem.net": _in_currency_of("WorkOrder", "net"),
    "Visit.planned": _span("planned"),
    "Visit.window": _span("window"),
    "Invoice.subtotal": _own_money("subtotal"),
    "Invoice.tax": _own_money("tax"),
    "Invoice.total": _own_money("total"),
    "Invoice.paid": _own_money("paid"),
    "Invoice.balance": lambda _, row: _money(row["total"] - row["paid"], row["currency"]),
    "Invoice.externalReferences": _references,
    "Invoice.workOrders": _orders_of_invoice,
    "InvoiceLine.taxComponents": _tax_parts,
    "InvoiceLine.unitPrice": _in_currency_of("Invoice", "unit_price"),
    "InvoiceLine.amount": _in_currency_of("Invoice", "amount"),
    "InvoiceLine.tax": _in_currency_of("Invoice", "tax"),
    "InvoiceLine.taxCode": lambda _, row: (row["tax_snapshot"] or {}).get("code"),
    "Payment.amount": _own_money("amount"),
}
LISTS = {
    "Customer.contacts": ("Contact", "customer_id", "id"),
    "WorkOrder.lineItems": ("LineItem", "work_order_id", "position"),
    "WorkOrder.visits": ("Visit", "work_order_id", "sequence"),
    "Visit.assignments": ("Assignment", "visit_id", "position"),
    "Invoice.lines": ("InvoiceLine", "invoice_id", "position"),
    "Invoice.payments": ("Payment", "invoice_id", "id"),
    "Event.deliveries": ("Delivery", "event_id", "id"),
}
LINKS = {"WorkOrder.invoices": ("invoice_work_order", "invoice_id")}
CONNECTIONS = {
    "Customer.sites": ("Site", "customer_id"),
    "Customer.workOrders": ("WorkOrder", "customer_id"),
    "Site.equipment": ("Equipment", "site_id"),
    "Site.workOrders": ("WorkOrder", "site_id"),
    "WorkOrder.invoices": ("Invoice", "work_order_id"),
    "Integration.deliveries": ("Delivery", "integration_id"),
    "Integration.inbound": ("Inbound", "integration_id"),
}
