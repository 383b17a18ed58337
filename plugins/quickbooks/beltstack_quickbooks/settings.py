"""What a tenant tells the plugin: which company, which item, and the keys to it."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from beltstack.plugins import NeedsAttention, secret

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class QuickBooksSettings:
    """`item_id` is the product or service in QuickBooks that every line is booked on; `client_id` names the app."""

    item_id: str
    client_id: str
    base_url: str = "https://quickbooks.api.intuit.com"
    token_url: str = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"  # noqa: S105 - an address
    minor_version: int = 75
    authorize_url: str = "https://appcenter.intuit.com/connect/oauth2"
    client_secret: str = secret(default="", repr=False)
    """The app's, for connecting; once connected it is kept with the credentials, and connecting again needs none."""


@dataclass(frozen=True, slots=True)
class QuickBooksCredentials:
    """The keys to one company. Nothing secret appears in `repr`, so none can reach a log by accident."""

    realm_id: str
    access_token: str = secret(repr=False)
    refresh_token: str = secret(repr=False)
    client_secret: str = secret(repr=False)
    access_expires_at: str | None = field(default=None)
    """An ISO 8601 instant; None where Intuit did not say."""


def check_addresses(*urls: str) -> None:
    """Raises NeedsAttention where the keys would travel in the clear."""
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            words = f"'{url}' would carry the keys to the books in the clear: write an address that begins with https."
            raise NeedsAttention(words, code="NOT_READY")
