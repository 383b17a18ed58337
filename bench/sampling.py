"""A profile by sampling: whose code is running, each time the processor has worked for a moment."""

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

# By the processor's clock, so that waiting for PostgreSQL does not count.
EVERY_SECONDS = 0.001
_PACKAGES = "site-packages"


@contextmanager
def sampled() -> Iterator[Counter[str]]:
    """Counts by package while the block runs; of BeltStack by floor.

    A frame of the standard library counts for whoever called it. A tracing profiler would charge each call a fee and
    lose its way between SQLAlchemy's greenlets.
    """
    counts: Counter[str] = Counter()

    def note(_: int, frame: FrameType | None) -> None:
        counts[_owner(frame)] += 1

    before = signal.signal(signal.SIGPROF, note)
    signal.setitimer(signal.ITIMER_PROF, EVERY_SECONDS, EVERY_SECONDS)
    try:
        yield counts
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _owner(frame: FrameType | None) -> str:
    while frame is not None:
        parts = Path(frame.f_code.co_filename).parts
        if _PACKAGES in parts:
            return parts[parts.index(_PACKAGES) + 1].removesuffix(".py")
        if "beltstack" in parts:
            floor = parts[len(parts) - parts[::-1].index("beltstack") :]
            return f"beltstack.{floor[0].removesuffix('.py')}"
        frame = frame.f_back
    return "asyncio and the rest of the standard library"
