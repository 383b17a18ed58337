"""Whether what a reaction raised is what the remote's answer asks for."""

from collections.abc import Awaitable, Iterator

import httpx

from beltstack.plugins.errors import NeedsAttention, OutcomeUnknown, ReconnectNeeded, Rejected, RetryLater
from beltstack.plugins.testing.remote import WAIT_SECONDS, Trouble

LONGEST_WAIT_SECONDS = 4 * WAIT_SECONDS
RENEWALS_AT_MOST = 1


async def error_of(attempt: Awaitable[None]) -> Exception | None:
    """What an attempt raised; None where it came to its end."""
    try:
        await attempt
    except Exception as error:
        return error
    return None


def problem_with(error: Exception | None, trouble: Trouble, *, renewals: int, made: bool) -> Iterator[str]:
    """What is wrong about raising `error` where the remote answered `trouble`, as a sentence; nothing where it fits.

    `made` is whether the remote has an object more: where a call broke off that makes none, trying again is right.
    """
    asked, fits = _EXPECTED[trouble]
    if trouble is Trouble.DROPPED and not made and isinstance(error, RetryLater):
        return
    if not isinstance(error, fits) or (trouble is Trouble.REFUSED and isinstance(error, ReconnectNeeded)):
        yield f"the remote answered {trouble} and it {ended(error)}; {asked}."
    elif trouble in {Trouble.THROTTLED, Trouble.UNAVAILABLE} and not _waits(error):
        yield f"the remote asked it to wait {WAIT_SECONDS} s ({trouble}, Retry-After): hand `seconds` on."
    elif trouble is Trouble.UNAUTHORIZED and renewals > RENEWALS_AT_MOST:
        yield f"it renewed the credentials {renewals} times for one refusal: once is enough."


def ended(error: Exception | None) -> str:
    return "came to its end as if nothing were wrong" if error is None else f"raised {named(error)}"


def named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(".: ")


def _waits(error: Exception | None) -> bool:
    seconds = error.seconds if isinstance(error, RetryLater) else None
    return seconds is not None and WAIT_SECONDS <= seconds <= LONGEST_WAIT_SECONDS


_EXPECTED: dict[Trouble, tuple[str, type[Exception] | tuple[type[Exception], ...]]] = {
    Trouble.UNAUTHORIZED: ("renew once at most, then raise ReconnectNeeded", ReconnectNeeded),
    Trouble.THROTTLED: ("raise Throttled with the server's wait", RetryLater),
    Trouble.UNAVAILABLE: ("raise RetryLater with the server's wait", RetryLater),
    Trouble.REFUSED: ("raise NeedsAttention or Rejected", (NeedsAttention, Rejected)),
    Trouble.FAILED: ("raise RetryLater, or OutcomeUnknown if it may have been done", RetryLater),
    Trouble.DROPPED: ("raise OutcomeUnknown, or let httpx's error through", (OutcomeUnknown, httpx.TransportError)),
}
