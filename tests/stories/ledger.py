"""A company that invoices through the API, and what QuickBooks has to hold of it, to the cent."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Protocol

from beltstack.commands.tenancy import create_tenant, create_token
from beltstack.demo.quickbooks import LoopbackQuickBooks
from beltstack.domain.access import Role
from beltstack.domain.ids import IntegrationId, Noun, TenantId, parse_id
from beltstack.domain.tenants import Tenant
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer
from tests.api import Api

TAX_RATE = Decimal("0.0825")
CENT = Decimal("0.01")
INVOICE = "invoice { id version state number total { amount } }"


class Caller(Protocol):
    """Carries out a mutation that must succeed."""

    async def do(self, mutation: str, answer: str, **given: Any) -> Any: ...


@dataclass
class PatientApi(Api):
    """A client that asks again, under the same idempotency key, while the database is away or when an answer is lost.

    `is_lost` says so of an answer that came; `waits` counts how often the database was away.
    """

    is_lost: Callable[[], bool] = lambda: False
    waits: int = 0

    async def ask(self, document: str, **variables: Any) -> Any:
        while True:
            body = (await self.post({"query": document, "variables": variables})).json()
            codes = {error["extensions"]["code"] for error in body.get("errors", ())}
            if not codes and not self.is_lost():
                return body["data"]
            assert codes <= {"DATABASE_UNAVAILABLE"}, body["errors"]
            self.waits += len(codes)
            await asyncio.sleep(0.05)

    async def send(self, mutation: str, answer: str = "", **given: Any) -> Any:
        return await super().send(mutation, answer, **{"idempotencyKey": secrets.token_hex(16)} | given)


@dataclass(frozen=True, slots=True)
class Entry:
    """One invoice, as BeltStack owes it to the books or as the books have it."""

    customer: str
    tax: Decimal
    total: Decimal
    payments: tuple[Decimal, ...] = ()


@dataclass
class Firm:
    """A tenant whose ledger of record is a QuickBooks of its own; `expected` is what was acknowledged, by number."""

    tenant_id: TenantId
    integration_id: IntegrationId
    api: PatientApi
    quickbooks: LoopbackQuickBooks
    expected: dict[str, Entry] = field(default_factory=dict)

    async def draft(self, customer: str, price: Decimal) -> Any:
        return await drafted(self.api, customer, price)

    async def issue(self, draft: Any, customer: str, price: Decimal) -> Any:
        """The invoice; from here on it is expected in the books, once."""
        invoice = await self.api.do("invoiceIssue", INVOICE, id=draft["id"], expectedVersion=draft["version"])
        tax = (price * TAX_RATE).quantize(CENT, ROUND_HALF_UP)
        assert invoice["number"] not in self.expected
        self.expected[invoice["number"]] = Entry(customer, tax, price + tax)
        return invoice

    async def pay(self, invoice: Any, amount: Decimal) -> None:
        await self.api.do(
            "paymentRecord", "payment { id }", invoiceId=invoice["id"], amount=str(amount), method="CHECK"
        )
        entry = self.expected[invoice["number"]]
        self.expected[invoice["number"]] = Entry(entry.customer, entry.tax, entry.total, (*entry.payments, amount))

    async def deliveries(self) -> list[Any]:
        """The oldest first."""
        shape = "id state attempts errorCode event { type data }"
        return (await every(self.api, "deliveries", shape))[::-1]

    async def is_quiet(self) -> bool:
        """Whether everything arrived."""
        return {delivery["state"] for delivery in await self.deliveries()} <= {"DELIVERED"}

    async def invoices(self) -> dict[str, Entry]:
        """What BeltStack itself says it invoiced and received."""
        shape = "number tax { amount } total { amount } customer { name } payments { amount { amount } }"
        found = await every(self.api, "invoices", shape)
        return {one["number"]: _entry_of(one) for one in found}


async def a_firm(database: Database, host: PluginHost, sealer: Sealer, quickbooks: LoopbackQuickBooks) -> Firm:
    """With a tax code, and QuickBooks enabled."""
    tenant, api = await a_tenant(database, host, sealer)
    await _charge_tax(api)
    integration = await connected(api, quickbooks)
    identifier = parse_id(Noun.INTEGRATION, integration["id"])
    return Firm(tenant.id, IntegrationId(identifier), api, quickbooks)


async def a_tenant(database: Database, host: PluginHost, sealer: Sealer) -> tuple[Tenant, PatientApi]:
    """A new one, and its owner's way in."""
    slug = f"t-{secrets.token_hex(8)}"
    tenant = await create_tenant(database, slug=slug, name="North Air", currency="USD", timezone="America/Chicago")
    token = await create_token(database, slug=slug, roles=(Role.OWNER,), label="test", at=datetime.now(UTC))
    return tenant, PatientApi(database, host, sealer, token)


