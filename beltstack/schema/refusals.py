"""The one place where refusals become `userErrors`."""

from enum import Enum, EnumType
from typing import Any

import strawberry
from graphql import GraphQLError

# The list of codes below is complete only if whatever defines refusals has been imported before it.
import beltstack.commands.connecting
import beltstack.commands.intake
import beltstack.commands.integrations
import beltstack.commands.invoices
import beltstack.commands.work_orders
import beltstack.planner.compile
import beltstack.planner.paging
import beltstack.planner.where  # noqa: F401
from beltstack.domain.errors import Refusal
from beltstack.domain.lifecycle import TRANSITIONS, WorkOrderCommand, WorkOrderState
from beltstack.schema.enums import describe_enum


def refusal_kinds() -> dict[str, type[Refusal]]:
    """Every refusal there is, by its code."""
    kinds: dict[str, type[Refusal]] = {}
    waiting = [Refusal]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if "code" in vars(kind) and kind.code != "REPEATED":
            kinds[kind.code] = kind
    return dict(sorted(kinds.items()))


# What the refusals mean whose classes say it by their names alone.
_SENTENCES = {
    "ALREADY_ASSIGNED": "The technician has a part in this visit already.",
    "ALREADY_BILLED": "An invoice stands for this work order; it is corrected by a credit note.",
    "CURRENCY_MISMATCH": "Two currencies cannot be reckoned together.",
    "CUSTOMER_IS_ARCHIVED": "The customer was put away.",
    "DISCOUNT_TOO_LARGE": "The discount takes more than the line comes to.",
    "FORBIDDEN": "The caller's role may not do this.",
    "INVALID_AMOUNT": "No amount of this currency: out of bounds, or with too many decimals.",
    "INVALID_CATALOG_ITEM": "It does not belong into a price list.",
    "INVALID_CURRENCY": "No currency in use.",
    "INVALID_RECEIPT_DATE": "A day on which no money can have been received.",
    "INVALID_SLUG": "No short name as it stands in addresses.",
    "INVALID_TAX_CODE": "No tax that can be charged.",
    "INVALID_TIMEZONE": "No time zone of the IANA list.",
    "INVALID_TIME_SPAN": "A time that ends before it starts, lasts too long, or lies outside what was promised.",
    "LINE_ITEM_WITHOUT_PRICE": "A line that the customer pays for has no price yet.",
    "LINE_WITHOUT_PRICE": "A line to be invoiced has no price yet.",
    "NEGATIVE_TOTAL": "The discounts take more than the other lines come to.",
    "NOBODY_ASSIGNED": "A visit without technicians cannot be dispatched.",
    "NOTHING_TO_INVOICE": "No line is charged to the customer.",
    "NOT_BILLED_YET": "The work is completed and its invoice is not issued.",
    "NOT_COMPLETED": "Only finished work is invoiced.",
    "PAYMENT_EXCEEDS_BALANCE": "More than what is left to pay.",
    "PERIOD_LOCKED": "The books are locked for that day.",
    "REMAINING_VISITS_UNDECIDED": "The caller has to say what becomes of the visits or lines that are left.",
    "SELF_APPROVAL": "Whoever completed the work may not approve it.",
    "VISIT_MOVE_NOT_ALLOWED": "The visit, or the technician's part of it, is not where this move starts.",
    "VISIT_UNDER_WAY": "A technician is on the way or on site.",
}


def _sentence(kind: type[Refusal]) -> str:
    return (kind.__doc__ or _SENTENCES[kind.code]).strip().split("\n\n")[0].replace("\n    ", " ")


_codes: type[Enum] = EnumType.__call__(Enum, "UserErrorCode", {code: code for code in refusal_kinds()})
UserErrorCode = describe_enum(
    _codes,
    "Why a command was refused; one list for all commands.",
    {code: _sentence(kind) for code, kind in refusal_kinds().items()},
)


@strawberry.type(description="One reason why a command was refused, in words for the person who asked.")
class UserError:
    message: str = strawberry.field(description="A sentence the person can act on.")
    code: UserErrorCode = strawberry.field(description="For programs.")  # type: ignore[valid-type]
    path: list[str] | None = strawberry.field(
        description="Where in the arguments it lies, list indexes as strings; null if nowhere in particular."
    )
    plugin_id: strawberry.ID | None = strawberry.field(description="The plugin that said so, for a veto.")
    plugin_code: str | None = strawberry.field(description="The plugin's own code, for a veto.")
    current_state: WorkOrderState | None = strawberry.field(
        default=None, description="For a refused transition: the state the work order is in."
    )
    available_transitions: list[WorkOrderCommand] | None = strawberry.field(
        default=None, description="For a refused transition: the commands that start from that state."
    )


def user_error(refusal: Refusal, *, under: tuple[str, ...] = (), state: WorkOrderState | None = None) -> UserError:
    """`under` is the argument whose parts the refusal's path names."""
    path = [*under, *(camel(step) for step in refusal.path)] if refusal.path else None
    return UserError(
        message=refusal.message,
        code=UserErrorCode[refusal.code],
        path=path,
        plugin_id=strawberry.ID(refusal.plugin_id) if refusal.plugin_id else None,
        plugin_code=refusal.plugin_code,
        current_state=state,
        available_transitions=None if state is None else commands_from(state),
    )


def error_as_json(error: UserError) -> dict[str, Any]:
    """An error as answers that are not executed by graphql-core hold it."""
    return {
        "__typename": "UserError",
        "message": error.message,
        "code": str(getattr(error.code, "value", error.code)),
        "path": error.path,
        "pluginId": error.plugin_id,
        "pluginCode": error.plugin_code,
        "currentState": error.current_state,
        "availableTransitions": error.available_transitions,
    }


def commands_from(state: WorkOrderState) -> list[WorkOrderCommand]:
    return [command for command, row in TRANSITIONS.items() if state in row.sources]


def as_graphql_error(refusal: Refusal) -> GraphQLError:
    """For queries, which have no `userErrors`."""
    extensions = {"code": refusal.code} | ({"pluginId": refusal.plugin_id} if refusal.plugin_id else {})
    return GraphQLError(refusal.message, extensions=extensions)


def camel(step: str) -> str:
    head, *rest = step.split("_")
    return head + "".join(part.capitalize() for part in rest)
