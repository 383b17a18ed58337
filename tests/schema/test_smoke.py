"""One path through every floor."""

from dataclasses import replace

from beltstack.plugins.runtime import PluginHost
from tests.api import Api, Company


async def test_a_work_order_goes_from_intake_to_a_paid_invoice(company: Company) -> None:
    await from_intake_to_a_paid_invoice(company.owner)


async def test_without_any_plugin_the_core_is_complete(company: Company) -> None:
    await from_intake_to_a_paid_invoice(replace(company.owner, host=PluginHost([])))


async def test_with_every_integration_disabled_the_core_is_complete_and_owes_nothing(company: Company) -> None:
    owner = company.owner
    plugin_id = next(iter(owner.host.plugins))
    enabled = await owner.do("integrationEnable", "integration { id version }", pluginId=plugin_id)
    await owner.do("integrationDisable", "integration { id }", id=enabled["id"], expectedVersion=enabled["version"])
    await from_intake_to_a_paid_invoice(owner)
    owed = await owner.ask("{ events(first: 100) { nodes { type deliveries { id } } } }")
    assert [event["type"] for event in owed["events"]["nodes"] if event["deliveries"]] == []


async def from_intake_to_a_paid_invoice(owner: Api) -> None:
    customer = await owner.do("customerCreate", "customer { id name }", name="Ada Klein")
    site = await owner.do(
        "siteCreate", "site { id }", customerId=customer["id"], name="Home", timezone="America/Chicago"
    )
    technician = await owner.do("technicianCreate", "technician { id }", name="Lee Park")
    order = await owner.do(
        "workOrderCreate",
        "workOrder { id number state total { amount currency } version }",
        customerId=customer["id"],
        siteId=site["id"],
        title="No cooling",
        source="CALL",
        lineItems=[{"description": "Diagnosis", "unitPrice": "129.00", "quantity": "1"}],
    )
    assert (order["state"], order["total"]) == ("OPEN", {"amount": "129.00", "currency": "USD"})
    visit = await owner.do(
        "visitCreate",
        "visit { id state version workOrder { state } }",
        workOrderId=order["id"],
        planned={"start": "2026-03-02T09:00:00-06:00", "end": "2026-03-02T11:00:00-06:00"},
        technicianIds=[technician["id"]],
    )
    assert visit["workOrder"]["state"] == "SCHEDULED"
    for move in ("visitDispatch", "visitStartTravel", "visitArrive", "visitComplete"):
        visit = await owner.do(
            move,
            "visit { id state version workOrder { version state } }",
            id=visit["id"],
            expectedVersion=visit["version"],
        )
    assert visit["state"] == "COMPLETED"
    done = await owner.do(
        "workOrderComplete",
        "workOrder { id state version billingState availableTransitions { command allowed reasons { code } } }",
        id=order["id"],
        expectedVersion=visit["workOrder"]["version"],
    )
    assert (done["state"], done["billingState"]) == ("COMPLETED", "UNBILLED")
    draft = await owner.do("invoiceDraft", "invoice { id version state }", workOrderId=order["id"])
    invoice = await owner.do(
        "invoiceIssue",
        "invoice { id number state total { amount } lines { description amount { amount } }"
        " externalReferences { url } }",
        id=draft["id"],
        expectedVersion=draft["version"],
    )
    assert (invoice["number"], invoice["total"]["amount"]) == ("INV-1001", "129.00")
    payment = await owner.do(
        "paymentRecord",
        "payment { id invoice { state balance { amount } workOrder { billingState } } }",
        invoiceId=invoice["id"],
        amount="129.00",
        method="CHECK",
    )
    assert payment["invoice"]["state"] == "PAID"
    assert payment["invoice"]["workOrder"]["billingState"] == "PAID"
    listed = await owner.ask(
        "{ workOrders(first: 10) { totalCount pageInfo { hasNextPage } nodes { number customer { name }"
        " visits { assignments { technician { name } } } } } events(first: 50) { nodes { type seq } } }"
    )
    assert listed["workOrders"]["totalCount"] == 1
    assert listed["workOrders"]["nodes"][0]["visits"][0]["assignments"][0]["technician"]["name"] == "Lee Park"
    assert [event["type"] for event in listed["events"]["nodes"]][::-1][-3:] == [
        "invoice.issued", "payment.recorded", "invoice.paid",
    ]  # fmt: skip
