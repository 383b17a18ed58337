"""What a decision returns: the thing as it now is, plus the facts."""

from dataclasses import dataclass
from typing import Generic, TypeVar

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
