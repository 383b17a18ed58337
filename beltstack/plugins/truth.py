"""Whether a plugin does what its manifest says it does."""

from collections.abc import Iterator
from typing import Any

from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.settings_schema import json_schema


def implements(kind: type[Plugin], hook: str) -> bool:
    """Whether the plugin overrides a hook, and marks it as one."""
    return hasattr(getattr(kind, hook, None), "beltstack_impl")


def untruths(kind: type[Plugin]) -> Iterator[str]:
    """What the manifest promises and the plugin does not keep, as sentences."""
    manifest = kind.manifest
    if manifest.jobs and kind.run_job is Plugin.run_job:
        yield "It has jobs and nothing that runs them: override run_job."
    if manifest.is_ledger and manifest.is_offered and not implements(kind, "invoice_issued"):
        yield "It says it is a ledger and does not hear of issued invoices: override invoice_issued or drop is_ledger."
    for form in (manifest.settings, manifest.credentials):
        yield from _form_problems(form)


def _form_problems(form: type[Any]) -> Iterator[str]:
    is_frozen = getattr(getattr(form, "__dataclass_params__", None), "frozen", False)
    if not (isinstance(form, type) and is_frozen):
        yield f"{getattr(form, '__name__', form)} has to be a dataclass with frozen=True."
        return
    try:
        json_schema(form)
    except Exception as error:
        yield f"{form.__name__} cannot be shown as a form. {error}"
