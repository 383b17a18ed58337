"""An integration is one tenant's use of one plugin; a delivery is the duty to tell it one event."""

from enum import StrEnum


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


UNSETTLED = frozenset({DeliveryState.READY, DeliveryState.RUNNING, DeliveryState.WAITING, DeliveryState.DEAD})
