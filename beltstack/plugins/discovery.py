"""Finding plugins: what installed distributions offer under the entry point group, and what is named by hand."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import Distribution, EntryPoint, distributions

from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.setup import Manifest

GROUP = "beltstack.plugins"


@dataclass(frozen=True, slots=True)
class Found:
    """A plugin or, with `problem`, why there is none. `distribution` and `version` are None for one named by hand."""

    name: str
    place: str
    """Where its class is, as `module:Class`."""
    distribution: str | None = None
    version: str | None = None
    plugin: Plugin | None = None
    problem: str | None = None


def discover(*, extra: Sequence[str] = ()) -> tuple[Found, ...]:
    """Every distribution's plugins, and those named as `module:Class` in `extra`; each class once."""
    return tuple(_once(found for found in (*_installed(), *(_loaded(_by_hand(place)) for place in extra))))


def place_of(plugin: Plugin) -> str:
    """Where a plugin's class is, as `module:Class`."""
    return f"{type(plugin).__module__}:{type(plugin).__qualname__}"


def _installed() -> Iterator[Found]:
    for name, offering in sorted(_by_name(distributions()).items()):
        versions = sorted({one.version for one in offering})
        points = {point.name: point for one in offering for point in one.entry_points.select(group=GROUP)}
        if len(versions) > 1:
            words = f"{name} is installed in versions {' and '.join(versions)}: uninstall all but one."
            yield from (Found(point.name, point.value, name, None, problem=words) for point in points.values())
        else:
            yield from (_loaded(point, distribution=name, version=versions[0]) for point in points.values())


def _by_name(every: Iterable[Distribution]) -> Mapping[str, list[Distribution]]:
    offering: dict[str, list[Distribution]] = defaultdict(list)
    for one in every:
        if one.entry_points.select(group=GROUP):
            offering[re.sub(r"[-_.]+", "-", one.name).lower()].append(one)
    return offering


def _by_hand(place: str) -> EntryPoint:
    return EntryPoint(place, place, GROUP)


def _loaded(point: EntryPoint, *, distribution: str | None = None, version: str | None = None) -> Found:
    plugin, problem = None, None
    try:
        plugin = _made(point.value)
        problem = _lie(plugin.manifest, name=point.name, version=version) if distribution else None
    except (Exception, SystemExit) as error:  # a module may do anything while it is imported
        problem = f"{type(error).__name__}: {error}"
    return Found(point.name, point.value, distribution, version, None if problem else plugin, problem)


def _made(place: str) -> Plugin:
    module, _, name = place.partition(":")
    kind = getattr(import_module(module), name)
    if not (isinstance(kind, type) and issubclass(kind, Plugin)):
        raise TypeError(f"{place} is not a subclass of beltstack.plugins.Plugin")
    if not isinstance(getattr(kind, "manifest", None), Manifest):
        raise TypeError(f"{place} has no manifest: give the class one, `manifest = Manifest(...)`")
    return kind()


def _lie(manifest: Manifest, *, name: str, version: str | None) -> str | None:
    """What its distribution says otherwise: an id would be taken from another, a version mislead whoever reads it."""
    if manifest.id != name:
        return f"Its entry point is '{name}' and its manifest's id '{manifest.id}': write the same."
    if manifest.version != version:
        return (
            f"Its manifest says version {manifest.version}, its distribution {version}: write the same, install anew."
        )
    return None


def _once(every: Iterable[Found]) -> Iterator[Found]:
    seen = set()
    for found in every:
        if found.place not in seen:
            seen.add(found.place)
            yield found
