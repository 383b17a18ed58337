"""The host's side of plugins: finding them, knowing who listens to what, and asking the vetoes."""

import asyncio
import inspect
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pluggy

from beltstack.domain.changes import Change
from beltstack.domain.errors import Refusal
from beltstack.domain.events import facts_by_type
from beltstack.plugins.context import Review
from beltstack.plugins.discovery import Found, discover, place_of
from beltstack.plugins.hookspecs import PROJECT, Plugin, Veto
from beltstack.plugins.setup import FailMode, manifest_problems
from beltstack.plugins.truth import untruths
from beltstack.plugins.veto_breaker import VetoBreakers, VetoFailure, VetoFault

VETO_PREFIX = "before_"
VETO_WARN_SECONDS = 0.050
REVIEW_SECONDS = 0.250

log = logging.getLogger(__name__)


class Vetoed(Refusal):
    """A plugin said no; `plugin_code` is the plugin's own code."""

    code = "VETOED"


class PluginUnavailable(Refusal):
    """A plugin that must be asked could not be: it crashed, was late, or is not installed."""

    code = "PLUGIN_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class EnabledPlugin:
    """One integration as a review needs it; `settings` is the manifest's dataclass."""

    plugin_id: str
    settings: Any
    integration_id: UUID


class JunkVeto(Exception):
    """A veto answered something that is no Veto, no sequence of them, and not None."""


