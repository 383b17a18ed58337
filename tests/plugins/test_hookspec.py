"""Whoever overrides every hook hears and is asked everything; what the host could not call is refused at the start."""

import inspect
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pluggy
import pytest

import beltstack.plugins as sdk
from beltstack.domain.events import facts_by_type
from beltstack.plugins import Change, Context, Plugin, Review, Vetoes, WorkOrder, WorkOrderCompleted, hookimpl
from beltstack.plugins.golden import payloads
from beltstack.plugins.runtime import PluginHost
from tests.schema.rules import Listener, a_manifest

HOOKS = {name: hook for name, hook in vars(Plugin).items() if hasattr(hook, "beltstack_spec")}
REACTIONS = {name: hook for name, hook in HOOKS.items() if not name.startswith("before_")}


def host_with(**hooks: Callable[..., Any]) -> PluginHost:
    """A process whose one plugin overrides these hooks, and another that is fit."""
    kind = type("Odd", (Plugin,), {"manifest": a_manifest("odd"), **hooks})
    return PluginHost([kind(), Listener()])


def refused(host: PluginHost) -> str:
    """Why the odd plugin is not there; the other one is, and hears."""
    assert set(host.plugins) == {"listener"}
    assert host.listeners("work_order.completed") == ("listener",)
    return host.broken["odd"]


def test_every_hook_says_in_one_sentence_or_two_what_it_is_for() -> None:
    said = [inspect.getdoc(hook) or "" for hook in HOOKS.values()]
    assert all(text.endswith(".") and len(text) <= 120 and "\n" not in text for text in said)
    assert len(set(said)) == len(said)


def test_every_fact_a_reaction_is_handed_can_be_imported() -> None:
    kinds = facts_by_type().values()
    assert {kind.__name__ for kind in kinds} <= set(sdk.__all__)
    assert all(getattr(sdk, kind.__name__) is kind for kind in kinds)


def test_one_plugin_may_listen_to_everything_there_is() -> None:
    async def hear(self: Plugin, event: Any, context: Context) -> None: ...

    def ask(self: Plugin, change: Any, context: Review) -> Vetoes: ...

    host = host_with(**{name: hookimpl(hear if name in REACTIONS else ask) for name in HOOKS})
    assert host.broken == {}
    assert host.vetoers() == ("odd",)
    assert all("odd" in host.listeners(kind.type) for kind in facts_by_type().values())


# ── what cannot be called is refused ──────────────────────────────────────────────────────────────


def test_a_reaction_that_is_no_coroutine_function_is_refused() -> None:
    def work_order_completed(self: Plugin, event: WorkOrderCompleted, context: Context) -> None: ...

    said = refused(host_with(work_order_completed=hookimpl(work_order_completed)))
    assert said == "'work_order_completed' is a reaction and awaited: write it with 'async def', not 'def'."


def test_a_veto_that_is_a_coroutine_function_is_refused() -> None:
    async def veto(self: Plugin, change: Change[WorkOrder], context: Review) -> Vetoes: ...

    said = refused(host_with(before_work_order_complete=hookimpl(veto)))
    assert said == (
        "'before_work_order_complete' is a veto and asked while rows are locked: write it with 'def', not 'async def'."
    )


def test_every_hook_of_the_wrong_kind_is_named_at_once() -> None:
    def hear(self: Plugin, event: Any, context: Context) -> None: ...

    said = refused(host_with(invoice_issued=hookimpl(hear), visit_en_route=hookimpl(hear)))
    assert "'invoice_issued'" in said
    assert "'visit_en_route'" in said


def test_a_wrapper_is_refused() -> None:
    def veto(self: Plugin, change: Any, context: Review) -> Any:
        return (yield)

    said = refused(host_with(before_invoice_issue=pluggy.HookimplMarker("beltstack")(veto, wrapper=True)))
    assert "wrapper" in said


@pytest.mark.parametrize("name", ["before_work_order_finish", "visit_on_the_way"])
def test_a_misspelt_hook_is_refused(name: str) -> None:
    async def hear(self: Plugin, event: Any, context: Context) -> None: ...

    assert f"'{name}'" in refused(host_with(**{name: hookimpl(hear)}))


async def one_more(self: Plugin, event: Any, context: Any, session: Any) -> None: ...
async def one_less(self: Plugin, event: Any) -> None: ...
async def renamed(self: Plugin, event: Any, session: Any) -> None: ...


@pytest.mark.parametrize("hook", [one_more, one_less, renamed])
def test_other_parameters_than_the_hook_s_are_refused(hook: Callable[..., Any]) -> None:
    said = refused(host_with(invoice_issued=hookimpl(hook)))
    assert "'session'" in said or said == "'invoice_issued' takes event and context, by these names."


# ── golden payloads ───────────────────────────────────────────────────────────────────────────────


def test_the_golden_payloads_are_read_from_the_package() -> None:
    found = {(type_, v): payload for type_, v, payload in payloads()}
    names = {file.name for file in files("beltstack.plugins.golden").iterdir() if file.name.endswith(".json")}
    assert {f"{type_}.v{v}.json" for type_, v in found} == names
    assert found["work_order.completed", 1]["state"] == "COMPLETED"
