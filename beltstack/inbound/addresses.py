"""The plugins' addresses, put together for the application that serves them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from starlette.routing import Route

from beltstack.delivery.shop import Shop
from beltstack.inbound.connecting import Connecting
from beltstack.inbound.webhooks import Webhooks
from beltstack.plugins.runtime import PluginHost
from beltstack.store.database import Database
from beltstack.store.sealing import Sealer


@dataclass(frozen=True, slots=True)
class Addresses:
    """Everything under `/plugins/`; closed with the application."""

    shop: Shop
    connecting: Connecting
    webhooks: Webhooks

    @classmethod
    def of(cls, database: Database, host: PluginHost, sealer: Sealer, public_url: str | None) -> Self:
        shop = Shop(database, host, sealer)
        return cls(shop, Connecting(shop, _now, public_url), Webhooks(shop, _now))

    def routes(self) -> list[Route]:
        return [*self.connecting.routes(), *self.webhooks.routes()]

    async def close(self) -> None:
        self.webhooks.close()
        await self.shop.close()


def _now() -> datetime:
    return datetime.now(UTC)
