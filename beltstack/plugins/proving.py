"""Running contracts in a pytest of their own, and reading what came of each clause."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

# What the person's own configuration says is for their tests, not for these.
_PLAIN = "[pytest]\nfilterwarnings = default\n"
_TIMEOUT_SECONDS = 600


class ContractNotRun(Exception):
    """pytest came to no result; the message is its own."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One clause of one class's contract: `problem` is None where it is kept."""

    contract: str
    clause: str
    problem: str | None

    @property
    def words(self) -> str:
        """The clause as a line for people: `c  told twice makes one remote object`."""
        return re.sub(r"^test_(\w)_", r"\1  ", self.clause).replace("_s_", "'s_").replace("_", " ")


def check_plugins(*places: str) -> list[Outcome]:
    """Prove each plugin, named as `module:Class`, with the contract's own remote. Raises ContractNotRun."""
    lines = ["from beltstack.plugins.testing import contract_for"]
    for number, place in enumerate(places):
        module, _, name = place.partition(":")
        lines += [f"from {module} import {name} as Plugin{number}", f"Test{name} = contract_for(Plugin{number})"]
    with TemporaryDirectory() as folder:
        (Path(folder) / "pytest.ini").write_text(_PLAIN)
        test = Path(folder) / "test_contract.py"
        test.write_text("\n".join(lines) + "\n")
        quiet = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
        return _run(test, "-c", str(test.with_name("pytest.ini")), "-p", "no:cacheprovider", environment=quiet)


def check_file(test: Path) -> list[Outcome]:
    """Prove the contracts in a vendor's own test file, under their own configuration. Raises ContractNotRun."""
    return _run(test, environment={})


def _run(test: Path, *options: str, environment: dict[str, str]) -> list[Outcome]:
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", str(test), *options, f"--junitxml={report}"]
        done = subprocess.run(  # noqa: S603 - our own interpreter
            command,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        outcomes = _read(report) if report.exists() else []
    if done.returncode not in {0, 1} or not outcomes:
        raise ContractNotRun((done.stdout + done.stderr).strip()[-2000:])
    return outcomes


def _read(report: Path) -> list[Outcome]:
    cases = ElementTree.parse(report).iter("testcase")  # noqa: S314 - our own pytest wrote it
    kept = [case for case in cases if case.get("name", "").startswith("test_")]
    return [
        Outcome(case.get("classname", "").rpartition(".")[2], case.get("name", ""), _problem(case)) for case in kept
    ]


def _problem(case: ElementTree.Element) -> str | None:
    wrong: Sequence[ElementTree.Element] = [part for part in case if part.tag in {"failure", "error"}]
    return (wrong[0].get("message") or wrong[0].text or "it failed").removeprefix("Failed: ") if wrong else None
