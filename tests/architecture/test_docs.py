"""The documentation is as the code is: every name it has to know stands there, and none that is gone."""

import argparse
import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

import pytest

import beltstack
import beltstack.plugins as sdk
from beltstack import cli
from beltstack.domain.access import Role
from beltstack.domain.deliveries import ErrorClass
from beltstack.domain.errors import Refusal
from beltstack.domain.events import facts_by_type
from beltstack.plugins.errors import PluginError
from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.proving import check_file
from beltstack.plugins.runtime import PluginHost
from beltstack.plugins.testing import Contract
from beltstack.schema.refusals import camel
from beltstack.schema.tenants import TenantPatch

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs/reference"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs/decisions").glob("0*.md"))
SOURCES = [
    path
    for folder in ("beltstack", "plugins", "tests", "bench", "tools")
    for path in (ROOT / folder).rglob("*.py")
    if path != Path(__file__)
]

page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
decision = pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)


# ── errors ────────────────────────────────────────────────────────────────────────────────────────


def test_every_refusal_s_code_is_documented_and_no_other() -> None:
    import_everything()
    codes = {kind.code for kind in children_of(Refusal) if "code" in vars(kind)}
    # It stands for whichever refusal was given first, under that one's code.
    codes -= {"REPEATED"}
    assert len(codes) > 50
    assert codes_in("In `userErrors`") | (codes_in("In `errors`") - endpoint_codes()) == codes


def test_every_code_of_the_endpoint_is_documented() -> None:
    assert {"UNAUTHENTICATED", "INTERNAL_ERROR"} <= endpoint_codes()
    assert endpoint_codes() <= codes_in("In `errors`")


def test_every_class_of_a_failed_delivery_is_documented_and_every_code_of_ours() -> None:
    assert codes_in("On deliveries") == {member.value for member in ErrorClass} | delivery_codes()


def endpoint_codes() -> set[str]:
    """What the endpoint answers before or beside a command."""
    answers = ("http", "masking", "documents", "limits", "merging", "values")
    return {code for name in answers for code in constants_in(ROOT / f"beltstack/schema/{name}.py")}


def delivery_codes() -> set[str]:
    """The codes that the delivery engine gives, beside a plugin's own."""
    delivery = (constants_in(path) for path in (ROOT / "beltstack/delivery").glob("*.py"))
    lanes = re.findall(r"error_code = '([A-Z_]+)'", (ROOT / "beltstack/store/lane_statements.py").read_text())
    return {code for codes in delivery for code in codes}.union(lanes)


def constants_in(path: Path) -> set[str]:
    """Texts in capitals: codes, as far as these modules go."""
    nodes = ast.walk(ast.parse(path.read_text()))
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if re.fullmatch(r"[A-Z]{2,}(_[A-Z]+)*", text) and text not in {"GET", "POST"}}


def codes_in(heading: str) -> set[str]:
    """The codes in the first column of the tables under a heading of errors.md."""
    (text,) = [text for title, text in sections(REFERENCE / "errors.md") if title == heading]
    return {cells[0] for cells in rows(text)}


# ── events ────────────────────────────────────────────────────────────────────────────────────────


def documented_events() -> dict[str, set[str]]:
    """By type, the fields of the section it stands in."""
    found = {}
    for _, text in sections(REFERENCE / "events.md"):
        names = [cells[0] for cells in rows(text)]
        found.update({name: {field for field in names if "." not in field} for name in names if "." in name})
    return found


def test_every_event_is_documented_with_exactly_its_fields() -> None:
    facts = {type_: {field.name for field in fields(kind)} for type_, kind in facts_by_type().items()}
    assert len(facts) > 40
    assert documented_events() == facts


def test_every_event_is_in_version_1_as_the_page_says() -> None:
    assert "in version 1" in (REFERENCE / "events.md").read_text()
    assert {kind.v for kind in facts_by_type().values()} == {1}


# ── hooks and the SDK ─────────────────────────────────────────────────────────────────────────────


def documented_hooks() -> dict[str, str]:
    """What each hook is handed beside its context, as the page has it."""
    text = "".join(text for title, text in sections(REFERENCE / "hooks.md") if title in {"Vetoes", "Reactions"})
    return {cells[0]: cells[1].strip("`") for cells in rows(text)}


def test_every_hook_is_documented_with_what_it_is_handed_and_no_other() -> None:
    tree = ast.parse(inspect.getsource(importlib.import_module("beltstack.plugins.hookspecs")))
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    hooks = [name for name, value in vars(Plugin).items() if hasattr(value, "beltstack_spec")]
    assert documented_hooks() == {name: handed_to(functions[name]) for name in hooks}


