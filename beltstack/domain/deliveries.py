"""An integration is one tenant's use of one plugin; a delivery is the duty to tell it one event."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from beltstack.domain.changes import Change
from beltstack.domain.errors import Refusal
from beltstack.domain.events import Fact, PluginDisabled, PluginEnabled
from beltstack.domain.ids import DeliveryId, EventId, IntegrationId


class IntegrationStatus(StrEnum):
    DISABLED = "DISABLED"
    ENABLED = "ENABLED"
    PAUSED = "PAUSED"
    NEEDS_REAUTH = "NEEDS_REAUTH"
    BROKEN = "BROKEN"


class DeliveryState(StrEnum):
    READY = "READY"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    """For another record to be linked; costs no attempts."""
    DELIVERED = "DELIVERED"
    DEAD = "DEAD"
    """Needs a person: mend what its error says, then replay it."""
    CANCELED = "CANCELED"


class ErrorClass(StrEnum):
    """Who acts next on a failed attempt."""

    THROTTLED = "THROTTLED"
    TRANSIENT = "TRANSIENT"
    TIMEOUT = "TIMEOUT"
    UNKNOWN_OUTCOME = "UNKNOWN_OUTCOME"
    RECONNECT = "RECONNECT"
    NEEDS_ATTENTION = "NEEDS_ATTENTION"
    REJECTED = "REJECTED"
    WAITING = "WAITING"
    DEFECT = "DEFECT"


class Breaker(StrEnum):
    """Whether an integration's deliveries go out: one that fails again and again rests, then one of them probes."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    PROBING = "PROBING"


BREAKER_FAILURES = 5
"""In a row; then the breaker opens."""

UNSETTLED = frozenset({DeliveryState.READY, DeliveryState.RUNNING, DeliveryState.WAITING, DeliveryState.DEAD})


class IntegrationNotEnabled(Refusal):
    """Only what is enabled can be paused or resumed."""

    code = "INTEGRATION_NOT_ENABLED"


class DeliveryNotReplayable(Refusal):
    """It is running, has arrived or was canceled."""

    code = "DELIVERY_NOT_REPLAYABLE"


class CheckFailed(Refusal):
    """The plugin looked at its connection and found that it would not work; the message is the plugin's."""

    code = "CHECK_FAILED"


class DeliveryNotCancelable(Refusal):
    """It is running, has arrived or was canceled already."""

    code = "DELIVERY_NOT_CANCELABLE"


@dataclass(frozen=True, slots=True)
class Integration:
    """`settings` are the open ones as JSON; secret ones and credentials are sealed and never part of this value."""

    id: IntegrationId
    plugin_id: str
    instance: str
    status: IntegrationStatus = IntegrationStatus.DISABLED
    settings: dict[str, Any] = field(default_factory=dict)
    is_ledger: bool = False
    fails_closed: bool = False
    """The manifest's word, kept for when the plugin is not installed: its vetoes must be asked all the same."""
    problem: str | None = None
    """What keeps it from working, as a sentence for the tenant's admin."""
    problem_code: str | None = None
    problem_at: datetime | None = None
    connected_at: datetime | None = None
    """When somebody last gave it credentials by connecting it."""
    version: int = 1

    def configure(self, settings: dict[str, Any]) -> "Integration":
        """With other settings; they hold from the next delivery on."""
        return replace(self, settings=settings)

    def enable(self) -> Change["Integration"]:
        """Work its deliveries, those left from before too. Any problem counts as mended."""
        was_disabled = self.status is IntegrationStatus.DISABLED
        facts: tuple[Fact, ...] = (PluginEnabled(self.id, self.plugin_id, self.instance),) if was_disabled else ()
        return Change(self, self._mended(), facts)

    def fail_check(self, message: str, *, at: datetime) -> Change["Integration"]:
        """A check failed: it stays as it was and says why."""
        return Change(self, replace(self, problem=message, problem_code=CheckFailed.code, problem_at=at))

    def pass_check(self) -> Change["Integration"]:
        """A check passed: what an earlier one found is mended; what has stopped it is for `resume`."""
        if self.problem_code != CheckFailed.code:
            return Change(self, self)
        return Change(self, replace(self, problem=None, problem_code=None, problem_at=None))

    def disable(self) -> Change["Integration"]:
        """Owe it nothing new; what it is owed stays."""
        if self.status is IntegrationStatus.DISABLED:
            return Change(self, self)
        fact = PluginDisabled(self.id, self.plugin_id, self.instance)
        return Change(self, replace(self, status=IntegrationStatus.DISABLED), (fact,))

    def pause(self) -> Change["Integration"]:
        """Keep its deliveries waiting until somebody resumes it."""
        self._must_be_in_use("paused")
        return Change(self, replace(self, status=IntegrationStatus.PAUSED))

    def resume(self) -> Change["Integration"]:
        self._must_be_in_use("resumed")
        return Change(self, self._mended())

    def connect(self, *, at: datetime) -> Change["Integration"]:
        """With new credentials. What waited for them goes on; what is disabled or paused stays so."""
        waited = self.status in {IntegrationStatus.NEEDS_REAUTH, IntegrationStatus.BROKEN}
        return Change(self, replace(self._mended() if waited else self, connected_at=at))

    def _mended(self) -> "Integration":
        return replace(self, status=IntegrationStatus.ENABLED, problem=None, problem_code=None, problem_at=None)

    def _must_be_in_use(self, what: str) -> None:
        if self.status is IntegrationStatus.DISABLED:
            raise IntegrationNotEnabled(f"An integration that is disabled cannot be {what}; enable it first.")


@dataclass(frozen=True, slots=True)
class Reference:
    """Our record and theirs. `content_hash` is of what was sent last."""

    entity: str
    entity_id: UUID
    external_id: str
    external_version: str | None = None
    external_url: str | None = None
    content_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one integration. `attempts` counts every start; `failures` what the retry policy counts."""

    id: DeliveryId
    event_id: EventId
    integration_id: IntegrationId
    stream: UUID
    seq: int
    state: DeliveryState
    attempts: int
    failures: int
    due_at: datetime
    created_at: datetime
    error_class: ErrorClass | None = None
    error_code: str | None = None
    error: str | None = None
    waits_for: UUID | None = None
    settled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one start of a delivery; no error means that it arrived."""

    id: UUID
    attempt: int
    started_at: datetime
    ended_at: datetime
    error_class: ErrorClass | None = None
    error_code: str | None = None
    error: str | None = None
