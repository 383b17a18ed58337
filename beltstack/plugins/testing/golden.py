"""A stored payload for every event that a hook hears of, as JSON gives it back."""

from collections.abc import Iterator
from typing import Any

from beltstack.plugins.testing.samples import CUSTOMER, INVOICE, SITE, WORK_ORDER

PAYMENT = "019c0f2e-5b00-7000-8000-00000000000b"

_LINE = {
    "description": "Diagnosis",
    "kind": "LABOR",
    "quantity": "2",
    "unit_price": "95.00",
    "amount": "190.00",
    "tax_code": None,
    "tax": "0.00",
}

_PAYLOADS: dict[tuple[str, int], dict[str, Any]] = {
    ("invoice.issued", 1): {
        "invoice_id": INVOICE,
        "revision": 1,
        "number": "INV-1001",
        "customer_id": CUSTOMER,
        "site_id": SITE,
        "work_order_id": WORK_ORDER,
        "currency": "USD",
        "tax_mode": "EXCLUSIVE",
        "subtotal": "190.00",
        "tax": "0.00",
        "total": "190.00",
        "issued_on": "2026-03-02",
        "due_on": "2026-04-01",
        "lines": [_LINE],
        "line_count": 1,
    },
    ("payment.recorded", 1): {
        "payment_id": PAYMENT,
        "invoice_id": INVOICE,
        "customer_id": CUSTOMER,
        "amount": "190.00",
        "currency": "USD",
        "method": "CHECK",
        "received_on": "2026-03-05",
        "reference": "4711",
    },
    ("work_order.completed", 1): {
        "work_order_id": WORK_ORDER,
        "number": "WO-1001",
        "title": "No cooling upstairs",
        "from_state": "IN_PROGRESS",
        "state": "COMPLETED",
        "priority": "HIGH",
        "customer_id": CUSTOMER,
        "site_id": SITE,
        "total": "190.00",
        "currency": "USD",
        "reason": "Done on the first visit",
    },
}


def payloads() -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Type, version and payload as it is stored."""
    for (type_, v), payload in _PAYLOADS.items():
        yield type_, v, payload
