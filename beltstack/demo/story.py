"""`beltstack demo`: a phone call becomes one invoice in QuickBooks, whatever happens on the way."""

import asyncio
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn

from beltstack.app import Services, build_app, database_url, listen, open_services
from beltstack.commands.tenancy import create_token
from beltstack.demo import terminal
from beltstack.demo.company import Company, found_company
from beltstack.demo.office import Frontend, Refused
from beltstack.demo.quickbooks import Fault, FaultKind, LoopbackQuickBooks
from beltstack.demo.veto import FindingsRule
from beltstack.demo.worker_process import WorkerProcess
from beltstack.domain.access import Role
from beltstack.settings import Settings
from beltstack.store.migrate import migrate

VETO = f"{FindingsRule.__module__}:{FindingsRule.__qualname__}"


def tell(settings: Settings, *, data_dir: Path | None, port: int) -> None:
    """Run the demo; without a terminal it ends by itself. Raises what the set-up raises."""
    with _folder(data_dir) as folder:
        graphiql = settings.graphiql is not False
        settings = replace(settings, data_dir=folder, plugins=(*settings.plugins, VETO), graphiql=graphiql)
        terminal.heading("BeltStack: from a phone call to one invoice in QuickBooks")
        terminal.say(f"  Starting PostgreSQL ({(settings.database_url and 'yours') or f'embedded, in {folder}'}) ...")
        with database_url(settings) as url, LoopbackQuickBooks() as quickbooks:
            migrate(url)
            try:
                asyncio.run(_tell(replace(settings, database_url=url), quickbooks, port))
            except asyncio.CancelledError:
                sys.exit(128 + signal.SIGTERM)


@contextmanager
def _folder(data_dir: Path | None) -> Iterator[Path]:
    """The folder given, or one for this demo alone that is gone afterwards."""
    if data_dir is not None:
        yield data_dir
        return
    folder = Path(tempfile.mkdtemp(prefix="beltstack-demo-"))
    # The embedded server may run as another user: it has to reach its part of the folder.
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _tell(settings: Settings, quickbooks: LoopbackQuickBooks, port: int) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _stop(asyncio.current_task()))
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(open_services(settings, str(settings.database_url)))
        terminal.say("  Founding North Air Heating & Cooling, with some weeks of work behind it ...")
        slug = f"north-air-{datetime.now(UTC):%H%M%S}"
        company = await found_company(
            services.database, services.host, services.sealer, slug=slug, now=datetime.now(UTC)
        )
        terminal.good(
            f"{company.customers} customers at {len(company.places)} sites, {len(company.technicians)} technicians,"
            f" {len(company.prices)} prices, {company.work_orders} work orders"
        )
        token = await create_token(
            services.database, slug=slug, roles=(Role.OWNER,), label="demo", at=datetime.now(UTC)
        )
        api = await stack.enter_async_context(_serving(services, port))
        frontend = Frontend(api, token)
        stack.push_async_callback(frontend.close)
        await _Story(settings, quickbooks, frontend, company).run()
        await _farewell(api, token)


def _stop(task: asyncio.Task[Any] | None) -> Any:
    assert task is not None
    return task.cancel


