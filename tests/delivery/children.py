"""What runs in a child process of `context.blocking`; kept apart, because a child imports what it is given."""

import os

from beltstack.plugins.errors import Rejected


def at_work(number: int, *, pid: int) -> tuple[int, bool]:
    """The next number, and whether this is another process."""
    return number + 1, os.getpid() != pid


def refuses() -> None:
    raise Rejected("The vendor says no.", code="NO")


def dies() -> None:
    os._exit(3)


def leaks() -> None:
    """Take memory until there is none."""
    taken = []
    while True:
        taken.append(bytearray(64 * 1024 * 1024))
