"""The domain's enums as GraphQL enums, each value described."""

from enum import Enum
from typing import TypeVar

import strawberry

from beltstack.domain.access import Role
from beltstack.domain.billing import BillingState
from beltstack.domain.customers import ContactRole, CustomerKind
from beltstack.domain.deliveries import Breaker, DeliveryState, ErrorClass, IntegrationStatus
from beltstack.domain.equipment import EquipmentStatus
from beltstack.domain.intake import InboundState
from beltstack.domain.invoices import InvoiceState
from beltstack.domain.lifecycle import AssignmentState, VisitState, WorkOrderCommand, WorkOrderState
from beltstack.domain.line_items import Coverage, LineKind
from beltstack.domain.payments import PaymentMethod
from beltstack.domain.taxes import TaxMode, TaxRounding
from beltstack.domain.technicians import TechnicianKind
from beltstack.domain.tenants import DoubleBookingPolicy
from beltstack.domain.visits import AssignmentRole, VisitKind, VisitOutcome
from beltstack.domain.work_orders import Priority, RemainingVisits, Source, WorkOrderOutcome

E = TypeVar("E", bound=type[Enum])


def describe_enum(kind: E, description: str, values: dict[str, str]) -> E:
    """Register an enum with strawberry; every value needs its sentence."""
    missing = set(kind.__members__) ^ set(values)
    if missing:
        raise ValueError(f"{kind.__name__}: describe exactly its values; differing: {sorted(missing)}")
    described = strawberry.enum(kind, description=description)
    for value in described.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[value.name]
    return described


