"""Which plugin's vetoes are asked: one that fails again and again is left alone for a while, then probed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

FAILURES_MOST = 5
REST_SECONDS = 30.0


class VetoFault(StrEnum):
    """What was wrong with a veto."""

    CRASHED = "VETO_CRASHED"
    LATE = "VETO_LATE"
    JUNK = "VETO_JUNK"


@dataclass(frozen=True, slots=True)
class VetoFailure:
    """A veto that could not be had from an integration's plugin; `message` is for the tenant's admin."""

    integration_id: UUID
    fault: VetoFault
    message: str


@dataclass(slots=True)
class _Record:
    failures: int = 0
    rests_until: float = 0.0


@dataclass(slots=True)
class VetoBreakers:
    """By plugin, for one process. `clock` is monotonic, in seconds."""

    clock: Callable[[], float] = time.monotonic
    _records: dict[str, _Record] = field(default_factory=dict)

    def may_ask(self, plugin_id: str) -> bool:
        """False while it rests. The first one asked after that is the probe: others go on resting meanwhile."""
        record = self._records.get(plugin_id)
        if record is None or record.failures < FAILURES_MOST:
            return True
        if self.clock() < record.rests_until:
            return False
        record.rests_until = self.clock() + REST_SECONDS
        return True

    def note(self, plugin_id: str, *, failed: bool) -> None:
        """What came of asking it."""
        if not failed:
            self._records.pop(plugin_id, None)
            return
        record = self._records.setdefault(plugin_id, _Record())
        record.failures += 1
        if record.failures >= FAILURES_MOST:
            record.rests_until = self.clock() + REST_SECONDS
