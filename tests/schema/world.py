"""A company with at least one record of every noun, all made over the API."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from beltstack.commands.tenancy import create_tenant, create_token
from beltstack.domain.access import Actor, ActorKind, Role
from beltstack.domain.ids import IntegrationId, Noun
from beltstack.domain.tenants import Tenant
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database
from beltstack.store.inbound import InboundBox
from beltstack.store.sealing import Sealer
from beltstack.store.session import Session
from tests.api import Api
from tests.schema.shop import PLANNED, Shop, a_shop

EVERYTHING = """{
  customers { nodes { id contacts { id } } } sites { nodes { id } } equipmentList { nodes { id } }
  technicians { nodes { id } } catalogItems { nodes { id } } taxCodes { nodes { id } }
  workOrders { nodes { id lineItems { id } } } visits { nodes { id assignments { id } } }
  invoices { nodes { id lines { id } } } payments { nodes { id } }
  integrations(first: 2) { nodes { id inbound { nodes { id } } } }
  deliveries { nodes { id } } events { nodes { id } } tenant { id } }"""


@dataclass(frozen=True)
class World:
    """`open_order` takes visits and lines; `completed_order` awaits its invoice. `ids` holds the rest, by noun."""

    tenant: Tenant
    api: Api
    shop: Shop
    open_order: str
    completed_order: str
    ids: dict[Noun, list[str]]

    def one_of_each(self) -> dict[Noun, str]:
        return {noun: ids[0] for noun, ids in self.ids.items()}


async def a_world(database: Database, host: PluginHost, sealer: Sealer, slug: str) -> World:
    """The host needs the listener of `rules.py`, so that there are deliveries."""
    tenant = await create_tenant(database, slug=slug, name="North Air", currency="USD", timezone="America/Chicago")
    token = await create_token(database, slug=slug, roles=(Role.OWNER,), label="test", at=datetime.now(UTC))
    api = Api(database, host, sealer, token)
    shop = await a_shop(api)
    integration = await api.do("integrationEnable", "integration { id }", pluginId="listener")
    await _came_in(database, tenant, IntegrationId(UUID(integration["id"].rpartition("_")[2])))
    await api.do("contactCreate", "contact { id }", customerId=shop.customer, name="Luis", phone="312 555 0100")
    equipment = await api.do("equipmentCreate", "equipment { id }", siteId=shop.site, name="Furnace")
    item = await api.do("catalogItemCreate", "catalogItem { id }", kind="PART", name="Capacitor", unitPrice="38.50")
    await api.do(
        "taxCodeCreate", "taxCode { id }", code="IL", name="Illinois", components=[{"name": "IL", "rate": "0.0625"}]
    )
    await shop.api.do(
        "paymentRecord", "payment { id }", invoiceId=(await shop.issued())["id"], amount="29.00", method="CASH"
    )
    completed = await shop.completed()
    line = {"description": "Capacitor", "unitPrice": "38.50", "catalogItemId": item["id"]}
    order = await shop.order(equipmentIds=[equipment["id"]], lineItems=[line])
    await shop.visit(order, planned=PLANNED)
    return World(tenant, api, shop, order["id"], completed["id"], await _ids(api))


async def _came_in(database: Database, tenant: Tenant, integration_id: IntegrationId) -> None:
    """A message, which the plugin itself would never have taken."""
    nobody = Actor(tenant.id, ActorKind.PLUGIN, integration_id, frozenset())
    async with database.transaction(tenant.id) as connection:
        box = InboundBox(Session(connection, nobody, datetime.now(UTC)))
        assert await box.keep(integration_id, key="msg_1", headers={}, body=b"hello")


async def _ids(api: Api) -> dict[Noun, list[str]]:
    found: dict[Noun, list[str]] = {}
    waiting: list[Any] = [await api.ask(EVERYTHING)]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, dict):
            waiting.extend(one.values())
            if "id" in one:
                found.setdefault(Noun(one["id"].rpartition("_")[0]), []).append(one["id"])
        elif isinstance(one, list):
            waiting.extend(one)
    return found
