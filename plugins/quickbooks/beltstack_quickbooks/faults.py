"""What an answer of QuickBooks means for whoever acts next: pure, and a table."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any

from beltstack.plugins import (
    NeedsAttention,
    OutcomeUnknown,
    PluginError,
    ReconnectNeeded,
    Rejected,
    RetryLater,
    Throttled,
)

NAME_TAKEN = "6240"
NUMBER_TAKEN = "6140"
STALE = "5010"
TOKEN_REFUSED = "3200"  # noqa: S105 - a code
THROTTLE_SECONDS = 60.0
"""How long to rest where QuickBooks did not say: it counts by the minute."""
_SHOWN_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP, before anybody believed it. `intuit_tid` is the number Intuit's support asks for."""

    status: int
    text: str
    retry_after: str | None = None
    intuit_tid: str | None = None


@dataclass(frozen=True, slots=True)
class Complaint:
    """One error of a Fault, in QuickBooks' words."""

    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Meaning:
    kind: type[PluginError]
    remedy: str


_OURS = Meaning(Rejected, "This is a defect of the plugin")
_IN_BOOKS = "correct it in QuickBooks, then replay this delivery."

MEANINGS: dict[str, Meaning] = {
    # The office mends these in BeltStack.
    NAME_TAKEN: Meaning(NeedsAttention, "Give one of the two another name."),
    NUMBER_TAKEN: Meaning(NeedsAttention, "Give the other document in QuickBooks another number, then replay this."),
    "2020": Meaning(NeedsAttention, "Fill in what is missing."),
    "6080": Meaning(NeedsAttention, "Fill in what is missing."),
    "2040": Meaning(NeedsAttention, "Take the characters out that QuickBooks does not allow, like ':' in a name."),
    "2050": Meaning(NeedsAttention, "Shorten the text it names."),
    "6070": Meaning(NeedsAttention, "Check the quantities and prices of its lines."),
    "6090": Meaning(NeedsAttention, "Check its discount, and that discounts are on in QuickBooks' sales settings."),
    "6100": Meaning(NeedsAttention, "Check its tax codes; this plugin serves US companies, which know TAX and NON."),
    # The office mends these in QuickBooks.
    "120": Meaning(NeedsAttention, "Let the QuickBooks user who connected BeltStack see and change sales."),
    "610": Meaning(NeedsAttention, "Make the customer or item it uses active again in QuickBooks, then replay this."),
    "620": Meaning(NeedsAttention, f"What it is linked to cannot take it: {_IN_BOOKS}"),
    "2500": Meaning(NeedsAttention, "It refers to something QuickBooks does not have; check the item in the settings."),
    "6000": Meaning(NeedsAttention, f"A rule of the books stands against it: {_IN_BOOKS}"),
    "6190": Meaning(NeedsAttention, "Renew the QuickBooks subscription, then replay this delivery."),
    "6210": Meaning(NeedsAttention, "Reopen the period in QuickBooks (its closing date), then replay this delivery."),
    "6540": Meaning(NeedsAttention, "It was deposited already: take it out of the deposit in QuickBooks first."),
    # The office connects again.
    "3100": Meaning(ReconnectNeeded, "Connect the right QuickBooks company again."),
    # The machine tries again.
    "3001": Meaning(Throttled, "It is sent again by itself."),
    "10000": Meaning(OutcomeUnknown, "It is looked for, and sent again if it is not there."),
    STALE: Meaning(RetryLater, "It is sent again by itself."),
    # Nobody can: what was sent is not what QuickBooks reads.
    **dict.fromkeys(("500", "2010", "2030", "2070", "2090", "2130", "2170", "2230", "4000", "4001"), _OURS),
}
_UNKNOWN_CODE = Meaning(NeedsAttention, f"QuickBooks refuses it: {_IN_BOOKS}")

# Of several complaints the one that binds most decides who acts; all are told.
_BINDING = (ReconnectNeeded, Throttled, Rejected, NeedsAttention, OutcomeUnknown, RetryLater)


