"""A plugin's coroutine within its time, whatever it does: it hangs, exits, or will not stop when it is told to."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")

GRACE_SECONDS = 1.0
"""What a reaction is given to stop once it is told to."""


class ReactionEnded(Exception):
    """The reaction cancelled itself or asked the whole program to exit."""


async def in_time(call: Callable[[], Awaitable[T]], *, seconds: float, abandoned: set[asyncio.Task[Any]]) -> T:
    """What the call answers. Raises TimeoutError, ReactionEnded, and what the call raises.

    A call that will not stop even when it is late is left alone, among the `abandoned`.
    """
    task = asyncio.create_task(_contained(call))
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        await _stop(task, abandoned)
        raise
    if not done:
        await _stop(task, abandoned)
        raise TimeoutError
    if task.cancelled():
        raise ReactionEnded
    return task.result()


async def _stop(task: asyncio.Task[Any], abandoned: set[asyncio.Task[Any]]) -> None:
    def forget(ended: asyncio.Task[Any]) -> None:
        abandoned.discard(ended)
        if not ended.cancelled():
            ended.exception()  # seen: nobody awaits it any more

    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=GRACE_SECONDS)
    if not done:
        abandoned.add(task)
    task.add_done_callback(forget)


async def _contained(call: Callable[[], Awaitable[T]]) -> T:
    """A vendor's `sys.exit()` ends the attempt, not the worker."""
    try:
        return await call()
    except SystemExit as error:
        raise ReactionEnded from error