class _Story:
    """One work order's life."""

    def __init__(
        self, settings: Settings, quickbooks: LoopbackQuickBooks, frontend: Frontend, company: Company
    ) -> None:
        self.settings = settings
        self.quickbooks = quickbooks
        self.frontend = frontend
        self.company = company
        self.integration_id = ""
        self.worker = self._hired()

    async def run(self) -> None:
        try:
            await self._connect()
            await asyncio.to_thread(self.worker.wait_until_ready)
            order = await self._take_the_call()
            order = await self._work(order)
            order = await self._complete(order)
            await self._pay(await self._invoice(order))
        finally:
            await asyncio.to_thread(self.worker.stop)

    def _hired(self) -> WorkerProcess:
        return WorkerProcess(
            {
                "BELTSTACK_DATABASE_URL": str(self.settings.database_url),
                "BELTSTACK_DATA_DIR": str(self.settings.data_dir),
                "BELTSTACK_PLUGINS": ",".join(self.settings.plugins),
            }
        )

    async def _connect(self) -> None:
        terminal.heading("1. The admin connects QuickBooks and turns a rule on")
        await self.frontend.skip_news()
        keys = self.quickbooks.connect()
        terminal.step("admin", f"integrationEnable quickbooks (a loopback QuickBooks at {self.quickbooks.url})")
        integration = await self.frontend.do(
            "integrationEnable",
            "integration { id status }",
            pluginId="quickbooks",
            settings={
                "item_id": "1",
                "client_id": self.quickbooks.client_id,
                "base_url": self.quickbooks.url,
                "token_url": f"{self.quickbooks.url}/oauth2/v1/tokens/bearer",
            },
            credentials={**keys, "client_secret": self.quickbooks.client_secret},
        )
        self.integration_id = integration["id"]
        terminal.step("admin", "integrationEnable findings_rule (a veto: no job ends without its findings)")
        await self.frontend.do("integrationEnable", "integration { id }", pluginId="findings_rule")

    async def _take_the_call(self) -> Any:
        terminal.heading("2. The phone rings")
        terminal.step("office", "customerCreate: Marisol Vega, no cooling since last night")
        customer = await self.frontend.do(
            "customerCreate",
            "customer { id }",
            name="Marisol Vega",
            givenName="Marisol",
            familyName="Vega",
            phone="(512) 555-0188",
            email="marisol@vega.example",
            billingAddress={"line1": "4310 Duval St", "city": "Austin", "region": "TX", "postalCode": "78751"},
        )
        terminal.step("office", "siteCreate: her house, on Austin's clock")
        site = await self.frontend.do(
            "siteCreate",
            "site { id }",
            customerId=customer["id"],
            name="House",
            timezone="America/Chicago",
            address={"line1": "4310 Duval St", "city": "Austin", "region": "TX", "postalCode": "78751"},
        )
        terminal.step("office", "workOrderCreate: diagnosis promised")
        order = await self.frontend.do(
            "workOrderCreate",
            "workOrder { id number state version }",
            customerId=customer["id"],
            siteId=site["id"],
            title="No cooling since last night",
            source="CALL",
            priority="HIGH",
            lineItems=[{"kind": "FEE", "description": "Diagnostic visit", "unitPrice": "89.00"}],
        )
        terminal.good(f"{order['number']} is {order['state']}")
        return order

    async def _work(self, order: Any) -> Any:
        terminal.heading("3. A technician goes")
        start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=21)
        technician = f"tech_{self.company.technicians[0]}"
        terminal.step("dispatcher", "visitCreate: Maya Ortiz")
        shape = "visit { id version state workOrder { state version } }"
        visit = await self.frontend.do(
            "visitCreate",
            shape,
            workOrderId=order["id"],
            planned={"start": start.isoformat(), "end": (start + timedelta(hours=2)).isoformat()},
            technicianIds=[technician],
        )
        for who, move in (
            ("dispatcher", "visitDispatch"),
            ("technician", "visitStartTravel"),
            ("technician", "visitArrive"),
            ("technician", "visitComplete"),
        ):
            terminal.step(who, move)
            visit = await self.frontend.do(move, shape, id=visit["id"], expectedVersion=visit["version"])
        terminal.step("technician", "lineItemAdd: 1.5 hours and a fan motor")
        return await self.frontend.do(
            "lineItemAdd",
            "workOrder { id number version state }",
            workOrderId=order["id"],
            expectedVersion=visit["workOrder"]["version"],
            lineItems=[
                {"kind": "LABOR", "description": "Technician's hour", "quantity": "1.5", "unit": "hour",
                 "unitPrice": "118.00"},
                {"kind": "PART", "description": "Condenser fan motor, 1/4 hp", "unitPrice": "312.40"},
            ],
        )  # fmt: skip

    async def _complete(self, order: Any) -> Any:
        terminal.heading("4. A plugin says no, and why")
        terminal.step("technician", "workOrderComplete")
        try:
            await self._finish(order)
            raise RuntimeError("the veto did not hold")
        except Refused as refused:
            for error in refused.errors:
                terminal.refusal(f"{error['code']} by {error['pluginId']}: {error['message']}")
        terminal.step("technician", "lineItemAdd: Findings: fan motor seized, replaced; pressures good.")
        order = await self.frontend.do(
            "lineItemAdd",
            "workOrder { id number version state }",
            workOrderId=order["id"],
            expectedVersion=order["version"],
            lineItems=[{"kind": "TEXT", "description": "Findings: fan motor seized, replaced; pressures good.",
                        "quantity": "0"}],
        )  # fmt: skip
        terminal.step("technician", "workOrderComplete")
        order = await self._finish(order)
        terminal.good(f"{order['number']} is {order['state']}")
        return order

    async def _finish(self, order: Any) -> Any:
        return await self.frontend.do(
            "workOrderComplete",
            "workOrder { id number version state billingState }",
            id=order["id"],
            expectedVersion=order["version"],
        )

    async def _invoice(self, order: Any) -> Any:
        terminal.heading("5. The invoice, and the worst moment for a crash")
        fault = self.quickbooks.faults.arm(FaultKind.HANG_AFTER_COMMIT, operation="create_invoice", seconds=60)
        terminal.step("office", "invoiceDraft")
        draft = await self.frontend.do(
            "invoiceDraft", "invoice { id version total { amount } }", workOrderId=order["id"]
        )
        terminal.step("office", "invoiceIssue")
        invoice = await self.frontend.do(
            "invoiceIssue",
            "invoice { id number total { amount currency } tax { amount } }",
            id=draft["id"],
            expectedVersion=draft["version"],
        )
        terminal.good(f"{invoice['number']} stands: {invoice['total']['amount']} {invoice['total']['currency']}")
        await self._crash(fault)
        delivery = await self.frontend.settled(self.integration_id, "invoice.issued")
        terminal.good(f"the delivery arrived, at attempt {delivery['attempts']}")
        self._show_books(invoice)
        return invoice

    async def _crash(self, fault: Fault) -> None:
        if not await asyncio.to_thread(fault.wait, 30):
            raise RuntimeError("QuickBooks was never asked to make the invoice")
        terminal.step("QuickBooks", "has committed the invoice and not answered yet")
        delivery = await self.frontend.delivery(self.integration_id, "invoice.issued")
        terminal.step("worker", f"delivery of invoice.issued is {delivery['state']}, attempt {delivery['attempts']}")
        self.worker.kill()
        terminal.blow(f"SIGKILL: worker {self.worker.pid} is gone; nobody saved that QuickBooks has the invoice")
        self.quickbooks.faults.release()
        # Known before it is waited for: whatever ends the demo now ends this one too.
        self.worker = self._hired()
        await asyncio.to_thread(self.worker.wait_until_ready)
        terminal.step("worker", f"restarted as {self.worker.pid}")

    def _show_books(self, invoice: Any) -> None:
        terminal.heading("6. What QuickBooks holds")
        sent = [one for one in self.quickbooks.books.request_log if one.operation == "create_invoice"]
        for number, one in enumerate(sent, start=1):
            how = "answered from its memory of the first" if one.replayed else "committed"
            terminal.step("QuickBooks", f"request {number}: requestid {one.request_id}, {how}")
        looked = [one for one in self.quickbooks.books.request_log if one.operation == "query"]
        if looked:
            terminal.step("QuickBooks", f"queries before anything was sent again: {len(looked)}")
        held = self.quickbooks.books.invoices()
        for document in held:
            what = f"invoice {document['Id']}: DocNumber {document['DocNumber']}, TotalAmt {document['TotalAmt']}"
            terminal.step("QuickBooks", what)
        if len(held) != 1 or str(held[0]["TotalAmt"]) != invoice["total"]["amount"]:
            raise RuntimeError("QuickBooks does not hold exactly the one invoice")
        terminal.good("one invoice, to the cent")

    async def _pay(self, invoice: Any) -> None:
        terminal.heading("7. The customer pays")
        terminal.step("office", "paymentRecord: a check")
        payment = await self.frontend.do(
            "paymentRecord",
            "payment { id invoice { state workOrder { id number version billingState } } }",
            invoiceId=invoice["id"],
            amount=invoice["total"]["amount"],
            method="CHECK",
            reference="Check 2071",
        )
        await self.frontend.settled(self.integration_id, "payment.recorded")
        (held,) = self.quickbooks.books.invoices()
        terminal.good(f"in QuickBooks the invoice's balance is {held['Balance']}")
        order = payment["invoice"]["workOrder"]
        terminal.good(f"{order['number']} is billed and {order['billingState']}")


class _Server(uvicorn.Server):
    """Leaves signals to the demo."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _serving(services: Services, port: int) -> AsyncIterator[str]:
    """The API without a worker inside: the demo's worker is a process that can be killed."""
    listener = _any_port(port)
    config = uvicorn.Config(build_app(services, with_worker=False), log_level="warning", timeout_graceful_shutdown=3)
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def _any_port(port: int) -> socket.socket:
    """The port asked for, or any free one where it is taken."""
    try:
        return listen("127.0.0.1", port)
    except OSError:
        return listen("127.0.0.1", 0)


async def _farewell(api: str, token: str) -> None:
    terminal.heading("The API is yours to try")
    terminal.say(f"  address  {api}/graphql")
    terminal.say(f"  token    {token}")
    question = '{"query":"{ workOrders(first: 3) { nodes { number title state total { amount } } } }"}'
    terminal.say(f"  curl -s {api}/graphql -H 'Authorization: Bearer {token}' \\")
    terminal.say(f"    -H 'Content-Type: application/json' -d '{question}'")
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        terminal.say("  (No terminal here, so the demo ends now.)")
        return
    terminal.say("  Ctrl-C ends the demo and leaves nothing running.")
    await asyncio.Event().wait()
