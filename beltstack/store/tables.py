"""Every table, as SQLAlchemy Core: each key and index leads with the tenant, money is exact, states are text."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE, TSVECTOR
from sqlalchemy.schema import SchemaItem

from beltstack.domain.billing import BillingState
from beltstack.domain.customers import CustomerKind
from beltstack.domain.deliveries import DeliveryState, ErrorClass, IntegrationStatus
from beltstack.domain.equipment import EquipmentStatus
from beltstack.domain.intake import InboundState
from beltstack.domain.invoices import InvoiceState
from beltstack.domain.lifecycle import AssignmentState, VisitState, WorkOrderState
from beltstack.domain.line_items import Coverage, LineKind
from beltstack.domain.payments import PaymentMethod
from beltstack.domain.taxes import TaxMode, TaxRounding
from beltstack.domain.technicians import TechnicianKind
from beltstack.domain.tenants import DoubleBookingPolicy
from beltstack.domain.visits import AssignmentRole, VisitKind
from beltstack.domain.work_orders import Priority, Source, WorkOrderOutcome

SCHEMA = "beltstack"
"""Every table lives here; the connection's search_path says so, never the statements."""

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

UUID = Uuid(as_uuid=True)
INSTANT = DateTime(timezone=True)
# `searchable.NEVER`, as SQL.
NO_TIME = "9999-01-01 00:00:00+00"
# No typmod: PostgreSQL then keeps the scale written, so 25.06 reads back as 25.06 (ADR 0007).
EXACT = Numeric(asdecimal=True)


def one_of(column: str, kind: type[StrEnum]) -> CheckConstraint:
    """Text and a CHECK instead of an enum type: an enum's comparison is not leakproof under row-level security."""
    values = ", ".join(f"'{member.value}'" for member in kind)
    return CheckConstraint(f"{column} in ({values})", name=column)


def bounded(column: str) -> CheckConstraint:
    """What NUMERIC(18,4) would hold, without its padding."""
    return CheckConstraint(f"abs({column}) < 100000000000000 and scale({column}) <= 4", name=column)


def of_tenant(name: str, *items: SchemaItem, references: Iterable[tuple[str, str]] = (), **kwargs: Any) -> Table:
    """A table whose rows belong to a tenant: composite key, composite foreign keys, an index behind each of them."""
    table = Table(
        name,
        metadata,
        Column("tenant_id", UUID, nullable=False),
        Column("id", UUID, nullable=False),
        *items,
        PrimaryKeyConstraint("tenant_id", "id"),
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        **kwargs,
    )
    for column, target in references:
        table.append_constraint(ForeignKeyConstraint(["tenant_id", column], [f"{target}.tenant_id", f"{target}.id"]))
        # With the id: a page of an owner's rows, newest first, is read off the index.
        Index(None, table.c.tenant_id, table.c[column], table.c.id)
    return table


def entity(name: str, *items: SchemaItem, references: Iterable[tuple[str, str]] = (), **kwargs: Any) -> Table:
    """A table of records people edit: with a version and who touched it when."""
    return of_tenant(
        name,
        *items,
        Column("version", Integer, nullable=False, server_default="1"),
        Column("created_at", INSTANT, nullable=False, server_default=func.now()),
        Column("created_by", UUID),
        Column("updated_at", INSTANT, nullable=False, server_default=func.now()),
        Column("updated_by", UUID),
        references=references,
        **kwargs,
    )


def flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=text("false"))


def key_column(name: str, *, nullable: bool = False) -> Column[str]:
    """A text as people compare it, written by the store: filters and orders use it. Bytewise: prefixes are ranges."""
    return Column(name, Text(collation="C"), nullable=nullable, server_default=None if nullable else "")


def search_column() -> Column[str]:
    """The words of a record, written by the store; read by the function `found_in_<table>` alone."""
    return Column("search", TSVECTOR, nullable=False, server_default="")


