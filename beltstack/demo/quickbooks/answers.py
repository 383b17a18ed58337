"""The shapes QuickBooks answers in: exact JSON numbers, its Fault bodies, its instants in the company's own zone."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

COMPANY_ZONE = ZoneInfo("America/Los_Angeles")

# Codes and messages as QuickBooks words them; a few (2090, 2130, 2230) follow Intuit's published list, not a recording.
MESSAGES = {
    "500": "Unsupported Operation",
    "610": "Object Not Found",
    "620": "Txn ID Cannot Be Linked",
    "2010": "Request has invalid or unsupported property",
    "2020": "Required param missing, need to supply the required value for the API",
    "2030": "Invalid ID",
    "2040": "Invalid String",
    "2050": "String length is either shorter or longer than supported by specification",
    "2070": "Invalid Date",
    "2090": "Invalid Number",
    "2130": "Invalid Request Id Format",
    "2170": "Invalid Enumeration",
    "2230": "Invalid Boolean",
    "2500": "Invalid Reference Id",
    "3001": "message=ThrottleExceeded; errorCode=003001; statusCode=429",
    "4000": "Error parsing query",
    "4001": "Invalid query",
    "5010": "Stale Object Error",
    "6000": "A business validation error has occurred while processing your request",
    "6070": "Amount calculation incorrect in the request",
    "6080": "No Name Provided",
    "6090": "Discount Line missing required info",
    "6100": "Invalid Line TaxCode in the request",
    "6140": "Duplicate Document Number Error",
    "6150": "ParentRef Required Validation Error",
    "6240": "Duplicate Name Exists Error",
}


class Refused(Exception):
    """A rule of QuickBooks said no: its code, the detail a person reads, and the element at fault."""

    def __init__(self, code: str, detail: str, *, element: str | None = "", status: int = 400) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.element, self.status = code, detail, element, status


class NotAllowedIn(Exception):
    """The bearer token does not open this company: 401 unknown or expired, 403 another company's."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer: `body` is a JSON value, or text that is sent as it stands."""

    status: int
    body: Any
    media_type: str = "application/json;charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """Return what travels."""
        return self.body if isinstance(self.body, str) else json_text(self.body)


def fault_body(refused: Refused, at: datetime) -> dict[str, Any]:
    """Return the Fault QuickBooks answers a refused request with."""
    error = {"Message": MESSAGES[refused.code], "Detail": refused.detail, "code": refused.code}
    if refused.element is not None:
        error["element"] = refused.element
    return {"Fault": {"Error": [error], "type": "ValidationFault"}, "time": time_text(at)}


def not_allowed_body(refusal: NotAllowedIn, at: datetime) -> dict[str, Any]:
    """Return the gateway's own body, whose keys are lower case and mostly null, unlike every other Fault."""
    expired = refusal.status == 401
    name, code = ("AuthenticationFailed", "3200") if expired else ("ApplicationAuthorizationFailed", "3100")
    error = {
        "message": f"message={name}; errorCode=00{code}; statusCode={refusal.status}",
        "detail": refusal.detail,
        "code": code,
        "element": None,
    }
    kind = "AUTHENTICATION" if expired else "SERVICE"
    nothing = dict.fromkeys(
        ("warnings", "intuitObject", "report", "queryResponse", "syncErrorResponse", "requestId", "status")
    )
    empty: dict[str, Any] = {"batchItemResponse": [], "attachableResponse": [], "cdcresponse": []}
    return {**nothing, **empty, "fault": {"error": [error], "type": kind}, "time": int(at.timestamp() * 1000)}


def moment_text(at: datetime) -> str:
    """Return an instant as MetaData carries it: whole seconds, the company's offset."""
    return at.astimezone(COMPANY_ZONE).isoformat(timespec="seconds")


def time_text(at: datetime) -> str:
    """Return an instant as the envelope carries it: milliseconds."""
    return at.astimezone(COMPANY_ZONE).isoformat(timespec="milliseconds")


def json_text(value: Any) -> str:
    """Return JSON in which a Decimal is a number with every digit it holds; `json` would need a float."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(str(key))}:{json_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(json_text, value)) + "]"
    return json.dumps(value)
