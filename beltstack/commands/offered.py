"""What a plugin offers and asks for: is it there, and does what was given fit its manifest."""

from typing import Any

from cattrs import BaseValidationError

from beltstack.domain.errors import InvalidInput, Problems, Refusal
from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.runtime import PluginHost
from beltstack.plugins.setup import Manifest, required_fields
from beltstack.store.codecs import strict, to_json


class PluginNotFound(Refusal):
    """No such plugin is installed here."""

    code = "PLUGIN_NOT_FOUND"


class PluginNotOffered(Refusal):
    """It is installed and can be looked at, but cannot be enabled yet."""

    code = "PLUGIN_NOT_OFFERED"


class InvalidSettings(InvalidInput):
    """They do not fit what the plugin's manifest asks for."""

    code = "INVALID_SETTINGS"


def offered(host: PluginHost, plugin_id: str) -> Plugin:
    """Raises PluginNotFound, PluginNotOffered."""
    plugin = host.plugins.get(plugin_id)
    if plugin is None:
        why = host.broken.get(plugin_id)
        raise PluginNotFound(
            f"The plugin '{plugin_id[:80]}' could not be loaded: {why}" if why else "No such plugin is installed here.",
            path=("plugin_id",),
        )
    if not plugin.manifest.is_offered:
        raise PluginNotOffered(f"{plugin.manifest.name} cannot be enabled yet.", path=("plugin_id",))
    return plugin


def checked_settings(manifest: Manifest, given: dict[str, Any]) -> dict[str, Any]:
    """All settings as JSON, defaults filled in; raises InvalidSettings, several together."""
    return _fitting(manifest.settings, given, "settings")


def checked_credentials(manifest: Manifest, given: dict[str, Any] | None) -> dict[str, Any] | None:
    """Like `checked_settings`; None stays None."""
    return _fitting(manifest.credentials, given, "credentials") if given else None


def _fitting(kind: type[Any], given: dict[str, Any], where: str) -> dict[str, Any]:
    problems = Problems()
    for name in sorted(required_fields(kind) - given.keys()):
        problems.note(InvalidSettings(f"'{name}' is missing.", path=(where, name)))
    for name in sorted(given.keys() - {*kind.__dataclass_fields__}):
        problems.note(InvalidSettings(f"This plugin knows no '{name[:80]}'.", path=(where, name)))
    problems.refuse_if_any()
    try:
        whole: dict[str, Any] = to_json(strict(kind, given))
    except (BaseValidationError, ValueError, TypeError) as error:
        raise InvalidSettings("These do not fit the types that the plugin's manifest names.", path=(where,)) from error
    for name, value in given.items():
        if not _same_kind(whole[name], value):
            problems.note(InvalidSettings(f"'{name}' is not of the type the manifest names.", path=(where, name)))
    problems.refuse_if_any()
    return whole


def _same_kind(kept: Any, given: Any) -> bool:
    # Structuring turns a list into a text and 1.5 into 1 without a word; a whole number may stand for a fraction.
    return type(kept) is type(given) or (type(kept), type(given)) == (float, int)


def instance_name(name: str) -> str:
    if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum() or len(name) > 63:
        raise InvalidInput("An instance's name is up to 63 letters, digits, hyphens, underscores.", path=("instance",))
    return name
