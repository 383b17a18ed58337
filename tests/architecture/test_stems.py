"""One stem per fact on every floor: the domain's method, the command, the mutation, the event, the hook, the code."""

import ast
import importlib
import inspect
import pkgutil
import re
import typing
from pathlib import Path
from types import ModuleType

import pytest

import beltstack
from beltstack.commands import work_orders as commands
from beltstack.domain import fieldwork
from beltstack.domain.errors import Refusal
from beltstack.domain.events import Fact, facts_by_type
from beltstack.domain.lifecycle import WorkOrderCommand
from beltstack.domain.work_orders import WorkOrder
from beltstack.plugins import Plugin

SCHEMA = (Path(beltstack.__file__).parent / "schema" / "schema.graphql").read_text()
FACTS = facts_by_type()

# English has its own ways of saying that something has happened; everything else ends in -ed.
HAS_HAPPENED = {
    "submit": "opened",
    "hold": "held",
    "start_travel": "en_route",
    "arrive": "on_site",
    "add_visit": "scheduled",
    "leave": "completed",
    "cancel": "canceled",
}
# A visit comes to be by its plan, and a person plans a visit whether or not it was planned before.
MUTATIONS = {"add_visit": "create", "reschedule": "schedule"}
# What several commands of one noun are asked with, since they take the same.
SHARED_INPUTS = {"WorkOrderTransitionInput", "WorkOrderReasonInput", "VisitTransitionInput", "VisitFieldInput"}
# It stands for whichever refusal was given first, under that one's code.
CODES = {"RepeatedRefusal": "REPEATED"}

MOVES = [
    name
    for name, function in vars(fieldwork).items()
    if inspect.isfunction(function)
    and function.__module__ == fieldwork.__name__
    and not name.startswith("_")
    and name not in {"visit_of", "who_moves"}
]


def past(stem: str) -> str:
    return HAS_HAPPENED.get(stem) or (f"{stem}d" if stem.endswith("e") else f"{stem}ed")


def camel(snake: str) -> str:
    return "".join(part.capitalize() for part in snake.split("_"))


def upper_snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()


# ── commands and moves ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("stem", [command.words for command in WorkOrderCommand])
def test_a_transition_has_one_stem_on_every_floor(stem: str) -> None:
    assert inspect.isfunction(getattr(WorkOrder, stem))
    assert inspect.iscoroutinefunction(getattr(commands, stem))
    assert FACTS[f"work_order.{past(stem)}"].__name__ == f"WorkOrder{camel(past(stem))}"
    expect_mutation("workOrder", stem)


@pytest.mark.parametrize("stem", MOVES)
def test_a_visit_s_move_has_one_stem_on_every_floor(stem: str) -> None:
    assert FACTS[f"visit.{past(stem)}"].__name__ == f"Visit{camel(past(stem))}"
    expect_mutation("visit", MUTATIONS.get(stem, stem))


def test_every_exception_is_needed() -> None:
    stems = {command.words for command in WorkOrderCommand} | set(MOVES)
    assert set(HAS_HAPPENED) | set(MUTATIONS) <= stems
    assert len(MOVES) == 14


@pytest.mark.parametrize("kind", FACTS.values(), ids=lambda kind: kind.__name__)
def test_an_event_is_called_what_its_type_says(kind: type[Fact]) -> None:
    noun, happened = kind.type.split(".")
    assert kind.__name__ == camel(noun) + camel(happened)


def test_every_kind_of_fact_stands_with_the_others() -> None:
    for module in modules():
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Fact):
                assert value.__module__ == "beltstack.domain.events"


def expect_mutation(noun: str, stem: str) -> None:
    name = camel(stem)
    kind = f"{noun[0].upper()}{noun[1:]}"
    found = re.search(rf"^  {noun}{name}\([^)]*? input: (\w+)!\s*\): (\w+)!", SCHEMA, re.MULTILINE)
    assert found is not None
    assert found[1] in {f"{kind}{name}Input", *SHARED_INPUTS}
    assert found[2] == f"{kind}{name}Payload"


