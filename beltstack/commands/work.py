"""What a command works with inside its transaction: the repositories, the vetoes, the tenant's policies."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text

from beltstack.domain.access import Action
from beltstack.domain.changes import Change
from beltstack.domain.errors import Refusal, Refusals
from beltstack.domain.tenants import DoubleBookingPolicy, Tenant
from beltstack.plugins.context import Review, TenantInfo
from beltstack.plugins.runtime import EnabledPlugin, PluginHost
from beltstack.plugins.setup import secret_fields
from beltstack.plugins.veto_breaker import VetoFailure
from beltstack.store.catalog import CatalogItems, TaxCodes
from beltstack.store.codecs import from_json
from beltstack.store.customers import Contacts, Customers
from beltstack.store.deliveries import Deliveries
from beltstack.store.equipment import EquipmentOfSites
from beltstack.store.integrations import Integrations, Vault
from beltstack.store.invoices import Invoices, Payments
from beltstack.store.problems import IntegrationProblems
from beltstack.store.requests import Audit
from beltstack.store.sealing import Sealer
from beltstack.store.session import Session
from beltstack.store.sites import Sites
from beltstack.store.technicians import Technicians
from beltstack.store.tenants import Numbers, Tenants
from beltstack.store.work_orders import WorkOrders


@dataclass(frozen=True, slots=True)
class Many:
    """What a command of many was about: how many, and the ids of the first of them."""

    count: int
    ids: tuple[UUID, ...]


class Work:
    """One unit of work. Lock order: customer, work order, visit, invoice, number counter."""

    def __init__(
        self,
        session: Session,
        host: PluginHost,
        sealer: Sealer,
        *,
        public_url: str | None = None,
        veto_failures: list[VetoFailure] | None = None,
    ) -> None:
        self.public_url = public_url
        self.said: dict[str, str] = {}
        """What the command answers beside its subject, by the names of its mutation's `also`."""
        self.sealer = sealer
        self.veto_failures: list[VetoFailure] = [] if veto_failures is None else veto_failures
        """Vetoes that could not be had; they are told of whatever becomes of the command."""
        self.session = session
        self.actor = session.actor
        self.now = session.now
        self.host = host
        self.note: str | None = None
        """What the audit should say beside the command's name: an override and its reason."""
        self.about: UUID | None = None
        """What the command turned out to be about, where its arguments do not name it: a refusal answers with it."""
        self.complaints: list[Refusal] = []
        """What the caller is told beside what was done and stays done: a check that failed."""
        self.many: Many | None = None
        """What a command about many was about."""
        self._vetoers: list[Any] | None = None
        """The tenant's integrations that some veto concerns, once they were read."""
        self.audit = Audit(session)
        self.catalog_items = CatalogItems(session)
        self.contacts = Contacts(session)
        self.customers = Customers(session)
        self.deliveries = Deliveries(session)
        self.equipment = EquipmentOfSites(session)
        self.integrations = Integrations(session)
        self.invoices = Invoices(session)
        self.numbers = Numbers(session)
        self.payments = Payments(session)
        self.problems = IntegrationProblems(session)
        self.sites = Sites(session)
        self.tax_codes = TaxCodes(session)
        self.technicians = Technicians(session)
        self.tenants = Tenants(session)
        self.vault = Vault(session, sealer)
        self.work_orders = WorkOrders(session)

    def must_be_able_to(self, action: Action) -> None:
        self.actor.must_be_able_to(action)

    async def review(self, hook: str, change: Change[Any], tenant: Tenant) -> None:
        """Ask every enabled plugin's veto; refuse with all their reasons together."""
        await self.review_each((hook,), change, tenant)

    async def review_each(self, hooks: Iterable[str], change: Change[Any], tenant: Tenant) -> None:
        """Like `review`, for a change that is several things at once; who says the same twice is heard once."""
        said = [refusal for hook in hooks for refusal in await self.vetoes(hook, change, tenant)]
        if told := {(one.plugin_id, one.code, one.message, one.path): one for one in said}:
            raise Refusals(tuple(told.values()))

    def foresee_review(self) -> None:
        """The tenant and the vetoes will be asked for: their rows come with the next trip."""
        self.tenants.foresee()
        self.session.foresee(_CONCERNED, self._concerned())

    async def vetoes(self, hook: str, change: Change[Any], tenant: Tenant) -> tuple[Refusal, ...]:
        enabled = await self._enabled(hook)
        if not enabled:
            return ()
        return await self.host.review(hook, change, self._review(tenant), enabled, self.veto_failures)

    async def in_use(self, plugin_id: str) -> Review | None:
        """What one of the plugin's fields is asked with; None where the tenant has it off."""
        row = await self.session.first(_IN_USE, {"tenant": self.session.tenant_id, "plugin": plugin_id})
        if row is None:
            return None
        return replace(self._review(await self.tenants.get()), settings=self.open_settings(plugin_id, row.settings))

    def today(self, tenant: Tenant) -> date:
        """The day it is where the tenant is."""
        return self.now.astimezone(ZoneInfo(tenant.timezone)).date()

    def _review(self, tenant: Tenant) -> Review:
        info = TenantInfo(tenant.id, tenant.name, tenant.currency, tenant.timezone, self.today(tenant))
        return Review(tenant=info, actor=self.actor, now=self.now, settings=None)

    async def save_work_order(self, change: Change[Any], tenant: Tenant) -> None:
        blocks = tenant.double_booking_policy is DoubleBookingPolicy.BLOCK
        await self.work_orders.save(change, blocks=blocks)

    async def _enabled(self, hook: str) -> list[EnabledPlugin]:
        """Those to be asked, and those that would have to be but are not installed here."""
        if self._vetoers is None:
            self._vetoers = await self.session.rows(_CONCERNED, self._concerned())
        asked, installed = self.host.listeners(hook), self.host.plugins
        rows = [row for row in self._vetoers if row.plugin_id in asked or row.plugin_id not in installed]
        return [EnabledPlugin(row.plugin_id, self.open_settings(row.plugin_id, row.settings), row.id) for row in rows]

    def _concerned(self) -> dict[str, Any]:
        asked, installed = self.host.vetoers(), self.host.plugins
        return {"tenant": self.session.tenant_id, "asked": list(asked), "installed": list(installed)}

    def open_settings(self, plugin_id: str, stored: dict[str, Any]) -> Any:
        """The plugin's own dataclass, its secrets left empty; None where the plugin is not installed."""
        plugin = self.host.plugins.get(plugin_id)
        if plugin is None:
            return None
        kind = plugin.manifest.settings
        # A veto never sees a secret.
        return from_json(kind, dict.fromkeys(secret_fields(kind), "") | stored)


# Of several uses of one plugin, the first by name speaks for it.
_IN_USE = text(
    """select settings from integration
       where tenant_id = :tenant and plugin_id = :plugin and status = 'ENABLED' order by instance limit 1"""
)

# An enabled plugin that must be asked but is not installed here has to be heard of, too.
_CONCERNED = text(
    """select id, plugin_id, settings from integration
       where tenant_id = :tenant and status = 'ENABLED'
         and (plugin_id = any(cast(:asked as text[]))
              or (fails_closed and plugin_id <> all(cast(:installed as text[]))))
       order by plugin_id, instance"""
)
