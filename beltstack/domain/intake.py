"""What comes in from outside: where a message stands, and the facts that a plugin finds in it."""

from dataclasses import dataclass, replace
from enum import StrEnum

from beltstack.domain import checks
from beltstack.domain.addresses import Address, checked_address
from beltstack.domain.errors import Problems, Refusal
from beltstack.domain.work_orders import Priority


class InboundState(StrEnum):
    RECEIVED = "RECEIVED"
    """Kept; read now or later."""
    DONE = "DONE"
    SET_ASIDE = "SET_ASIDE"
    """It could not be understood or was refused: mend what its error says, then replay it."""
    FAILED = "FAILED"
    """Reading it failed five times."""


REPLAYABLE = frozenset({InboundState.RECEIVED, InboundState.SET_ASIDE, InboundState.FAILED})


class InboundNotReplayable(Refusal):
    """It is done: reading it again would do it twice."""

    code = "INBOUND_NOT_REPLAYABLE"


@dataclass(frozen=True, slots=True)
class NewWorkOrder:
    """Somebody asks for work. It becomes a draft.

    The customer is the one with this e-mail address or else this telephone number, or a new one. The site is the
    customer's with this address, or their first where no address is given, or a new one.
    """

    title: str
    customer_name: str
    email: str | None = None
    phone: str | None = None
    address: Address | None = None
    description: str | None = None
    priority: Priority = Priority.NORMAL


Intake = NewWorkOrder
"""Every kind of fact that a message may hold."""


def checked_intake(asked: NewWorkOrder) -> NewWorkOrder:
    """The same with every part trimmed and within its length; what is wrong with any is told together."""
    problems = Problems()
    clean = replace(
        asked,
        title=problems.of(checks.line, asked.title, path=("title",)),
        customer_name=problems.of(checks.line, asked.customer_name, path=("customer_name",)),
        email=problems.of(checks.optional_email, asked.email, path=("email",)),
        phone=problems.of(checks.optional_line, asked.phone, path=("phone",), longest=50),
        address=problems.of(checked_address, asked.address, path=("address",)),
        description=problems.of(checks.optional_text, asked.description, path=("description",)),
    )
    problems.refuse_if_any()
    return clean
