"""Where the company's things stand: numbered, stamped, referred to by id, and seen with their balances."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from beltstack.demo.quickbooks.answers import Refused, moment_text

Entity = dict[str, Any]

CENT = Decimal("0.01")
MADE_INACTIVE = (
    "Object Not Found : Something you're trying to use has been made inactive. "
    "Check the fields with accounts, customers, items, vendors or employees."
)

# Which shelf a reference points at, and what QuickBooks calls that shelf when the id is unknown.
REFERENCES = {
    "CustomerRef": ("Customer", "Names"),
    "ParentRef": ("Customer", "Names"),
    "ItemRef": ("Item", "Items"),
    "IncomeAccountRef": ("Account", "Accounts"),
    "ExpenseAccountRef": ("Account", "Accounts"),
    "AssetAccountRef": ("Account", "Accounts"),
    "ItemAccountRef": ("Account", "Accounts"),
    "DiscountAccountRef": ("Account", "Accounts"),
    "DepositToAccountRef": ("Account", "Accounts"),
    "ARAccountRef": ("Account", "Accounts"),
    "CurrencyRef": ("Currency", "Currencies"),
    "DefaultTaxCodeRef": ("TaxCode", "TaxCodes"),
    "TxnTaxCodeRef": ("TaxCode", "TaxCodes"),
    "TaxRateRef": ("TaxRate", "TaxRates"),
    "ClassRef": ("Class", "Klasses"),
    "DepartmentRef": ("Department", "Departments"),
    "SalesTermRef": ("Term", "Terms"),
    "PaymentMethodRef": ("PaymentMethod", "PaymentMethods"),
}
ANSWERED_WITHOUT_NAME = ("ParentRef", "DefaultTaxCodeRef", "TxnTaxCodeRef", "TaxRateRef")
ONE_ID_SPACE = {
    "Vendor": "Name",
    "Employee": "Name",
    "Customer": "Name",
    "Invoice": "Transaction",
    "Payment": "Transaction",
}


def cents(amount: Decimal) -> Decimal:
    """Return an amount of money in cents; QuickBooks rounds half up."""
    return amount.quantize(CENT, ROUND_HALF_UP)


class Shelves:
    """The things of one company. Nothing here is thread-safe: `Books` holds the lock."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.sales_tax_percent = Decimal(0)
        self._things: dict[str, dict[str, Entity]] = {}
        self._last_id: dict[str, int] = {}

    def put(self, kind: str, thing: Entity) -> Entity:
        """Keep a thing, numbered and stamped: a new one with SyncToken 0, a changed one with the next."""
        shelf = self._things.setdefault(kind, {})
        now = moment_text(self.clock())
        family = ONE_ID_SPACE.get(kind, kind)
        thing.setdefault("Id", str(self._last_id.get(family, 0) + 1))
        if thing["Id"].isdecimal():
            self._last_id[family] = max(self._last_id.get(family, 0), int(thing["Id"]))
        before = shelf.get(thing["Id"])
        token = str(int(before["SyncToken"]) + 1) if before else "0"
        created = before["MetaData"]["CreateTime"] if before else now
        stamps = {"domain": "QBO", "sparse": False, "SyncToken": token}
        shelf[thing["Id"]] = {**thing, **stamps, "MetaData": {"CreateTime": created, "LastUpdatedTime": now}}
        return shelf[thing["Id"]]

    def all(self, kind: str) -> Iterator[Entity]:
        """Yield what stands on a shelf, oldest first, without what was deleted."""
        yield from (thing for thing in self._things.get(kind, {}).values() if "status" not in thing)

    def find(self, kind: str, thing_id: str) -> Entity | None:
        """Return a thing, deleted ones too, or None for an id that was never given out."""
        return self._things.get(kind, {}).get(thing_id)

    def get(self, kind: str, thing_id: str) -> Entity:
        """Return a thing that can be worked on; raises `Refused` 610 for an unknown or deleted one."""
        thing = self.find(kind, thing_id)
        if thing is None or "status" in thing:
            raise Refused("610", MADE_INACTIVE)
        return thing

    def referred(self, name: str, reference: Entity) -> Entity:
        """Return a reference with the name QuickBooks shows; raises `Refused` 2500 unknown, 610 inactive."""
        kind, family = REFERENCES[name]
        thing = self.find(kind, reference.get("value") or "")
        if thing is None:
            raise Refused("2500", f"Invalid Reference Id : {family} element id {reference.get('value')} not found")
        if not thing.get("Active", True):
            raise Refused("610", MADE_INACTIVE)
        shown = thing.get("DisplayName") or thing.get("Name")
        return {"value": thing["Id"]} if name in ANSWERED_WITHOUT_NAME else {"value": thing["Id"], "name": shown}

    def resolved(self, value: Any) -> Any:
        """Return a request's value with every reference in it followed, and blanks left out."""
        if isinstance(value, list):
            return [self.resolved(item) for item in value]
        if not isinstance(value, dict):
            return value
        kept = {name: item for name, item in value.items() if item is not None}
        return {
            name: self.referred(name, item) if name in REFERENCES else self.resolved(item)
            for name, item in kept.items()
        }

    def applied(self, invoice_id: str, *, without_payment: str | None = None) -> Iterator[tuple[str, Decimal]]:
        """Yield (payment id, amount) for every payment line linked to an invoice."""
        for payment in self.all("Payment"):
            if payment["Id"] == without_payment:
                continue
            for line in payment["Line"]:
                if any(link["TxnId"] == invoice_id for link in line["LinkedTxn"]):
                    yield payment["Id"], line["Amount"]

    def seen(self, kind: str, thing: Entity) -> Entity:
        """Return a copy as QuickBooks shows it, with what it works out from everything else."""
        view = deepcopy(thing)
        if kind == "Invoice":
            payments = tuple(self.applied(thing["Id"]))
            view["LinkedTxn"] = [{"TxnId": payment_id, "TxnType": "Payment"} for payment_id, _ in payments]
            view["Balance"] = thing["TotalAmt"] - sum(amount for _, amount in payments)
        if kind == "Payment":
            view["UnappliedAmt"] = thing["TotalAmt"] - sum(line["Amount"] for line in thing["Line"])
        if kind == "Customer":
            ancestors = self.ancestors(thing)
            view["FullyQualifiedName"] = ":".join(one["DisplayName"] for one in (*ancestors, thing))
            view |= {"Level": Decimal(len(ancestors))} if ancestors else {}
            view["Balance"] = self._owed_by(thing["Id"])
            children = (one["Id"] for one in self.all("Customer") if one.get("ParentRef") == {"value": thing["Id"]})
            view["BalanceWithJobs"] = view["Balance"] + sum(map(self._owed_by, children))
        return view

    def ancestors(self, customer: Entity) -> list[Entity]:
        """Return a customer's parents, the outermost first; the rules of names keep the chain free of rings."""
        found: list[Entity] = []
        while "ParentRef" in customer:
            customer = self.get("Customer", customer["ParentRef"]["value"])
            found.insert(0, customer)
        return found

    def _owed_by(self, customer_id: str) -> Decimal:
        owed = Decimal(0)
        for kind, amount, sign in (("Invoice", "Balance", 1), ("Payment", "UnappliedAmt", -1)):
            theirs = (one for one in self.all(kind) if one["CustomerRef"]["value"] == customer_id)
            owed += sign * sum((self.seen(kind, one)[amount] for one in theirs), Decimal(0))
        return owed
