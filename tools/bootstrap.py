"""Make `.venv` from nothing but Python 3.11+: every package comes from a lock with its hash checked."""

import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"


def main() -> None:
    # Whoever runs an older Python should read a sentence, not a traceback.
    if sys.version_info < (3, 11):  # noqa: UP036
        found = sys.version.split()[0]
        stop(f"BeltStack needs Python 3.11 or newer; this is {found}.", "make PYTHON=/path/to/python3.11")
    step(1, "Making .venv", make_venv)
    step(2, "Fetching the installer", fetch_installer)
    step(3, "Installing the locked packages", install_packages)
    step(4, "Installing BeltStack and its plugins, editable", install_project)
    (VENV / ".ready").touch()


def make_venv() -> None:
    shutil.rmtree(VENV, ignore_errors=True)
    try:
        venv.create(VENV, with_pip=True, symlinks=True)
    except subprocess.CalledProcessError:
        stop("Python could not make a virtual environment.", "on Debian and Ubuntu: apt install python3-venv")


def fetch_installer() -> None:
    quietly = ("-q", "--disable-pip-version-check", "--require-hashes")
    run(BIN / "python", "-m", "pip", "install", *quietly, "-r", ROOT / "tools/installer.lock")


def install_packages() -> None:
    # Compiled now, in parallel, or else by every process that starts, one after another.
    uv("pip", "install", "-q", "--compile-bytecode", "--require-hashes", "-r", ROOT / "requirements.lock")


def install_project() -> None:
    # No build isolation: the build backend is in the lock, too.
    editable = [
        part for path in (".", "plugins/quickbooks", "plugins/webhooks", "plugins/xero") for part in ("-e", ROOT / path)
    ]
    uv("pip", "install", "-q", "--no-deps", "--no-build-isolation", *editable)


def uv(*arguments: str | Path) -> None:
    run(BIN / "uv", *arguments, "--python", BIN / "python")


def run(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], cwd=ROOT, check=False)
    if done.returncode:
        stop(
            f"`{' '.join(str(part) for part in command)}` ended with status {done.returncode}.",
            "is the package index reachable (a proxy? a mirror?); then run the same make verb again",
        )


def step(number: int, what: str, work: object) -> None:
    started = time.monotonic()
    print(f"[{number}/4] {what} ...", end=" ", flush=True)
    assert callable(work)
    work()
    print(f"{time.monotonic() - started:.1f} s", flush=True)


def stop(problem: str, advice: str) -> None:
    sys.exit(f"\nSetup stopped: {problem}\nTry: {advice}")


if __name__ == "__main__":
    main()
