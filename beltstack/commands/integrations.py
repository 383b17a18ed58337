"""Integrations: enable a plugin for the tenant, change its settings, check it, pause, resume, disable; back-fill."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from beltstack.commands.asking import Asked, Steps
from beltstack.commands.checks import PASSED, Checked, ToCheck
from beltstack.commands.offered import checked_credentials, checked_settings, instance_name, offered
from beltstack.commands.work import Many, Work
from beltstack.domain.access import Action
from beltstack.domain.changes import Change, expect_version
from beltstack.domain.deliveries import CheckFailed, Integration, IntegrationNotEnabled, IntegrationStatus
from beltstack.domain.errors import InvalidInput, Problems, Refusal, StaleObject
from beltstack.domain.events import Fact
from beltstack.domain.ids import IntegrationId
from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.oauth import ConnectsByOAuth
from beltstack.plugins.runtime import has_own_check
from beltstack.plugins.setup import FailMode, secret_fields
from beltstack.store.integrations import Secrets
from beltstack.store.sealing import SealBroken
from beltstack.store.sweeping import backfill as owe_past

Values = dict[str, Any]


class SecretsUnreadable(Refusal):
    """What was sealed for the integration does not open with the keys of this process."""

    code = "SECRETS_UNREADABLE"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What somebody wants an integration to be; nothing of it holds before the check has passed."""

    integration: Integration
    """With the settings wanted, and otherwise as it was found."""
    found: Integration | None
    secrets: Mapping[str, Any]
    credentials: Mapping[str, Any] | None
    """None keeps those that are stored."""
    enables: bool
    is_stored: bool = False
    waits_to_be_connected: bool = False
    """Its plugin gets its credentials by OAuth and has none yet: there is nothing to check."""

    @property
    def is_off(self) -> bool:
        return self.found is None or self.found.status is IntegrationStatus.DISABLED

    @property
    def to_check(self) -> ToCheck:
        """What is off is stored before it is checked; what is in use goes on with what is stored."""
        one = self.integration
        if self.is_off:
            return ToCheck(one.id, one.plugin_id)
        return ToCheck(one.id, one.plugin_id, one.settings, self.secrets, self.credentials)


# ── enabling and configuring ──────────────────────────────────────────────────────────────────────


async def enable(work: Work, **given: Any) -> IntegrationId:
    """Use a plugin that needs no check. Secrets are sealed before they are stored and never read back."""
    return await _take(work, await _wanted(work, **given), PASSED)


def enabling(asked: Asked, given: Values) -> Steps[Candidate, Checked] | None:
    """Store, check, use. A plugin without a check of its own is enabled in one transaction."""
    plugin = asked.host.plugins.get(given["plugin_id"])
    if plugin is None or asked.checks is None or not has_own_check(plugin):
        return None
    return _with_check(asked, lambda work: _wanted(work, **given))


async def configure(work: Work, **given: Any) -> IntegrationId:
    """Other settings for a plugin that needs no check; those not named stay, secrets too."""
    return await _take(work, await _changed(work, **given), PASSED)


def configuring(asked: Asked, given: Values) -> Steps[Candidate, Checked] | None:
    """Check, then take the settings over. What is disabled is checked when it is enabled."""
    return None if asked.checks is None else _with_check(asked, lambda work: _changed(work, **given))


def _with_check(asked: Asked, wanted: Callable[[Work], Any]) -> Steps[Candidate, Checked]:
    async def begin(work: Work) -> Candidate:
        candidate: Candidate = await wanted(work)
        return await _stored(work, candidate) if candidate.is_off and candidate.enables else candidate

    async def outside(candidate: Candidate) -> Checked:
        if candidate.waits_to_be_connected or (candidate.is_off and not candidate.enables):
            return PASSED
        return await _asked_outside(asked, candidate.to_check)

    return Steps(begin, outside, _take)


async def _asked_outside(asked: Asked, to_check: ToCheck) -> Checked:
    plugin = asked.host.plugins[to_check.plugin_id]
    if asked.checks is None or not has_own_check(plugin):
        return PASSED
    return await asked.checks.check(asked.actor.tenant_id, to_check)


