"""What a request may hold: the properties of the entities BeltStack writes, and what kind each one is.

QuickBooks refuses a property it does not know (2010). This table is smaller than Intuit's: a property that QuickBooks
knows and whose effect is not played here is refused as well. Figures it works out itself may be sent back; they are
worked out again.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Any

from beltstack.demo.quickbooks.answers import Refused

LARGEST_NUMBER = Decimal(99_999_999_999)
SMALLEST_EXPONENT = -10
POSSIBLE_YEARS = range(1900, 3000)
NUMBER_TEXT = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
DAY_TEXT = re.compile(r"(\d{4}-\d{2}-\d{2})(Z|[+-]\d{2}:\d{2})?", re.ASCII)

# Longest text per property, from Intuit's reference pages.
LONGEST = {
    "DocNumber": 21,
    "PaymentRefNum": 21,
    "FreeFormNumber": 30,
    "PostalCode": 30,
    "GivenName": 100,
    "MiddleName": 100,
    "FamilyName": 100,
    "CompanyName": 100,
    "Name": 100,
    "Sku": 100,
    "Address": 100,
    "City": 255,
    "Country": 255,
    "CountrySubDivisionCode": 255,
    "DisplayName": 500,
    **{f"Line{number}": 500 for number in range(1, 6)},
    "Notes": 2000,
    "PrivateNote": 4000,
    "Description": 4000,
}


def _shape(
    *, like: dict[str, str] | None = None, other: dict[str, str] | None = None, **by_kind: str
) -> dict[str, str]:
    """Return property → kind. A kind is id, text, number, truth, day, moment, `Type`, `[Type]` or `A|B|C`."""
    kinds = {name: kind for kind, names in by_kind.items() for name in names.split()}
    return {**(like or {}), **kinds, **(other or {})}


_ENTITY = _shape(
    id="Id SyncToken",
    text="domain",
    truth="sparse",
    other={"status": "Deleted|Voided", "MetaData": "ModificationMetaData", "CustomField": "[CustomField]"},
)
_TRANSACTION = _shape(
    like=_ENTITY,
    text="PrivateNote PaymentRefNum",
    day="TxnDate",
    number="TotalAmt",
    ReferenceType="CustomerRef CurrencyRef DepartmentRef PaymentMethodRef DepositToAccountRef ARAccountRef",
    other={"Line": "[Line]", "LinkedTxn": "[LinkedTxn]"},
)

SHAPES: dict[str, dict[str, str]] = {
    "Customer": _shape(
        like=_ENTITY,
        text="Title GivenName MiddleName FamilyName Suffix DisplayName CompanyName FullyQualifiedName"
        " PrintOnCheckName Notes PreferredDeliveryMethod ResaleNum PrimaryTaxIdentifier",
        day="OpenBalanceDate",
        truth="Active Taxable Job BillWithParent IsProject",
        number="Level Balance BalanceWithJobs",
        ReferenceType="ParentRef CurrencyRef DefaultTaxCodeRef PaymentMethodRef SalesTermRef",
        PhysicalAddress="BillAddr ShipAddr",
        TelephoneNumber="PrimaryPhone AlternatePhone Mobile Fax",
        EmailAddress="PrimaryEmailAddr",
        WebSiteAddress="WebAddr",
    ),
    "Item": _shape(
        like=_ENTITY,
        text="Name Sku Description FullyQualifiedName PurchaseDesc",
        truth="Active Taxable SubItem TrackQtyOnHand SalesTaxIncluded PurchaseTaxIncluded",
        number="UnitPrice PurchaseCost QtyOnHand",
        ReferenceType="IncomeAccountRef ExpenseAccountRef AssetAccountRef",
        other={"Type": "Service|NonInventory|Inventory|Category"},
    ),
    "Invoice": _shape(
        like=_TRANSACTION,
        text="DocNumber",
        day="DueDate ShipDate",
        number="Balance Deposit",
        truth="ApplyTaxAfterDiscount AllowIPNPayment AllowOnlinePayment AllowOnlineCreditCardPayment"
        " AllowOnlineACHPayment",
        ReferenceType="ClassRef SalesTermRef",
        PhysicalAddress="BillAddr ShipAddr",
        EmailAddress="BillEmail BillEmailCc BillEmailBcc",
        other={
            "CustomerMemo": "MemoRef",
            "TxnTaxDetail": "TxnTaxDetail",
            "GlobalTaxCalculation": "TaxInclusive|TaxExcluded|NotApplicable",
            "PrintStatus": "NotSet|NeedToPrint|PrintComplete",
            "EmailStatus": "NotSet|NeedToSend|EmailSent",
        },
    ),
    "Payment": _shape(like=_TRANSACTION, number="UnappliedAmt", truth="ProcessPayment"),
    "Line": _shape(
        id="Id",
        text="Description",
        number="LineNum Amount",
        SalesItemLineDetail="SalesItemLineDetail",
        DiscountLineDetail="DiscountLineDetail",
        SubTotalLineDetail="SubTotalLineDetail",
        DescriptionLineDetail="DescriptionLineDetail",
        TaxLineDetail="TaxLineDetail",
        other={
            "LinkedTxn": "[LinkedTxn]",
            "DetailType": "SalesItemLineDetail|DiscountLineDetail|SubTotalLineDetail|DescriptionOnly|TaxLineDetail",
        },
    ),
    "SalesItemLineDetail": _shape(
        number="Qty UnitPrice", day="ServiceDate", ReferenceType="ItemRef ClassRef TaxCodeRef ItemAccountRef"
    ),
    "DiscountLineDetail": _shape(
        truth="PercentBased", number="DiscountPercent", ReferenceType="DiscountAccountRef ClassRef TaxCodeRef"
    ),
    "SubTotalLineDetail": {},
    "DescriptionLineDetail": _shape(day="ServiceDate", ReferenceType="TaxCodeRef"),
    "TaxLineDetail": _shape(truth="PercentBased", number="TaxPercent NetAmountTaxable", ReferenceType="TaxRateRef"),
    "TxnTaxDetail": _shape(
        number="TotalTax", truth="UseAutomatedSalesTax", ReferenceType="TxnTaxCodeRef", other={"TaxLine": "[Line]"}
    ),
    "LinkedTxn": _shape(id="TxnId", text="TxnType TxnLineId"),
    "ReferenceType": _shape(text="value name type"),
    "MemoRef": _shape(text="value"),
    "ModificationMetaData": _shape(moment="CreateTime LastUpdatedTime"),
    "CustomField": _shape(
        text="DefinitionId Name StringValue", other={"Type": "StringType|BooleanType|NumberType|DateType"}
    ),
    "PhysicalAddress": _shape(
        id="Id", text="Line1 Line2 Line3 Line4 Line5 City Country CountrySubDivisionCode PostalCode Lat Long"
    ),
    "TelephoneNumber": _shape(text="FreeFormNumber"),
    "EmailAddress": _shape(text="Address"),
    "WebSiteAddress": _shape(text="URI"),
}


def checked(shape: str, given: object, *, element: str | None = None) -> dict[str, Any]:
    """Return a request's object with numbers as Decimal and blanks (null, empty text) kept as None.

    Raises `Refused`: 2010 unknown property or wrong structure, 2030 an id that is no number, 2040 text expected,
    2050 too long, 2070 no such date, 2090 not a number, 2170 not in the enumeration, 2230 not true or false.
    """
    if not isinstance(given, dict):
        raise Refused(
            "2010",
            f"Property Name:Can not deserialize instance of {shape} specified is unsupported or invalid",
            element=element,
        )
    known = SHAPES[shape]
    for name in given:
        if name not in known:
            unknown = (
                f'Unrecognized field "{name}" (class com.intuit.schema.finance.v3.{shape}), not marked as ignorable'
            )
            raise Refused("2010", f"Property Name:{unknown}\n specified is unsupported or invalid", element=None)
    return {name: _value(known[name], value, name) for name, value in given.items()}


def _value(kind: str, value: Any, name: str) -> Any:
    if value is None or value == "":
        return None
    if kind.startswith("["):
        if not isinstance(value, list):
            raise Refused(
                "2010", f"Property Name:{name} must be a list specified is unsupported or invalid", element=None
            )
        return [checked(kind[1:-1], item, element=name) for item in value]
    if kind in SHAPES:
        return checked(kind, value, element=name)
    return _plain(kind, value, name)


def _plain(kind: str, value: Any, name: str) -> Any:
    match kind:
        case "number":
            return _number(value, name)
        case "truth" if not isinstance(value, bool):
            raise Refused("2230", f"Invalid Boolean. Supplied value:{value}", element=name)
        case "truth":
            return value
        case "id":
            return _id(value, name)
        case _ if not isinstance(value, str):
            raise Refused("2040", f"Invalid String. Supplied value:{value}", element=name)
        case "day":
            return _day(value, name)
        case _ if "|" in kind and value not in kind.split("|"):
            raise Refused("2170", f"Invalid Enumeration : {value}", element=name)
    if len(value) > LONGEST.get(name, len(value)):
        length = f"Min:0 Max:{LONGEST[name]} supported. Supplied length:{len(value)}"
        raise Refused("2050", f"String length specified does not match the supported length. {length}", element=name)
    return value


def _id(value: Any, name: str) -> str:
    """Return an id as text; QuickBooks also takes a bare number, which python-quickbooks sends as SyncToken."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not (isinstance(text, str) and text.isascii() and text.isdigit()):
        raise Refused("2030", f"{name} should be a valid number. Supplied value:{value}", element=name)
    return text


def _number(value: Any, name: str) -> Decimal:
    """Return an exact number; QuickBooks also takes one written as text, which is what a Decimal often becomes."""
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, str) and NUMBER_TEXT.fullmatch(value)):
        raise Refused("2090", f"Invalid Number. Supplied value:{value}", element=name)
    number = Decimal(value)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or abs(number) > LARGEST_NUMBER or exponent < SMALLEST_EXPONENT:
        raise Refused("2090", "Invalid Number. The supplied value is outside the supported range.", element=name)
    return number


def _day(value: str, name: str) -> str:
    written = DAY_TEXT.fullmatch(value)
    try:
        day = date.fromisoformat(written[1] if written else "")
    except ValueError:
        day = date.min
    if day.year not in POSSIBLE_YEARS:
        raise Refused("2070", f"Invalid Date. Supplied value:{value}", element=name)
    return day.isoformat()