@pytest.mark.parametrize("name", ["before_work_order_complete", "invoice_issued"])
def test_the_form_of_the_hooks_is_as_the_page_has_it(name: str) -> None:
    tree = ast.parse(inspect.getsource(importlib.import_module("beltstack.plugins.hookspecs")))
    (hook,) = [node for node in ast.walk(tree) if getattr(node, "name", None) == name]
    assert isinstance(hook, ast.FunctionDef | ast.AsyncFunctionDef)
    assert f"{signature_of(hook)}: ..." in (REFERENCE / "hooks.md").read_text().splitlines()


def test_every_name_a_plugin_may_import_is_documented_and_no_other() -> None:
    (text,) = [text for title, text in sections(REFERENCE / "hooks.md") if title == "What a plugin may import"]
    facts = {kind.__name__ for kind in facts_by_type().values()}
    assert {cells[0] for cells in rows(text)} | facts == set(sdk.__all__)
    assert facts <= set(documented_hooks().values())


def test_every_error_a_reaction_may_raise_is_in_the_how_to() -> None:
    named = {cells[0] for cells in rows((ROOT / "docs/howto/write-a-plugin.md").read_text())}
    ours = {kind for kind in children_of(PluginError) if kind.__module__ == PluginError.__module__}
    assert named == {kind.__name__ for kind in ours}


def test_the_how_to_s_plugins_keep_the_contract_as_the_page_s_own_tests_say(tmp_path: Path) -> None:
    test = tmp_path / "test_acmebooks.py"
    test.write_text("\n\n".join(blocks((ROOT / "docs/howto/write-a-plugin.md").read_text(), "python")))
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = default\n")
    outcomes = check_file(test)
    assert {outcome.contract for outcome in outcomes} == {"TestNoEmptyJobs", "TestAcmeBooks"}
    assert [outcome for outcome in outcomes if outcome.problem is not None] == []


def test_the_how_to_s_table_has_every_clause() -> None:
    (text,) = [text for title, text in sections(ROOT / "docs/howto/write-a-plugin.md") if title == "Test it"]
    letters = re.findall(r"^\| (\w) \|", text, re.MULTILINE)
    assert letters == [name.split("_")[1] for name in vars(Contract) if name.startswith("test_")]


def test_the_how_to_s_plugins_load_as_they_stand_there() -> None:
    text = (ROOT / "docs/howto/write-a-plugin.md").read_text()
    module: dict[str, object] = {"__name__": "beltstack_acmebooks"}
    exec("\n\n".join(blocks(text, "python")), module)
    kinds = [
        value for value in module.values() if isinstance(value, type) and issubclass(value, Plugin) and value != Plugin
    ]
    host = PluginHost([kind() for kind in kinds])
    assert host.broken == {}
    assert set(host.plugins) == {"no_empty_jobs", "acmebooks"}
    assert host.listeners("before_work_order_complete") == ("no_empty_jobs",)
    assert host.listeners("invoice.issued") == host.listeners("payment.recorded") == ("acmebooks",)


def signature_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    prefix = "async def" if isinstance(function, ast.AsyncFunctionDef) else "def"
    assert function.returns is not None
    return f"{prefix} {function.name}({ast.unparse(function.args)}) -> {ast.unparse(function.returns)}"


