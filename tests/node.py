"""Peers from npm: installed once per run from their lock, and run by node."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

PEERS = Path(__file__).resolve().parent / "peers"
INSTALL_SECONDS = 300
RUN_SECONDS = 120


def installed_peers() -> Path:
    """The folder with `node_modules` as locked. Skips without node and npm; with CI=true that is a failure."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        message = f"These tests need {' and '.join(missing)}: install Node.js 20 or newer."
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    # The processes of one run wait for the first of them.
    lock_file = Path(tempfile.gettempdir()) / f"beltstack-peers-{os.getuid()}.lock"
    with lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install()
    return PEERS


def run_node(script: str, *arguments: str) -> str:
    """What a script in the peers' folder says on standard output."""
    command = ["node", script, *arguments]
    done = subprocess.run(command, cwd=PEERS, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _install() -> None:
    """`npm ci`, unless what is there came from this very lock."""
    wanted = (PEERS / "package-lock.json").read_text()
    mark = PEERS / "node_modules" / ".beltstack-lock"
    if mark.exists() and mark.read_text() == wanted:
        return
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(command, cwd=PEERS, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        pytest.fail(f"`npm ci` in tests/peers failed; does this machine reach its npm registry?\n{done.stderr[-2000:]}")
    mark.write_text(wanted)