describe_enum(
    WorkOrderState,
    "Where a work order stands. OPEN, SCHEDULED and IN_PROGRESS follow from its visits; commands set the others.",
    {
        "DRAFT": "Being written; nobody works on it.",
        "OPEN": "Accepted; no visit is planned, or somebody has to return.",
        "SCHEDULED": "A visit is planned and nothing has started.",
        "IN_PROGRESS": "Work has started and is not completed.",
        "ON_HOLD": "Stopped until something is mended; see the hold reason.",
        "PENDING_APPROVAL": "The work is done; a manager has to approve it.",
        "COMPLETED": "Done, and approved where policy asks for it.",
        "CLOSED": "Billed and locked.",
        "CANCELED": "Called off.",
    },
)
describe_enum(
    WorkOrderCommand,
    "The commands that move a work order from state to state.",
    {
        "SUBMIT": "Accept a draft.",
        "HOLD": "Stop until something is mended.",
        "RESUME": "Go on after a hold.",
        "COMPLETE": "Close the field work.",
        "APPROVE": "Confirm completed work.",
        "REJECT": "Send completed work back.",
        "REOPEN": "Take completed work up again.",
        "CLOSE": "Lock what is billed.",
        "UNLOCK": "Undo the lock.",
        "CANCEL": "Call the work off.",
        "REINSTATE": "Take canceled work up again.",
    },
)
describe_enum(
    VisitState,
    "Where a visit stands.",
    {
        "UNSCHEDULED": "Has no time yet.",
        "SCHEDULED": "Has a time.",
        "DISPATCHED": "Its technicians were told to go.",
        "EN_ROUTE": "A technician is on the way.",
        "ON_SITE": "A technician is working there.",
        "PAUSED": "Work there is interrupted.",
        "COMPLETED": "Done.",
        "INCOMPLETE": "Over, and somebody has to return.",
        "NO_ACCESS": "Over: nobody let the technician in.",
        "CANCELED": "Called off before anybody was on site.",
    },
)
describe_enum(
    AssignmentState,
    "Where one technician's part of a visit stands.",
    {
        "ASSIGNED": "Planned for it.",
        "DISPATCHED": "Told to go.",
        "ACCEPTED": "Said yes.",
        "DECLINED": "Said no.",
        "EN_ROUTE": "On the way.",
        "ON_SITE": "Working there.",
        "PAUSED": "Interrupted.",
        "DONE": "Finished.",
        "REMOVED": "Taken off the visit.",
    },
)
describe_enum(
    VisitKind,
    "What a visit is for.",
    {
        "SERVICE": "To do the work.",
        "ASSESSMENT": "To see what is to be done.",
        "RETURN": "To finish what an earlier visit could not.",
        "DELIVERY": "To bring something.",
    },
)
describe_enum(
    VisitOutcome,
    "How a visit ended.",
    {"COMPLETED": "Done.", "INCOMPLETE": "Somebody has to return.", "NO_ACCESS": "Nobody let the technician in."},
)
describe_enum(
    AssignmentRole,
    "A technician's role on a visit.",
    {"LEAD": "Answers for the visit.", "HELPER": "Helps."},
)
describe_enum(
    Priority,
    "How urgent a work order is.",
    {"LOW": "When convenient.", "NORMAL": "In turn.", "HIGH": "Before others.", "URGENT": "Now."},
)
describe_enum(
    Source,
    "How a work order came in.",
    {
        "CALL": "By telephone.",
        "FORM": "By a form.",
        "RECURRING": "By a recurring schedule.",
        "ESTIMATE": "From an accepted estimate.",
        "API": "From another program.",
        "FOLLOW_UP": "From what was found at an earlier one.",
        "IMPORT": "From another system.",
    },
)
describe_enum(
    WorkOrderOutcome,
    "What came of a work order.",
    {
        "RESOLVED": "The work promised is done.",
        "PARTIAL": "Part of it is done.",
        "CANNOT_COMPLETE": "It cannot be done.",
        "NO_ACCESS": "Nobody let the technician in.",
        "DUPLICATE": "Another work order covers it.",
    },
)
describe_enum(
    RemainingVisits,
    "What becomes of visits still planned when the work is completed.",
    {"CANCEL": "They are canceled.", "FAIL": "They did not take place and stay on record as INCOMPLETE."},
)
describe_enum(
    BillingState,
    "Where the money of a work order stands, apart from the work itself.",
    {
        "NOT_BILLABLE": "Nothing on it is to be billed.",
        "UNBILLED": "Billable, and no invoice is issued: with state COMPLETED, the work that was forgotten.",
        "PARTIALLY_BILLED": "Some of it is invoiced.",
        "BILLED": "Invoiced.",
        "PAID": "Invoiced and paid.",
    },
)
describe_enum(
    LineKind,
    "What a line stands for.",
    {
        "LABOR": "Work, by the hour or flat.",
        "PART": "A part built in.",
        "MATERIAL": "Material used up.",
        "FEE": "A fee.",
        "TRAVEL": "Travel.",
        "EXPENSE": "An expense passed on.",
        "DISCOUNT": "Takes off: its price is zero or negative.",
        "TEXT": "A note without a price.",
    },
)
describe_enum(
    Coverage,
    "Who bears the price of a line.",
    {
        "BILLABLE": "The customer.",
        "WARRANTY": "A warranty.",
        "CONTRACT": "A service contract.",
        "GOODWILL": "The company, out of goodwill.",
        "INTERNAL": "The company.",
    },
)
describe_enum(
    InvoiceState,
    "Where an invoice stands. Once issued it never changes; corrections are credit notes.",
    {
        "DRAFT": "Has no number yet.",
        "ISSUED": "Numbered and final.",
        "PARTIALLY_PAID": "Some of it is paid.",
        "PAID": "Paid in full.",
        "VOID": "Taken back before anything was paid.",
        "WRITTEN_OFF": "Given up.",
    },
)
describe_enum(
    PaymentMethod,
    "How money was received.",
    {
        "CASH": "Cash.",
        "CHECK": "A check.",
        "CARD_EXTERNAL": "A card, on a terminal of one's own.",
        "CARD_PROCESSOR": "A card, through a connected processor.",
        "BANK_TRANSFER": "A bank transfer.",
        "ACH": "An ACH debit.",
        "FINANCING": "A financing company.",
        "OTHER": "Another way.",
    },
)
describe_enum(
    TaxMode,
    "Whether prices hold the tax.",
    {"EXCLUSIVE": "Tax comes on top of the prices.", "INCLUSIVE": "The prices hold the tax."},
)
describe_enum(
    TaxRounding,
    "Where tax is rounded, half up.",
    {"PER_LINE": "On each line.", "PER_DOCUMENT": "Once per rate, then shared out to the lines."},
)
describe_enum(
    DoubleBookingPolicy,
    "What happens when a technician's visits overlap.",
    {"BLOCK": "It is refused.", "WARN": "It is allowed and noted.", "ALLOW": "It is allowed."},
)
describe_enum(
    CustomerKind,
    "What kind of customer it is.",
    {"RESIDENTIAL": "A household.", "COMMERCIAL": "A business."},
)
describe_enum(
    ContactRole,
    "What one turns to a contact for.",
    {
        "PRIMARY": "Everything.",
        "BILLING": "Invoices.",
        "ON_SITE": "Access.",
        "OWNER": "Decisions of the owner.",
        "TENANT": "The person who lives there.",
        "EMERGENCY": "Emergencies.",
    },
)
describe_enum(
    EquipmentStatus,
    "Whether a piece of equipment works.",
    {
        "OPERATIONAL": "It works.",
        "DEGRADED": "It works badly.",
        "DOWN": "It does not work.",
        "REMOVED": "It is gone.",
    },
)
describe_enum(
    TechnicianKind,
    "How a technician belongs to the company.",
    {"EMPLOYEE": "Employed.", "SUBCONTRACTOR": "Another company's."},
)
describe_enum(
    Role,
    "What an actor may do; the permission table says which role does what.",
    {
        "OWNER": "Everything.",
        "ADMIN": "Settings, integrations and all work.",
        "MANAGER": "All work, approvals and overrides.",
        "DISPATCHER": "Plans visits and sends technicians.",
        "OFFICE": "Takes calls, customers, invoices.",
        "TECHNICIAN": "Their own visits.",
        "ACCOUNTANT": "Invoices, payments, the books.",
        "VIEWER": "Reads.",
    },
)
describe_enum(
    IntegrationStatus,
    "Whether an integration works.",
    {
        "DISABLED": "Off; nothing is written for it.",
        "ENABLED": "On.",
        "PAUSED": "On, but its deliveries wait.",
        "NEEDS_REAUTH": "Its deliveries wait until somebody connects it again.",
        "BROKEN": "Its plugin cannot be loaded; its deliveries wait.",
    },
)
describe_enum(
    DeliveryState,
    "Where a delivery of one event to one integration stands.",
    {
        "READY": "Owed; due now or later.",
        "RUNNING": "Being delivered.",
        "WAITING": "Until another record is linked.",
        "DELIVERED": "Done.",
        "DEAD": "Needs a person: mend what its error says, then replay it.",
        "CANCELED": "Given up by a person.",
    },
)
describe_enum(
    ErrorClass,
    "Who acts next on a delivery that failed.",
    {
        "THROTTLED": "Nobody: the remote asked for fewer calls.",
        "TRANSIENT": "Nobody: it is tried again.",
        "TIMEOUT": "Nobody: it is tried again.",
        "UNKNOWN_OUTCOME": "Nobody: the next attempt looks whether it happened.",
        "RECONNECT": "The admin: connect the integration again.",
        "NEEDS_ATTENTION": "The office: do what the error says, then replay.",
        "REJECTED": "Nobody can make it succeed as it is.",
        "WAITING": "Nobody: another record comes first.",
        "DEFECT": "The plugin's vendor.",
    },
)
describe_enum(
    InboundState,
    "Where a message that came in stands.",
    {
        "RECEIVED": "Kept; it is read now or later.",
        "DONE": "What it means is done.",
        "SET_ASIDE": "It could not be understood or was refused: mend what its error says, then replay it.",
        "FAILED": "Reading it failed five times.",
    },
)
describe_enum(
    Breaker,
    "Whether an integration's deliveries go out.",
    {
        "CLOSED": "They do.",
        "OPEN": "It failed again and again, and rests.",
        "PROBING": "One delivery finds out whether the remote is back.",
    },
)
