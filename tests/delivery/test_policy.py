"""When a failed delivery is tried again, and when its lane rests: no clock, no database."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from beltstack.delivery.outcomes import ARRIVED, Outcome
from beltstack.delivery.policy import RetryPolicy
from beltstack.domain.deliveries import DeliveryState, ErrorClass
from beltstack.domain.ids import DeliveryId, EventId
from beltstack.store.lanes import ClaimedDelivery, LaneState, Settlement

POLICY = RetryPolicy()
CLAIMED = ClaimedDelivery(
    id=DeliveryId(uuid4()),
    attempts=1,
    failures=0,
    retried_seconds=0.0,
    error_class=None,
    event_id=EventId(uuid4()),
    stream=uuid4(),
    seq=1,
    type="payment.recorded",
    v=1,
    occurred_at=datetime(2026, 3, 2, tzinfo=UTC),
    data={},
)


def after(
    outcome: Outcome, *, failures: int = 0, retried_seconds: float = 0.0, took_seconds: float = 0.0
) -> Settlement:
    """With all of the back-off waited, after `failures` of the same class."""
    delivery = replace(
        CLAIMED,
        failures=failures,
        retried_seconds=retried_seconds,
        error_class=(failures and outcome.error_class) or None,
    )
    return POLICY.settle(delivery, outcome, attempt_id=uuid4(), took_seconds=took_seconds, chance=1.0)


@pytest.mark.parametrize(
    ("error_class", "state", "pause_seconds", "counts"),
    [
        (ErrorClass.TRANSIENT, "READY", 0.2, True),
        (ErrorClass.DEFECT, "READY", 0.2, True),
        (ErrorClass.TIMEOUT, "READY", 0.5, True),
        (ErrorClass.UNKNOWN_OUTCOME, "READY", 0.5, True),
        (ErrorClass.THROTTLED, "READY", 0.0, False),
        (ErrorClass.RECONNECT, "READY", 0.0, False),
        (ErrorClass.WAITING, "WAITING", 0.0, False),
        (ErrorClass.REJECTED, "DEAD", 0.0, True),
        (ErrorClass.NEEDS_ATTENTION, "DEAD", 0.0, True),
    ],
)
def test_the_class_of_an_error_says_what_comes_next(
    error_class: ErrorClass, state: str, pause_seconds: float, counts: bool
) -> None:
    settlement = after(Outcome(error_class, "Why."))
    assert (settlement.state, settlement.due_in_seconds, settlement.failures) == (state, pause_seconds, int(counts))


def test_pauses_double_up_to_five_minutes() -> None:
    pauses = [
        after(Outcome(ErrorClass.TRANSIENT), failures=failures).due_in_seconds for failures in (0, 1, 2, 10, 11, 99)
    ]
    assert pauses == pytest.approx([0.2, 0.4, 0.8, 204.8, 300.0, 300.0])


def test_chance_takes_any_part_of_the_pause() -> None:
    settlement = POLICY.settle(
        CLAIMED, Outcome(ErrorClass.TRANSIENT), attempt_id=uuid4(), took_seconds=0.0, chance=0.25
    )
    assert settlement.due_in_seconds == pytest.approx(0.05)


def test_a_remote_that_names_a_time_is_obeyed_within_a_day() -> None:
    assert after(Outcome(ErrorClass.TRANSIENT, seconds=90)).due_in_seconds == 90
    assert after(Outcome(ErrorClass.TRANSIENT, seconds=1e9)).due_in_seconds == 86_400


def test_a_defect_is_dead_at_the_fifth_try_in_a_row() -> None:
    assert [after(Outcome(ErrorClass.DEFECT), failures=failures).state for failures in (3, 4)] == [
        DeliveryState.READY,
        DeliveryState.DEAD,
    ]
    mixed = replace(CLAIMED, failures=30, error_class=ErrorClass.TRANSIENT)
    settlement = POLICY.settle(mixed, Outcome(ErrorClass.DEFECT), attempt_id=uuid4(), took_seconds=0.0, chance=1.0)
    assert (settlement.state, settlement.failures) == (DeliveryState.READY, 1)


def test_retries_end_after_two_days_of_trying() -> None:
    two_days = 48 * 3600.0
    outcome = Outcome(ErrorClass.TRANSIENT, "Down.")
    assert after(outcome, failures=99, retried_seconds=two_days - 301).state is DeliveryState.READY
    dead = after(outcome, failures=99, retried_seconds=two_days - 299)
    assert (dead.state, dead.error, dead.due_in_seconds) == (DeliveryState.DEAD, "Down.", 0.0)
    assert after(Outcome(ErrorClass.THROTTLED), failures=99, retried_seconds=two_days).state is DeliveryState.READY


def test_age_counts_attempts_and_their_pauses_only() -> None:
    assert after(Outcome(ErrorClass.TRANSIENT), took_seconds=3.0).retried_seconds == pytest.approx(3.2)
    assert after(Outcome(ErrorClass.THROTTLED), took_seconds=3.0).retried_seconds == 0.0


def lane_after(lane: LaneState, *outcomes: Outcome, failures: int = 0) -> LaneState:
    for outcome in outcomes:
        lane = POLICY.lane_after(lane, replace(CLAIMED, failures=failures), outcome)
    return lane


DOWN = Outcome(ErrorClass.TRANSIENT)


def test_five_failures_in_a_row_rest_the_lane_and_each_more_rests_it_longer() -> None:
    assert lane_after(LaneState(0), *[DOWN] * 4) == LaneState(4, 0.0)
    assert lane_after(LaneState(4), DOWN) == LaneState(5, 1.0)
    assert lane_after(LaneState(5), DOWN) == LaneState(6, 2.0)
    assert lane_after(LaneState(60), DOWN) == LaneState(61, 300.0)
    assert [POLICY.is_probing(LaneState(failures)) for failures in (4, 5)] == [False, True]


def test_a_success_closes_the_breaker() -> None:
    assert lane_after(LaneState(7), ARRIVED) == LaneState(0)


def test_one_delivery_alone_cannot_open_the_breaker() -> None:
    assert lane_after(LaneState(3), *[DOWN] * 9, failures=3) == LaneState(3)
    assert lane_after(LaneState(5), DOWN, failures=3) == LaneState(6, 2.0)


@pytest.mark.parametrize("error_class", [ErrorClass.REJECTED, ErrorClass.NEEDS_ATTENTION, ErrorClass.WAITING])
def test_an_answer_is_no_failure_of_the_lane(error_class: ErrorClass) -> None:
    assert lane_after(LaneState(4), Outcome(error_class)) == LaneState(4)


def test_throttling_rests_the_lane_as_long_as_the_remote_says() -> None:
    assert lane_after(LaneState(2), Outcome(ErrorClass.THROTTLED, seconds=33)) == LaneState(2, 33)
    assert lane_after(LaneState(2), Outcome(ErrorClass.THROTTLED)) == LaneState(2, POLICY.throttled_seconds)
