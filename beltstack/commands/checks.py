"""Between two transactions of a command: a plugin's own look at its connection."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from beltstack.domain.ids import IntegrationId, TenantId


@dataclass(frozen=True, slots=True)
class ToCheck:
    """A stored integration; what is given of `settings` and `credentials` is checked in place of what is stored.

    `secrets` are the settings that are sealed.
    """

    integration_id: IntegrationId
    plugin_id: str
    settings: Mapping[str, Any] | None = None
    secrets: Mapping[str, Any] | None = None
    credentials: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """No problem means that it passed. `credentials` are those given, renewed if the check renewed them."""

    problem: str | None = None
    code: str | None = None
    """The plugin's own."""
    credentials: Mapping[str, Any] | None = None


PASSED = Checked()


class Checks(Protocol):
    """Whoever can reach what a plugin connects to; `beltstack.delivery.checking` does."""

    async def check(self, tenant_id: TenantId, to_check: ToCheck) -> Checked:
        """Never raises what the plugin raises, and ends within its time."""
