"""The company's books: what QuickBooks holds and the rules it writes by, in memory, safe from any thread."""

import threading
from collections import deque
from collections.abc import Callable, Collection
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from beltstack.demo.quickbooks import names, query, transactions
from beltstack.demo.quickbooks.answers import Refused, time_text
from beltstack.demo.quickbooks.properties import SHAPES, checked
from beltstack.demo.quickbooks.request_log import Request, RequestLog
from beltstack.demo.quickbooks.seed import EMPTY_KINDS, SEED
from beltstack.demo.quickbooks.shelves import Entity, Shelves

LONGEST_REQUEST_ID = 50
RULES = {**names.RULES, **transactions.RULES}
WORKED_OUT = names.WORKED_OUT | transactions.WORKED_OUT | {"MetaData", "SyncToken", "domain", "sparse", "status"}
KINDS = {kind.lower(): kind for kind in (*EMPTY_KINDS, *(kind for kind, _ in SEED))}
SINGLES = ("CompanyInfo", "Preferences")
NAME_KEYS = {"Vendor": "DisplayName", "Employee": "DisplayName"}


class Books:
    """One company. `requests_per_minute` is the throttle's switch: None lets every request in."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self.requests_per_minute: int | None = None
        self.log = RequestLog()
        self._lock = threading.RLock()
        self._clock = clock
        self._shelves = Shelves(clock)
        self._answered: dict[str, Entity] = {}
        self._admitted: deque[datetime] = deque()
        for kind, thing in SEED:
            self._shelves.put(kind, deepcopy(thing))

    def customers(self) -> tuple[Entity, ...]:
        """Return the customers as QuickBooks shows them, inactive ones too."""
        return self.all("Customer")

    def invoices(self) -> tuple[Entity, ...]:
        """Return the invoices as QuickBooks shows them, voided ones too, deleted ones not."""
        return self.all("Invoice")

    def payments(self) -> tuple[Entity, ...]:
        """Return the payments as QuickBooks shows them."""
        return self.all("Payment")

    def all(self, kind: str) -> tuple[Entity, ...]:
        """Return everything of a kind ("Item", "Account"), oldest first, amounts as Decimal."""
        with self._lock:
            return tuple(self._shelves.seen(kind, thing) for thing in self._shelves.all(kind))

    @property
    def request_log(self) -> tuple[Request, ...]:
        """What reached the door so far, OAuth included."""
        return self.log.all()

    @property
    def sales_tax_percent(self) -> Decimal:
        """The rate TAX lines are taxed at when an invoice brings no TotalTax of its own."""
        return self._shelves.sales_tax_percent

    @sales_tax_percent.setter
    def sales_tax_percent(self, percent: Decimal) -> None:
        with self._lock:
            self._shelves.sales_tax_percent = percent
            self.change("TaxRate", "1", RateValue=percent)

    def hold(self, kind: str, **properties: Any) -> Entity:
        """Write a thing down as a bookkeeper would in QuickBooks itself; the same rules hold."""
        with self._lock:
            if kind in RULES:
                return deepcopy(self.write(kind, properties)[0][kind])
            key = NAME_KEYS.get(kind, "Name")
            sharing = names.SHARING_NAMES if kind in NAME_KEYS else (kind,)
            names.check_name(properties[key], None, self._shelves, kinds=sharing, key=key, element=key)
            return deepcopy(self._shelves.put(kind, {"Active": True, **properties}))

    def change(self, kind: str, thing_id: str, **properties: Any) -> Entity:
        """Change a thing as a bookkeeper would in QuickBooks itself: its SyncToken moves on."""
        with self._lock:
            before = self._shelves.get(kind, thing_id)
            if kind in RULES:
                stamp = {"Id": thing_id, "SyncToken": before["SyncToken"], "sparse": True}
                return deepcopy(self.write(kind, {**properties, **stamp})[0][kind])
            return deepcopy(self._shelves.put(kind, {**before, **properties}))

    def admit(self) -> None:
        """Count a request against the minute; raises `Refused` 3001 (HTTP 429) once it is full."""
        with self._lock:
            now = self._clock()
            while self._admitted and self._admitted[0] <= now - timedelta(minutes=1):
                self._admitted.popleft()
            if self.requests_per_minute is not None and len(self._admitted) >= self.requests_per_minute:
                raise Refused("3001", "The request limit was reached.  Try again later", element=None, status=429)
            self._admitted.append(now)

    def read(self, kind: str, thing_id: str) -> Entity:
        """Return the envelope of one thing; raises `Refused` 2030 for an id that is no number, 610 when not there."""
        with self._lock:
            if kind not in SINGLES and not thing_id.isdigit() and self._shelves.find(kind, thing_id) is None:
                raise Refused("2030", f"Id should be a valid number. Supplied value:{thing_id}", element="Id")
            thing = self._shelves.get(kind, "1" if kind in SINGLES else thing_id)
            return self._envelope(kind, self._shelves.seen(kind, thing))

    def query(self, text: str) -> Entity:
        """Return the envelope of a query; raises `Refused` 4000 when it cannot be read, 4001 when it makes no sense."""
        asked = query.parse(text)
        kind = KINDS.get(asked.kind.lower())
        if kind is None:
            raise Refused("4001", f"QueryValidationError: invalid context declaration: {asked.kind}", element=None)
        with self._lock:
            things = self.all(kind)
            known = {name for thing in things for name in thing} | SHAPES.get(kind, {}).keys()
            asked = replace(asked, kind=kind)
            return self._envelope("QueryResponse", query.answer(asked, things, known))

    def write(
        self, kind: str, body: object, *, asked: str = "", include: Collection[str] = (), request_id: str = ""
    ) -> tuple[Entity, bool]:
        """Create or change a thing and return its envelope, and whether that is an earlier answer played again.

        A request id that succeeded before answers what it answered then and does nothing more, whatever else it
        brings. Raises `Refused`: 2130 a request id over 50 characters, 500 an operation the kind does not have, 610
        no such thing, 5010 a SyncToken that is not the present one, and whatever the kind's own rules refuse.
        """
        if len(request_id) > LONGEST_REQUEST_ID:
            raise Refused(
                "2130", f"The request id is longer than {LONGEST_REQUEST_ID} characters.", element="requestid"
            )
        with self._lock:
            if request_id in self._answered:
                return self._answered[request_id], True
            answer = self._envelope(kind, self._written(kind, body, asked, include))
            if request_id:
                self._answered[request_id] = answer
            return answer, False

    def _written(self, kind: str, body: object, asked: str, include: Collection[str]) -> Entity:
        if asked == "update" and "void" in include:
            asked = "void"
        if kind not in RULES or asked not in (
            "",
            "update",
            *(("void", "delete") if kind in transactions.RULES else ()),
        ):
            raise Refused("500", f"Operation {asked or 'create'} {kind} is not supported.", element=None)
        given = checked(kind, body)
        before = self._before(kind, given, required=bool(asked))
        if before is not None and asked in ("void", "delete"):
            return self._ended(kind, before, asked)
        draft = self._draft(kind, given, before)
        after = RULES[kind](draft, before, self._shelves)
        if kind == "Invoice":
            after = self._numbered(after, before, "allowduplicatedocnum" in include)
        kept = self._shelves.put(kind, {**after, "Id": before["Id"]} if before else after)
        self._touch_linked_invoices(before if kind == "Payment" else None, kept if kind == "Payment" else None)
        return self._shelves.seen(kind, kept)

    def _before(self, kind: str, given: Entity, *, required: bool) -> Entity | None:
        if given.get("Id") is None and not required:
            return None
        for name in ("Id", "SyncToken"):
            if given.get(name) is None:
                raise Refused("2020", f"Required parameter {name} is missing in the request", element=name)
        before = self._shelves.get(kind, given["Id"])
        if before["SyncToken"] != given["SyncToken"]:
            worked = "You and the bookkeeper were working on this at the same time."
            raise Refused(
                "5010",
                f"Stale Object Error : {worked} The bookkeeper finished before you did, so your work was not saved.",
            )
        return before

    def _draft(self, kind: str, given: Entity, before: Entity | None) -> Entity:
        """Return what the rules decide on: the request alone, or, for a sparse update, laid over what is held."""
        held = before if before and given.get("sparse") else {}
        # New lines without a tax block are taxed anew; the figure of the old lines is no override.
        stale = {"TxnTaxDetail"} if given.get("Line") else set()
        merged = {**{name: value for name, value in held.items() if name not in stale}, **given}
        writable = {name: value for name, value in merged.items() if name not in WORKED_OUT | {"Id"}}
        resolved: Entity = self._shelves.resolved(writable)
        return resolved

    def _numbered(self, after: Entity, before: Entity | None, may_repeat: bool) -> Entity:
        """Check the DocNumber, or give one out where the company lets QuickBooks count."""
        if "DocNumber" in after:
            if not may_repeat:
                transactions.check_number(after, before, self._shelves)
            return after
        sales_forms = self._shelves.get("Preferences", "1")["SalesFormsPrefs"]
        if before or sales_forms["CustomTxnNumbers"]:
            return after
        numbers = (one.get("DocNumber", "") for one in self._shelves.all("Invoice"))
        return {**after, "DocNumber": str(max((int(n) for n in numbers if n.isdecimal()), default=1000) + 1)}

    def _ended(self, kind: str, before: Entity, asked: str) -> Entity:
        if kind == "Invoice":
            self._release_payments(before["Id"])
        kept = self._shelves.put(kind, transactions.voided(kind, before))
        if kind == "Payment":
            self._touch_linked_invoices(before, None)
        if asked == "void":
            return self._shelves.seen(kind, kept)
        kept["status"] = "Deleted"
        return {"domain": "QBO", "status": "Deleted", "Id": kept["Id"]}

    def _release_payments(self, invoice_id: str) -> None:
        """Leave the money of a voided or deleted invoice with the customer, unapplied."""
        for payment in tuple(self._shelves.all("Payment")):
            lines = [line for line in payment["Line"] if line["LinkedTxn"][0]["TxnId"] != invoice_id]
            if lines != payment["Line"]:
                self._shelves.put("Payment", {**payment, "Line": lines})

    def _touch_linked_invoices(self, *payments: Entity | None) -> None:
        """Move the SyncToken of every invoice a payment was or is applied to: its balance changed."""
        linked = {line["LinkedTxn"][0]["TxnId"] for payment in payments if payment for line in payment["Line"]}
        for invoice_id in sorted(linked):
            self._shelves.put("Invoice", self._shelves.get("Invoice", invoice_id))

    def _envelope(self, kind: str, content: Entity) -> Entity:
        return {kind: content, "time": time_text(self._clock())}
