"""The plugins that are installed: what an admin can choose from, and the forms to fill in."""

import strawberry

from beltstack.plugins.hookspecs import Plugin as DomainPlugin
from beltstack.plugins.runtime import PluginHost
from beltstack.plugins.settings_schema import json_schema
from beltstack.schema.scalars import JSONObject
from beltstack.schema.types import says


@strawberry.type(description="A plugin that is installed here, or was meant to be.")
class Plugin:
    id: strawberry.ID = says("Its short name.")
    name: str = says("Its name.")
    description: str = says("What it does.")
    version: str = says("Its version; empty if it could not be loaded.")
    is_ledger: bool = says("Whether it keeps books; a tenant has one such integration.")
    is_offered: bool = says("Whether it can be enabled.")
    is_installed: bool = says("Whether it could be loaded.")
    problem: str | None = says("Why it could not, or why there is no form for its settings.")
    hooks: list[str] = says("The hooks that it implements, by name.")
    settings_schema: JSONObject | None = says("Its settings as JSON Schema, 2020-12; secret ones are `writeOnly`.")
    credentials_schema: JSONObject | None = says("Its credentials as JSON Schema; all of them are `writeOnly`.")


def plugins_of(host: PluginHost) -> list[Plugin]:
    """Those that could be loaded, then those that could not; each by its id."""
    loaded = [_loaded(host, plugin) for _, plugin in sorted(host.plugins.items())]
    return [*loaded, *(_broken(plugin_id, reason) for plugin_id, reason in sorted(host.broken.items()))]


def _loaded(host: PluginHost, plugin: DomainPlugin) -> Plugin:
    manifest = plugin.manifest
    settings = credentials = problem = None
    try:
        settings = JSONObject(json_schema(manifest.settings))
        credentials = JSONObject(json_schema(manifest.credentials, all_secret=True))
    except Exception as error:  # one plugin's types must not take the others' forms away
        problem = f"Its form cannot be drawn: {error}"
    return Plugin(
        id=strawberry.ID(manifest.id),
        name=manifest.name,
        description=manifest.description,
        version=manifest.version,
        is_ledger=manifest.is_ledger,
        is_offered=manifest.is_offered,
        is_installed=True,
        problem=problem,
        hooks=list(host.hooks(manifest.id)),
        settings_schema=settings,
        credentials_schema=credentials,
    )


def _broken(plugin_id: str, reason: str) -> Plugin:
    return Plugin(
        id=strawberry.ID(plugin_id),
        name=plugin_id,
        description="It could not be loaded.",
        version="",
        is_ledger=False,
        is_offered=False,
        is_installed=False,
        problem=reason,
        hooks=[],
        settings_schema=None,
        credentials_schema=None,
    )