async def _wanted(
    work: Work,
    *,
    id: IntegrationId,  # noqa: A002 - of the integration, should it be new
    plugin_id: str,
    instance: str | None,
    settings: Values | None,
    credentials: Values | None,
) -> Candidate:
    work.must_be_able_to(Action.MANAGE_INTEGRATIONS)
    manifest = offered(work.host, plugin_id).manifest
    problems = Problems()
    whole = problems.of(checked_settings, manifest, settings or {})
    opened = problems.of(checked_credentials, manifest, credentials)
    problems.refuse_if_any()
    name = instance_name(instance or plugin_id)
    found = await work.integrations.find(plugin_id, name, lock=True)
    integration = found or Integration(
        id=id,
        plugin_id=plugin_id,
        instance=name,
        is_ledger=manifest.is_ledger,
        fails_closed=manifest.fail_mode is FailMode.CLOSED,
    )
    return _candidate(integration, found, manifest.settings, whole, opened, enables=True)


async def _changed(work: Work, *, integration_id: IntegrationId, expected_version: int, settings: Values) -> Candidate:
    work.must_be_able_to(Action.MANAGE_INTEGRATIONS)
    integration = await work.integrations.get(integration_id, lock=True)
    expect_version(integration.version, expected_version, "integration")
    manifest = offered(work.host, integration.plugin_id).manifest
    hidden = (await _opened(work, integration_id)).settings if secret_fields(manifest.settings) else {}
    whole = checked_settings(manifest, {**integration.settings, **hidden, **settings})
    return _candidate(integration, integration, manifest.settings, whole, None, enables=False)


def _candidate(
    integration: Integration,
    found: Integration | None,
    kind: type[Any],
    whole: Values,
    credentials: Values | None,
    *,
    enables: bool,
) -> Candidate:
    hidden = secret_fields(kind)
    known = {name: value for name, value in whole.items() if name not in hidden}
    secrets = {name: whole[name] for name in hidden}
    return Candidate(integration.configure(known), found, secrets, credentials, enables)


async def _stored(work: Work, candidate: Candidate) -> Candidate:
    """Off, with its settings and sealed credentials: what the check works with, and what a crash leaves."""
    await work.integrations.save(Change(candidate.found, candidate.integration))
    credentials = await _seal(work, candidate)
    stored = await work.integrations.get(candidate.integration.id)
    connects = isinstance(work.host.plugins[stored.plugin_id], ConnectsByOAuth)
    waits = connects and not credentials
    return replace(candidate, integration=stored, found=stored, is_stored=True, waits_to_be_connected=waits)


async def _take(work: Work, candidate: Candidate, checked: Checked) -> IntegrationId:
    """What was checked holds from now on, or the integration says why not."""
    one = candidate.integration
    if candidate.found is None:
        await work.integrations.save(Change(None, *_after(one, candidate.enables)))
        await _seal(work, candidate)
        return one.id
    now = await work.integrations.get(one.id, lock=True)
    if candidate.is_off and now.version != one.version:
        raise StaleObject("Somebody else changed this integration while it was checked; look at it and enable it anew.")
    if checked.problem is not None:
        await _complain(work, now, checked)
        return one.id
    await work.integrations.save(Change(now, *_after(now.configure(one.settings), candidate.enables)))
    await work.problems.resolve_mended(one.id)
    if not candidate.is_stored:  # the check may have renewed what was stored before it
        await _seal(work, replace(candidate, credentials=checked.credentials or candidate.credentials))
    return one.id


def _after(integration: Integration, enables: bool) -> tuple[Integration, tuple[Fact, ...]]:
    """Settings alone mend what broke for their sake, and turn nothing on."""
    change = integration.enable() if enables or integration.status is IntegrationStatus.BROKEN else None
    return (change.after, change.facts) if change else (integration.pass_check().after, ())


async def _seal(work: Work, candidate: Candidate) -> Mapping[str, Any] | None:
    """Answers the credentials that are kept now."""
    identifier = candidate.integration.id
    credentials = candidate.credentials
    if credentials is None:
        await work.vault.lock(identifier)
        credentials = (await _opened(work, identifier)).credentials
    await work.vault.keep(identifier, Secrets(candidate.secrets, credentials))
    return credentials


async def _opened(work: Work, integration_id: IntegrationId) -> Secrets:
    try:
        return await work.vault.open(integration_id)
    except SealBroken as broken:
        raise SecretsUnreadable(
            f"{broken} Enabling with settings and credentials given anew mends it, too."
        ) from broken


