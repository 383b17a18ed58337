"""A company at work over the API: one customer with one site, one technician, and work orders in any state."""

from dataclasses import dataclass
from typing import Any

from tests.api import Api

ORDER = "workOrder { id version state number billingState }"
VISIT = "visit { id version state workOrder { id version state } }"
INVOICE = "invoice { id version state number total { amount } tax { amount } balance { amount } workOrder { id } }"
PLANNED = {"start": "2026-03-02T09:00:00-06:00", "end": "2026-03-02T11:00:00-06:00"}
DIAGNOSIS = {"description": "Diagnosis", "unitPrice": "129.00"}


@dataclass(frozen=True)
class Shop:
    """`api` is who does the work; the ids are of the customer, the site and the technician."""

    api: Api
    customer: str
    site: str
    technician: str

    async def order(self, **given: Any) -> Any:
        """A work order in OPEN, with one line of 129.00 unless others are given."""
        basis = {"customerId": self.customer, "siteId": self.site, "title": "No cooling", "source": "CALL"}
        return await self.api.do("workOrderCreate", ORDER, **basis | {"lineItems": [DIAGNOSIS]} | given)

    async def visit(self, order: Any, **given: Any) -> Any:
        """A planned visit of the technician."""
        basis = {"workOrderId": order["id"], "planned": PLANNED, "technicianIds": [self.technician]}
        return await self.api.do("visitCreate", VISIT, **basis | given)

    async def move(self, mutation: str, subject: Any, answer: str = ORDER, **given: Any) -> Any:
        """A transition that must be taken, from the version the subject was read at."""
        return await self.api.do(mutation, answer, id=subject["id"], expectedVersion=subject["version"], **given)

    async def started(self, **given: Any) -> tuple[Any, Any]:
        """A work order IN_PROGRESS and its visit ON_SITE."""
        visit = await self.move("visitArrive", await self.visit(await self.order(**given)), VISIT)
        return visit["workOrder"], visit

    async def completed(self, **given: Any) -> Any:
        return await self.move("workOrderComplete", await self.order(**given))

    async def drafted(self, **given: Any) -> Any:
        """A draft of a completed work order."""
        order = await self.completed(**given)
        return await self.api.do("invoiceDraft", INVOICE, workOrderId=order["id"])

    async def issued(self, **given: Any) -> Any:
        return await self.move("invoiceIssue", await self.drafted(**given), INVOICE)

    async def read(self, order: Any) -> Any:
        found = await self.api.ask(f"query ($id: ID!) {{ {ORDER.replace('{', '(id: $id) {', 1)} }}", id=order["id"])
        return found["workOrder"]


async def a_shop(api: Api) -> Shop:
    customer = await api.do("customerCreate", "customer { id }", name="Ada Klein")
    site = await api.do("siteCreate", "site { id }", customerId=customer["id"], name="Home", timezone="America/Chicago")
    technician = await api.do("technicianCreate", "technician { id }", name="Lee Park")
    return Shop(api, customer["id"], site["id"], technician["id"])
