"""Write the golden payload of every new type or version of event. What was written once is never written again."""

import json
from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from beltstack.domain.events import Fact, InvoiceLineSnapshot, facts_by_type
from beltstack.store.codecs import from_json, to_json

FOLDER = Path(__file__).resolve().parents[1] / "beltstack/plugins/golden"

_IDS = (
    "customer_id", "contact_id", "site_id", "equipment_id", "technician_id", "work_order_id", "visit_id",
    "assignment_id", "invoice_id", "payment_id", "integration_id",
)  # fmt: skip
_BY_NAME: dict[str, Any] = {
    **{name: UUID(f"019c0f2e-5b00-7000-8000-{number:012d}") for number, name in enumerate(_IDS, 1)},
    "name": "Renée O'Neill",
    "status": "OPERATIONAL",
    "number": "WO-1001",
    "title": "No cooling upstairs",
    "from_state": "IN_PROGRESS",
    "state": "IN_PROGRESS",
    "priority": "HIGH",
    "total": Decimal("471.50"),
    "currency": "USD",
    "reason": None,
    "planned_start": datetime(2026, 3, 2, 15, tzinfo=UTC),
    "planned_end": datetime(2026, 3, 2, 17, tzinfo=UTC),
    "outcome": None,
    "revision": 1,
    "tax_mode": "EXCLUSIVE",
    "subtotal": Decimal("471.50"),
    "tax": Decimal("38.90"),
    "issued_on": date(2026, 3, 2),
    "due_on": date(2026, 4, 1),
    "line_count": 2,
    "amount": Decimal("510.40"),
    "method": "CHECK",
    "received_on": date(2026, 3, 9),
    "reference": "Check 2041",
    "plugin_id": "acmebooks",
    "instance": "acmebooks",
}
_BY_NAME["technician_ids"] = (_BY_NAME["technician_id"],)
_BY_NAME["work_order_ids"] = (_BY_NAME["work_order_id"],)
_BY_NAME["lines"] = (
    InvoiceLineSnapshot(
        "Diagnosis", "LABOR", Decimal("1.5"), Decimal("129.00"), Decimal("193.50"), "TX", Decimal("15.96")
    ),
    InvoiceLineSnapshot("Capacitor", "PART", Decimal(1), Decimal("278.00"), Decimal("278.00"), "TX", Decimal("22.94")),
)
_DRAFT = {"number": None, "issued_on": None, "due_on": None}
_INVOICE = {"number": "INV-1001", "total": Decimal("510.40")}
_BY_TYPE: dict[str, dict[str, Any]] = {
    "technician.created": {"name": "Lee Park"},
    "technician.updated": {"name": "Lee Park"},
    "work_order.created": {"from_state": "OPEN", "state": "OPEN"},
    "work_order.opened": {"from_state": "DRAFT", "state": "OPEN"},
    "work_order.deleted": {"from_state": "DRAFT", "state": "DRAFT"},
    "work_order.started": {"from_state": "SCHEDULED"},
    "work_order.held": {"state": "ON_HOLD", "reason": "Waiting for a compressor"},
    "work_order.resumed": {"from_state": "ON_HOLD"},
    "work_order.work_completed": {"state": "IN_PROGRESS"},
    "work_order.approval_requested": {
        "state": "PENDING_APPROVAL",
        "reason": "The total of 471.50 USD exceeds the limit of 400.00.",
    },
    "work_order.approved": {"from_state": "PENDING_APPROVAL", "state": "COMPLETED"},
    "work_order.rejected": {"from_state": "PENDING_APPROVAL", "reason": "The photo of the label is missing"},
    "work_order.completed": {"state": "COMPLETED"},
    "work_order.reopened": {"from_state": "COMPLETED", "reason": "It leaks again"},
    "work_order.closed": {"from_state": "COMPLETED", "state": "CLOSED"},
    "work_order.unlocked": {"from_state": "CLOSED", "state": "COMPLETED", "reason": "A part was left out"},
    "work_order.canceled": {"from_state": "SCHEDULED", "state": "CANCELED", "reason": "The customer moved"},
    "work_order.reinstated": {"from_state": "CANCELED", "state": "OPEN"},
    "visit.scheduled": {"state": "SCHEDULED", "technician_ids": ()},
    "visit.rescheduled": {"state": "SCHEDULED"},
    "visit.dispatched": {"state": "DISPATCHED"},
    "visit.en_route": {"state": "EN_ROUTE"},
    "visit.on_site": {"state": "ON_SITE"},
    "visit.paused": {"state": "PAUSED"},
    "visit.resumed": {"state": "ON_SITE"},
    "visit.completed": {"state": "COMPLETED", "outcome": "COMPLETED"},
    "visit.canceled": {"state": "CANCELED"},
    "invoice.drafted": _INVOICE | _DRAFT,
    "invoice.discarded": _INVOICE | _DRAFT,
    "invoice.issued": _INVOICE,
    "invoice.paid": _INVOICE,
    "invoice.voided": _INVOICE | {"reason": "Billed to the wrong customer"},
    "invoice.written_off": _INVOICE | {"reason": "The customer is insolvent", "written_off": Decimal("510.40")},
}


def example_of(kind: type[Fact]) -> Fact:
    """A fact as it might have happened."""
    values = _BY_NAME | _BY_TYPE.get(kind.type, {})
    return kind(**{field.name: values[field.name] for field in fields(kind)})


def text_of(fact: Fact) -> str:
    """A golden file's whole text."""
    return json.dumps(to_json(fact), indent=2, ensure_ascii=False) + "\n"


def file_of(kind: type[Fact]) -> Path:
    return FOLDER / f"{kind.type}.v{kind.v}.json"


def problem_of(kind: type[Fact]) -> str | None:
    """What is wrong between a kind of fact and its golden payload, and what to do about it."""
    file = file_of(kind)
    if not file.exists():
        return f"{kind.type} has no golden payload in version {kind.v}: run tools/golden.py and commit what it wrote."
    text = file.read_text("utf-8")
    try:
        is_same = text_of(from_json(kind, json.loads(text))) == text
    except Exception:  # cattrs raises groups, KeyErrors and what the types themselves raise
        is_same = False
    if is_same:
        return None
    return (
        f"{kind.type} has another shape than {file.name}, and plugins rely on that one:"
        f" raise `v` of {kind.__name__} to {kind.v + 1}, run tools/golden.py, and commit the new file beside the old."
    )


def main() -> None:
    for kind in facts_by_type().values():
        if not file_of(kind).exists():
            file_of(kind).write_text(text_of(example_of(kind)), "utf-8")
            print(f"wrote {file_of(kind).name}")


if __name__ == "__main__":
    main()
