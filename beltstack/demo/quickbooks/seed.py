"""What a fresh company holds: a small US contractor that writes its own transaction numbers."""

from decimal import Decimal
from typing import Any

Row = tuple[str, dict[str, Any]]

# Kinds a company can hold though this one starts without: a query for them answers nothing instead of an error.
EMPTY_KINDS = ("Customer", "Invoice", "Payment", "Class", "Department", "Term")


def _named(kind: str, thing_id: str, name: str, **more: Any) -> Row:
    return kind, {"Id": thing_id, "Name": name, "Active": True, **more}


def _item(thing_id: str, name: str, price: str, account: str, **more: Any) -> Row:
    money: dict[str, Any] = {"UnitPrice": Decimal(price), "IncomeAccountRef": {"value": account}}
    kind = {"Type": "Service", "Taxable": False, "TrackQtyOnHand": False}
    return _named("Item", thing_id, name, FullyQualifiedName=name, **money, **{**kind, **more})


def _person(kind: str, name: str) -> Row:
    return kind, {"DisplayName": name, "PrintOnCheckName": name, "Active": True}


SEED: tuple[Row, ...] = (
    _named("Currency", "USD", "United States Dollar"),
    _named("Account", "1", "Services", AccountType="Income"),
    _named("Account", "4", "Undeposited Funds", AccountType="Other Current Asset"),
    _named("Account", "35", "Checking", AccountType="Bank"),
    _named("Account", "79", "Sales of Product Income", AccountType="Income"),
    _named("Account", "86", "Discounts given", AccountType="Income"),
    _item("1", "Services", "0", "1"),
    _item("2", "Labor", "95", "1"),
    _item("3", "Parts", "0", "79", Type="NonInventory", Taxable=True),
    _named("TaxCode", "TAX", "TAX", Taxable=True, TaxGroup=False),
    _named("TaxCode", "NON", "NON", Taxable=False, TaxGroup=False),
    _named("TaxCode", "2", "County", Taxable=True, TaxGroup=True),
    _named("TaxRate", "1", "County", RateValue=Decimal(0)),
    _named("PaymentMethod", "1", "Cash", Type="NON_CREDIT_CARD"),
    _named("PaymentMethod", "2", "Check", Type="NON_CREDIT_CARD"),
    _named("PaymentMethod", "3", "Credit Card", Type="CREDIT_CARD"),
    _person("Vendor", "Piedmont Heating & Supply"),
    _person("Employee", "Dana Whitfield"),
    ("CompanyInfo", {"CompanyName": "Loopback Heating & Air", "Country": "US"}),
    (
        "Preferences",
        {
            "AccountingInfoPrefs": {"TrackDepartments": False, "ClassTrackingPerTxnLine": False},
            "SalesFormsPrefs": {"CustomTxnNumbers": True, "AllowDiscount": True},
            "TaxPrefs": {"UsingSalesTax": True, "PartnerTaxEnabled": False},
            "CurrencyPrefs": {"MultiCurrencyEnabled": False, "HomeCurrency": {"value": "USD"}},
        },
    ),
)