def listed_by(table: Table, *columns: str) -> None:
    """An index that carries an order, or a filter in the order of ids."""
    Index(None, table.c.tenant_id, *(table.c[name] for name in columns), table.c.id)


def searched(table: Table) -> None:
    Index(None, table.c.search, postgresql_using="gin")


tenant = Table(
    "tenant",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("slug", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    flag("completion_needs_approval"),
    flag("self_approval_allowed"),
    Column("double_booking_policy", Text, nullable=False, server_default="BLOCK"),
    Column("tax_mode", Text, nullable=False, server_default="EXCLUSIVE"),
    Column("tax_rounding", Text, nullable=False, server_default="PER_LINE"),
    Column("default_tax_code_id", UUID),
    Column("payment_terms_days", Integer, nullable=False, server_default="30"),
    Column("books_locked_through", Date),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    Column("updated_at", INSTANT, nullable=False, server_default=func.now()),
    one_of("double_booking_policy", DoubleBookingPolicy),
    one_of("tax_mode", TaxMode),
    one_of("tax_rounding", TaxRounding),
)

api_token = of_tenant(
    "api_token",
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("label", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("technician_id", UUID),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    Column("expires_at", INSTANT),
    Column("revoked_at", INSTANT),
    references=[("technician_id", "technician")],
)

# ── customers and what they own ───────────────────────────────────────────────────────────────────

customer = entity(
    "customer",
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("given_name", Text),
    Column("family_name", Text),
    Column("company", Text),
    Column("email", Text),
    Column("phone", Text),
    Column("billing_address", JSONB),
    flag("tax_exempt"),
    flag("credit_hold"),
    flag("do_not_service"),
    Column("notes", Text),
    Column("archived_at", INSTANT),
    search_column(),
    key_column("name_key"),
    key_column("email_key", nullable=True),
    one_of("kind", CustomerKind),
)
listed_by(customer, "name_key")
listed_by(customer, "email_key")
listed_by(customer, "archived_at")
searched(customer)

contact = entity(
    "contact",
    Column("customer_id", UUID, nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text),
    Column("phone", Text),
    Column("roles", ARRAY(Text), nullable=False),
    references=[("customer_id", "customer")],
)

site = entity(
    "site",
    Column("customer_id", UUID, nullable=False),
    Column("name", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("address", JSONB),
    Column("phone", Text),
    Column("email", Text),
    Column("contact_name", Text),
    Column("access_instructions", Text),
    Column("tax_code_id", UUID),
    search_column(),
    key_column("name_key"),
    references=[("customer_id", "customer"), ("tax_code_id", "tax_code")],
)
listed_by(site, "name_key")
searched(site)

equipment = entity(
    "equipment",
    Column("site_id", UUID, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text),
    Column("manufacturer", Text),
    Column("model", Text),
    Column("serial", Text),
    Column("installed_on", Date),
    Column("status", Text, nullable=False),
    search_column(),
    key_column("name_key"),
    key_column("serial_key", nullable=True),
    one_of("status", EquipmentStatus),
    references=[("site_id", "site")],
)
listed_by(equipment, "name_key")
listed_by(equipment, "serial_key")
searched(equipment)

technician = entity(
    "technician",
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("email", Text),
    Column("phone", Text),
    Column("archived_at", INSTANT),
    key_column("name_key"),
    one_of("kind", TechnicianKind),
)
listed_by(technician, "name_key")
listed_by(technician, "archived_at")

catalog_item = entity(
    "catalog_item",
    Column("sku", Text),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("unit", Text),
    Column("unit_price", EXACT, nullable=False),
    Column("unit_cost", EXACT),
    Column("taxable", Boolean, nullable=False),
    Column("archived_at", INSTANT),
    search_column(),
    key_column("name_key"),
    key_column("sku_key", nullable=True),
    one_of("kind", LineKind),
    bounded("unit_price"),
    bounded("unit_cost"),
    UniqueConstraint("tenant_id", "sku"),
)
listed_by(catalog_item, "name_key")
listed_by(catalog_item, "sku_key")
listed_by(catalog_item, "archived_at")
searched(catalog_item)

tax_code = entity(
    "tax_code",
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("components", JSONB, nullable=False),
    Column("archived_at", INSTANT),
    key_column("code_key"),
    UniqueConstraint("tenant_id", "code"),
)
listed_by(tax_code, "code_key")

# ── work ──────────────────────────────────────────────────────────────────────────────────────────

work_order = entity(
    "work_order",
    Column("number", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text),
    Column("customer_id", UUID, nullable=False),
    Column("site_id", UUID, nullable=False),
    Column("contact_id", UUID),
    Column("source", Text, nullable=False),
    Column("priority", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("po_number", Text),
    flag("no_charge"),
    Column("keep_billable_lines", Boolean, nullable=False, server_default=text("true")),
    Column("nte_amount", EXACT),
    Column("currency", Text, nullable=False),
    flag("needs_return"),
    Column("hold_reason", Text),
    Column("review_on", Date),
    Column("cancel_reason", Text),
    Column("outcome", Text),
    Column("billing_state", Text, nullable=False),
    Column("started_at", INSTANT),
    Column("completed_at", INSTANT),
    Column("completed_by", UUID),
    Column("approved_at", INSTANT),
    Column("approved_by", UUID),
    Column("closed_at", INSTANT),
    search_column(),
    key_column("number_key"),
    one_of("source", Source),
    one_of("priority", Priority),
    one_of("state", WorkOrderState),
    one_of("outcome", WorkOrderOutcome),
    one_of("billing_state", BillingState),
    bounded("nte_amount"),
    UniqueConstraint("tenant_id", "number"),
    references=[("customer_id", "customer"), ("site_id", "site"), ("contact_id", "contact")],
)
listed_by(work_order, "state")
listed_by(work_order, "billing_state", "state")
listed_by(work_order, "number_key")
searched(work_order)

work_order_equipment = Table(
    "work_order_equipment",
    metadata,
    Column("tenant_id", UUID, nullable=False),
    Column("work_order_id", UUID, nullable=False),
    Column("equipment_id", UUID, nullable=False),
    Column("position", Integer, nullable=False),
    PrimaryKeyConstraint("tenant_id", "work_order_id", "equipment_id"),
    ForeignKeyConstraint(["tenant_id", "work_order_id"], ["work_order.tenant_id", "work_order.id"]),
    ForeignKeyConstraint(["tenant_id", "equipment_id"], ["equipment.tenant_id", "equipment.id"]),
    Index(None, "tenant_id", "equipment_id"),
)

visit = entity(
    "visit",
    Column("work_order_id", UUID, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("planned_start", INSTANT),
    Column("planned_end", INSTANT),
    Column("window_start", INSTANT),
    Column("window_end", INSTANT),
    Column("state", Text, nullable=False),
    Column("instructions", Text),
    Column("return_reason", Text),
    # When it is planned to start, or the end of time: an order needs a value in every row.
    Column("planned_order", INSTANT, nullable=False, server_default=NO_TIME),
    one_of("kind", VisitKind),
    one_of("state", VisitState),
    CheckConstraint("planned_start < planned_end", name="planned"),
    UniqueConstraint("tenant_id", "work_order_id", "sequence"),
    references=[("work_order_id", "work_order")],
)
listed_by(visit, "planned_order")
listed_by(visit, "state")

assignment = of_tenant(
    "assignment",
    Column("visit_id", UUID, nullable=False),
    Column("technician_id", UUID, nullable=False),
    Column("position", Integer, nullable=False),
    Column("role", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("dispatched_at", INSTANT),
    Column("accepted_at", INSTANT),
    Column("en_route_at", INSTANT),
    Column("arrived_at", INSTANT),
    Column("done_at", INSTANT),
    # Copies that the exclusion constraint needs beside the technician: two dispatchers at once, one winner.
    Column("during", TSTZRANGE),
    flag("blocks"),
    # What the visit's column of the same name holds, so that a technician's day is one range of an index.
    Column("planned_order", INSTANT, Computed(f"coalesce(lower(during), '{NO_TIME}')", persisted=True), nullable=False),
    one_of("role", AssignmentRole),
    one_of("state", AssignmentState),
    references=[("visit_id", "visit"), ("technician_id", "technician")],
)
# A technician's visits, years of them, without a look at the rows.
_PLANNED = ("tenant_id", "technician_id", "planned_order", "visit_id", "state")
Index("assignment_planned_idx", *(assignment.c[name] for name in _PLANNED))

line_item = entity(
    "line_item",
    Column("work_order_id", UUID, nullable=False),
    Column("visit_id", UUID),
    Column("catalog_item_id", UUID),
    Column("position", Integer, nullable=False),
    Column("invoiced_quantity", EXACT, nullable=False, server_default="0"),
    Column("invoiced_amount", EXACT, nullable=False, server_default="0"),
    Column("kind", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("quantity", EXACT, nullable=False),
    Column("unit", Text),
    Column("unit_price", EXACT),
    Column("unit_cost", EXACT),
    Column("discount_percent", EXACT, nullable=False, server_default="0"),
    Column("discount_amount", EXACT, nullable=False, server_default="0"),
    Column("coverage", Text, nullable=False),
    Column("taxable", Boolean, nullable=False),
    Column("net", EXACT, nullable=False),
    one_of("kind", LineKind),
    one_of("coverage", Coverage),
    *(bounded(name) for name in ("quantity", "unit_price", "unit_cost", "discount_amount", "net")),
    references=[("work_order_id", "work_order"), ("visit_id", "visit"), ("catalog_item_id", "catalog_item")],
)

# ── money ─────────────────────────────────────────────────────────────────────────────────────────

invoice = entity(
    "invoice",
    Column("work_order_id", UUID, nullable=False),
    Column("customer_id", UUID, nullable=False),
    Column("site_id", UUID, nullable=False),
    Column("number", Text),
    Column("state", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("currency", Text, nullable=False),
    Column("tax_mode", Text, nullable=False),
    Column("tax_rounding", Text, nullable=False),
    Column("subtotal", EXACT, nullable=False),
    Column("tax", EXACT, nullable=False),
    Column("total", EXACT, nullable=False),
    Column("paid", EXACT, nullable=False, server_default="0"),
    Column("memo", Text),
    flag("is_progress"),
    Column("terms_days", Integer, nullable=False),
    Column("drafted_at", INSTANT, nullable=False),
    Column("issued_on", Date),
    Column("due_on", Date),
    Column("issued_at", INSTANT),
    Column("paid_at", INSTANT),
    key_column("number_key", nullable=True),
    # When it is due, or the end of time.
    Column("due_order", Date, nullable=False, server_default="9999-01-01"),
    one_of("state", InvoiceState),
    one_of("tax_mode", TaxMode),
    one_of("tax_rounding", TaxRounding),
    *(bounded(name) for name in ("subtotal", "tax", "total", "paid")),
    CheckConstraint("(state = 'DRAFT') = (number is null)", name="number"),
    UniqueConstraint("tenant_id", "number"),
    references=[("work_order_id", "work_order"), ("customer_id", "customer"), ("site_id", "site")],
)
listed_by(invoice, "state")
listed_by(invoice, "due_order")
listed_by(invoice, "number_key")

invoice_work_order = Table(
    "invoice_work_order",
    metadata,
    Column("tenant_id", UUID, nullable=False),
    Column("invoice_id", UUID, nullable=False),
    Column("work_order_id", UUID, nullable=False),
    Column("position", Integer, nullable=False),
    PrimaryKeyConstraint("tenant_id", "invoice_id", "work_order_id"),
    ForeignKeyConstraint(["tenant_id", "invoice_id"], ["invoice.tenant_id", "invoice.id"]),
    ForeignKeyConstraint(["tenant_id", "work_order_id"], ["work_order.tenant_id", "work_order.id"]),
    Index(None, "tenant_id", "work_order_id", "invoice_id"),
)

invoice_line = of_tenant(
    "invoice_line",
    Column("invoice_id", UUID, nullable=False),
    Column("work_order_id", UUID, nullable=False),
    Column("line_item_id", UUID),
    Column("position", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("quantity", EXACT, nullable=False),
    Column("unit", Text),
    Column("unit_price", EXACT),
    Column("amount", EXACT, nullable=False),
    Column("tax_snapshot", JSONB),
    Column("tax", EXACT, nullable=False),
    Column("tax_components", JSONB, nullable=False, server_default="[]"),
    one_of("kind", LineKind),
    *(bounded(name) for name in ("quantity", "unit_price", "amount", "tax")),
    references=[("invoice_id", "invoice"), ("work_order_id", "work_order")],
)

payment = entity(
    "payment",
    Column("invoice_id", UUID, nullable=False),
    Column("customer_id", UUID, nullable=False),
    Column("amount", EXACT, nullable=False),
    Column("currency", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("received_on", Date, nullable=False),
    Column("reference", Text),
    Column("recorded_at", INSTANT, nullable=False),
    one_of("method", PaymentMethod),
    bounded("amount"),
    references=[("invoice_id", "invoice"), ("customer_id", "customer")],
)
listed_by(payment, "received_on")

number_sequence = Table(
    "number_sequence",
    metadata,
    Column("tenant_id", UUID, nullable=False),
    Column("kind", Text, nullable=False),
    Column("last", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant_id", "kind"),
    ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
)

# ── the ledger of events and deliveries ───────────────────────────────────────────────────────────

event = of_tenant(
    "event",
    Column("stream", UUID, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("v", Integer, nullable=False),
    Column("occurred_at", INSTANT, nullable=False),
    Column("recorded_at", INSTANT, nullable=False, server_default=func.now()),
    Column("actor_kind", Text, nullable=False),
    Column("actor_id", UUID, nullable=False),
    Column("request_id", Text),
    Column("data", JSONB, nullable=False),
    # The number of the transaction that told it: below every transaction still running, nothing more can appear.
    Column("position", BigInteger, nullable=False, server_default=text("((pg_current_xact_id())::text)::bigint")),
    UniqueConstraint("tenant_id", "stream", "seq"),
    CheckConstraint("octet_length(data::text) <= 16384", name="size"),
)
listed_by(event, "position")

integration = entity(
    "integration",
    Column("plugin_id", Text, nullable=False),
    Column("instance", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("settings", JSONB, nullable=False),
    Column("sealed", LargeBinary),
    Column("is_ledger", Boolean, nullable=False),
    # Kept from the manifest: a plugin that must be asked is missed when it is not installed.
    flag("fails_closed"),
    Column("problem", Text),
    Column("problem_code", Text),
    Column("problem_at", INSTANT),
    Column("last_success_at", INSTANT),
    Column("connected_at", INSTANT),
    # Where its webhooks arrive: nobody guesses it, and the admin can read it again.
    Column("address", UUID, nullable=False, server_default=func.gen_random_uuid()),
    # From the enabling until those transactions are over that may not have seen it: see `store.sweeping`.
    Column("sweep_from", Text),
    Column("sweep_to", BigInteger),
    one_of("status", IntegrationStatus),
    UniqueConstraint("tenant_id", "plugin_id", "instance"),
    UniqueConstraint("tenant_id", "address"),
)
Index(
    "integration_one_ledger_key",
    integration.c.tenant_id,
    unique=True,
    postgresql_where=text("is_ledger and status <> 'DISABLED'"),
)
Index(
    "integration_sweep_idx",
    integration.c.tenant_id,
    integration.c.id,
    postgresql_where=text("sweep_from is not null"),
)

lane = Table(
    "lane",
    metadata,
    Column("tenant_id", UUID, nullable=False),
    Column("integration_id", UUID, nullable=False),
    Column("epoch", BigInteger, nullable=False, server_default="0"),
    Column("tat", INSTANT, nullable=False, server_default=text("'epoch'")),
    Column("rests_until", INSTANT, nullable=False, server_default=text("'epoch'")),
    Column("failures", Integer, nullable=False, server_default="0"),
    # The calls of the hour numbered `calls_hour` since 1970 come first, those of each hour before it follow.
    Column("calls_hour", BigInteger, nullable=False, server_default="0"),
    Column("hourly_calls", ARRAY(Integer), nullable=False, server_default="{}"),
    PrimaryKeyConstraint("tenant_id", "integration_id"),
    ForeignKeyConstraint(["tenant_id", "integration_id"], ["integration.tenant_id", "integration.id"]),
    # The hottest row there is: half-empty pages keep its updates on the page.
    postgresql_with={"fillfactor": 50},
)

plugin_job = Table(
    "plugin_job",
    metadata,
    Column("tenant_id", UUID, nullable=False),
    Column("integration_id", UUID, nullable=False),
    Column("name", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False, server_default="0"),
    Column("next_at", INSTANT, nullable=False),
    Column("leased_until", INSTANT, nullable=False, server_default=text("'epoch'")),
    Column("started_at", INSTANT),
    Column("ended_at", INSTANT),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("error", Text),
    PrimaryKeyConstraint("tenant_id", "integration_id", "name"),
    ForeignKeyConstraint(["tenant_id", "integration_id"], ["integration.tenant_id", "integration.id"]),
)

delivery = of_tenant(
    "delivery",
    Column("event_id", UUID, nullable=False),
    Column("integration_id", UUID, nullable=False),
    Column("stream", UUID, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("state", Text, nullable=False),
    # Every start counts as an attempt; only what the retry policy counts is a failure.
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("retried_seconds", Double, nullable=False, server_default="0"),
    Column("due_at", INSTANT, nullable=False, server_default=func.now()),
    Column("started_at", INSTANT),
    Column("epoch", BigInteger, nullable=False, server_default="0"),
    Column("error_class", Text),
    Column("error_code", Text),
    Column("error", Text),
    Column("waits_for", UUID),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    Column("settled_at", INSTANT),
    one_of("state", DeliveryState),
    one_of("error_class", ErrorClass),
    UniqueConstraint("tenant_id", "integration_id", "event_id"),
    references=[("event_id", "event")],
)
delivery.append_constraint(
    ForeignKeyConstraint(["tenant_id", "integration_id"], ["integration.tenant_id", "integration.id"])
)
# The dead ones are what people look for among millions; an index over every state would slow each delivery.
Index(
    "delivery_dead_idx",
    delivery.c.tenant_id,
    delivery.c.id,
    postgresql_where=text("state = 'DEAD'"),
)
listed_by(delivery, "integration_id")
Index(
    "delivery_due_idx",
    delivery.c.tenant_id,
    delivery.c.integration_id,
    delivery.c.due_at,
    delivery.c.seq,
    postgresql_where=text("state = 'READY'"),
)
Index(
    "delivery_unsettled_idx",
    delivery.c.tenant_id,
    delivery.c.integration_id,
    delivery.c.stream,
    delivery.c.seq,
    postgresql_where=text("state in ('READY', 'RUNNING', 'WAITING', 'DEAD')"),
)
Index(
    "delivery_running_idx",
    delivery.c.tenant_id,
    delivery.c.integration_id,
    postgresql_where=text("state = 'RUNNING'"),
)
Index(
    "delivery_waiting_idx",
    delivery.c.tenant_id,
    delivery.c.integration_id,
    delivery.c.waits_for,
    postgresql_where=text("state = 'WAITING'"),
)

delivery_attempt = of_tenant(
    "delivery_attempt",
    Column("delivery_id", UUID, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("started_at", INSTANT, nullable=False),
    Column("ended_at", INSTANT, nullable=False),
    Column("error_class", Text),
    Column("error_code", Text),
    Column("error", Text),
    one_of("error_class", ErrorClass),
    references=[("delivery_id", "delivery")],
)

reference = Table(
    "reference",
    metadata,
    Column("tenant_id", UUID, nullable=False),
    Column("integration_id", UUID, nullable=False),
    Column("entity", Text, nullable=False),
    Column("entity_id", UUID, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("external_version", Text),
    Column("external_url", Text),
    Column("content_hash", Text),
    Column("updated_at", INSTANT, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("tenant_id", "integration_id", "entity", "entity_id"),
    ForeignKeyConstraint(["tenant_id", "integration_id"], ["integration.tenant_id", "integration.id"]),
    UniqueConstraint("tenant_id", "integration_id", "entity", "external_id"),
    Index(None, "tenant_id", "entity", "entity_id"),
)

# ── what comes in ─────────────────────────────────────────────────────────────────────────────────

connect_attempt = of_tenant(
    "connect_attempt",
    Column("integration_id", UUID, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    # Of the one browser that opened the link.
    Column("browser_hash", LargeBinary),
    Column("sealed", LargeBinary, nullable=False),
    Column("return_to", Text, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor_id", UUID, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("expires_at", INSTANT, nullable=False),
    Column("used_at", INSTANT),
    references=[("integration_id", "integration")],
)

inbound = of_tenant(
    "inbound",
    Column("integration_id", UUID, nullable=False),
    Column("key", Text, nullable=False),
    Column("received_at", INSTANT, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", INSTANT, nullable=False, server_default=func.now()),
    Column("error", Text),
    # A draft may be deleted; what came in is kept all the same.
    Column("work_order_id", UUID),
    Column("settled_at", INSTANT),
    one_of("state", InboundState),
    UniqueConstraint("tenant_id", "integration_id", "key"),
    references=[("integration_id", "integration")],
)
Index(
    "inbound_due_idx",
    inbound.c.tenant_id,
    inbound.c.integration_id,
    inbound.c.due_at,
    postgresql_where=text("state = 'RECEIVED'"),
)

# ── what went wrong ───────────────────────────────────────────────────────────────────────────────

problem = of_tenant(
    "problem",
    Column("integration_id", UUID, nullable=False),
    Column("key", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("count", Integer, nullable=False, server_default="1"),
    flag("is_critical"),
    Column("first_at", INSTANT, nullable=False, server_default=func.now()),
    Column("last_at", INSTANT, nullable=False, server_default=func.now()),
    Column("resolved_at", INSTANT),
    references=[("integration_id", "integration")],
)
Index(
    "problem_open_key",
    problem.c.tenant_id,
    problem.c.integration_id,
    problem.c.key,
    unique=True,
    postgresql_where=text("resolved_at is null"),
)

# ── what was asked ────────────────────────────────────────────────────────────────────────────────

idempotency = Table(
    "idempotency",
    metadata,
    Column("tenant_id", UUID, nullable=False),
    Column("actor_id", UUID, nullable=False),
    Column("key", Text, nullable=False),
    Column("request_hash", LargeBinary, nullable=False),
    Column("answer", JSONB, nullable=False),
    Column("created_at", INSTANT, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("tenant_id", "actor_id", "key"),
    ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
)

audit_entry = of_tenant(
    "audit_entry",
    Column("at", INSTANT, nullable=False, server_default=func.now()),
    Column("actor_kind", Text, nullable=False),
    Column("actor_id", UUID, nullable=False),
    Column("command", Text, nullable=False),
    Column("subject_id", UUID),
    Column("request_id", Text),
    Column("facts", ARRAY(Text), nullable=False),
    Column("note", Text),
    Index(None, "tenant_id", "subject_id", "at"),
)
