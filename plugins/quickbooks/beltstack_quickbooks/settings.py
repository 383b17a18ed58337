"""What a tenant tells the plugin: which company, which item, and the keys to it."""

from dataclasses import dataclass, field

from beltstack.plugins import secret


@dataclass(frozen=True, slots=True)
class QuickBooksSettings:
    """`item_id` is the product or service in QuickBooks that every line is booked on; `client_id` names the app."""

    item_id: str
    client_id: str
    base_url: str = "https://quickbooks.api.intuit.com"
    token_url: str = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"  # noqa: S105 - an address
    minor_version: int = 75


@dataclass(frozen=True, slots=True)
class QuickBooksCredentials:
    """The keys to one company. Nothing secret appears in `repr`, so none can reach a log by accident."""

    realm_id: str
    access_token: str = secret(repr=False)
    refresh_token: str = secret(repr=False)
    client_secret: str = secret(repr=False)
    access_expires_at: str | None = field(default=None)
    """An ISO 8601 instant; None where Intuit did not say."""
