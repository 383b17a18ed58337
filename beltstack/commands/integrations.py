"""Integrations: enable a plugin for the tenant, pause, resume, disable; replay what failed."""

from collections.abc import Sequence
from typing import Any, TypeVar

from cattrs import BaseValidationError

from beltstack.commands.work import Work
from beltstack.domain.access import Action
from beltstack.domain.changes import Change, expect_version
from beltstack.domain.deliveries import Integration
from beltstack.domain.errors import InvalidInput, Problems, Refusal
from beltstack.domain.ids import DeliveryId, IntegrationId
from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.setup import FailMode, Manifest, required_fields, secret_fields
from beltstack.store.codecs import strict, to_json
from beltstack.store.integrations import Secrets

T = TypeVar("T")


class PluginNotFound(Refusal):
    """No such plugin is installed here."""

    code = "PLUGIN_NOT_FOUND"


class PluginNotOffered(Refusal):
    """It is installed and can be looked at, but cannot be enabled yet."""

    code = "PLUGIN_NOT_OFFERED"


class InvalidSettings(InvalidInput):
    """They do not fit what the plugin's manifest asks for."""

    code = "INVALID_SETTINGS"


async def enable(
    work: Work,
    *,
    id: IntegrationId,  # noqa: A002 - of the integration, should it be new
    plugin_id: str,
    instance: str | None,
    settings: dict[str, Any] | None,
    credentials: dict[str, Any] | None,
) -> IntegrationId:
    """Use a plugin, or use it with other settings. Secrets are sealed before they are stored and never read back."""
    work.must_be_able_to(Action.MANAGE_INTEGRATIONS)
    manifest = _offered(work, plugin_id).manifest
    known, secret = _checked(manifest, settings or {}, credentials)
    name = _instance(instance or plugin_id)
    found = await work.integrations.find(plugin_id, name, lock=True)
    integration = found or Integration(
        id=id,
        plugin_id=plugin_id,
        instance=name,
        is_ledger=manifest.is_ledger,
        fails_closed=manifest.fail_mode is FailMode.CLOSED,
    )
    change = integration.configure(known).enable()
    await work.integrations.save(Change(found, change.after, change.facts))
    kept = await work.vault.open(integration.id)
    credentials_now = secret.credentials if credentials is not None else kept.credentials
    await work.vault.keep(integration.id, Secrets(secret.settings, credentials_now))
    return integration.id


async def disable(work: Work, *, integration_id: IntegrationId, expected_version: int) -> IntegrationId:
    return await _turn(work, integration_id, expected_version, Integration.disable)


async def pause(work: Work, *, integration_id: IntegrationId, expected_version: int) -> IntegrationId:
    return await _turn(work, integration_id, expected_version, Integration.pause)


async def resume(work: Work, *, integration_id: IntegrationId, expected_version: int) -> IntegrationId:
    return await _turn(work, integration_id, expected_version, Integration.resume)


async def replay(work: Work, *, ids: Sequence[DeliveryId]) -> tuple[DeliveryId, ...]:
    """Try failed deliveries again, in their streams' order."""
    work.must_be_able_to(Action.MANAGE_INTEGRATIONS)
    if not ids:
        raise InvalidInput("Name at least one delivery.", path=("ids",))
    await work.deliveries.replay(ids)
    return tuple(ids)


async def _turn(work: Work, integration_id: IntegrationId, expected_version: int, decide: Any) -> IntegrationId:
    work.must_be_able_to(Action.MANAGE_INTEGRATIONS)
    integration = await work.integrations.get(integration_id, lock=True)
    change = decide(integration)
    if change.before != change.after:
        expect_version(integration.version, expected_version, "integration")
    await work.integrations.save(change)
    return integration_id


def _offered(work: Work, plugin_id: str) -> Plugin:
    plugin = work.host.plugins.get(plugin_id)
    if plugin is None:
        why = work.host.broken.get(plugin_id)
        raise PluginNotFound(
            f"The plugin '{plugin_id[:80]}' could not be loaded: {why}" if why else "No such plugin is installed here.",
            path=("plugin_id",),
        )
    if not plugin.manifest.is_offered:
        raise PluginNotOffered(f"{plugin.manifest.name} cannot be enabled yet.", path=("plugin_id",))
    return plugin


def _checked(
    manifest: Manifest, settings: dict[str, Any], credentials: dict[str, Any] | None
) -> tuple[dict[str, Any], Secrets]:
    """The open settings, and what has to be sealed."""
    problems = Problems()
    whole = problems.of(_fitting, manifest.settings, settings, "settings")
    opened = credentials and problems.of(_fitting, manifest.credentials, credentials, "credentials")
    problems.refuse_if_any()
    hidden = secret_fields(manifest.settings)
    known = {name: value for name, value in whole.items() if name not in hidden}
    return known, Secrets({name: whole[name] for name in hidden}, opened or None)


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


def _instance(name: str) -> str:
    if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum() or len(name) > 63:
        raise InvalidInput("An instance's name is up to 63 letters, digits, hyphens, underscores.", path=("instance",))
    return name
