"""How a plugin presents itself: its manifest, its settings and what of them is secret."""

import re
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from typing import Any

API_VERSION = "1.0"
LONGEST_TIMEOUT_SECONDS = 300


class FailMode(StrEnum):
    """What a crashed or late veto means: OPEN lets the command pass, CLOSED refuses it."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"


class DeadLetters(StrEnum):
    """Whether a dead letter holds back what follows in its stream."""

    BLOCK = "BLOCK"
    CONTINUE = "CONTINUE"


class Outbound(StrEnum):
    """Where `http` reaches: ANYWHERE, or PUBLIC (the public internet, by https) where tenants give the URL."""

    ANYWHERE = "ANYWHERE"
    PUBLIC = "PUBLIC"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may do: `calls` in any window of `window_seconds`, `at_once` deliveries side by side.

    `calls_a_day` counts any 24 hours; None is no such limit. `patience_seconds` is how long a delivery that fails is
    tried again, pauses included; None is the 48 hours of the engine.
    """

    calls: int = 600
    window_seconds: int = 60
    at_once: int = 4
    timeout_seconds: int = 30
    calls_a_day: int | None = None
    patience_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """Work that comes round by itself: `run_job` is called with its name, `every_seconds` after it ended last."""

    name: str
    every_seconds: int
    timeout_seconds: int = 300


@dataclass(frozen=True, slots=True)
class NoSettings:
    """For plugins that need none."""


@dataclass(frozen=True, slots=True)
class NoCredentials:
    """For plugins that need none."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`api` is the span of plugin API versions it works with, like `>=1.0,<2`.

    `settings` and `credentials` are frozen dataclasses; credentials, and settings made with `secret()`,
    are write-only and sealed at rest.
    """

    id: str
    name: str
    version: str
    description: str
    api: str = ">=1.0,<2"
    settings: type[Any] = NoSettings
    credentials: type[Any] = NoCredentials
    limits: Limits = field(default_factory=Limits)
    fail_mode: FailMode = FailMode.OPEN
    dead_letters: DeadLetters = DeadLetters.BLOCK
    outbound: Outbound = Outbound.ANYWHERE
    jobs: tuple[Job, ...] = ()
    """What the plugin does by the clock, for each integration that is enabled."""
    is_ledger: bool = False
    """A tenant has at most one ledger of record enabled."""
    is_offered: bool = True
    """False while it can be installed and looked at but not enabled."""


def secret(**kwargs: Any) -> Any:
    """A field of a settings dataclass that nobody may read back."""
    return field(metadata={"secret": True}, **kwargs)


def secret_fields(kind: type[Any]) -> frozenset[str]:
    return frozenset(item.name for item in fields(kind) if item.metadata.get("secret"))


def required_fields(kind: type[Any]) -> frozenset[str]:
    return frozenset(item.name for item in fields(kind) if item.default is MISSING and item.default_factory is MISSING)


def manifest_problems(manifest: Manifest) -> list[str]:
    """What is wrong with a manifest, as sentences; empty when it may be loaded."""
    problems = []
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,39}", manifest.id):
        problems.append(f"Its id '{manifest.id}' is not 2 to 40 lower-case letters, digits and underscores.")
    if not manifest.name.strip() or not manifest.description.strip():
        problems.append("It needs a name and a description.")
    if not re.fullmatch(r"\d+(\.\d+)*([-+.]?\w+)*", manifest.version):
        problems.append(f"Its version '{manifest.version}' is none: write one like 0.1.0.")
    problems.extend(_limits_problems(manifest.limits))
    problems.extend(
        f"Its job '{job.name}' needs a name of lower-case letters, and times of a second or more."
        for job in manifest.jobs
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", job.name) or job.every_seconds < 1 or job.timeout_seconds < 1
    )
    if len({job.name for job in manifest.jobs}) < len(manifest.jobs):
        problems.append("Two of its jobs have one name.")
    if not _admits(manifest.api, API_VERSION):
        problems.append(f"It asks for plugin API {manifest.api}; this is {API_VERSION}.")
    return problems


def _limits_problems(limits: Limits) -> Iterator[str]:
    if not (1 <= limits.at_once <= limits.calls and limits.window_seconds >= 1):
        yield "Its limits let no call through: `calls` and `window_seconds` are 1 or more, `at_once` 1 to `calls`."
    if limits.calls_a_day is not None and limits.calls_a_day < 1:
        yield "Its limits let no call through: `calls_a_day` is 1 or more, or None for no such limit."
    if not 1 <= limits.timeout_seconds <= LONGEST_TIMEOUT_SECONDS:
        yield f"Its timeout is {limits.timeout_seconds} s: give a reaction 1 to {LONGEST_TIMEOUT_SECONDS}."


def _admits(span: str, version: str) -> bool:
    wanted = tuple(int(part) for part in version.split("."))
    rules = [re.fullmatch(r"(>=|<=|==|<|>)(\d+(?:\.\d+)*)", part.strip()) for part in span.split(",")]
    return all(rule is not None and _holds(rule[1], wanted, rule[2]) for rule in rules)


def _holds(operator: str, version: tuple[int, ...], text: str) -> bool:
    bound = tuple(int(part) for part in text.split("."))
    width = max(len(bound), len(version))
    left = version + (0,) * (width - len(version))
    right = bound + (0,) * (width - len(bound))
    return {">=": left >= right, "<=": left <= right, "==": left == right, "<": left < right, ">": left > right}[
        operator
    ]
