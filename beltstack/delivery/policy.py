"""When a failed delivery is tried again, when it is given up, and when its lane rests."""

from dataclasses import dataclass, field, replace
from uuid import UUID

from beltstack.delivery.outcomes import Outcome
from beltstack.domain.deliveries import BREAKER_FAILURES, DeliveryState, ErrorClass
from beltstack.plugins.setup import Limits
from beltstack.store.lanes import ClaimedDelivery, LaneState, Settlement

LONGEST_ERROR = 2_000
LONGEST_WAIT_SECONDS = 24 * 3600.0
SOON = 3


@dataclass(frozen=True, slots=True)
class BackOff:
    """Doubling from `first_seconds` up to `longest_seconds`."""

    first_seconds: float
    longest_seconds: float = 300.0

    def after(self, failures: int) -> float:
        # The exponent is bounded: 2 ** 1000 is a number, but no pause.
        return min(self.longest_seconds, self.first_seconds * 2.0 ** min(failures, 60))


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Retries end by age: `patience_seconds` of attempts and of pauses between them.

    Time in which the whole lane stood still (throttled, resting, paused, waiting for somebody to connect it again)
    does not count.
    """

    transient: BackOff = field(default_factory=lambda: BackOff(0.2))
    uncertain: BackOff = field(default_factory=lambda: BackOff(0.5))
    """After a timeout or an unknown outcome."""
    defect_tries: int = 5
    patience_seconds: float = 48 * 3600.0
    throttled_seconds: float = 10.0
    """The lane's rest where the remote named none."""
    breaker_failures: int = BREAKER_FAILURES
    breaker: BackOff = field(default_factory=lambda: BackOff(1.0))

    def for_plugin(self, limits: Limits) -> "RetryPolicy":
        """With the patience that the plugin's manifest asks for."""
        return self if limits.patience_seconds is None else replace(self, patience_seconds=limits.patience_seconds)

    def settle(
        self, delivery: ClaimedDelivery, outcome: Outcome, *, attempt_id: UUID, took_seconds: float, chance: float
    ) -> Settlement:
        """`chance`, from 0 up to 1, is the part of the back-off that is waited: many must not come back at once."""
        # Another class of error is another story: it begins anew.
        failures = delivery.failures if delivery.error_class == outcome.error_class else 0
        state, wait_seconds, counts = self._verdict(failures, outcome, chance)
        retried_seconds = delivery.retried_seconds + (took_seconds + wait_seconds if counts else 0.0)
        if state is DeliveryState.READY and retried_seconds > self.patience_seconds:
            state, wait_seconds = DeliveryState.DEAD, 0.0
        entity, waits_for = outcome.waits_for or (None, None)
        return Settlement(
            id=delivery.id,
            attempt_id=attempt_id,
            state=state,
            took_seconds=took_seconds,
            failures=failures + 1 if counts else delivery.failures,
            retried_seconds=retried_seconds,
            due_in_seconds=wait_seconds,
            error_class=outcome.error_class,
            error_code=outcome.code,
            error=outcome.message and outcome.message[:LONGEST_ERROR],
            waits_for_entity=entity,
            waits_for=waits_for,
        )

    def lane_after(self, lane: LaneState, delivery: ClaimedDelivery, outcome: Outcome) -> LaneState:
        """How the lane fares after one more outcome: a success mends it, failures in a row open its breaker."""
        if outcome.error_class is None:
            return LaneState(0, lane.rests_seconds)
        if outcome.error_class is ErrorClass.THROTTLED:
            return LaneState(lane.failures, max(lane.rests_seconds, self._asked(outcome, self.throttled_seconds)))
        if not self._counts_for_lane(lane, delivery, outcome):
            return lane
        failures = lane.failures + 1
        beyond = failures - self.breaker_failures
        return LaneState(failures, max(lane.rests_seconds, self.breaker.after(beyond) if beyond >= 0 else 0.0))

    def is_probing(self, lane: LaneState) -> bool:
        """While the breaker is half open, one delivery at a time finds out whether the remote is back."""
        return lane.failures >= self.breaker_failures

    def _verdict(self, failures: int, outcome: Outcome, chance: float) -> tuple[DeliveryState, float, bool]:
        """The state, the pause, and whether it counts as a failure."""
        match outcome.error_class:
            case None:
                return (DeliveryState.CANCELED if outcome.is_pointless else DeliveryState.DELIVERED), 0.0, False
            case ErrorClass.WAITING:
                return DeliveryState.WAITING, 0.0, False
            case ErrorClass.THROTTLED | ErrorClass.RECONNECT:
                return DeliveryState.READY, 0.0, False
            case ErrorClass.REJECTED | ErrorClass.NEEDS_ATTENTION:
                return DeliveryState.DEAD, 0.0, True
            case ErrorClass.DEFECT if failures + 1 >= self.defect_tries:
                return DeliveryState.DEAD, 0.0, True
            case ErrorClass.TIMEOUT | ErrorClass.UNKNOWN_OUTCOME:
                back_off = self.uncertain
            case _:
                back_off = self.transient
        pause = back_off.after(failures) * chance
        return DeliveryState.READY, max(pause, self._asked(outcome, 0.0)), True

    def _counts_for_lane(self, lane: LaneState, delivery: ClaimedDelivery, outcome: Outcome) -> bool:
        """One delivery that fails for ever must not open the breaker for the others: soon it counts no more."""
        counted = {ErrorClass.TRANSIENT, ErrorClass.TIMEOUT, ErrorClass.UNKNOWN_OUTCOME, ErrorClass.DEFECT}
        return outcome.error_class in counted and (delivery.failures < SOON or self.is_probing(lane))

    def _asked(self, outcome: Outcome, otherwise: float) -> float:
        seconds = otherwise if outcome.seconds is None else outcome.seconds
        return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)