class PluginHost:
    """Every plugin of this process. Plugins that could not be loaded are kept with the reason.

    `may_call_private` lifts what `Outbound.PUBLIC` holds plugins to: for development, where receivers are next door.
    """

    def __init__(
        self,
        plugins: Iterable[Plugin],
        *,
        broken: Mapping[str, str] | None = None,
        may_call_private: bool = False,
    ) -> None:
        self.plugins: dict[str, Plugin] = {}
        self.broken: dict[str, str] = dict(broken or {})
        self.breakers = VetoBreakers()
        self.may_call_private = may_call_private
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Plugin)
        for plugin_id, same in _by_id(plugins).items():
            if len(same) == 1:
                self._register(same[0])
            else:
                # Nobody can say which of them a tenant's credentials were meant for.
                places = " and ".join(sorted(map(place_of, same)))
                self.broken[plugin_id] = f"{places} have one id, '{plugin_id}': uninstall all but one."
        for name, reason in self.broken.items():
            log.warning("plugin %s is set aside: %s", name, reason)

    @classmethod
    def discover(cls, *, extra: Sequence[str] = (), may_call_private: bool = False) -> "PluginHost":
        """Every distribution's plugins, and those named as `module:Class` in `extra`."""
        return cls.of(discover(extra=extra), may_call_private=may_call_private)

    @classmethod
    def of(cls, every: Iterable[Found], *, may_call_private: bool = False) -> "PluginHost":
        """A host of what was found."""
        every = tuple(every)
        broken = {found.name: found.problem for found in every if found.problem is not None}
        plugins = (found.plugin for found in every if found.plugin is not None)
        return cls(plugins, broken=broken, may_call_private=may_call_private)

    def listeners(self, event_type: str) -> tuple[str, ...]:
        """The ids of the plugins that want to hear of this type of event."""
        return tuple(self._implementations(event_type.replace(".", "_")))

    def vetoers(self) -> tuple[str, ...]:
        """The ids of the plugins that have a veto, whatever it is about."""
        vetoes = [hook for hook in vars(self._manager.hook) if hook.startswith(VETO_PREFIX)]
        return tuple(sorted({plugin_id for hook in vetoes for plugin_id in self._implementations(hook)}))

    def heard(self, plugin_id: str) -> tuple[str, ...]:
        """The types of event that the plugin listens to."""
        return tuple(kind for kind in sorted(facts_by_type()) if plugin_id in self.listeners(kind))

    def hooks(self, plugin_id: str) -> tuple[str, ...]:
        """The names of the hooks that the plugin implements."""
        callers = vars(self._manager.hook)
        return tuple(name for name in sorted(callers) if plugin_id in self._implementations(name))

    def reaction(self, plugin_id: str, event_type: str) -> Any:
        """The plugin's coroutine function for an event; None if it does not listen."""
        return self._implementations(event_type.replace(".", "_")).get(plugin_id)

    def set_aside(self, plugin_id: str, reason: str) -> None:
        """Keep a plugin with the reason, as if it could not have been loaded."""
        plugin = self.plugins.pop(plugin_id)
        self._manager.unregister(plugin)
        self.broken[plugin_id] = reason
        log.warning("plugin %s is set aside: %s", plugin_id, reason)

    async def review(
        self,
        hook: str,
        change: Change[Any],
        context: Review,
        enabled: Sequence[EnabledPlugin],
        failures: list[VetoFailure],
    ) -> tuple[Refusal, ...]:
        """Every enabled plugin's vetoes together, asked in one thread and within one budget.

        Those that could not be had are added to `failures`. A plugin whose vetoes fail again and again is not asked.
        """
        asked = self._implementations(hook)
        listening = [one for one in enabled if one.plugin_id in asked]
        calls = [(one, asked[one.plugin_id]) for one in listening if self.breakers.may_ask(one.plugin_id)]
        resting = {one.plugin_id for one in listening} - {one.plugin_id for one, _ in calls}
        missing = [self._unavailable(one.plugin_id) for one in enabled if one.plugin_id not in self.plugins]
        missing += [refusal for one in sorted(resting) for refusal in self._failed(one, "failed too often to be asked")]
        if not calls:
            return tuple(missing)
        answers: dict[int, _Answer] = {}
        work = asyncio.to_thread(self._ask, calls, change, context, answers)
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(work)), REVIEW_SECONDS)
        except TimeoutError:
            late = {place: one.plugin_id for place, (one, _) in enumerate(calls) if place not in answers}
            log.error("vetoes for %s took over %s s: %s did not answer", hook, REVIEW_SECONDS, ", ".join(late.values()))
            told = {place: self._failed(plugin_id, "did not answer in time") for place, plugin_id in late.items()}
            # Asked one after the other: the first of them is to blame, the others never had their turn.
            first = min(late)
            answers = answers | {
                place: (refusals, VetoFault.LATE if place == first else None) for place, refusals in told.items()
            }
            failures += self._noted(calls[: first + 1], answers)
        else:
            failures += self._noted(calls, answers)
        return (*missing, *(refusal for place in range(len(calls)) for refusal in answers[place][0]))

    def _noted(
        self, calls: Sequence[tuple[EnabledPlugin, Any]], answers: Mapping[int, "_Answer"]
    ) -> Iterator[VetoFailure]:
        for place, (one, _) in enumerate(calls):
            fault = answers[place][1]
            self.breakers.note(one.plugin_id, failed=fault is not None)
            if fault is not None:
                name = self.plugins[one.plugin_id].manifest.name
                yield VetoFailure(one.integration_id, fault, f"{name} {_WORDS[fault]}")

    def _ask(
        self,
        calls: Sequence[tuple[EnabledPlugin, Any]],
        change: Change[Any],
        context: Review,
        answers: dict[int, "_Answer"],
    ) -> None:
        for place, (one, hook) in enumerate(calls):
            started = time.perf_counter()
            try:
                said = hook(change=change, context=replace(context, settings=one.settings))
                answers[place] = (_refusals(one.plugin_id, said), None)
            except Exception as error:
                log.exception("plugin %s crashed in a veto", one.plugin_id)
                fault = VetoFault.JUNK if isinstance(error, JunkVeto) else VetoFault.CRASHED
                answers[place] = (self._failed(one.plugin_id, "could not be asked"), fault)
            if (took := time.perf_counter() - started) > VETO_WARN_SECONDS:
                log.warning("plugin %s took %.0f ms for a veto", one.plugin_id, took * 1000)

    def _failed(self, plugin_id: str, what: str) -> tuple[Refusal, ...]:
        plugin = self.plugins[plugin_id]
        if plugin.manifest.fail_mode is FailMode.OPEN:
            return ()
        return (_from_plugin(PluginUnavailable(f"{plugin.manifest.name} {what}, and must be; try again."), plugin_id),)

    def _unavailable(self, plugin_id: str) -> Refusal:
        message = f"The plugin '{plugin_id}' is enabled but not installed here; an admin can install or disable it."
        return _from_plugin(PluginUnavailable(message), plugin_id)

    def _implementations(self, hook: str) -> dict[str, Any]:
        caller = getattr(self._manager.hook, hook, None)
        if caller is None:
            return {}
        return {implementation.plugin_name: implementation.function for implementation in caller.get_hookimpls()}

    def _register(self, plugin: Plugin) -> None:
        try:
            problems = [*manifest_problems(plugin.manifest), *untruths(type(plugin))]
            problems = problems or self._taken_up(plugin)
        except Exception as error:  # a manifest may hold anything
            problems = [f"Its manifest cannot be read ({type(error).__name__}: {error})."]
        if problems:
            self.broken[str(plugin.manifest.id)] = " ".join(problems)
        else:
            self.plugins[plugin.manifest.id] = plugin

    def _taken_up(self, plugin: Plugin) -> list[str]:
        """What is wrong with its hooks; then it is not registered."""
        try:
            self._manager.register(plugin, name=plugin.manifest.id)
            self._manager.check_pending()
            problems = self._misfits(plugin)
        except pluggy.PluginValidationError as error:
            problems = [str(error)]
        if problems and self._manager.is_registered(plugin):
            self._manager.unregister(plugin)
        return problems

    def _misfits(self, plugin: Plugin) -> list[str]:
        """What pluggy would take and the host could not call."""
        callers = self._manager.get_hookcallers(plugin) or []
        found = [(caller, one) for caller in callers for one in caller.get_hookimpls() if one.plugin is plugin]
        return [problem for caller, one in found if (problem := _misfit(caller, one))]


