"""`python -m bench [MEASURE]`: measure one thing or all, each on a database of its own."""

import argparse
import os
import platform
import time
from collections.abc import Callable, Coroutine
from typing import Any

from beltstack.app import run
from bench import deliveries, emission, fairness, hostile, idle, latency, reads, transition
from bench.ground import Ground, a_ground

MEASURES: dict[str, Callable[[Ground], Coroutine[Any, Any, None]]] = {
    "transition": transition.measure,
    "deliveries": deliveries.measure,
    "latency": latency.measure,
    "emission": emission.measure,
    "fairness": fairness.measure,
    "idle": idle.measure,
    "hostile": hostile.measure,
    "reads": reads.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("measure", nargs="?", choices=MEASURES, help="which one (default: all)")
    named = parser.parse_args().measure
    for name in [named] if named else MEASURES:
        started = time.monotonic()
        with a_ground() as ground:
            print(f"## {name}\n\n{_machine(ground)}\n", flush=True)
            run(MEASURES[name](ground))
        print(f"\n({time.monotonic() - started:.0f} s)\n", flush=True)


def _machine(ground: Ground) -> str:
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()},"
        f" PostgreSQL {ground.server_version()}; load average at the start {load:.1f}"
    )


if __name__ == "__main__":
    main()
