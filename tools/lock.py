"""Resolve the dependencies into `requirements.lock` and `tools/installer.lock`, naming no address."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).parent / "uv"
COMMON = ("--universal", "--python-version=3.11", "--generate-hashes", "--no-emit-index-url", "--no-header", "-q")
SOURCES = (
    "pyproject.toml",
    "plugins/quickbooks/pyproject.toml",
    "plugins/webhooks/pyproject.toml",
    "plugins/xero/pyproject.toml",
)


def compile_lock(*arguments: str, typed: str | None = None) -> None:
    subprocess.run([str(UV), "pip", "compile", *COMMON, *arguments], cwd=ROOT, check=True, input=typed, text=True)


compile_lock("--all-extras", "--group=dev", "--no-emit-package=beltstack", *SOURCES, "-o", "requirements.lock")
compile_lock("-", "-o", "tools/installer.lock", typed="uv>=0.13\n")
print("Wrote requirements.lock and tools/installer.lock.")
