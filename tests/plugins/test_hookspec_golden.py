"""Each kind of fact keeps the shape it is stored in, until its version says that there is another."""

import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from beltstack.domain.events import CustomerArchived, Fact, facts_by_type
from beltstack.plugins.golden import payloads
from beltstack.store.codecs import fact_from_json
from tools import golden

KINDS = sorted(facts_by_type().values(), key=lambda kind: kind.type)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type)
def test_a_fact_has_a_golden_payload_and_its_shape(kind: type[Fact]) -> None:
    assert golden.problem_of(kind) is None


def test_a_golden_payload_is_of_a_fact_that_is_told_now_or_was_told_before() -> None:
    kinds = facts_by_type()
    assert {(type_, v) for type_, v, _ in payloads() if v > kinds[type_].v} == set()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type)
def test_a_golden_payload_becomes_its_fact(kind: type[Fact]) -> None:
    (payload,) = [payload for type_, v, payload in payloads() if (type_, v) == (kind.type, kind.v)]
    assert fact_from_json(kind.type, kind.v, payload) == golden.example_of(kind)


# ── a shape that was changed ──────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class OneMore(CustomerArchived):
    reason: str = "moved away"


@dataclass(frozen=True, slots=True)
class Renamed(Fact):
    type = "customer.archived"

    customer: str
    name: str


@dataclass(frozen=True, slots=True)
class Retyped(Fact):
    type = "customer.archived"

    customer_id: str
    name: int


@pytest.mark.parametrize("kind", [OneMore, Renamed, Retyped])
def test_another_shape_under_the_same_version_is_told_with_what_to_do(kind: type[Fact]) -> None:
    assert golden.problem_of(kind) == (
        "customer.archived has another shape than customer.archived.v1.json, and plugins rely on that one:"
        f" raise `v` of {kind.__name__} to 2, run tools/golden.py, and commit the new file beside the old."
    )


def test_a_new_version_wants_a_payload_of_its_own() -> None:
    class Newer(CustomerArchived):
        v = 2

    assert golden.problem_of(Newer) == (
        "customer.archived has no golden payload in version 2: run tools/golden.py and commit what it wrote."
    )


def test_the_tool_writes_what_is_missing_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden, "FOLDER", tmp_path)
    kept = golden.file_of(CustomerArchived)
    kept.write_text("kept", "utf-8")
    golden.main()
    assert kept.read_text("utf-8") == "kept"
    written = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir() if path != kept}
    assert len(written) == len(KINDS) - 1
    assert json.loads(written["work_order.held.v1.json"])["reason"] == "Waiting for a compressor"


def test_the_wheel_holds_them(tmp_path: Path) -> None:
    root = Path(golden.__file__).parents[1]
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=root, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"beltstack/plugins/golden/{golden.file_of(kind).name}" for kind in KINDS} <= set(names)
