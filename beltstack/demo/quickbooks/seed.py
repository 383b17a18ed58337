"""What a fresh company holds: a small US contractor that writes its own transaction numbers."""

from decimal import Decimal
from typing import Any

_INCOME = {"AccountType": "Income", "Classification": "Revenue", "Active": True}
_ASSET = {"Classification": "Asset", "Active": True}
_SERVICES = {"value": "1", "name": "Services"}
_PARTS = {"value": "79", "name": "Sales of Product Income"}
_ITEM = {"Active": True, "Taxable": False, "TrackQtyOnHand": False}
_PERSON = {"Active": True, "Balance": Decimal(0)}

# Kinds a company can hold though this one starts without: a query for them answers nothing instead of an error.
EMPTY_KINDS = ("Customer", "Invoice", "Payment", "Class", "Department", "Term")

SEED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Currency", {"Id": "USD", "Name": "United States Dollar"}),
    ("Account", {"Id": "1", "Name": "Services", "AccountSubType": "ServiceFeeIncome", **_INCOME}),
    ("Account", {"Id": "79", "Name": _PARTS["name"], "AccountSubType": "SalesOfProductIncome", **_INCOME}),
    ("Account", {"Id": "86", "Name": "Discounts given", "AccountSubType": "DiscountsRefundsGiven", **_INCOME}),
    ("Account", {"Id": "4", "Name": "Undeposited Funds", "AccountType": "Other Current Asset", **_ASSET}),
    ("Account", {"Id": "35", "Name": "Checking", "AccountType": "Bank", **_ASSET}),
    (
        "Item",
        {
            "Id": "1",
            "Name": "Services",
            "FullyQualifiedName": "Services",
            "Type": "Service",
            "UnitPrice": Decimal(0),
            "IncomeAccountRef": _SERVICES,
            **_ITEM,
        },
    ),
    (
        "Item",
        {
            "Id": "2",
            "Name": "Labor",
            "FullyQualifiedName": "Labor",
            "Type": "Service",
            "UnitPrice": Decimal(95),
            "IncomeAccountRef": _SERVICES,
            **_ITEM,
        },
    ),
    (
        "Item",
        {
            "Id": "3",
            "Name": "Parts",
            "FullyQualifiedName": "Parts",
            "Type": "NonInventory",
            "UnitPrice": Decimal(0),
            "IncomeAccountRef": _PARTS,
            **_ITEM,
            "Taxable": True,
        },
    ),
    (
        "TaxCode",
        {"Id": "TAX", "Name": "TAX", "Description": "Taxable", "Active": True, "Taxable": True, "TaxGroup": False},
    ),
    (
        "TaxCode",
        {"Id": "NON", "Name": "NON", "Description": "Non-Taxable", "Active": True, "Taxable": False, "TaxGroup": False},
    ),
    (
        "TaxCode",
        {
            "Id": "2",
            "Name": "County",
            "Description": "State and county",
            "Active": True,
            "Taxable": True,
            "TaxGroup": True,
        },
    ),
    ("TaxRate", {"Id": "1", "Name": "County", "Active": True, "RateValue": Decimal(0)}),
    ("PaymentMethod", {"Id": "1", "Name": "Cash", "Type": "NON_CREDIT_CARD", "Active": True}),
    ("PaymentMethod", {"Id": "2", "Name": "Check", "Type": "NON_CREDIT_CARD", "Active": True}),
    ("PaymentMethod", {"Id": "3", "Name": "Credit Card", "Type": "CREDIT_CARD", "Active": True}),
    (
        "Vendor",
        {
            "Id": "31",
            "DisplayName": "Piedmont Heating & Supply",
            "PrintOnCheckName": "Piedmont Heating & Supply",
            **_PERSON,
        },
    ),
    ("Employee", {"Id": "55", "DisplayName": "Dana Whitfield", "PrintOnCheckName": "Dana Whitfield", "Active": True}),
    (
        "CompanyInfo",
        {
            "Id": "1",
            "CompanyName": "Loopback Heating & Air",
            "LegalName": "Loopback Heating & Air LLC",
            "Country": "US",
            "CompanyAddr": {
                "Id": "1",
                "Line1": "1 Loopback Way",
                "City": "San Jose",
                "CountrySubDivisionCode": "CA",
                "PostalCode": "95113",
                "Country": "US",
            },
        },
    ),
    (
        "Preferences",
        {
            "Id": "1",
            "AccountingInfoPrefs": {
                "TrackDepartments": False,
                "ClassTrackingPerTxn": False,
                "ClassTrackingPerTxnLine": False,
            },
            "SalesFormsPrefs": {
                "CustomTxnNumbers": True,
                "AllowDiscount": True,
                "AllowServiceDate": True,
                "AllowShipping": False,
            },
            "TaxPrefs": {"UsingSalesTax": True, "PartnerTaxEnabled": False},
            "CurrencyPrefs": {"MultiCurrencyEnabled": False, "HomeCurrency": {"value": "USD"}},
        },
    ),
)
