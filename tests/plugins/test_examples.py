"""The worked examples keep the contract of every plugin, and do their job through the delivery engine."""

import json
from dataclasses import replace
from typing import Any

from uuid_utils.compat import uuid7

from beltstack.domain.changes import Change
from beltstack.domain.customers import Customer, CustomerKind
from beltstack.domain.deliveries import DeliveryState
from beltstack.domain.events import CustomerCreated, Fact, WorkOrderCompleted
from beltstack.domain.ids import CustomerId
from beltstack.plugins import InvoiceIssued
from beltstack.plugins.testing import Call, Contract, LoopbackRemote, Samples, Trouble, golden_events
from beltstack.store.customers import Customers
from beltstack.store.database import Database
from beltstack.store.integrations import Secrets
from beltstack.store.outbox import tell
from tests.delivery.office import Office, an_office, at_work, until
from tests.inbound.serving import example

EXPORTER, CRM = example("accounting_exporter"), example("crm_notifier")


class TestExporterContract(Contract):
    plugin = EXPORTER.AccountingExporter


class TestCrmContract(Contract):
    plugin = CRM.CrmNotifier


class Ledger(LoopbackRemote):
    """Does what it is asked and loses its first answer; it knows an invoice by its number, and no keys."""

    def answer(self, call: Call) -> tuple[int, Any]:
        if call.method == "POST":
            self.mend()
            made = json.loads(call.body) | {"id": f"L-{len(self.objects) + 1}"}
            self.objects[made["id"]] = made
            return 201, made
        found = [one for one in self.objects.values() if call.path.endswith(f"number={one['number']}")]
        return 200, {"invoices": found}


async def told(office: Office, *facts: Fact) -> None:
    async with office.session() as session:
        await tell(session, list(facts))


async def a_customer(office: Office) -> Customer:
    async with office.session() as session:
        customer = replace(Samples().customer, id=CustomerId(uuid7()), kind=CustomerKind.RESIDENTIAL)
        await Customers(session).save(Change(None, customer, ()))
    return customer


async def test_an_invoice_whose_answer_was_lost_is_in_the_ledger_once(database: Database) -> None:
    with Ledger(trouble=Trouble.DROPPED) as ledger:
        office = await an_office(database, EXPORTER.AccountingExporter(), settings={"base_url": ledger.url})
        await office.keep(Secrets(credentials={"token": "t-exporter"}))
        customer = await a_customer(office)
        issued = golden_events("invoice.issued", namespace=uuid7())[0].fact
        assert isinstance(issued, InvoiceIssued)
        await told(office, replace(issued, customer_id=customer.id))
        async with at_work(office):
            await until(lambda: settled(office, 1))
        (invoice,) = ledger.objects.values()
        (delivery,) = await office.deliveries()
    assert (invoice["number"], invoice["total"], invoice["tax"]) == ("INV-1001", "510.40", "38.90")
    assert [call.method for call in ledger.calls] == ["POST", "GET"]
    assert delivery.attempts == 2


async def test_a_crm_has_the_contact_and_then_the_note(database: Database) -> None:
    with LoopbackRemote() as crm:
        office = await an_office(database, CRM.CrmNotifier(), settings={"base_url": crm.url})
        await office.keep(Secrets({"token": "t-crm"}))
        customer = await a_customer(office)
        done = golden_events("work_order.completed", namespace=uuid7())[0].fact
        assert isinstance(done, WorkOrderCompleted)
        async with at_work(office):
            await told(office, CustomerCreated(customer_id=customer.id, name=customer.name))
            await until(lambda: settled(office, 1))
            await told(office, replace(done, customer_id=customer.id))
            await until(lambda: settled(office, 2))
    contact, note = crm.calls
    assert (contact.path, json.loads(contact.body)["name"]) == (f"/contacts/{customer.id}", customer.name)
    assert json.loads(note.body) == {"contact": str(customer.id), "text": "WO-1001 is done: No cooling upstairs"}
    assert note.headers["authorization"] == "Bearer t-crm"


async def settled(office: Office, count: int) -> bool:
    """That many of the events that the examples hear of were delivered."""
    states = await office.states()
    return len(states) >= count and set(states) == {DeliveryState.DELIVERED}
