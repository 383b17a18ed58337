"""`where`, `search` and `orderBy` over plain rows, as the schema's own words describe them."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from beltstack.domain.words import digits, folded_key, words

Values = Mapping[str, Any]
Rows = Mapping[str, Sequence[Values]]

# By type: the column a filter compares, where it is not the field's own name.
TEXT = {"name", "email", "serial", "sku", "code", "number"}
INSTANTS = {"archivedAt": "archived_at", "plannedStart": "planned_start"}
DAYS = {"dueOn": "due_on", "receivedOn": "received_on"}
PAIRS = {"equipmentId": ("work_order_equipment", "work_order_id"), "technicianId": ("assignment", "visit_id")}
ORDERS: dict[str, tuple[str, Any]] = {
    "NAME": ("name", ""),
    "CODE": ("code", ""),
    "NUMBER": ("number", ""),
    "PLANNED_START": ("planned_start", datetime(9999, 1, 1, tzinfo=UTC)),
    "DUE_ON": ("due_on", date(9999, 1, 1)),
    "RECEIVED_ON": ("received_on", None),
}
SEARCHED: dict[str, tuple[str, ...]] = {
    "Customer": ("name", "company", "person", "email", "phone", "digits"),
    "Site": ("name", "line1", "line2", "city", "postal_code", "contact_name", "phone", "digits"),
    "Equipment": ("name", "serial", "manufacturer", "model", "kind"),
    "CatalogItem": ("name", "sku"),
    "WorkOrder": ("number", "title", "po_number"),
}
SEARCH_CHARACTERS = 200


def fits(rows: Rows, row: Values, where: Values) -> bool:
    """Whether all that is said holds; a comparison with nothing does not."""
    return all(_holds(rows, row, name, said) for name, said in where.items() if said is not None)


def _holds(rows: Rows, row: Values, name: str, said: Any) -> bool:
    if name == "and":
        return all(fits(rows, row, one) for one in said)
    if name == "or":
        return any(fits(rows, row, one) for one in said)
    if name == "not":
        return not fits(rows, row, said)
    ((operator, operand),) = said.items()
    values, read = _compared(rows, row, name)
    present = [value for value in values if value is not None]
    if operator == "isNull":
        return not present if operand else bool(present)
    return any(OPERATORS[operator](value, operand, read) for value in present)


def _compared(rows: Rows, row: Values, name: str) -> tuple[list[Any], Callable[[Any], Any]]:
    """What of the row a filter looks at, and how it reads what it is given."""
    if name in TEXT:
        return [None if row[name] is None else folded_key(row[name])], folded_key
    if name in PAIRS:
        table, owner = PAIRS[name]
        pairs = [one for one in rows[table] if one[owner] == row["id"]]
        counted = [one for one in pairs if one.get("state") not in {"DECLINED", "REMOVED"}]
        prefix, column = ("eqp", "equipment_id") if name == "equipmentId" else ("tech", "technician_id")
        return [one[column] for one in counted], lambda text: _uuid(prefix, text)
    if name == "subjectId":
        return [row["stream"]], lambda text: _uuid(r"[a-z]+", text)
    if name in PREFIXES:
        prefix, column = PREFIXES[name]
        return [row[column]], lambda text: _uuid(prefix, text)
    column = (INSTANTS | DAYS).get(name) or re.sub(r"([A-Z])", r"_\1", name).lower()
    return [row[column]], lambda value: value


PREFIXES = {
    "customerId": ("cust", "customer_id"), "siteId": ("site", "site_id"), "workOrderId": ("wo", "work_order_id"),
    "invoiceId": ("inv", "invoice_id"), "integrationId": ("intg", "integration_id"), "eventId": ("evt", "event_id"),
}  # fmt: skip


def _uuid(prefix: str, text: str) -> UUID | None:
    said = re.fullmatch(prefix + r"_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", text)
    return UUID(said[1]) if said else None


Read = Callable[[Any], Any]
OPERATORS: dict[str, Callable[[Any, Any, Read], bool]] = {
    "eq": lambda value, given, read: bool(value == read(given)),
    "in": lambda value, given, read: value in [read(one) for one in given],
    "lt": lambda value, given, read: bool(value < read(given)),
    "lte": lambda value, given, read: bool(value <= read(given)),
    "gt": lambda value, given, read: bool(value > read(given)),
    "gte": lambda value, given, read: bool(value >= read(given)),
    "between": lambda value, given, read: bool(read(given["from"]) <= value < read(given["to"])),
    "startsWith": lambda value, given, read: value.startswith(read(given)),
    "contains": lambda value, given, read: read(given) in value,
}


def sort_value(row: Values, order: str) -> Any:
    """What a row is sorted by, as its cursor holds it; None for its id alone."""
    if order not in ORDERS:
        return None
    column, absent = ORDERS[order]
    value = row[column]
    if value is None:
        return absent
    return folded_key(value) if isinstance(value, str) else value


def found(kind: str, row: Values, text: str) -> bool:
    """Whether one of the alternatives of a search is in the row; one without words is none."""
    texts = [words(one) for one in _texts(kind, row)]
    alternatives: list[list[bool]] = [[]]
    for minus, phrase, term in re.findall(r'(-?)(?:"([^"]*)"|([^\s"]+))', text[:SEARCH_CHARACTERS]):
        wanted = words(phrase or term)
        if term == "OR" and not minus:
            alternatives.append([])
        elif wanted:
            is_there = any(_side_by_side(held, wanted, unfinished=not phrase) for held in texts)
            alternatives[-1].append(is_there is not bool(minus))
    return any(one and all(one) for one in alternatives)


def _side_by_side(held: list[str], wanted: list[str], *, unfinished: bool) -> bool:
    for start in range(len(held) - len(wanted) + 1):
        part = held[start : start + len(wanted)]
        if part == wanted or (unfinished and part[:-1] == wanted[:-1] and part[-1].startswith(wanted[-1])):
            return True
    return False


def _texts(kind: str, row: Values) -> list[str]:
    phone = row.get("phone") or ""
    address = row.get("address") or {}
    person = " ".join(filter(None, (row.get("given_name"), row.get("family_name"))))
    held = {**address, **row, "person": person, "digits": digits(phone)}
    return [held[name] for name in SEARCHED[kind] if held.get(name)]
