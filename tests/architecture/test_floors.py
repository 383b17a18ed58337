"""The floors hold, and every contract that says so can be broken: one offending import each, in a copy of the tree."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = {contract["id"]: contract for contract in PYPROJECT["tool"]["importlinter"]["contracts"]}
QUICKBOOKS = "plugins/quickbooks/beltstack_quickbooks/offender.py"
WEBHOOKS = "plugins/webhooks/beltstack_webhooks/offender.py"
XERO = "plugins/xero/beltstack_xero/offender.py"
PACKAGES = (
    "beltstack",
    "plugins/quickbooks/beltstack_quickbooks",
    "plugins/webhooks/beltstack_webhooks",
    "plugins/xero/beltstack_xero",
)


@dataclass(frozen=True, slots=True)
class Offence:
    """One import where it does not belong, and the contract that has to say so."""

    contract: str
    module: str
    line: str


OFFENCES = [
    Offence("floors", "beltstack/domain/offender.py", "import beltstack.store.tables"),
    Offence("floors", "beltstack/store/offender.py", "import beltstack.commands.work_orders"),
    Offence("floors", "beltstack/store/offender.py", "import beltstack.plugins.context"),
    Offence("floors", "beltstack/plugins/offender.py", "import beltstack.store.tables"),
    Offence("floors", "beltstack/commands/offender.py", "import beltstack.planner"),
    Offence("floors", "beltstack/planner/offender.py", "import beltstack.commands.work_orders"),
    Offence("floors", "beltstack/commands/offender.py", "import beltstack.delivery"),
    Offence("floors", "beltstack/delivery/offender.py", "import beltstack.schema"),
    Offence("floors", "beltstack/schema/offender.py", "import beltstack.delivery"),
    Offence("floors", "beltstack/delivery/offender.py", "import beltstack.demo"),
    Offence("floors", "beltstack/delivery/offender.py", "import beltstack.inbound.reading"),
    Offence("floors", "beltstack/schema/offender.py", "import beltstack.inbound.pages"),
    Offence("floors", "beltstack/inbound/offender.py", "import beltstack.worker"),
    Offence("floors", "beltstack/a_floor_of_its_own.py", "import decimal"),
    Offence("floors", "beltstack/domain/offender.py", "if TYPE_CHECKING:\n    import beltstack.store.tables"),
    Offence("floors", "beltstack/domain/offender.py", "def late() -> None:\n    import beltstack.store.tables"),
    Offence("domain", "beltstack/domain/offender.py", "from sqlalchemy import select"),
    Offence("domain", "beltstack/domain/offender.py", "import time"),
    Offence("domain", "beltstack/domain/offender.py", "from random import choice"),
    Offence("strawberry", "beltstack/commands/offender.py", "import strawberry"),
    Offence("strawberry", XERO, "from strawberry import type"),
    Offence("planner", "beltstack/planner/offender.py", "from strawberry.types import Info"),
    Offence("planner", "beltstack/planner/offender.py", "import beltstack.schema"),
    Offence("sdk", QUICKBOOKS, "from beltstack.domain.invoices import Invoice"),
    Offence("sdk", QUICKBOOKS, "from beltstack.plugins import runtime"),
    Offence("sdk", XERO, "import beltstack.store.tables"),
    Offence("no-plugin", "beltstack/delivery/offender.py", "import beltstack_quickbooks"),
    Offence("no-plugin", XERO, "import beltstack_quickbooks"),
    Offence("no-plugin", WEBHOOKS, "import beltstack_quickbooks"),
    Offence("sdk", WEBHOOKS, "import beltstack.domain.network"),
    Offence("quickbooks-sdk", "beltstack/demo/offender.py", "from quickbooks import QuickBooks"),
    Offence("quickbooks-sdk", XERO, "import intuitlib.client"),
    Offence("xero-sdk", QUICKBOOKS, "import xero_python.accounting"),
    Offence("loopback", "beltstack/demo/quickbooks/offender.py", "import beltstack.domain.money"),
    Offence("loopback", "beltstack/demo/quickbooks/offender.py", "import beltstack_quickbooks"),
]  # fmt: skip


def test_every_contract_holds_in_this_tree() -> None:
    verdicts, output = verdicts_of(ROOT)
    assert set(verdicts.values()) == {"KEPT"}, output
    assert len(verdicts) == len(CONTRACTS), output


@pytest.mark.parametrize("offence", OFFENCES, ids=lambda offence: f"{offence.contract}: {offence.line}")
def test_one_offending_import_breaks_its_contract(offence: Offence, tmp_path: Path) -> None:
    copy_of_the_tree(tmp_path)
    offender = tmp_path / offence.module
    offender.write_text(f'"""Not allowed."""\n\nfrom typing import TYPE_CHECKING\n\n{offence.line}\n')
    verdicts, output = verdicts_of(tmp_path)
    assert verdicts[CONTRACTS[offence.contract]["name"]] == "BROKEN", output
    assert "offender" in output or "a_floor_of_its_own" in output


def test_every_contract_is_broken_by_one_of_these_offences() -> None:
    assert {offence.contract for offence in OFFENCES} == set(CONTRACTS)


def test_a_plugin_may_import_the_sdk(tmp_path: Path) -> None:
    copy_of_the_tree(tmp_path)
    (tmp_path / "plugins/xero/beltstack_xero/friend.py").write_text("from beltstack.plugins import Plugin\n")
    verdicts, output = verdicts_of(tmp_path)
    assert set(verdicts.values()) == {"KEPT"}, output


def test_the_domain_imports_only_itself_and_the_standard_library() -> None:
    graph = grimp.build_graph("beltstack", include_external_packages=True, cache_dir=None)
    modules = {"beltstack.domain", *graph.find_descendants("beltstack.domain")}
    imported = {name for module in modules for name in graph.find_modules_directly_imported_by(module)}
    assert "decimal" in imported
    foreign = {name for name in imported - modules if name.partition(".")[0] not in sys.stdlib_module_names}
    assert foreign == set()


def test_the_domain_s_contract_names_every_dependency() -> None:
    wanted = {re.match(r"[\w-]+", text)[0] for text in PYPROJECT["project"]["dependencies"]}  # type: ignore[index]
    importable = {
        module for module, owners in packages_distributions().items() if wanted & {owner.lower() for owner in owners}
    }
    packages = {module for module in importable if not module.startswith("_")}
    assert {"sqlalchemy", "strawberry"} <= packages
    assert packages - set(CONTRACTS["domain"]["forbidden_modules"]) == set()


def test_the_floors_are_those_of_the_package() -> None:
    floors = CONTRACTS["floors"]
    drawn = {name for layer in floors["layers"] for name in re.findall(r"\w+", layer)}
    there = {
        path.stem for path in (ROOT / "beltstack").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    } - {"__init__"}
    assert floors["exhaustive"] is True
    assert there <= drawn


def copy_of_the_tree(target: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", target)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, target / package, ignore=_all_but_python)


def verdicts_of(tree: Path) -> tuple[dict[str, str], str]:
    """What lint-imports says of this tree: KEPT or BROKEN by the contract's name, and all that it printed."""
    paths = [str((tree / package).parent) for package in PACKAGES]
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--no-logo"],
        cwd=tree,
        # Wide enough that no contract's name is wrapped.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "300", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    output = done.stdout + done.stderr
    found = re.findall(r"^(.+?) (KEPT|BROKEN)\b", output, flags=re.MULTILINE)
    assert (done.returncode == 0) == all(verdict == "KEPT" for _, verdict in found), output
    return dict(found), output


def _all_but_python(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if not name.endswith(".py") and not (Path(folder, name).is_dir() and name[0] != "_")}
