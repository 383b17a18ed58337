"""Issued invoices and payments go to a ledger of your own, each once, whatever fails on the way."""

from dataclasses import dataclass
from typing import Any

import httpx

from beltstack.plugins import (
    Connection,
    Context,
    InvoiceIssued,
    Limits,
    Manifest,
    NeedsAttention,
    OutcomeUnknown,
    PaymentRecorded,
    Plugin,
    ReconnectNeeded,
    Reference,
    RetryLater,
    Throttled,
    WaitFor,
    hookimpl,
    secret,
)


@dataclass(frozen=True, slots=True)
class ExporterSettings:
    """`base_url` is where the ledger answers."""

    base_url: str


@dataclass(frozen=True, slots=True)
class ExporterCredentials:
    """The ledger's own key for BeltStack."""

    token: str = secret(repr=False)


class AccountingExporter(Plugin):
    """A ledger of record: `is_ledger` lets a tenant have no second one."""

    manifest = Manifest(
        id="accounting_exporter",
        name="Accounting exporter",
        version="0.1.0",
        description="Sends issued invoices and payments to a ledger of your own, each once.",
        settings=ExporterSettings,
        credentials=ExporterCredentials,
        limits=Limits(calls=120, window_seconds=60, at_once=4),
        is_ledger=True,
    )

    async def check(self, connection: Connection) -> None:
        """Asked when it is enabled: would it work?"""
        await call(connection, "GET", "company")

    @hookimpl
    async def invoice_issued(self, event: InvoiceIssued, context: Context) -> None:
        """Once: linked already; or found by its number, if an earlier attempt may have arrived; or sent."""
        if await context.references.find("invoice", event.invoice_id):
            return
        theirs = await looked_for(context, str(event.number)) if context.attempt > 1 else None
        if theirs is None:
            customer = await context.records.customer(event.customer_id)
            body = {
                "number": event.number,
                "customer": customer.name,
                "issued_on": event.issued_on and event.issued_on.isoformat(),
                # Amounts are texts on the wire: a float would lose cents.
                "lines": [{"text": line.description, "amount": str(line.amount)} for line in event.lines],
                "tax": str(event.tax),
                "total": str(event.total),
            }
            theirs = (await call(context, "POST", "invoices", body, key=context.idempotency_key))["id"]
        await context.references.link(Reference("invoice", event.invoice_id, theirs))

    @hookimpl
    async def payment_recorded(self, event: PaymentRecorded, context: Context) -> None:
        """Applied to its invoice, which has to be there first."""
        if await context.references.find("payment", event.payment_id):
            return
        invoice = await context.references.find("invoice", event.invoice_id)
        if invoice is None:
            raise WaitFor("invoice", event.invoice_id)
        body = {"invoice": invoice.external_id, "amount": str(event.amount), "on": event.received_on.isoformat()}
        theirs = (await call(context, "POST", "payments", body, key=context.idempotency_key))["id"]
        await context.references.link(Reference("payment", event.payment_id, theirs))


async def looked_for(context: Context, number: str) -> str | None:
    """The ledger's id of an invoice by its number."""
    found = await call(context, "GET", f"invoices?number={number}")
    return next((one["id"] for one in found.get("invoices", [])), None)


async def call(connection: Connection, method: str, path: str, body: Any = None, *, key: str = "") -> dict[str, Any]:
    """The answer's body, or the error that says who acts next."""
    credentials = await connection.credentials.read(ExporterCredentials)
    headers = {"Authorization": f"Bearer {credentials.token}"} | ({"Idempotency-Key": key} if key else {})
    await connection.before_call()
    url = f"{connection.settings_as(ExporterSettings).base_url}/{path}"
    answer = await connection.http.request(method, url, headers=headers, json=body)
    judge(answer)
    read: dict[str, Any] = answer.json()
    return read


def judge(answer: httpx.Response) -> None:
    """From the ledger's answer to who acts next."""
    wait = answer.headers.get("Retry-After", "")
    seconds = float(wait) if wait.isdecimal() else None
    if answer.status_code == 401:
        raise ReconnectNeeded("The ledger does not accept the token any more: give it a new one.")
    if answer.status_code == 429:
        raise Throttled("The ledger counts calls.", seconds=seconds)
    if answer.status_code == 503:
        raise RetryLater("The ledger is closed for now.", seconds=seconds)
    if answer.status_code >= 500:
        raise OutcomeUnknown("The ledger failed while it worked on this; it may be in the books.")
    if answer.status_code >= 300:
        raise NeedsAttention(f"The ledger does not take this ({answer.status_code}): look at it there, then replay.")
