"""What each noun's lists can be filtered by, sorted by and searched for: only what an index carries."""

from sqlalchemy import BigInteger, ColumnElement, FromClause, Text, and_, cast, func, select

from beltstack.domain.billing import BillingState
from beltstack.domain.deliveries import DeliveryState
from beltstack.domain.ids import Noun
from beltstack.domain.invoices import InvoiceState
from beltstack.domain.lifecycle import VisitState, WorkOrderState
from beltstack.planner.json_sql import quoted
from beltstack.schema import enums  # noqa: F401 - filters need the enums described
from beltstack.schema.filters import Listing, day, enum, identifier, instant, name, text
from beltstack.store import tables
from beltstack.store.searchable import NEVER, NO_DAY


def nothing_comes_before(row: FromClause) -> ColumnElement[bool]:
    """Every transaction with a number up to the event's is over: none can tell an event that sorts before it."""
    oldest = func.pg_snapshot_xmin(func.pg_current_snapshot(type_=Text), type_=Text)
    # As a scalar of its own it is asked once, and the index is read up to it.
    bounded: ColumnElement[bool] = row.c.position < select(cast(cast(oldest, Text), BigInteger)).scalar_subquery()
    return bounded


LISTINGS = {
    Noun.CUSTOMER: Listing(
        "Customer",
        where={
            "name": text("What the office calls them.", "name_key"),
            "email": text("E-mail address.", "email_key"),
            "archivedAt": instant("When they were put away.", "archived_at"),
        },
        orders={"NAME": ("name_key", "What the office calls them.")},
        search="names, company, e-mail address and telephone number",
    ),
    Noun.SITE: Listing(
        "Site",
        where={
            "customerId": identifier(Noun.CUSTOMER, "Whose place it is.", "customer_id"),
            "name": text("What the office calls it.", "name_key"),
        },
        orders={"NAME": ("name_key", "What the office calls it.")},
        search="name, address, the contact's name and the telephone number",
    ),
    Noun.EQUIPMENT: Listing(
        "Equipment",
        where={
            "siteId": identifier(Noun.SITE, "Where it stands.", "site_id"),
            "name": text("What the office calls it.", "name_key"),
            "serial": text("Serial number.", "serial_key"),
        },
        orders={"NAME": ("name_key", "What the office calls it.")},
        search="name, serial number, manufacturer, model and kind",
    ),
    Noun.TECHNICIAN: Listing(
        "Technician",
        where={
            "name": text("The person's name.", "name_key"),
            "archivedAt": instant("When they left.", "archived_at"),
        },
        orders={"NAME": ("name_key", "The person's name.")},
    ),
    Noun.CATALOG_ITEM: Listing(
        "CatalogItem",
        where={
            "name": text("What the customer reads.", "name_key"),
            "sku": text("Stock keeping unit.", "sku_key"),
            "archivedAt": instant("When it was put away.", "archived_at"),
        },
        orders={"NAME": ("name_key", "What the customer reads.")},
        search="name and SKU",
    ),
    Noun.TAX_CODE: Listing(
        "TaxCode",
        where={"code": text("What the office picks it by.", "code_key")},
        orders={"CODE": ("code_key", "What the office picks it by.")},
    ),
    Noun.WORK_ORDER: Listing(
        "WorkOrder",
        where={
            "state": enum(WorkOrderState, "Where it stands.", "state"),
            "billingState": enum(BillingState, "Where its money stands.", "billing_state"),
            "number": text("The human number.", "number_key"),
            "customerId": identifier(Noun.CUSTOMER, "Whom it is for.", "customer_id"),
            "siteId": identifier(Noun.SITE, "Where it is done.", "site_id"),
            "equipmentId": identifier(
                Noun.EQUIPMENT,
                "What is serviced.",
                "equipment_id",
                through=tables.work_order_equipment,
                through_column="work_order_id",
            ),
        },
        orders={"NUMBER": ("number_key", "The human number, as text.")},
        search="number, title and purchase order",
    ),
    Noun.VISIT: Listing(
        "Visit",
        where={
            "state": enum(VisitState, "Where it stands.", "state"),
            "plannedStart": instant("When the technicians start.", "planned_order", absent=NEVER),
            "workOrderId": identifier(Noun.WORK_ORDER, "What it is for.", "work_order_id"),
            "technicianId": identifier(
                Noun.TECHNICIAN,
                "Who goes; not who declined or was taken off.",
                "technician_id",
                through=tables.assignment,
                through_column="visit_id",
                copies=frozenset({"plannedStart"}),
                only=lambda pair: and_(pair.c.state != quoted("DECLINED"), pair.c.state != quoted("REMOVED")),
            ),
        },
        orders={"PLANNED_START": ("planned_order", "When the technicians start; without a plan, after all others.")},
    ),
    Noun.INVOICE: Listing(
        "Invoice",
        where={
            "state": enum(InvoiceState, "Where it stands.", "state"),
            "number": text("Its number.", "number_key"),
            "dueOn": day("When it is due.", "due_order", absent=NO_DAY),
            "customerId": identifier(Noun.CUSTOMER, "Who owes it.", "customer_id"),
            "workOrderId": identifier(Noun.WORK_ORDER, "What it bills.", "work_order_id"),
        },
        orders={"DUE_ON": ("due_order", "When it is due; drafts after all others.")},
    ),
    Noun.PAYMENT: Listing(
        "Payment",
        where={
            "customerId": identifier(Noun.CUSTOMER, "Who paid.", "customer_id"),
            "invoiceId": identifier(Noun.INVOICE, "What it was received for.", "invoice_id"),
            "receivedOn": day("When it was received.", "received_on"),
        },
        orders={"RECEIVED_ON": ("received_on", "When it was received.")},
    ),
    Noun.DELIVERY: Listing(
        "Delivery",
        where={
            "state": enum(DeliveryState, "Where it stands.", "state"),
            "integrationId": identifier(Noun.INTEGRATION, "Who is to be told.", "integration_id"),
            "eventId": identifier(Noun.EVENT, "What is to be told.", "event_id"),
        },
        orders={},
    ),
    Noun.EVENT: Listing(
        "Event",
        where={
            "subjectId": identifier(None, "The record it happened to.", "stream"),
            "type": name("What kind of fact, like work_order.completed.", "type"),
        },
        orders={
            "COMMITTED": (
                "position",
                "In an order in which nothing is ever added before what was read: whoever reads on from the last"
                " cursor, ASC, misses nothing. What transactions still running could come before is not there yet.",
            )
        },
        settled={"COMMITTED": nothing_comes_before},
    ),
}
"""By the noun listed. Integrations are few: they are paged and nothing else."""
