"""A plugin that keeps its contract, and ten that break one clause each."""

import time
from dataclasses import dataclass, replace
from typing import Any

import httpx

from beltstack.plugins import (
    Change,
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
    Review,
    Throttled,
    Veto,
    Vetoes,
    WaitFor,
    WorkOrder,
    hookimpl,
    secret,
)


@dataclass(frozen=True, slots=True)
class HonestSettings:
    """`base_url` is where the books are kept."""

    base_url: str
    company: str


@dataclass(frozen=True, slots=True)
class HonestCredentials:
    """The key to the books."""

    token: str = secret(repr=False)


class Honest(Plugin):
    """Keeps every clause."""

    manifest = Manifest(
        id="honest",
        name="Honest Books",
        version="1.0.0",
        description="Sends invoices and payments.",
        settings=HonestSettings,
        credentials=HonestCredentials,
        is_ledger=True,
    )

    async def check(self, connection: Connection) -> None:
        judge(await self.call(connection, "GET", "company"))

    @hookimpl
    def before_work_order_complete(self, change: Change[WorkOrder], context: Review) -> Vetoes:
        return None if change.after.line_items else Veto("Add a line first.")

    @hookimpl
    async def invoice_issued(self, event: InvoiceIssued, context: Context) -> None:
        if await context.references.find("invoice", event.invoice_id):
            return
        invoice = await context.records.invoice(event.invoice_id)
        answer = await self.call(context, "POST", "invoices", {"number": invoice.number}, key=context.idempotency_key)
        judge(answer)
        await context.references.link(Reference("invoice", event.invoice_id, answer.json()["id"]))

    @hookimpl
    async def payment_recorded(self, event: PaymentRecorded, context: Context) -> None:
        if await context.references.find("payment", event.payment_id):
            return
        if await context.references.find("invoice", event.invoice_id) is None:
            raise WaitFor("invoice", event.invoice_id)
        answer = await self.call(
            context, "POST", "payments", {"amount": str(event.amount)}, key=context.idempotency_key
        )
        judge(answer)
        await context.references.link(Reference("payment", event.payment_id, answer.json()["id"]))

    async def call(
        self, connection: Connection, method: str, path: str, body: Any = None, *, key: str = ""
    ) -> httpx.Response:
        await connection.before_call()
        headers = {"Authorization": f"Bearer {await self.token(connection)}", "Idempotency-Key": key}
        url = f"{connection.settings_as(HonestSettings).base_url}/{path}"
        return await connection.http.request(method, url, headers=headers, json=body)

    async def token(self, connection: Connection) -> str:
        return (await connection.credentials.read(HonestCredentials)).token


def judge(answer: httpx.Response) -> None:
    wait = float(answer.headers["Retry-After"]) if "Retry-After" in answer.headers else None
    if answer.status_code == 401:
        raise ReconnectNeeded("The books do not accept the token: connect again.")
    if answer.status_code == 429:
        raise Throttled("The books count calls.", seconds=wait)
    if answer.status_code == 503:
        raise RetryLater("The books are closed for now.", seconds=wait)
    if answer.status_code >= 500:
        raise OutcomeUnknown("The books failed; it may have been done.")
    if answer.status_code >= 400:
        raise NeedsAttention(f"The books do not take this ({answer.status_code}).")


class LiesInItsManifest(Honest):
    """a: no call would ever get through."""

    manifest = replace(Honest.manifest, limits=Limits(calls=0))


class TrustsOptionalFields(Honest):
    """b: an invoice without a due date crashes it."""

    @hookimpl
    async def invoice_issued(self, event: InvoiceIssued, context: Context) -> None:
        event.due_on.isoformat()  # type: ignore[union-attr]
        await super().invoice_issued(event, context)


class SendsTwice(Honest):
    """c: neither looks nor sends the key."""

    @hookimpl
    async def payment_recorded(self, event: PaymentRecorded, context: Context) -> None:
        judge(await self.call(context, "POST", "payments", {"amount": str(event.amount)}, key=str(time.monotonic_ns())))


class GuessesTheWait(Honest):
    """d: comes back when it likes, whatever the server said."""

    @hookimpl
    async def payment_recorded(self, event: PaymentRecorded, context: Context) -> None:
        try:
            await super().payment_recorded(event, context)
        except Throttled as throttled:
            raise Throttled(throttled.message, seconds=1) from throttled


class SleepsInAVeto(Honest):
    """e: holds up the office while rows are locked, and swallows who stops it."""

    @hookimpl
    def before_work_order_complete(self, change: Change[WorkOrder], context: Review) -> Vetoes:
        try:
            time.sleep(0.001)
        except Exception:
            return None
        return None


class LogsItsToken(Honest):
    """f: somebody was looking for a bug."""

    async def token(self, connection: Connection) -> str:
        token = await super().token(connection)
        connection.log.debug("calls with %s", token)
        return token


class RemembersATenant(Honest):
    """g: the first tenant's token serves all."""

    kept: str = ""

    async def token(self, connection: Connection) -> str:
        self.kept = self.kept or await super().token(connection)
        return self.kept


class Misspells(Honest):
    """h: a hook that nobody calls."""

    @hookimpl
    async def invoice_isued(self, event: InvoiceIssued, context: Context) -> None:
        """Never heard of."""


class CrashesInCheck(Honest):
    """i: the admin reads a KeyError."""

    async def check(self, connection: Connection) -> None:
        answer = await self.call(connection, "GET", "company")
        if answer.status_code != 200:
            raise KeyError("company")


class BlocksTheLoop(Honest):
    """j: one call that nobody awaits."""

    @hookimpl
    async def invoice_issued(self, event: InvoiceIssued, context: Context) -> None:
        time.sleep(0.08)  # noqa: ASYNC251 - that is what is wrong with it
        await super().invoice_issued(event, context)


SABOTEURS: dict[str, type[Plugin]] = {
    "a": LiesInItsManifest,
    "b": TrustsOptionalFields,
    "c": SendsTwice,
    "d": GuessesTheWait,
    "e": SleepsInAVeto,
    "f": LogsItsToken,
    "g": RemembersATenant,
    "h": Misspells,
    "i": CrashesInCheck,
    "j": BlocksTheLoop,
}
"""By the letter of the clause that it breaks."""
