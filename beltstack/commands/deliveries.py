"""Deliveries, as the admin deals with them: try again what failed, give up what will not be told."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from beltstack.commands.work import Many, Work
from beltstack.domain.access import Action
from beltstack.domain.deliveries import DeliveryState
from beltstack.domain.errors import InvalidInput
from beltstack.domain.ids import DeliveryId
from beltstack.store.deliveries import CANCELABLE, DeliveryFilter

IDS_MOST = 250
"""Of what a command was about, its answer names so many."""
FAILED = frozenset({DeliveryState.DEAD, DeliveryState.WAITING})


async def replay(work: Work, *, ids: Sequence[DeliveryId] | None, where: dict[str, Any] | None) -> None:
    """Try failed deliveries again, in their streams' order: those named, or the first 1,000 that fit."""
    await _each(work, ids, where, FAILED, work.deliveries.replay)


async def cancel(work: Work, *, ids: Sequence[DeliveryId] | None, where: dict[str, Any] | None, reason: str) -> None:
    """Give deliveries up for good: those named, or the first 1,000 that fit. The audit keeps who and why."""
    if not reason.strip():
        raise InvalidInput("Say why: whoever looks for what was not told will ask.", path=("reason",))
    await _each(work, ids, where, CANCELABLE, work.deliveries.cancel)
    count = work.many.count if work.many else 0
    work.note = f"{count} deliveries canceled: {reason.strip()[:500]}"


async def _each(
    work: Work,
    ids: Sequence[DeliveryId] | None,
    where: dict[str, Any] | None,
    states: frozenset[DeliveryState],
    do: Callable[[Sequence[DeliveryId]], Any],
) -> None:
    work.must_be_able_to(Action.MANAGE_INTEGRATIONS)
    meant = {name: value for name, value in (where or {}).items() if value is not None}
    if not ids and not meant:
        raise InvalidInput("Name at least one delivery, or say in `where` which are meant.", path=("ids",))
    chosen: Sequence[DeliveryId] = ids or ()
    if meant:
        await _check(work, meant, chosen)
        chosen = await work.deliveries.fitting(DeliveryFilter(**meant), states=states, among=ids)
    await do(chosen)
    await work.problems.resolve_dead_letters()
    work.many = Many(len(chosen), tuple(chosen[:IDS_MOST]))


async def _check(work: Work, meant: dict[str, Any], ids: Sequence[DeliveryId]) -> None:
    first: datetime | None = meant.get("created_from")
    end: datetime | None = meant.get("created_to")
    if first is not None and end is not None and end <= first:
        raise InvalidInput("The end has to be after the start.", path=("where", "created_to"))
    if "integration_id" in meant:
        await work.integrations.get(meant["integration_id"], path=("where", "integration_id"))
    await work.deliveries.lock(ids)
