"""`beltstack plugin …`: what a vendor does with plugins, and an operator looks up. None of it needs a database."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from beltstack.plugins.discovery import Found, discover
from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.inbound import ReceivesWebhooks
from beltstack.plugins.oauth import ConnectsByOAuth
from beltstack.plugins.proving import ContractNotRun, check_file, check_plugins
from beltstack.plugins.runtime import VETO_PREFIX, PluginHost
from beltstack.plugins.scaffold import names_for, scaffold
from beltstack.plugins.settings_schema import json_schema
from beltstack.settings import Settings

Verb = Callable[[Settings, argparse.Namespace], None]
AddVerb = Callable[[str, Verb, str], argparse.ArgumentParser]


class PluginProblem(Exception):
    """What was asked for cannot be shown or proved; the sentence says what to do."""


def add_verbs(add: AddVerb) -> None:
    """Add each verb to the command line."""
    new = add("new", _new, "write a plugin's distribution that passes the contract, to begin from")
    new.add_argument("name", help="what it connects to, like acme-books")
    new.add_argument("--directory", type=Path, default=Path(), help="where its folder is made (default: here)")

    every = add("list", _list, "list the plugins that are installed, and those set aside with the reason")
    every.add_argument("--json", action="store_true", help="for programs")

    show = add("show", _show, "show a plugin's manifest, settings, hooks and fields")
    show.add_argument("id", help="the plugin's id, as `beltstack plugin list` has it")
    show.add_argument("--json", action="store_true", help="for programs")

    check = add("check", _check, "prove a plugin against the contract that every plugin keeps")
    check.add_argument("plugin", help="its id, its class as module:Class, or a test file with its own Contract")


def _new(_: Settings, given: argparse.Namespace) -> None:
    names = names_for(given.name)
    folder = scaffold(names, given.directory)
    print(f"Wrote {folder}. Next:\n  cd {folder}\n  pip install -e '.[testing]'\n  pytest")


# ── list and show ─────────────────────────────────────────────────────────────────────────────────


def _list(settings: Settings, given: argparse.Namespace) -> None:
    rows = _rows(*_known(settings))
    if given.json:
        print(json.dumps(rows, indent=2))
    elif rows:
        for row in rows:
            print(f"{row['id']:20} {row['version'] or '-':10} {row['state']:10} {row['problem'] or row['name']}")
    else:
        print("No plugin is installed. Install one with pip, or begin one: beltstack plugin new NAME")


def _show(settings: Settings, given: argparse.Namespace) -> None:
    every, host = _known(settings)
    if reason := host.broken.get(given.id):
        raise PluginProblem(f"The plugin '{given.id}' is set aside: {reason}")
    plugin = host.plugins.get(given.id) or _nothing_like(given.id, host)
    facts = _facts(plugin, host, _of(plugin, every))
    print(json.dumps(facts, indent=2, default=str) if given.json else _as_text(facts))


def _known(settings: Settings) -> tuple[Sequence[Found], PluginHost]:
    every = discover(extra=settings.plugins)
    return every, PluginHost.of(every)


def _rows(every: Sequence[Found], host: PluginHost) -> list[dict[str, Any]]:
    ready = [
        {
            "id": plugin_id,
            "name": plugin.manifest.name,
            "version": plugin.manifest.version,
            "distribution": _of(plugin, every).distribution,
            "state": "READY",
            "problem": None,
        }
        for plugin_id, plugin in host.plugins.items()
    ]
    aside = [
        {"id": name, "name": None, "version": None, "distribution": None, "state": "SET_ASIDE", "problem": reason}
        for name, reason in host.broken.items()
    ]
    return sorted(ready + aside, key=lambda row: str(row["id"]))


def _of(plugin: Plugin, every: Sequence[Found]) -> Found:
    return next(found for found in every if found.plugin is plugin)


def _nothing_like(plugin_id: str, host: PluginHost) -> Plugin:
    known = ", ".join(sorted(host.plugins)) or "none"
    raise PluginProblem(f"There is no plugin '{plugin_id}' here. Installed: {known}.")


def _facts(plugin: Plugin, host: PluginHost, found: Found) -> dict[str, Any]:
    manifest, hooks = plugin.manifest, host.hooks(plugin.manifest.id)
    return {
        "id": manifest.id,
        "name": manifest.name,
        "version": manifest.version,
        "description": manifest.description,
        "api": manifest.api,
        "distribution": found.distribution,
        "place": found.place,
        "is_offered": manifest.is_offered,
        "is_ledger": manifest.is_ledger,
        "fail_mode": manifest.fail_mode,
        "dead_letters": manifest.dead_letters,
        "limits": asdict(manifest.limits),
        "vetoes": [name for name in hooks if name.startswith(VETO_PREFIX)],
        "reactions": [name for name in hooks if not name.startswith(VETO_PREFIX)],
        "jobs": [asdict(job) for job in manifest.jobs],
        "fields": [f"{field.on}.{manifest.id}_{field.name}: {field.type}" for field in plugin.fields],
        "connects_by_oauth": isinstance(plugin, ConnectsByOAuth),
        "receives_webhooks": isinstance(plugin, ReceivesWebhooks),
        "settings": json_schema(manifest.settings),
        "credentials": json_schema(manifest.credentials, all_secret=True),
    }


def _as_text(facts: dict[str, Any]) -> str:
    plain = {name: value for name, value in facts.items() if name not in {"settings", "credentials"}}
    lines = [f"{name.replace('_', ' '):20} {_words(value)}" for name, value in plain.items()]
    for form in ("settings", "credentials"):
        fields = facts[form]["properties"]
        wanted = [f"{name}{'' if name in facts[form]['required'] else ' (optional)'}" for name in fields]
        lines.append(f"{form:20} {', '.join(wanted) or 'none'}")
    return "\n".join(lines)


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_words(one) for one in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(part)}" for name, part in value.items())
    return "none" if value is None else str(value)


# ── check ─────────────────────────────────────────────────────────────────────────────────────────


def _check(settings: Settings, given: argparse.Namespace) -> None:
    if find_spec("pytest") is None:
        raise PluginProblem("The contract runs on pytest: pip install 'beltstack[testing]'")
    test = Path(given.plugin)
    try:
        outcomes = check_file(test) if test.suffix == ".py" else check_plugins(_place(given.plugin, settings))
    except ContractNotRun as problem:
        raise PluginProblem(f"The contract could not be run:\n{problem}") from None
    for outcome in outcomes:
        print(f"{'kept  ' if outcome.problem is None else 'BROKEN'}  {outcome.words}")
        if outcome.problem is not None:
            print(f"        {outcome.problem}")
    broken = [outcome for outcome in outcomes if outcome.problem is not None]
    if broken:
        sys.exit(f"{len(broken)} of {len(outcomes)} clauses are broken.")
    print(f"All {len(outcomes)} clauses are kept.")


def _place(wanted: str, settings: Settings) -> str:
    if ":" in wanted:
        return wanted
    every, host = _known(settings)
    found = [one for one in every if wanted in {one.name, one.plugin and one.plugin.manifest.id}]
    return found[0].place if found else _of(_nothing_like(wanted, host), every).place
