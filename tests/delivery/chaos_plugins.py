"""Two plugins for the chaos: one that only makes its call, and one that does everything wrong the first time."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from beltstack.plugins import Context, Limits, Manifest, PaymentRecorded, Plugin, RetryLater, hookimpl
from beltstack.plugins.runtime import PluginHost

LIMITS = Limits(calls=100_000, window_seconds=60, timeout_seconds=2)


@dataclass(frozen=True, slots=True)
class Remote:
    """Where the effects are counted."""

    url: str


async def tell(context: Context) -> None:
    """The one effect of an event: the remote notes who told it what, in which order and under which key."""
    event = context.event
    body = {
        "integration": str(context.integration_id),
        "stream": str(event.stream),
        "seq": event.seq,
        "key": context.idempotency_key,
    }
    answer = await context.http.post(context.settings_as(Remote).url, json=body)
    if answer.status_code != 200:
        raise RetryLater(f"The remote answered {answer.status_code}.")


class Steady(Plugin):
    """Makes its call."""

    manifest = Manifest("chaos_steady", "Steady", "1", "Tells the remote.", settings=Remote, limits=LIMITS)

    @hookimpl
    async def payment_recorded(self, event: PaymentRecorded, context: Context) -> None:
        """One call."""
        await tell(context)


async def _raises(_: Context) -> None:
    raise RuntimeError("a defect")


async def _hangs(_: Context) -> None:
    await asyncio.sleep(600)


async def _blocks_the_loop(_: Context) -> None:
    time.sleep(1.5)  # noqa: ASYNC251 - this is the mischief
    raise RuntimeError("after having blocked everybody")


async def _exits(_: Context) -> None:
    sys.exit(3)


async def _cancels_itself(_: Context) -> None:
    raise asyncio.CancelledError


async def _loses_its_child(context: Context) -> None:
    await context.blocking(os._exit, 9)


MISCHIEF: tuple[Callable[[Context], Awaitable[None]], ...] = (
    _raises,
    _hangs,
    _blocks_the_loop,
    _exits,
    _cancels_itself,
    _loses_its_child,
)


class Clumsy(Plugin):
    """Half of its first attempts go wrong, each in a way of its own; then it makes its call."""

    manifest = Manifest("chaos_clumsy", "Clumsy", "1", "Tells the remote, late.", settings=Remote, limits=LIMITS)

    @hookimpl
    async def payment_recorded(self, event: PaymentRecorded, context: Context) -> None:
        """Mischief or one call."""
        choice = context.event.id.int % (2 * len(MISCHIEF))
        if context.attempt == 1 and choice < len(MISCHIEF):
            await MISCHIEF[choice](context)
        await tell(context)


def the_host() -> PluginHost:
    return PluginHost([Steady(), Clumsy()])
