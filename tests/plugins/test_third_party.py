"""A plugin from outside of the repository: written by the scaffold, installed with pip, proved and found."""

import json
import os
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from beltstack.cli import main
from beltstack.plugins.scaffold import CannotScaffold, names_for

BELTSTACK = "from beltstack.cli import main; main()"


class Environment:
    """A virtual environment with pip that sees what BeltStack needs, and BeltStack."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=True)
        self.python = folder / "bin/python"
        (own,) = folder.glob("lib/*/site-packages")
        lines = [f"import site; site.addsitedir({place!r})" for place in site.getsitepackages()]
        (own / "beltstack.pth").write_text("\n".join(lines) + "\n")

    def run(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INDEX": "1"}
        return subprocess.run(
            [str(self.python), *arguments], cwd=cwd, env={**os.environ, **quiet}, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip


def test_a_scaffolded_plugin_installed_with_pip_is_found_and_passes_the_suite(tmp_path: Path) -> None:
    main(["plugin", "new", "acme-books", "--directory", str(tmp_path / "elsewhere")])
    folder = tmp_path / "elsewhere/beltstack-acme-books"
    environment = Environment(tmp_path / "venv")
    done = environment.run("-m", "pip", "install", "--no-deps", "--no-build-isolation", str(folder), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr

    done = environment.run("-c", BELTSTACK, "plugin", "list", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = {row["id"]: row for row in json.loads(done.stdout)}
    assert rows["acme_books"] == {
        "id": "acme_books", "name": "Acme Books", "version": "0.1.0", "distribution": "beltstack-acme-books",
        "state": "READY", "problem": None,
    }  # fmt: skip

    done = environment.run("-c", BELTSTACK, "plugin", "check", "acme_books", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("All 10 clauses are kept.\n")

    # The tests that came with it, as its vendor runs them; its own folder stays out of the path.
    done = environment.run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder / "tests"), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 passed" in done.stdout


def test_it_is_typed_as_strictly_as_we_are(tmp_path: Path) -> None:
    main(["plugin", "new", "acme-books", "--directory", str(tmp_path)])
    folder = tmp_path / "beltstack-acme-books"
    for command in (
        ["mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "."],
        ["ruff", "check", "--isolated", "--line-length=120", "--extend-select=B,RUF,SIM,UP", "."],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, timeout=120, check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *map(str, sys.path[1:])])},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["acme-books", "Acme-Books", "acme_books", "beltstack-acme-books"])
def test_however_it_is_written_it_is_one_name(name: str) -> None:
    names = names_for(name)
    assert (names.id, names.kind, names.package) == ("acme_books", "AcmeBooks", "beltstack_acme_books")
    assert (names.title, names.distribution) == ("Acme Books", "beltstack-acme-books")


@pytest.mark.parametrize("name", ["", "a", "7up", "acme books", "../acme", "äcme", "acme--books", "a" * 41, "acme_"])
def test_a_name_that_will_not_do_is_refused_and_nothing_written(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CannotScaffold, match="cannot be a plugin's name"):
        names_for(name)
    with pytest.raises(SystemExit) as ended:
        main(["plugin", "new", name, "--directory", str(tmp_path)])
    assert "cannot be a plugin's name" in str(ended.value)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_already_is_left_as_it_is(tmp_path: Path) -> None:
    kept = tmp_path / "beltstack-acme-books/pyproject.toml"
    kept.parent.mkdir()
    kept.write_text("mine")
    with pytest.raises(SystemExit, match="is there already: choose another name"):
        main(["plugin", "new", "acme-books", "--directory", str(tmp_path)])
    assert kept.read_text() == "mine"
    assert list(kept.parent.iterdir()) == [kept]


def test_a_plugin_that_is_set_aside_is_listed_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BELTSTACK_PLUGINS", "there_is_no_such:Thing")
    main(["plugin", "list"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("there_is_no_such:Thing")]
    assert line.split(maxsplit=3)[2:] == ["SET_ASIDE", "ModuleNotFoundError: No module named 'there_is_no_such'"]
    with pytest.raises(SystemExit, match="is set aside: ModuleNotFoundError"):
        main(["plugin", "show", "there_is_no_such:Thing"])


def test_show_has_what_the_manifest_says(capsys: pytest.CaptureFixture[str]) -> None:
    main(["plugin", "show", "quickbooks", "--json"])
    facts = json.loads(capsys.readouterr().out)
    assert (facts["id"], facts["is_ledger"], facts["connects_by_oauth"]) == ("quickbooks", True, True)
    assert facts["reactions"] == ["invoice_issued", "payment_recorded"]
    assert facts["credentials"]["properties"]["access_token"]["writeOnly"] is True
    main(["plugin", "show", "quickbooks"])
    said = capsys.readouterr().out
    assert "reactions            invoice_issued, payment_recorded" in said
    assert "settings             item_id, client_id, base_url (optional)" in said


def test_an_unknown_plugin_is_told_with_those_there_are() -> None:
    for verb in ("show", "check"):
        with pytest.raises(SystemExit, match=r"There is no plugin 'nope' here\. Installed: quickbooks, "):
            main(["plugin", verb, "nope"])


def test_check_ends_with_status_1_and_says_which_clause_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["plugin", "check", "tests.plugins.saboteurs:Misspells"])
    assert ended.value.code == "1 of 10 clauses are broken."
    said = capsys.readouterr().out
    assert "BROKEN  h  hooks are hooks\n        " in said
    assert said.count("kept  ") == 9


def test_a_contract_that_cannot_be_run_is_told_with_pytests_own_words() -> None:
    with pytest.raises(SystemExit, match=r"The contract could not be run:[\s\S]*no_such_module"):
        main(["plugin", "check", "no_such_module:Thing"])