async def _complain(work: Work, integration: Integration, checked: Checked) -> None:
    message = checked.problem or ""
    await work.integrations.save(integration.fail_check(message, at=work.now))
    await work.problems.note(integration.id, CheckFailed.code, message, is_critical=True)
    refusal = CheckFailed(message)
    refusal.plugin_id, refusal.plugin_code = integration.plugin_id, checked.code
    work.complaints.append(refusal)
    work.note = f"The check failed ({checked.code or CheckFailed.code})."


# ── checking ──────────────────────────────────────────────────────────────────────────────────────


async def check(work: Work, *, id: IntegrationId) -> IntegrationId:  # noqa: A002 - the input's name
    """Where nothing outside is reached, a check finds nothing."""
    return await _judged(work, await _to_check(work, id), PASSED)


def checking(asked: Asked, given: Values) -> Steps[ToCheck, Checked] | None:
    """Ask the plugin again whether its connection works, with what is stored."""
    identifier = given["id"]
    return Steps(lambda work: _to_check(work, identifier), lambda one: _asked_outside(asked, one), _judged)


async def _to_check(work: Work, integration_id: IntegrationId) -> ToCheck:
    work.must_be_able_to(Action.MANAGE_INTEGRATIONS)
    integration = await work.integrations.get(integration_id)
    offered(work.host, integration.plugin_id)
    return ToCheck(integration.id, integration.plugin_id)


async def _judged(work: Work, one: ToCheck, checked: Checked) -> IntegrationId:
    integration = await work.integrations.get(one.integration_id, lock=True)
    if checked.problem is not None:
        await _complain(work, integration, checked)
    else:
        await work.integrations.save(integration.pass_check())
        await work.problems.resolve(integration.id, CheckFailed.code)
    return one.integration_id


# ── turning ───────────────────────────────────────────────────────────────────────────────────────


async def disable(work: Work, *, integration_id: IntegrationId, expected_version: int) -> IntegrationId:
    """Owe it nothing new. What it is owed stays until somebody enables it again or cancels its deliveries."""
    return await _turn(work, integration_id, expected_version, Integration.disable)


async def pause(work: Work, *, integration_id: IntegrationId, expected_version: int) -> IntegrationId:
    return await _turn(work, integration_id, expected_version, Integration.pause)


async def resume(work: Work, *, integration_id: IntegrationId, expected_version: int) -> IntegrationId:
    done = await _turn(work, integration_id, expected_version, Integration.resume)
    await work.problems.resolve_mended(integration_id)
    return done


async def _turn(work: Work, integration_id: IntegrationId, expected_version: int, decide: Any) -> IntegrationId:
    work.must_be_able_to(Action.MANAGE_INTEGRATIONS)
    integration = await work.integrations.get(integration_id, lock=True)
    change = decide(integration)
    if change.before != change.after:
        expect_version(integration.version, expected_version, "integration")
    await work.integrations.save(change)
    return integration_id


# ── what happened before ──────────────────────────────────────────────────────────────────────────


async def backfill(
    work: Work,
    *,
    id: IntegrationId,  # noqa: A002 - the input's name
    from_: datetime,
    types: Sequence[str] | None,
) -> IntegrationId:
    """Owe it the events since `from_` of the types named, or of all that its plugin listens to."""
    work.must_be_able_to(Action.MANAGE_INTEGRATIONS)
    integration = await work.integrations.get(id, lock=True)
    if integration.status is IntegrationStatus.DISABLED:
        raise IntegrationNotEnabled("An integration that is disabled is owed nothing; enable it first.")
    plugin = offered(work.host, integration.plugin_id)
    heard = _heard(work, plugin, types)
    count = await owe_past(work.session, id, since=from_, types=heard)
    work.many = Many(count, ())
    work.note = f"{count} deliveries owed since {from_.isoformat()}."
    return id


def _heard(work: Work, plugin: Plugin, types: Sequence[str] | None) -> Sequence[str]:
    heard = work.host.heard(plugin.manifest.id)
    if types is None:
        return heard
    problems = Problems()
    for place, kind in enumerate(types):
        if kind not in heard:
            words = f"{plugin.manifest.name} does not listen to '{kind[:80]}'. It listens to: {', '.join(heard)}."
            problems.note(InvalidInput(words, path=("types", str(place))))
    problems.refuse_if_any()
    return types
