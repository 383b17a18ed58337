"""What can be said of a plugin without running it: its manifest, and the hooks it overrides."""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from inspect import iscoroutinefunction
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints
from uuid import UUID

from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.setup import Manifest, manifest_problems

LONGEST_TIMEOUT_SECONDS = 300
_PLAIN = (str, int, float, bool, Decimal, date, datetime, UUID, Enum)
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


def shape_problems(manifest: Manifest, hooks: list[str]) -> Iterator[str]:
    """What is wrong with a manifest, or not true of the plugin, as sentences."""
    yield from manifest_problems(manifest)
    if not re.fullmatch(r"\d+(\.\d+)*([-+.]?\w+)*", manifest.version):
        yield f"Its version '{manifest.version}' is none: write one like 0.1.0."
    limits = manifest.limits
    if not (1 <= limits.at_once <= limits.calls and limits.window_seconds >= 1):
        yield "Its limits let no call through: `calls` and `window_seconds` are 1 or more, `at_once` 1 to `calls`."
    if not 1 <= limits.timeout_seconds <= LONGEST_TIMEOUT_SECONDS:
        yield f"Its timeout is {limits.timeout_seconds} s: give a reaction 1 to {LONGEST_TIMEOUT_SECONDS}."
    if manifest.is_ledger and manifest.is_offered and "invoice_issued" not in hooks:
        yield "It says it is a ledger and does not hear of issued invoices: override invoice_issued or drop is_ledger."
    for kind in (manifest.settings, manifest.credentials):
        yield from _form_problems(kind)


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


def _form_problems(kind: type[Any]) -> Iterator[str]:
    if not is_dataclass(kind) or not kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        yield f"{kind.__name__} has to be a dataclass with frozen=True."
        return
    if fields(kind) and (kind.__doc__ or "").startswith(f"{kind.__name__}("):
        yield f"{kind.__name__} needs a docstring: the admin who fills it in reads it."
    hints = get_type_hints(kind)
    for item in fields(kind):
        if not _fits_json(hints[item.name]):
            yield f"{kind.__name__}.{item.name} cannot be kept as JSON: use text, numbers, flags, days, enums, tuples."


def _fits_json(kind: Any) -> bool:
    parts = [part for part in get_args(kind) if part not in {NoneType, Ellipsis}]
    if parts:
        origin = get_origin(kind)
        return origin not in {set, frozenset} and all(_fits_json(part) for part in parts)
    return isinstance(kind, type) and (issubclass(kind, _PLAIN) or is_dataclass(kind))


def _overridden(kind: type[Plugin]) -> list[str]:
    return [name for name in _SPECS if hasattr(getattr(kind, name), "beltstack_impl")]


def _names(kind: type[Plugin]) -> list[str]:
    own = [vars(part) for part in kind.__mro__ if part not in {Plugin, object}]
    return sorted({name for names in own for name, value in names.items() if callable(value)})
