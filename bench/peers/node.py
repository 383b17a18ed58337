"""Peers from npm: installed from their lock when they are first wanted, run by a Node that is new enough."""

import asyncio
import os
import platform
import shutil
import subprocess
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.child import READY, START_SECONDS, URL_VARIABLE, Child, ChildFailed, end_process

HERE = Path(__file__).parent
INSTALL_SECONDS = 300
NODE_MAJOR = 22


class CannotInstall(Exception):
    """The peers from npm are not to be had here; the message says why."""


def installed_node() -> str:
    """The `node` to run the peers with, once they are installed as locked. Raises CannotInstall."""
    if shutil.which("npm") is None:
        raise CannotInstall("npm is not installed")
    _install()
    system = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    bundled = HERE / "node_modules" / f"node-{platform.system().lower()}-{system}" / "bin" / "node"
    for node in (str(bundled), shutil.which("node")):
        if node and Path(node).exists() and _major(node) >= NODE_MAJOR:
            return node
    raise CannotInstall(f"there is no Node.js {NODE_MAJOR} or newer")


def _install() -> None:
    """`npm ci`, unless what is there came from this very lock."""
    wanted = (HERE / "package-lock.json").read_text()
    mark = HERE / "node_modules" / ".beltstack-lock"
    if mark.exists() and mark.read_text() == wanted:
        return
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired as late:
        raise CannotInstall(f"`npm ci` in bench/peers took more than {INSTALL_SECONDS} s") from late
    if done.returncode:
        raise CannotInstall(f"`npm ci` in bench/peers failed: {done.stderr.strip()[-300:]}")
    mark.write_text(wanted)


def _major(node: str) -> int:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    return int(said.removeprefix("v").partition(".")[0] or 0)


@asynccontextmanager
async def a_node_child(node: str, script: str, *, url: str) -> AsyncIterator[Child]:
    """As `bench.child.a_child`, for a script of this folder."""
    environment = {**os.environ, URL_VARIABLE: url, "NODE_ENV": "production", "GRAPHILE_ENV": "production"}
    process = await asyncio.create_subprocess_exec(node, str(HERE / script), stdin=PIPE, stdout=PIPE, env=environment)
    try:
        first, _, word = (await Child(process, "").line(seconds=START_SECONDS)).partition(" ")
        if first != READY:
            raise ChildFailed(f"{script} said '{first}' instead of '{READY}'")
        yield Child(process, word)
    finally:
        await end_process(process)
