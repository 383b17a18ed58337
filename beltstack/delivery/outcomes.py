"""What became of one attempt: from what a reaction raised to who acts next."""

import traceback
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx

from beltstack.domain.deliveries import ErrorClass
from beltstack.plugins.errors import (
    NeedsAttention,
    OutcomeUnknown,
    PluginError,
    ReconnectNeeded,
    Rejected,
    RetryLater,
    Throttled,
    WaitFor,
)
from beltstack.store.codecs import UnknownEvent
from beltstack.store.database import DatabaseUnavailable


@dataclass(frozen=True, slots=True)
class Outcome:
    """No class means that it arrived. `seconds` is how long the remote asked us to wait."""

    error_class: ErrorClass | None = None
    message: str | None = None
    code: str | None = None
    seconds: float | None = None
    waits_for: tuple[str, UUID] | None = None
    is_pointless: bool = False
    """The plugin does not listen to this any more."""


ARRIVED = Outcome()
UNHEARD = Outcome(message="The plugin does not listen to this kind of event any more.", is_pointless=True)
CUT_SHORT = Outcome(ErrorClass.UNKNOWN_OUTCOME, "The worker was stopped during this attempt.", "WORKER_STOPPED")

# The first line that fits says the class; narrower ones stand before wider ones.
_CLASSES: tuple[tuple[type[BaseException], ErrorClass], ...] = (
    (Throttled, ErrorClass.THROTTLED),
    (OutcomeUnknown, ErrorClass.UNKNOWN_OUTCOME),
    (RetryLater, ErrorClass.TRANSIENT),
    (ReconnectNeeded, ErrorClass.RECONNECT),
    (NeedsAttention, ErrorClass.NEEDS_ATTENTION),
    (Rejected, ErrorClass.REJECTED),
    (WaitFor, ErrorClass.WAITING),
    (PluginError, ErrorClass.DEFECT),
    (UnknownEvent, ErrorClass.TRANSIENT),
    (DatabaseUnavailable, ErrorClass.TRANSIENT),
    (httpx.ConnectError, ErrorClass.TRANSIENT),
    (httpx.ConnectTimeout, ErrorClass.TRANSIENT),
    (httpx.PoolTimeout, ErrorClass.TRANSIENT),
    # Sent, or partly, and no whole answer: it may have happened.
    (httpx.TransportError, ErrorClass.UNKNOWN_OUTCOME),
    (TimeoutError, ErrorClass.TIMEOUT),
)


def outcome_of(error: BaseException, *, plugin: str) -> Outcome:
    """`plugin` is its name, for the sentence the tenant's admin reads."""
    error_class = next((found for kind, found in _CLASSES if isinstance(error, kind)), ErrorClass.DEFECT)
    if isinstance(error, WaitFor):
        return Outcome(error_class, error.message, error.code, waits_for=(error.entity, error.entity_id))
    if isinstance(error, PluginError):
        return Outcome(error_class, error.message, error.code, seconds=getattr(error, "seconds", None))
    if isinstance(error, httpx.TransportError):
        return Outcome(error_class, f"{plugin}'s remote could not be reached ({type(error).__name__}).", "NO_ANSWER")
    if isinstance(error, TimeoutError):
        return Outcome(error_class, f"{plugin} did not finish in time.", "TIMEOUT")
    if isinstance(error, UnknownEvent):
        return Outcome(error_class, f"{error} Run a version that does, then replay it.", "UNKNOWN_EVENT")
    if isinstance(error, DatabaseUnavailable):
        return Outcome(error_class, str(error))
    # The exception's own text stays out: it may hold a token or a customer's data.
    what = f"{type(error).__name__}{_place_of(error)}"
    return Outcome(
        error_class,
        f"{plugin} failed in a way it did not foresee ({what}): its maker has to look.",
        type(error).__name__,
    )


def frames_of(error: BaseException) -> str:
    """Where it happened, for the log, without the exception's text."""
    return "".join(traceback.format_tb(error.__traceback__))


def _place_of(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
