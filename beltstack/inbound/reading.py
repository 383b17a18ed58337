"""One message read: the plugin says what it means, and the core does that together with noting that it is done."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from beltstack.commands.asking import Answer, Asked, Request, perform
from beltstack.commands.intake import take_in
from beltstack.commands.work import Work
from beltstack.delivery.connecting import a_connection
from beltstack.delivery.outcomes import Outcome, frames_of, outcome_of
from beltstack.delivery.patience import in_time
from beltstack.delivery.shop import Shop
from beltstack.domain.access import Actor, ActorKind, Role
from beltstack.domain.deliveries import ErrorClass
from beltstack.domain.errors import Refusal
from beltstack.domain.ids import WorkOrderId
from beltstack.domain.intake import InboundState, Intake, NewWorkOrder
from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.inbound import Inbound, ReceivesWebhooks
from beltstack.store.database import DatabaseUnavailable
from beltstack.store.inbound import ClaimedInbound, DueInbound, InboundBox, claim
from beltstack.store.session import Session
from beltstack.store.trips import Trips

INTAKES_MOST = 50
LONGEST_ERROR = 2_000

log = logging.getLogger(__name__)

_FOR_A_PERSON = frozenset({ErrorClass.REJECTED, ErrorClass.NEEDS_ATTENTION, ErrorClass.RECONNECT})


@dataclass(frozen=True, slots=True)
class ReadingPace:
    """How long reading one message may take, and how often it is tried.

    A worker that dies keeps a message from the others for `lease_seconds`, which has to be more than `limit_seconds`.
    """

    limit_seconds: float = 30.0
    lease_seconds: float = 60.0
    tries: int = 5
    first_pause_seconds: float = 2.0
    poll_seconds: float = 1.0

    def pause_after(self, attempts: int) -> float:
        return self.first_pause_seconds * 4.0 ** min(attempts - 1, 10)


class TooManyFacts(Exception):
    """One message holds more than is done in one transaction."""


async def read(shop: Shop, due: DueInbound, pace: ReadingPace) -> None:
    """Claim the message, ask its plugin, do what it says. Raises DatabaseUnavailable; the message is read later."""
    plugin = shop.host.plugins[due.plugin_id]
    claimed = await claim(shop.database, due, lease_seconds=pace.lease_seconds)
    if claimed is None:
        return
    if claimed.attempts > pace.tries:
        words = f"The worker ended during each of {pace.tries} attempts to read it."
        await _settle(shop, claimed, InboundState.FAILED, error=words)
        return
    try:
        intakes = await _understood(shop, plugin, claimed, pace)
        refusals = await _done(shop, claimed, intakes)
    except DatabaseUnavailable:
        raise
    except Exception as error:
        await _put_off(shop, claimed, _outcome(plugin, error), pace)
        return
    if refusals:
        await _settle(shop, claimed, InboundState.SET_ASIDE, error=refusals)


async def _understood(shop: Shop, plugin: Plugin, claimed: ClaimedInbound, pace: ReadingPace) -> Sequence[Intake]:
    """What the plugin makes of the message, in its time and outside of any transaction."""
    assert isinstance(plugin, ReceivesWebhooks)
    message = Inbound(claimed.headers, claimed.body, claimed.received_at)
    tenant_id, integration_id, seconds = claimed.tenant_id, claimed.integration_id, pace.limit_seconds
    async with a_connection(shop, plugin, tenant_id, integration_id, seconds=seconds) as connection:
        receive = plugin.receive
        found = await in_time(lambda: receive(message, connection), seconds=seconds, abandoned=shop.abandoned)
    intakes = tuple(found)
    if not all(isinstance(intake, NewWorkOrder) for intake in intakes):
        raise TypeError("receive answers intakes")
    if len(intakes) > INTAKES_MOST:
        raise TooManyFacts
    return intakes


async def _done(shop: Shop, claimed: ClaimedInbound, intakes: Sequence[Intake]) -> str | None:
    """All of it and the note that it is done, or nothing; why not, in the commands' own words."""
    # What an office's clerk may do who answers the telephone; nothing of money, nothing of settings.
    actor = Actor(claimed.tenant_id, ActorKind.PLUGIN, claimed.integration_id, frozenset({Role.OFFICE}))
    asked = Asked(actor, datetime.now(UTC), shop.database, shop.host, shop.sealer)

    async def command(work: Work) -> WorkOrderId | None:
        box = InboundBox(work.session)
        if not await box.lock(claimed.id, claimed.attempts):
            return None
        made = await take_in(work, intakes=intakes)
        await box.settle(claimed, InboundState.DONE, work_order_id=made)
        return made

    answer: Answer[None] = await perform(asked, Request("inbound.take_in"), command, _nothing)
    return " ".join(_sentence(refusal) for refusal in answer.refusals)[:LONGEST_ERROR] or None


def _sentence(refusal: Refusal) -> str:
    where = ".".join(refusal.path)
    return f"{where}: {refusal.message}" if where else refusal.message


async def _nothing(_: Trips, __: Answer[Any]) -> None:
    return None


def _outcome(plugin: Plugin, error: Exception) -> Outcome:
    if isinstance(error, TooManyFacts):
        return Outcome(ErrorClass.REJECTED, f"It holds more than {INTAKES_MOST} requests at once.")
    outcome = outcome_of(error, plugin=plugin.manifest.name)
    if outcome.error_class is ErrorClass.DEFECT:
        log.error("%s in reading for %s:\n%s", type(error).__name__, plugin.manifest.id, frames_of(error))
    return outcome


async def _put_off(shop: Shop, claimed: ClaimedInbound, outcome: Outcome, pace: ReadingPace) -> None:
    """Set aside for a person, or read again later, or given up."""
    error = (outcome.message or "")[:LONGEST_ERROR]
    if outcome.error_class in _FOR_A_PERSON:
        await _settle(shop, claimed, InboundState.SET_ASIDE, error=error)
    elif claimed.attempts >= pace.tries:
        await _settle(shop, claimed, InboundState.FAILED, error=error)
    else:
        wait_seconds = max(pace.pause_after(claimed.attempts), outcome.seconds or 0.0)
        await _settle(shop, claimed, InboundState.RECEIVED, error=error, due_in_seconds=wait_seconds)


async def _settle(
    shop: Shop, claimed: ClaimedInbound, state: InboundState, *, error: str, due_in_seconds: float = 0.0
) -> None:
    actor = Actor(claimed.tenant_id, ActorKind.PLUGIN, claimed.integration_id, frozenset())
    async with shop.database.transaction(claimed.tenant_id) as connection:
        box = InboundBox(Session(connection, actor, datetime.now(UTC)))
        await box.settle(claimed, state, error=error, due_in_seconds=due_in_seconds)
