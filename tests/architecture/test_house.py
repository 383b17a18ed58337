"""House rules that no linter keeps: what a module may be called, how long it is, and what it never does."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted(
    path
    for folder in ("beltstack", "plugins/quickbooks/beltstack_quickbooks", "plugins/xero/beltstack_xero")
    for path in (ROOT / folder).rglob("*.py")
    if "versions" not in path.parts
)
EVERYTHING = sorted({*SHIPPED, *(path for folder in ("tests", "plugins", "bench", "tools") for path in (ROOT / folder).rglob("*.py"))})  # noqa: E501 # fmt: skip

LINES_MOST = 450
# Longer on purpose, with a ceiling of their own.
LONGER = {
    "beltstack/store/tables.py": 700,  # every table in one place, as data
    "beltstack/domain/work_orders.py": 520,  # every decision about a work order
}
# Where amounts of money pass through; the supervisor of the embedded server and the lanes count seconds.
MONEY = ("beltstack/domain/", "beltstack/commands/", "beltstack/planner/", "beltstack/store/")
SECONDS = ("beltstack/store/postgres/", "beltstack/store/lanes.py")
NAMELESS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "service", "services", "misc"}
LEFT_UNDONE = re.compile(r"\bTODO\b|\bFIXME\b|NotImplementedError")
TENANT_FOR_A_SESSION = re.compile(
    r"set_config\s*\([^)]*,\s*(?:false|f|False|0)\s*\)|\bset\s+(?:session\s+)?app\.", re.IGNORECASE
)
IMPURE = {"now", "today", "utcnow", "uuid1", "uuid4", "uuid7", "urandom", "open", "print", "input"}

each_shipped = pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@each_shipped
def test_a_module_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGER.get(name_of(path), LINES_MOST)


def test_a_longer_module_is_named_only_while_it_is_longer() -> None:
    assert {name for name in LONGER if len((ROOT / name).read_text().splitlines()) <= LINES_MOST} == set()


@each_shipped
def test_a_module_that_says_anything_opens_with_a_sentence(path: Path) -> None:
    tree = tree_of(path)
    first = (ast.get_docstring(tree) or "").partition("\n\n")[0]
    assert not tree.body or ((first[:1].isupper() or first[:1] in "`'") and first[-1] in ".:!?")


@each_shipped
def test_a_module_s_name_says_what_is_in_it(path: Path) -> None:
    assert not NAMELESS & {path.stem, *path.relative_to(ROOT).parts}


@each_shipped
def test_imports_stand_at_the_top(path: Path) -> None:
    tree = tree_of(path)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    late = {
        node.lineno
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert late == set()


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_nothing_is_left_undone(path: Path) -> None:
    if path != Path(__file__):
        assert LEFT_UNDONE.findall(path.read_text()) == []


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_the_tenant_is_set_for_a_transaction_and_never_for_a_session(path: Path) -> None:
    # A pooled connection would carry the tenant over to the next caller.
    if path != Path(__file__):
        assert TENANT_FOR_A_SESSION.findall(path.read_text()) == []


@pytest.mark.parametrize(
    ("statement", "is_for_a_session"),
    [
        ("select set_config('app.tenant', :tenant, true)", False),
        ("select set_config('app.tenant', :tenant, false)", True),
        ("func.set_config('app.tenant', tenant, False)", True),
        ("SET LOCAL app.tenant = 'x'", False),
        ("SET app.tenant = 'x'", True),
        ("set session app.tenant to 'x'", True),
    ],
)
def test_the_search_for_sessions_finds_what_it_should(statement: str, is_for_a_session: bool) -> None:
    assert bool(TENANT_FOR_A_SESSION.search(statement)) == is_for_a_session


@pytest.mark.parametrize(
    "path",
    [path for path in SHIPPED if name_of(path).startswith(MONEY) and not name_of(path).startswith(SECONDS)],
    ids=name_of,
)
def test_where_money_passes_there_is_no_float(path: Path) -> None:
    assert list(floats_in(tree_of(path))) == []


@pytest.mark.parametrize("source", ["x = 0.1", "x = float(y)", "def f(x: float) -> None: ...", "x = 1e3"])
def test_the_search_for_floats_finds_them(source: str) -> None:
    assert list(floats_in(ast.parse(source))) == [1]


@pytest.mark.parametrize("path", [p for p in SHIPPED if name_of(p).startswith("beltstack/domain/")], ids=name_of)
def test_the_domain_has_neither_clock_nor_chance_nor_outside(path: Path) -> None:
    calls = [node.func for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)]
    names = {
        function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "") for function in calls
    }
    assert not names & IMPURE


def floats_in(tree: ast.Module) -> Iterator[int]:
    """The lines with a float in them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno
        if isinstance(node, ast.Name) and node.id == "float":
            yield node.lineno
