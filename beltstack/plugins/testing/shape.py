"""What can be said of a plugin without running it: its manifest, and the hooks it overrides."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from inspect import iscoroutinefunction
from typing import get_type_hints

from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.setup import manifest_problems
from beltstack.plugins.truth import implements, untruths

_SPECS = {name: value for name, value in vars(Plugin).items() if hasattr(value, "beltstack_spec")}


def vetoes_of(plugin: Plugin) -> list[str]:
    """The names of the vetoes it overrides, in the order of a work order's life."""
    return [name for name in _overridden(type(plugin)) if name.startswith("before_")]


def reactions_of(plugin: Plugin) -> list[str]:
    """The names of the reactions it overrides, in the order of a work order's life."""
    return [name for name in _overridden(type(plugin)) if not name.startswith("before_")]


def event_of(reaction: str) -> str:
    """The type of event that a reaction hears of: `work_order_completed` of `work_order.completed`."""
    events = get_type_hints(_SPECS[reaction])["event"]
    return str(events.type)


def shape_problems(kind: type[Plugin]) -> Iterator[str]:
    """What is wrong with a plugin's manifest, or not true of the plugin, as sentences."""
    manifest = kind.manifest
    yield from manifest_problems(manifest)
    yield from untruths(kind)
    for form in (manifest.settings, manifest.credentials):
        if is_dataclass(form) and fields(form) and (form.__doc__ or "").startswith(f"{form.__name__}("):
            yield f"{form.__name__} needs a docstring: the admin who fills it in reads it."


def hook_problems(kind: type[Plugin]) -> Iterator[str]:
    """Hooks that would never be called, or not as they are written, as sentences."""
    for name in _names(kind):
        function = getattr(kind, name)
        options = getattr(function, "beltstack_impl", None)
        if name in _SPECS and options is None and function is not _SPECS[name]:
            yield f"{name} is never called: mark it with @hookimpl."
        if options is None:
            continue
        if name not in _SPECS:
            yield f"There is no hook {name}: correct its name, or drop @hookimpl. Hooks: docs/reference/hooks.md."
        elif iscoroutinefunction(function) != iscoroutinefunction(_SPECS[name]):
            must = "async def" if iscoroutinefunction(_SPECS[name]) else "def without async"
            yield f"{name} has to be written as {must}."
        if options["wrapper"] or options["hookwrapper"] or options["tryfirst"] or options["trylast"]:
            yield f"{name} wants to come before or around other plugins: use @hookimpl without options."


def _overridden(kind: type[Plugin]) -> list[str]:
    return [name for name in _SPECS if implements(kind, name)]


def _names(kind: type[Plugin]) -> list[str]:
    own = [vars(part) for part in kind.__mro__ if part not in {Plugin, object}]
    return sorted({name for names in own for name, value in names.items() if callable(value)})
