"""What a decision returns: the thing as it now is, plus the facts."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from beltstack.domain.errors import StaleObject
from beltstack.domain.events import Fact

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """`before` is None when the thing is new; no facts means nothing happened worth telling."""

    before: T | None
    after: T
    facts: tuple[Fact, ...] = ()

    @property
    def is_nothing(self) -> bool:
        return self.before == self.after and not self.facts


def expect_version(version: int, expected: int, what: str) -> None:
    """Refuse if somebody changed the record since the caller read it."""
    if version != expected:
        raise StaleObject(
            f"This {what} was changed meanwhile (version {version}, you have {expected}); read it again.",
            path=("expected_version",),
        )
