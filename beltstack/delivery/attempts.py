"""One attempt: the reaction called with its context, within its time, whatever it does."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from beltstack.delivery.context import (
    DeliveryContext,
    IntegrationReferences,
    RateLimit,
    TenantRecords,
    idempotency_key,
)
from beltstack.delivery.credentials import IntegrationCredentials
from beltstack.delivery.discretion import DeliveryLog, Discretion
from beltstack.delivery.outcomes import ARRIVED, UNHEARD, Outcome, frames_of, outcome_of
from beltstack.delivery.patience import in_time
from beltstack.delivery.sessions import TenantSessions
from beltstack.delivery.shop import Shop
from beltstack.domain.deliveries import ErrorClass
from beltstack.plugins.context import Context, Envelope, TenantInfo
from beltstack.plugins.hookspecs import Plugin
from beltstack.store.codecs import fact_from_json
from beltstack.store.lanes import ClaimedDelivery, HeldLane


@dataclass(frozen=True, slots=True)
class Attempts:
    """Makes the attempts of one lane. `secrets` are the texts of the settings that nobody may read."""

    shop: Shop
    lane: HeldLane
    plugin: Plugin
    settings: Any
    secrets: Any

    async def make(self, delivery: ClaimedDelivery) -> Outcome:
        """Never raises, but for being cancelled itself."""
        discretion = Discretion()
        discretion.learn(self.secrets)
        log = self._log(delivery, discretion)
        try:
            # First of all: of a kind of event that is not known here nobody can say that the plugin does not listen.
            fact = fact_from_json(delivery.type, delivery.v, delivery.data)
            reaction = self.shop.host.reaction(self.plugin.manifest.id, delivery.type)
            if reaction is None:
                return UNHEARD
            context: Context = self._context(delivery, discretion, log)
            await in_time(
                lambda: reaction(event=fact, context=context),
                seconds=self.plugin.manifest.limits.timeout_seconds,
                abandoned=self.shop.abandoned,
            )
        except Exception as error:
            outcome = outcome_of(error, plugin=self.plugin.manifest.name)
            if outcome.error_class is ErrorClass.DEFECT:
                log.error("%s in %s:\n%s", type(error).__name__, delivery.type, frames_of(error))
            return Outcome(
                outcome.error_class,
                outcome.message and discretion.about(outcome.message),
                outcome.code,
                outcome.seconds,
                outcome.waits_for,
            )
        return ARRIVED

    def _log(self, delivery: ClaimedDelivery, discretion: Discretion) -> DeliveryLog:
        ids = {"integration_id": str(self.lane.lane.key.integration_id), "delivery_id": str(delivery.id)}
        return DeliveryLog(self.plugin.manifest.id, discretion, ids)

    def _context(self, delivery: ClaimedDelivery, discretion: Discretion, log: DeliveryLog) -> DeliveryContext:
        shop, lane, limits = self.shop, self.lane.lane, self.plugin.manifest.limits
        sessions = TenantSessions(shop.database, lane.key.tenant_id, lane.key.integration_id)
        today = datetime.now(UTC).astimezone(ZoneInfo(lane.timezone)).date()
        return DeliveryContext(
            tenant=TenantInfo(lane.key.tenant_id, lane.tenant_name, lane.currency, lane.timezone, today),
            integration_id=lane.key.integration_id,
            event=Envelope(delivery.event_id, delivery.type, delivery.occurred_at, delivery.stream, delivery.seq),
            attempt=delivery.attempts,
            idempotency_key=idempotency_key(lane.key.integration_id, delivery.event_id),
            records=TenantRecords(sessions),
            references=IntegrationReferences(sessions),
            credentials=IntegrationCredentials(sessions, shop.sealer, shop.renewals, discretion),
            http=shop.client(self.plugin),
            log=log,
            settings=self.settings,
            deadline=asyncio.get_running_loop().time() + limits.timeout_seconds,
            discretion=discretion,
            rate_limit=RateLimit(self.lane, limits),
            processes=shop.share(lane.key.integration_id),
        )
