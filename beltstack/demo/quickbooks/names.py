"""The rules of the lists a person picks from: customers and items, their names, parents and defaults."""

from collections.abc import Callable
from typing import Any

from beltstack.demo.quickbooks.answers import Refused
from beltstack.demo.quickbooks.shelves import Entity, Shelves

HOME_CURRENCY = {"value": "USD", "name": "United States Dollar"}
NAME_PARTS = ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix")
SHARING_NAMES = ("Customer", "Vendor", "Employee")
ADDRESSES = ("BillAddr", "ShipAddr")
# QuickBooks answers with the three-letter code whatever it was sent.
COUNTRIES = {"US": "USA", "UNITED STATES": "USA", "CA": "CAN", "CANADA": "CAN", "GB": "GBR"}
WORKED_OUT = {"FullyQualifiedName", "Level", "Balance", "BalanceWithJobs", "QtyOnHand"}


def customer(given: Entity, before: Entity | None, shelves: Shelves) -> Entity:
    """Return the customer to keep.

    Raises `Refused`: 6080 no name at all, 2040 a colon in it, 6240 the name of another customer, vendor or
    employee, 6150 a job without its parent, 6000 a parent below its own child.
    """
    name = given.get("DisplayName") or " ".join(given[part] for part in NAME_PARTS if part in given)
    if not name:
        raise Refused("6080", f"One of {', '.join(NAME_PARTS)}, DisplayName must be non-empty", element="DisplayName")
    name = _name_after_leaving(name, given, before)
    check_name(name, before, shelves, kinds=SHARING_NAMES, key="DisplayName", element="DisplayName")
    _check_parent(given, before, shelves)
    parent = "ParentRef" in given
    defaults: dict[str, Any] = {
        "Taxable": True,
        "Job": False,
        "BillWithParent": False,
        "CurrencyRef": HOME_CURRENCY,
        "PreferredDeliveryMethod": "Print",
        "PrintOnCheckName": given.get("CompanyName", name),
        "Active": True,
        "DefaultTaxCodeRef": {"value": "2"},
    }
    kept = {**defaults, **given, "DisplayName": name, "Job": given.get("Job", parent)}
    return kept | {key: address(kept[key]) for key in ADDRESSES if key in kept}


def item(given: Entity, before: Entity | None, shelves: Shelves) -> Entity:
    """Return the item to keep; raises `Refused` 2020, 2040, 6240 and, without an income account, 6000."""
    if not given.get("Name"):
        raise Refused("2020", "Required parameter Name is missing in the request", element="Name")
    name = _name_after_leaving(given["Name"], given, before)
    check_name(name, before, shelves, kinds=("Item",), key="Name", element="Name")
    if "IncomeAccountRef" not in given:
        raise Refused("6000", "Business Validation Error: You must select an income account for this item.")
    defaults: dict[str, Any] = {
        "Active": True,
        "Taxable": False,
        "Type": "Service",
        "TrackQtyOnHand": False,
        "UnitPrice": 0,
    }
    return {**defaults, **given, "Name": name, "FullyQualifiedName": name}


def check_name(
    name: str, before: Entity | None, shelves: Shelves, *, kinds: tuple[str, ...], key: str, element: str
) -> None:
    """Raise `Refused` 2040 for characters QuickBooks keeps for itself, 6240 for a name in use (letter case aside)."""
    if set(name) & set(":\t\n"):
        raise Refused("2040", f"Invalid String : Element contains invalid characters: {name}", element=element)
    for kind in kinds:
        for other in shelves.all(kind):
            if other[key].casefold() == name.casefold() and not (before and other is before):
                raise Refused("6240", "The name supplied already exists. : null", element=None)


def address(given: Entity) -> Entity:
    """Return an address as QuickBooks gives it back."""
    country = given.get("Country", "")
    return {"Id": "1", **given} | ({"Country": COUNTRIES.get(country.upper(), country)} if country else {})


def _name_after_leaving(name: str, given: Entity, before: Entity | None) -> str:
    """Return the name with "(deleted)" once a thing is made inactive: that is how QuickBooks frees the name."""
    leaves = before is not None and before["Active"] and given.get("Active") is False
    return f"{name} (deleted)" if leaves else name


def _check_parent(given: Entity, before: Entity | None, shelves: Shelves) -> None:
    if given.get("Job") and "ParentRef" not in given:
        raise Refused("6150", "A ParentRef is required when Job is true", element="ParentRef")
    if before is None or "ParentRef" not in given:
        return
    parent = shelves.get("Customer", given["ParentRef"]["value"])
    if any(one is before for one in (parent, *shelves.ancestors(parent))):
        raise Refused("6000", "Business Validation Error: A customer cannot be a sub-customer of itself.")


RULES: dict[str, Callable[[Entity, Entity | None, Shelves], Entity]] = {"Customer": customer, "Item": item}