# ── hooks ─────────────────────────────────────────────────────────────────────────────────────────

# Several mutations ask these: the veto is about what happens, not about which way it comes about.
ASKED_FOR = {
    "before_line_item_change": ("lineItemAdd", "lineItemUpdate", "lineItemRemove"),
    "before_visit_start": ("visitStartTravel", "visitArrive"),
}
MUTATION_NAMES = set(re.findall(r"^  (\w+)\([^)]*input:", SCHEMA.split("type Mutation {")[1], re.MULTILINE))
HOOKS = {name: hook for name, hook in vars(Plugin).items() if hasattr(hook, "beltstack_spec")}


def test_there_are_hooks_to_speak_of() -> None:
    assert {"before_work_order_complete", "work_order_completed", "invoice_issued"} <= set(HOOKS)


def test_every_transition_has_a_veto_and_every_fact_a_reaction() -> None:
    assert {f"before_work_order_{command.words}" for command in WorkOrderCommand} <= set(HOOKS)
    reactions = {name for name in HOOKS if not name.startswith("before_")}
    assert reactions == {kind.type.replace(".", "_") for kind in FACTS.values()}
    assert ASKED_FOR.keys() <= set(HOOKS)


def mutation_of(veto: str) -> str:
    noun = camel(veto.removeprefix("before_"))
    return f"{noun[0].lower()}{noun[1:]}"


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_is_called_after_its_command_or_its_fact(name: str) -> None:
    hook = HOOKS[name]
    if name.startswith("before_"):
        assert set(ASKED_FOR.get(name, (mutation_of(name),))) <= MUTATION_NAMES
        assert not inspect.iscoroutinefunction(hook)
        return
    kinds = {kind.type.replace(".", "_"): kind for kind in FACTS.values()}
    assert typing.get_type_hints(hook)["event"] is kinds[name]
    assert inspect.iscoroutinefunction(hook)


# ── refusals ──────────────────────────────────────────────────────────────────────────────────────


def modules() -> list[ModuleType]:
    """Every module of the package but the migrations and the scripts, which do something when imported."""
    names = [
        found.name
        for found in pkgutil.walk_packages(beltstack.__path__, "beltstack.")
        if ".migrations" not in found.name and not found.name.endswith("__main__")
    ]
    return [importlib.import_module(name) for name in names]


REFUSALS = sorted(
    {
        value
        for module in modules()
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Refusal) and value is not Refusal
    },
    key=lambda kind: kind.__name__,
)
each_refusal = pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.__name__)


@each_refusal
def test_a_refusal_s_code_is_its_name(kind: type[Refusal]) -> None:
    assert vars(kind)["code"] == CODES.get(kind.__name__, upper_snake(kind.__name__))


def test_no_code_is_another_s() -> None:
    codes = [kind.code for kind in REFUSALS]
    assert len(codes) > 30
    assert len(set(codes)) == len(codes)
    assert set(CODES) <= {kind.__name__ for kind in REFUSALS}


@each_refusal
def test_a_refusal_stands_beside_its_rule_or_says_what_it_means(kind: type[Refusal]) -> None:
    assert kind.__doc__ or kind.__name__ in called_in(inspect.getmodule(kind))


@each_refusal
def test_a_caller_finds_every_code_in_the_schema(kind: type[Refusal]) -> None:
    # A query's own refusals are GraphQL errors with a code, not userErrors.
    is_user_error = kind.__name__ not in CODES and not kind.__module__.startswith("beltstack.schema.")
    assert bool(re.search(rf"^  {kind.code}$", SCHEMA, re.MULTILINE)) == is_user_error


def called_in(module: ModuleType | None) -> set[str]:
    assert module is not None
    tree = ast.parse(inspect.getsource(module))
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {function.id for function in calls if isinstance(function, ast.Name)}
