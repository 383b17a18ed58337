"""A change of the schema that breaks clients fails the build, unless it was announced and its time has come."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from graphql import build_schema

from tests.node import installed_peers, run_node
from tools.breaking import broken, declared_in, undeclared

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = "beltstack/schema/schema.graphql"
BASE = """type Query { work(id: ID!, old: Int): Work  gone: Int }
type Work { id: ID!  title: String!  kind: Kind }
enum Kind { REPAIR VISIT }
input Wish { a: Int }
type Mutation { wish(input: Wish!): Work }
"""
# What is changed, and the element graphql-inspector and the gate name for it.
BREAKS = [
    ("  gone: Int", "", "Query.gone"),
    (", old: Int", "", "Query.work.old"),
    ("old: Int)", "old: Int, must: Int!)", "Query.work.must"),
    ("title: String!", "title: String", "Work.title"),
    ("REPAIR VISIT", "REPAIR", "Kind.VISIT"),
    ("{ a: Int }", "{ a: Int! }", "Wish.a"),
    ("{ a: Int }", "{ a: Int b: Int! }", "Wish.b"),
    ("kind: Kind }\nenum Kind { REPAIR VISIT }", "kind: Int }", "Kind"),
]
LATER = date(2027, 7, 1)


@pytest.mark.parametrize(("old", "new", "path"), BREAKS)
def test_what_breaks_is_named_by_its_path(old: str, new: str, path: str) -> None:
    assert path in broken(build_schema(BASE), build_schema(BASE.replace(old, new)))


@pytest.mark.node
def test_graphql_inspector_names_the_same_elements(tmp_path: Path) -> None:
    installed_peers()
    before, after = tmp_path / "before.graphql", tmp_path / "after.graphql"
    before.write_text(BASE)
    for old, new, path in BREAKS:
        after.write_text(BASE.replace(old, new))
        named = json.loads(run_node("inspect.mjs", "diff", str(before), str(after)))
        assert path in named
        assert set(named) == set(broken(build_schema(BASE), build_schema(after.read_text())))


@pytest.mark.parametrize(
    ("reason", "today", "lost"),
    [
        ("Use title. Removal after 2027-06.", date(2027, 6, 30), {"Query.gone"}),
        ("Use title. Removal after 2027-06.", LATER, set()),
        ("Use title.", LATER, {"Query.gone"}),
    ],
)
def test_what_was_deprecated_goes_when_its_month_is_over(reason: str, today: date, lost: set[str]) -> None:
    base = build_schema(BASE.replace("gone: Int", f'gone: Int @deprecated(reason: "{reason}")'))
    head = build_schema(BASE.replace("gone: Int", ""))
    assert undeclared(base, head, today=today).keys() == lost


def test_a_deprecated_element_may_go_but_not_change() -> None:
    old = 'gone: Int @deprecated(reason: "Removal after 2020-01.")'
    base, head = BASE.replace("gone: Int", old), BASE.replace("gone: Int", old.replace("Int", "String"))
    assert undeclared(build_schema(base), build_schema(head), today=LATER).keys() == {"Query.gone"}


def test_only_unreleased_entries_that_begin_with_breaking_declare_something() -> None:
    text = """## [Unreleased]

- Breaking: `Query.gone` and
  `Kind.VISIT` are gone.
- Added `Work.other`.

## [0.1.0]

- Breaking: `Work.title`.
"""
    assert declared_in(text) == {"Query.gone", "Kind.VISIT"}


# ── over git ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository whose one commit, on main, accepts BASE."""
    (tmp_path / SCHEMA).parent.mkdir(parents=True)
    (tmp_path / "CHANGELOG.md").write_text("## [Unreleased]\n")
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commit(tmp_path, BASE)
    return tmp_path


def git(project: Path, *arguments: str) -> None:
    who = ("-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=project, check=True, capture_output=True, timeout=60)


def commit(project: Path, schema: str) -> None:
    (project / SCHEMA).write_text(schema)
    git(project, "add", ".")
    git(project, "commit", "--quiet", "--allow-empty", "-m", "A change")


def gate(project: Path) -> tuple[int, str]:
    command = [sys.executable, str(ROOT / "tools/breaking.py"), str(project)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


LOSES_A_FIELD = BASE.replace("gone: Int", "")


@pytest.mark.parametrize("branch", ["main", "feature"])
def test_the_gate_fails_a_removed_field(project: Path, branch: str) -> None:
    git(project, "checkout", "-q", "-B", branch)
    commit(project, LOSES_A_FIELD)
    code, said = gate(project)
    assert code == 1
    assert "`Query.gone`: Field Query.gone was removed." in said


def test_the_gate_sees_the_whole_branch_and_what_is_not_committed(project: Path) -> None:
    git(project, "checkout", "-q", "-b", "feature")
    commit(project, LOSES_A_FIELD)
    commit(project, LOSES_A_FIELD)
    (project / SCHEMA).write_text(LOSES_A_FIELD.replace("title: String!", ""))
    code, said = gate(project)
    assert code == 1
    assert "`Query.gone`" in said
    assert "`Work.title`" in said


def test_the_gate_passes_an_added_field(project: Path) -> None:
    commit(project, BASE.replace("gone: Int", "gone: Int more: Int"))
    assert gate(project)[0] == 0


def test_the_gate_passes_what_the_changelog_declares(project: Path) -> None:
    (project / "CHANGELOG.md").write_text("## [Unreleased]\n\n- Breaking: `Query.gone` is gone.\n")
    commit(project, LOSES_A_FIELD)
    assert gate(project)[0] == 0


def test_after_a_release_a_declaration_is_not_enough_and_the_release_is_what_counts(project: Path) -> None:
    git(project, "tag", "v0.1.0")
    (project / "CHANGELOG.md").write_text("## [Unreleased]\n\n- Breaking: `Query.gone` is gone.\n")
    commit(project, LOSES_A_FIELD)
    commit(project, LOSES_A_FIELD)
    code, said = gate(project)
    assert code == 1
    assert "schema breaks clients of the one in v0.1.0" in said


def test_a_first_commit_has_nothing_to_be_compared_with(project: Path) -> None:
    assert gate(project) == (0, "There is no earlier schema to compare with.\n")
