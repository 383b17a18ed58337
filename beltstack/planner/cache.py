"""A cache that a flood of things asked for once can neither fill nor empty."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class _Segment(Generic[K, V]):
    """Least recently used goes first, by number and by weight."""

    most: int
    weight_most: int
    weight: int = 0
    held: OrderedDict[K, tuple[V, int]] = field(default_factory=OrderedDict)

    def put(self, key: K, value: V, weight: int) -> None:
        self.pop(key)
        self.held[key] = value, weight
        self.weight += weight
        while len(self.held) > self.most or self.weight > self.weight_most:
            _, (_, gone) = self.held.popitem(last=False)
            self.weight -= gone

    def pop(self, key: K) -> tuple[V, int] | None:
        found = self.held.pop(key, None)
        if found is not None:
            self.weight -= found[1]
        return found


class BoundedCache(Generic[K, V]):
    """Two segments: what was asked for once is on trial; the second time it is kept beside what else was.

    Both are bounded by number and by weight (bytes of text, say), the trial to a quarter of either. What weighs more
    than a sixteenth of `weight_most` is never held.
    """

    def __init__(self, *, most: int, weight_most: int) -> None:
        self._kept: _Segment[K, V] = _Segment(most - most // 4, weight_most - weight_most // 4)
        self._trial: _Segment[K, V] = _Segment(most // 4, weight_most // 4)
        self._single_most = weight_most // 16

    def get(self, key: K) -> V | None:
        """What is held under the key; asking is what keeps it."""
        found = self._kept.held.get(key)
        if found is not None:
            self._kept.held.move_to_end(key)
            return found[0]
        tried = self._trial.pop(key)
        if tried is None:
            return None
        self._kept.put(key, *tried)
        return tried[0]

    def put(self, key: K, value: V, *, weight: int) -> None:
        """Hold something new, on trial."""
        if weight <= self._single_most:
            self._trial.put(key, value, weight)

    @property
    def weight(self) -> int:
        return self._kept.weight + self._trial.weight

    def __iter__(self) -> Iterator[K]:
        yield from (*self._kept.held, *self._trial.held)

    def __contains__(self, key: object) -> bool:
        return key in self._kept.held or key in self._trial.held

    def __len__(self) -> int:
        return len(self._kept.held) + len(self._trial.held)