def body_of(answer: Answer, *, record: str, is_write: bool) -> dict[str, Any]:
    """The answer's JSON, numbers exact; or the error that says who acts next. `record` names what was asked about.

    Raises Throttled, ReconnectNeeded (401 with code 3200: renew the token first), NeedsAttention, Rejected;
    OutcomeUnknown where a write may have happened although nothing readable came back, RetryLater for a read.
    """
    found = complaints(answer.text)
    if answer.status == 429 or any(MEANINGS.get(one.code, _UNKNOWN_CODE).kind is Throttled for one in found):
        raise Throttled(
            "QuickBooks has answered as often as it will for now; it goes on by itself.",
            seconds=seconds_of(answer.retry_after, default=THROTTLE_SECONDS),
            code="3001",
        )
    if answer.status == 401 or any(one.code == TOKEN_REFUSED for one in found):
        # Its detail may repeat the token, so nothing of it is told.
        words = f"QuickBooks no longer lets BeltStack in, so {record} waits. Connect it again."
        raise ReconnectNeeded(words, code=TOKEN_REFUSED)
    if found:
        raise _told(found, answer, record=record, is_write=is_write)
    if answer.status >= 500 or answer.status == 408:
        raise not_known(record, f"QuickBooks answered with an error {answer.status}", answer, is_write=is_write)
    if not 200 <= answer.status < 300:
        raise Rejected(
            f"QuickBooks answered {answer.status} about {record} and did not say why. Check the plugin's base URL"
            f"{_reference(answer)}.",
            code=str(answer.status),
        )
    body = _object(answer.text)
    if body is None:
        raise not_known(record, "QuickBooks' answer broke off", answer, is_write=is_write)
    return body


def not_known(record: str, what: str, answer: Answer | None = None, *, is_write: bool) -> RetryLater:
    """The error for a call whose effect nobody knows. A read has none, so it is simply tried again."""
    seconds = seconds_of(answer.retry_after, default=None) if answer else None
    code = str(answer.status) if answer else None
    if not is_write:
        return RetryLater(f"{what} when asked about {record}; it is asked again.", seconds=seconds, code=code)
    return OutcomeUnknown(
        f"{what}, so {record} may be in QuickBooks or not; it is looked for before it is sent again.",
        seconds=seconds,
        code=code,
    )


def complaints(text: str) -> tuple[Complaint, ...]:
    """Every error of every Fault in a body: JSON in either letter case, one level down in a list, or XML."""
    body = _object(text)
    if body is not None:
        return tuple(_in_json(body))
    return tuple(
        Complaint(code, _words(unescape(_inside("Message", content)), unescape(_inside("Detail", content))))
        for code, content in re.findall(r'<Error\b[^>]*?\bcode="([^"]*)"[^>]*>(.*?)</Error>', text, re.DOTALL)
    )


def seconds_of(retry_after: str | None, *, default: float | None) -> float | None:
    """A Retry-After header in seconds, whether it was written as such or as a date."""
    if retry_after is None:
        return default
    try:
        return max(0.0, float(int(retry_after)))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return default
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _told(found: tuple[Complaint, ...], answer: Answer, *, record: str, is_write: bool) -> PluginError:
    meanings = [MEANINGS.get(one.code, _UNKNOWN_CODE) for one in found]
    kind = next(kind for kind in _BINDING if any(meaning.kind is kind for meaning in meanings))
    deciding = next(one for one, meaning in zip(found, meanings, strict=True) if meaning.kind is kind)
    if kind is OutcomeUnknown:
        return not_known(record, "QuickBooks reported a failure of its own", answer, is_write=is_write)
    remedies = " ".join(dict.fromkeys(meaning.remedy for meaning in meanings if meaning.kind is kind))
    if kind is Rejected:
        remedies += f"; tell its makers{_reference(answer)}."
    words = "; ".join(dict.fromkeys(f"{one.words} ({one.code})" for one in found))
    return kind(f"QuickBooks does not take {record}: {words}. {remedies}", code=deciding.code)


def _in_json(body: dict[str, Any]) -> Iterator[Complaint]:
    nested = (one for value in body.values() if isinstance(value, list) for one in value if isinstance(one, dict))
    for holder in (body, *nested):
        fault = _either(holder, "Fault")
        for error in (_either(fault, "Error") or []) if isinstance(fault, dict) else []:
            message, detail = _either(error, "Message") or "", _either(error, "Detail") or ""
            yield Complaint(str(_either(error, "code") or ""), _words(str(message), str(detail)))


def _either(holder: dict[str, Any], name: str) -> Any:
    """A property in either letter case: the gateway in front of QuickBooks writes its own in lower case."""
    return holder.get(name) or holder.get(name.lower())


def _words(message: str, detail: str) -> str:
    """The more telling of the two, on one line and of bounded length."""
    words = " ".join((detail or message or "no reason given").split())
    return words if len(words) <= _SHOWN_CHARACTERS else f"{words[: _SHOWN_CHARACTERS - 1]}…"


def _inside(tag: str, content: str) -> str:
    found = re.search(rf"<{tag}>(.*?)</{tag}>", content, re.DOTALL)
    return found[1] if found else ""


def _object(text: str) -> dict[str, Any] | None:
    try:
        body = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _reference(answer: Answer) -> str:
    return f" (Intuit's reference {answer.intuit_tid})" if answer.intuit_tid else ""
