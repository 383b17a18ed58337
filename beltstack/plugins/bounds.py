"""What a child process of `context.blocking` may use; imported by the child, so it imports little itself."""

import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

if sys.platform == "linux":
    import resource

P = ParamSpec("P")
T = TypeVar("T")

CHILD_BYTES = 2 * 1024**3
"""Of address space, of which a Python with a vendor's SDK takes a few hundred megabytes before it does anything."""


def within_bounds(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call it where memory is limited: what leaks without end gets a MemoryError, and nobody else is starved."""
    if sys.platform == "linux":
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (CHILD_BYTES, hard))
    return function(*args, **kwargs)
