"""A form on the company's own web site becomes a draft work order: one signed message for each form sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from beltstack.plugins import (
    Address,
    Connection,
    Inbound,
    Intake,
    Manifest,
    NewWorkOrder,
    Plugin,
    Priority,
    ReceivesWebhooks,
    Rejected,
    secret,
    verify,
)


@dataclass(frozen=True, slots=True)
class FormSettings:
    """What the form's server signs with; while it is changed, both."""

    signing_secret: str = secret(repr=False)
    older_signing_secret: str = secret(default="", repr=False)


class FormIntake(Plugin, ReceivesWebhooks):
    """The form's fields are `name`, `email`, `phone`, `street`, `city`, `zip`, `what`, `details` and `urgent`."""

    manifest = Manifest(
        id="form_intake",
        name="Web form",
        version="0.1.0",
        description="Makes a draft work order of each signed form.",
        settings=FormSettings,
    )

    def verify(self, inbound: Inbound, settings: Any) -> str:
        """Signed as Standard Webhooks says; a form has its own id, however often it is sent."""
        secrets = [one for one in (settings.signing_secret, settings.older_signing_secret) if one]
        verify(secrets, inbound.headers, inbound.body, inbound.received_at)
        return inbound.headers["webhook-id"]

    async def receive(self, inbound: Inbound, connection: Connection) -> Sequence[Intake]:
        """One form, one work order."""
        form = inbound.json()
        if not isinstance(form, dict) or not all(isinstance(value, str) for value in form.values()):
            raise Rejected("The form is not an object of texts.")
        if not form.get("email") and not form.get("phone"):
            raise Rejected("The form names neither an e-mail address nor a telephone number.")
        return [
            NewWorkOrder(
                title=form.get("what", ""),
                customer_name=form.get("name", ""),
                email=form.get("email"),
                phone=form.get("phone"),
                address=_address(form),
                description=form.get("details"),
                priority=Priority.URGENT if form.get("urgent") == "yes" else Priority.NORMAL,
            )
        ]


def _address(form: dict[str, str]) -> Address | None:
    street = form.get("street")
    return Address(street, city=form.get("city"), postal_code=form.get("zip")) if street else None