def _misfit(caller: pluggy.HookCaller, implementation: pluggy.HookImpl) -> str | None:
    name, given = caller.name, caller.spec.argnames if caller.spec else ()
    if implementation.wrapper or implementation.hookwrapper:
        return f"'{name}' is a wrapper; a plugin cannot stand around another's answer: write a plain hook."
    if set(implementation.argnames) != set(given):
        return f"'{name}' takes {' and '.join(given)}, by these names."
    is_coroutine = inspect.iscoroutinefunction(implementation.function)
    if name.startswith(VETO_PREFIX) and is_coroutine:
        return f"'{name}' is a veto and asked while rows are locked: write it with 'def', not 'async def'."
    if not name.startswith(VETO_PREFIX) and not is_coroutine:
        return f"'{name}' is a reaction and awaited: write it with 'async def', not 'def'."
    return None


_Answer = tuple[tuple[Refusal, ...], VetoFault | None]
"""What a plugin said, and what was wrong with it."""

_WORDS = {
    VetoFault.CRASHED: "crashed when it was asked whether this may be done: its maker has to look.",
    VetoFault.LATE: "did not say in time whether this may be done: its maker has to look.",
    VetoFault.JUNK: "answered something that is no veto: its maker has to look.",
}


def has_own_check(plugin: Plugin) -> bool:
    """Whether the plugin looks at its connection by itself: what does not needs nobody to reach it."""
    return type(plugin).check is not Plugin.check


def _by_id(plugins: Iterable[Plugin]) -> dict[str, list[Plugin]]:
    """In the order of their ids, as texts: a manifest may say anything."""
    found: dict[str, list[Plugin]] = {}
    for plugin in sorted(plugins, key=lambda plugin: str(plugin.manifest.id)):
        found.setdefault(str(plugin.manifest.id), []).append(plugin)
    return found


def _refusals(plugin_id: str, said: Veto | Sequence[Veto] | None) -> tuple[Refusal, ...]:
    vetoes = () if said is None else (said,) if isinstance(said, Veto) else said
    if not isinstance(vetoes, Sequence) or not all(isinstance(veto, Veto) for veto in vetoes):
        raise JunkVeto(f"a veto answered {type(said).__name__}")
    refusals = []
    for veto in vetoes:
        refusal = Vetoed(veto.message, path=veto.path)
        refusal.plugin_code = veto.code
        refusals.append(_from_plugin(refusal, plugin_id))
    return tuple(refusals)


def _from_plugin(refusal: Refusal, plugin_id: str) -> Refusal:
    refusal.plugin_id = plugin_id
    return refusal
