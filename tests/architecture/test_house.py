"""House rules that no linter keeps: what a module may be called, how long it is, and what it never does."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted(
    path
    for folder in (
        "beltstack",
        "plugins/quickbooks/beltstack_quickbooks",
        "plugins/webhooks/beltstack_webhooks",
        "plugins/xero/beltstack_xero",
    )
    for path in (ROOT / folder).rglob("*.py")
    if "versions" not in path.parts
)
EVERYTHING = sorted(
    path
    for folder in ("beltstack", "plugins", "tests", "bench", "tools")
    for path in (ROOT / folder).rglob("*.py")
    if path != Path(__file__)  # it has to name what it looks for
)

LINES_MOST = 450
# Longer on purpose, with a ceiling of their own.
LONGER = {
    "beltstack/store/tables.py": 830,  # every table in one place, as data
    "beltstack/domain/work_orders.py": 520,  # every decision about a work order
}
# Where amounts of money pass through. The embedded server's supervisor and the lanes count seconds, and a plugin's
# settings may hold any number.
MONEY = ("beltstack/domain/", "beltstack/commands/", "beltstack/planner/", "beltstack/store/")
NOT_MONEY = (
    "beltstack/store/postgres/",
    "beltstack/store/migrate.py",
    "beltstack/store/lanes.py",
    "beltstack/store/jobs.py",
    "beltstack/store/inbound.py",
    "beltstack/commands/offered.py",
)
NAMELESS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "service", "services", "misc"}
LEFT_UNDONE = re.compile(r"\bTODO\b|\bFIXME\b|NotImplementedError")
TENANT_FOR_A_SESSION = re.compile(
    r"set_config\s*\([^)]*,\s*(?:false|f|False|0)\s*\)|\bset\s+(?:session\s+)?app\.", re.IGNORECASE
)
IMPURE = {"now", "today", "utcnow", "uuid1", "uuid4", "uuid7", "urandom", "open", "print", "input"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def lines_of(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_a_module_is_short() -> None:
    long = {name_of(path): lines_of(path) for path in SHIPPED if lines_of(path) > LINES_MOST}
    assert {name: lines for name, lines in long.items() if lines > LONGER.get(name, LINES_MOST)} == {}
    assert set(LONGER) - set(long) == set()  # a ceiling goes once it is not needed any more


def test_a_module_that_says_anything_opens_with_a_sentence() -> None:
    trees = {name_of(path): tree_of(path) for path in SHIPPED}
    opening = {name: (ast.get_docstring(tree) or "").partition("\n\n")[0] for name, tree in trees.items() if tree.body}
    assert {name for name, sentence in opening.items() if not sentence.endswith((".", ":", "?"))} == set()


def test_a_module_s_name_says_what_is_in_it() -> None:
    assert {name_of(path) for path in SHIPPED if NAMELESS & {path.stem, *path.relative_to(ROOT).parts}} == set()


def test_imports_stand_at_the_top() -> None:
    assert {name_of(path) for path in SHIPPED if list(late_imports_in(tree_of(path)))} == set()


def test_nothing_is_left_undone() -> None:
    assert {name_of(path) for path in EVERYTHING if LEFT_UNDONE.search(path.read_text())} == set()


def test_the_tenant_is_set_for_a_transaction_and_never_for_a_session() -> None:
    # A pooled connection would carry the tenant over to the next caller.
    assert {name_of(path) for path in EVERYTHING if TENANT_FOR_A_SESSION.search(path.read_text())} == set()


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


def test_where_money_passes_there_is_no_float() -> None:
    money = [path for path in SHIPPED if name_of(path).startswith(MONEY) and not name_of(path).startswith(NOT_MONEY)]
    assert len(money) > 40
    assert {name_of(path): lines for path in money if (lines := list(floats_in(tree_of(path))))} == {}


@pytest.mark.parametrize("source", ["x = 0.1", "x = float(y)", "def f(x: float) -> None: ...", "x = 1e3"])
def test_the_search_for_floats_finds_them(source: str) -> None:
    assert list(floats_in(ast.parse(source))) == [1]


def test_the_domain_has_neither_clock_nor_chance_nor_outside() -> None:
    domain = [path for path in SHIPPED if name_of(path).startswith("beltstack/domain/")]
    assert len(domain) > 20
    assert {name_of(path): names for path in domain if (names := called_in(tree_of(path)) & IMPURE)} == {}


def floats_in(tree: ast.Module) -> Iterator[int]:
    """The lines with a float in them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno
        if isinstance(node, ast.Name) and node.id == "float":
            yield node.lineno


def late_imports_in(tree: ast.Module) -> Iterator[int]:
    """The lines of imports inside functions."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from (node.lineno for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom))


def called_in(tree: ast.Module) -> set[str]:
    """The last names of everything called: `now` for `datetime.now()`."""
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {part.attr if isinstance(part, ast.Attribute) else getattr(part, "id", "") for part in called}
