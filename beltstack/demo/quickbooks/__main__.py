"""Run the loopback QuickBooks as a process: prints one JSON line with its address and keys, ends on a signal."""

import argparse
import json
import signal
import threading

from beltstack.demo.quickbooks.server import LoopbackQuickBooks


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m beltstack.demo.quickbooks", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    arguments = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with LoopbackQuickBooks(port=arguments.port) as company:
        named = {"url": company.url, "client_id": company.client_id, "client_secret": company.client_secret}
        print(json.dumps({**named, **company.connect()}), flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