async def connected(api: Caller, quickbooks: LoopbackQuickBooks) -> Any:
    """The integration that tells this QuickBooks."""
    return await api.do(
        "integrationEnable",
        "integration { id }",
        pluginId="quickbooks",
        settings={
            "item_id": "1",
            "client_id": quickbooks.client_id,
            "base_url": quickbooks.url,
            "token_url": f"{quickbooks.url}/oauth2/v1/tokens/bearer",
        },
        credentials={**quickbooks.connect(), "client_secret": quickbooks.client_secret},
    )


async def drafted(api: Caller, customer: str, price: Decimal) -> Any:
    """A draft for one line of work, done for a customer of its own."""
    theirs = await api.do("customerCreate", "customer { id }", name=customer)
    house = {"customerId": theirs["id"], "name": "House", "timezone": "America/Chicago"}
    site = await api.do("siteCreate", "site { id }", **house)
    work = {"title": "No cooling", "source": "CALL", "lineItems": [{"description": "Repair", "unitPrice": str(price)}]}
    order = await api.do(
        "workOrderCreate", "workOrder { id version }", customerId=theirs["id"], siteId=site["id"], **work
    )
    done = await api.do(
        "workOrderComplete", "workOrder { id version }", id=order["id"], expectedVersion=order["version"]
    )
    return await api.do("invoiceDraft", INVOICE, workOrderId=done["id"])


def books_of(quickbooks: LoopbackQuickBooks) -> dict[str, Entry]:
    """What QuickBooks holds, by DocNumber; no customer, invoice or payment may be without its place in it."""
    books = quickbooks.books
    names = {one["Id"]: one["DisplayName"] for one in books.customers()}
    invoices = {one["Id"]: one for one in books.invoices()}
    paid: dict[str, list[Decimal]] = {invoice_id: [] for invoice_id in invoices}
    for payment in books.payments():
        ((line,),) = (payment["Line"],)
        paid[line["LinkedTxn"][0]["TxnId"]].append(payment["TotalAmt"])
    held = {
        one["DocNumber"]: Entry(
            names[one["CustomerRef"]["value"]],
            one["TxnTaxDetail"]["TotalTax"],
            one["TotalAmt"],
            tuple(paid[one["Id"]]),
        )
        for one in invoices.values()
    }
    assert len(held) == len(invoices), "two invoices share a number"
    assert len(set(names.values())) == len(names) == len({entry.customer for entry in held.values()})
    balances = {one["DocNumber"]: one["Balance"] for one in invoices.values()}
    assert balances == {number: entry.total - sum(entry.payments) for number, entry in held.items()}
    return held


async def every(api: Api, list_: str, shape: str, *, page: int = 50) -> list[Any]:
    """All of a list, page by page, in the API's order."""
    document = f"""query ($after: String) {{ {list_}(first: {page}, after: $after) {{
        nodes {{ {shape} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
    nodes: list[Any] = []
    after = None
    while True:
        found = (await api.ask(document, after=after))[list_]
        nodes += found["nodes"]
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            return nodes


async def until(holds: Callable[[], Awaitable[bool]], *, seconds: float) -> None:
    """Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - what holds is in the database
            await asyncio.sleep(0.1)


async def all_quiet(firms: Collection[Firm], *, seconds: float = 60.0) -> None:
    """Wait until everything that is owed arrived."""
    for firm in firms:
        await until(firm.is_quiet, seconds=seconds)


async def _charge_tax(api: Caller) -> None:
    parts = [{"name": "Texas", "rate": str(TAX_RATE)}]
    code = await api.do("taxCodeCreate", "taxCode { id }", code="TX", name="Sales tax", components=parts)
    patch = {"defaultTaxCodeId": code["id"]}
    await api.do("tenantUpdate", "tenant { version }", expectedVersion=1, patch=patch)


def _entry_of(invoice: Any) -> Entry:
    payments = tuple(Decimal(payment["amount"]["amount"]) for payment in invoice["payments"])
    figures = (Decimal(invoice["tax"]["amount"]), Decimal(invoice["total"]["amount"]))
    return Entry(invoice["customer"]["name"], *figures, payments)
