"""A CRM knows every customer, and has a note for every work order that is done."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from beltstack.plugins import (
    Connection,
    Context,
    CustomerCreated,
    CustomerUpdated,
    DeadLetters,
    Manifest,
    NeedsAttention,
    Plugin,
    ReconnectNeeded,
    RetryLater,
    Throttled,
    WorkOrderCompleted,
    hookimpl,
    secret,
)


@dataclass(frozen=True, slots=True)
class CrmSettings:
    """`base_url` is where the CRM answers; the token is the CRM's own for BeltStack."""

    base_url: str
    token: str = secret(repr=False)


class CrmNotifier(Plugin):
    """A note that cannot be kept must not hold back what follows: `dead_letters` goes on past it."""

    manifest = Manifest(
        id="crm_notifier",
        name="CRM notifier",
        version="0.1.0",
        description="Keeps a CRM's contacts as the customers are, with a note for every completed work order.",
        settings=CrmSettings,
        dead_letters=DeadLetters.CONTINUE,
    )

    async def check(self, connection: Connection) -> None:
        """Asked when it is enabled: would it work?"""
        await call(connection, "GET", "account")

    @hookimpl
    async def customer_created(self, event: CustomerCreated, context: Context) -> None:
        """A new contact."""
        await put_contact(event.customer_id, context)

    @hookimpl
    async def customer_updated(self, event: CustomerUpdated, context: Context) -> None:
        """The contact as the customer is now."""
        await put_contact(event.customer_id, context)

    @hookimpl
    async def work_order_completed(self, event: WorkOrderCompleted, context: Context) -> None:
        """A note under a name of its own: put twice, it is one."""
        note = {"contact": str(event.customer_id), "text": f"{event.number} is done: {event.title}"}
        await call(context, "PUT", f"notes/{context.event.id}", note)


async def put_contact(customer_id: UUID, context: Context) -> None:
    """Under our own id, so that it need not be looked for; as it is now, so that twice does no harm."""
    customer = await context.records.customer(customer_id)
    contact = {"name": customer.name, "email": customer.email, "phone": customer.phone}
    await call(context, "PUT", f"contacts/{customer_id}", contact)


async def call(connection: Connection, method: str, path: str, body: Any = None) -> None:
    """Raises who acts next where the CRM does not take it."""
    settings = connection.settings_as(CrmSettings)
    await connection.before_call()
    headers = {"Authorization": f"Bearer {settings.token}"}
    answer = await connection.http.request(method, f"{settings.base_url}/{path}", headers=headers, json=body)
    wait = answer.headers.get("Retry-After", "")
    seconds = float(wait) if wait.isdecimal() else None
    if answer.status_code == 401:
        raise ReconnectNeeded("The CRM does not accept the token any more: give it a new one.")
    if answer.status_code == 429:
        raise Throttled("The CRM counts calls.", seconds=seconds)
    if answer.status_code >= 500:
        raise RetryLater("The CRM is not well.", seconds=seconds)
    if answer.status_code >= 300:
        raise NeedsAttention(f"The CRM does not take this ({answer.status_code}).")
