"""Whether a company in QuickBooks is ready for us, asked once when the plugin is enabled."""

from collections.abc import Iterator

from beltstack.plugins import NeedsAttention, TenantInfo
from beltstack_quickbooks.calls import Books
from beltstack_quickbooks.mapping import Entity
from beltstack_quickbooks.settings import QuickBooksCredentials, check_addresses

_US = frozenset({"US", "USA"})
_CATEGORY = "Category"


async def check(books: Books) -> None:
    """Ask for the company, its preferences and the item; raises NeedsAttention with all that is to be mended."""
    settings, tenant = books.settings, books.connection.tenant
    check_addresses(settings.base_url, settings.token_url)
    realm_id = (await books.connection.credentials.read(QuickBooksCredentials)).realm_id
    company = await books.read("CompanyInfo", realm_id, record="the company")
    preferences = await books.read("Preferences", record="the company's preferences")
    item = await books.read("Item", settings.item_id, record=f"item {settings.item_id}")
    if problems := list(_problems(company, preferences, item, tenant)):
        raise NeedsAttention(" ".join(problems), code="NOT_READY")


def _problems(company: Entity, preferences: Entity, item: Entity, tenant: TenantInfo) -> Iterator[str]:
    country = company.get("Country") or "US"
    if country not in _US:
        yield f"The company is in {country}; this plugin keeps the books of US companies."
    if not preferences.get("SalesFormsPrefs", {}).get("CustomTxnNumbers"):
        yield (
            "Turn on custom transaction numbers in QuickBooks (Account and settings, Sales), or it would renumber"
            " your invoices."
        )
    home = preferences.get("CurrencyPrefs", {}).get("HomeCurrency", {}).get("value", tenant.currency)
    if home != tenant.currency:
        yield f"The company keeps its books in {home} and {tenant.name} invoices in {tenant.currency}."
    if not item.get("Active", True) or item.get("Type") == _CATEGORY:
        yield f"Item '{item.get('Name')}' is inactive or a category: choose an active product or service."