def handed_to(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    annotation = function.args.args[1].annotation
    assert annotation is not None
    return ast.unparse(annotation)


# ── configuration ─────────────────────────────────────────────────────────────────────────────────

VARIABLE = re.compile(r"\bBELTSTACK_[A-Z][A-Z_]*[A-Z]\b")


def test_every_environment_variable_is_documented_and_no_other() -> None:
    # What the benchmark hands to its own children is nobody's to set.
    sources = [path for path in SOURCES if not path.is_relative_to(ROOT / "bench")]
    read = {name for path in sources for name in VARIABLE.findall(path.read_text())}
    assert {"BELTSTACK_DATA_DIR", "BELTSTACK_PG_BIN"} <= read
    (text,) = [text for title, text in sections(REFERENCE / "configuration.md") if title == "Environment"]
    assert {cells[0] for cells in rows(text)} == read
    assert {name for path in PAGES for name in VARIABLE.findall(path.read_text())} <= read


def test_every_verb_is_documented_with_its_options_and_no_other() -> None:
    (text,) = [text for title, text in sections(REFERENCE / "configuration.md") if title == "Command line"]
    documented = {cells[0]: set(re.findall(r"`([^`]+)`", cells[1])) for cells in rows(text)}
    assert documented == {f"beltstack {verb}": options for verb, options in verbs_of(cli._parser())}
    assert {"`--data-dir`", "`--database-url`"} <= set(re.findall(r"`[^`]+`", text))


def test_every_role_and_every_tenant_setting_is_documented() -> None:
    text = (REFERENCE / "configuration.md").read_text()
    assert {role for role in Role if not re.search(rf"\b{role}\b", text)} == set()
    (settings,) = [text for title, text in sections(REFERENCE / "configuration.md") if title.startswith("A tenant's")]
    assert {cells[0] for cells in rows(settings)} == {camel(field.name) for field in fields(TenantPatch)}


@page
def test_a_verb_that_is_named_exists(page: Path) -> None:
    verbs = {verb for verb, _ in verbs_of(cli._parser())}
    text = page.read_text()
    named = re.findall(
        r"`beltstack ([a-z]+(?: [a-z]+)?)|^(?:\S+=\$\()?beltstack ([a-z]+(?: [a-z]+)?)", text, re.MULTILINE
    )
    words = {one or other for one, other in named}
    assert {word for word in words if word not in verbs and word.split()[0] not in verbs} == set()


@page
def test_a_make_verb_that_is_named_exists(page: Path) -> None:
    named = re.findall(r"(?:`|^)make ([a-z]+)", page.read_text(), re.MULTILINE)
    assert set(named) <= make_verbs()


def test_the_readme_begins_with_the_two_commands_and_contributing_has_every_verb() -> None:
    first, second, *_ = blocks((ROOT / "README.md").read_text(), "sh")
    assert (first, second) == ("make demo\n", "make test\n")
    named = {cells[0] for cells in rows((ROOT / "CONTRIBUTING.md").read_text())}
    assert {name.removeprefix("make ") for name in named if name.startswith("make ")} == make_verbs() - {"help"}


def make_verbs() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def verbs_of(parser: argparse.ArgumentParser, *before: str) -> Iterator[tuple[str, set[str]]]:
    """Every verb with its own options, those that go with every verb left out."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for action in below:
        for name, verb in action.choices.items():
            yield from verbs_of(verb, *before, name)
    if not below:
        options = {action.option_strings[-1] if action.option_strings else action.dest for action in parser._actions}
        yield " ".join(before), options - {"--help", "--data-dir", "--database-url"}


# ── links, files and names ────────────────────────────────────────────────────────────────────────


@page
def test_every_link_leads_somewhere(page: Path) -> None:
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        if not there.is_relative_to(ROOT) or not there.exists() or (anchor and anchor not in anchors(there)):
            lost.append(target)
    assert lost == []


@page
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", page.read_text())
    folders = ("beltstack", "plugins", "tests", "tools", "docs", "bench", ".ci")
    ours = {name for name in named if name.partition("/")[0] in folders}
    assert {name for name in ours if not (ROOT / name).exists()} == set()


@page
def test_every_name_said_to_be_in_a_file_is_there(page: Path) -> None:
    pairs = re.findall(r"`([\w/]+\.py)`\s+`(\w+)`", page.read_text())
    assert {(file, name) for file, name in pairs if name not in names_in(ROOT / file)} == set()


def test_the_tour_names_many_places() -> None:
    assert len(re.findall(r"`[\w/]+\.py`\s+`\w+`", (ROOT / "docs/tour.md").read_text())) > 30


def names_in(path: Path) -> set[str]:
    """What a module defines at its top."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return found


def anchors(page: Path) -> set[str]:
    """The names that the headings of a page have in a link."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


# ── decisions ─────────────────────────────────────────────────────────────────────────────────────


def test_decisions_are_numbered_without_a_gap_and_listed() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    listed = re.findall(r"\]\((0[\w-]+\.md)\)", (ROOT / "docs/decisions/README.md").read_text())
    assert listed == [path.name for path in DECISIONS]


@decision
def test_a_decision_is_one_page_and_says_what_holds_it(decision: Path) -> None:
    text = decision.read_text()
    assert text.startswith(f"# {decision.name[:4]}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences", "Held by"]
    assert len(text.splitlines()) <= 40


def test_a_decision_that_the_code_names_exists() -> None:
    named = {
        number
        for path in (*SOURCES, ROOT / "pyproject.toml", ROOT / "Makefile")
        for number in re.findall(r"\bADR (\d{4})\b", path.read_text())
    }
    assert {"0004", "0007"} <= named <= {path.name[:4] for path in DECISIONS}


# ── reading Markdown ──────────────────────────────────────────────────────────────────────────────


def sections(page: Path) -> list[tuple[str, str]]:
    """The parts of a page under its headings of the second level."""
    parts = re.split(r"^## (.+)$", page.read_text(), flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str) -> list[tuple[str, ...]]:
    """The cells of every table row that begins with a name in backticks; the name comes without them."""
    lines = (re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("| `"))
    cells = ([cell.strip() for cell in line] for line in lines)
    return [(first.strip("`"), *rest) for first, *rest in cells]


def blocks(text: str, language: str) -> list[str]:
    """The code of every fenced block in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def children_of(kind: type[T]) -> Iterator[type[T]]:
    """Every class below it in the package itself; other tests may have made some of their own."""
    for child in kind.__subclasses__():
        if child.__module__.startswith("beltstack."):
            yield child
            yield from children_of(child)


def import_everything() -> None:
    """Every module of the package but migrations and scripts, so that no refusal is missed."""
    for found in pkgutil.walk_packages(beltstack.__path__, "beltstack."):
        if ".migrations" not in found.name and not found.name.endswith("__main__"):
            importlib.import_module(found.name)
