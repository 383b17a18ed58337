"""Which lanes may be queued beside those at work, so that no plugin and no tenant takes every place."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from beltstack.domain.ids import TenantId
from beltstack.store.lanes import LaneKey


class Shares:
    """What is taken of a fleet's places. A plugin gets half of them, a tenant a quarter, and each at least one."""

    def __init__(self, busy: Iterable[LaneKey], *, places: int) -> None:
        self._of_plugin, self._of_tenant = max(1, places // 2), max(1, places // 4)
        self._plugins: Counter[str] = Counter()
        self._tenants: Counter[TenantId] = Counter()
        for key in busy:
            self._note(key)

    @property
    def full_plugins(self) -> Collection[str]:
        """A vendor who hangs holds every lane of theirs for as long as a reaction may take."""
        return {plugin for plugin, taken in self._plugins.items() if taken >= self._of_plugin}

    @property
    def full_tenants(self) -> Collection[TenantId]:
        return {tenant for tenant, taken in self._tenants.items() if taken >= self._of_tenant}

    def among(self, due: Iterable[LaneKey]) -> Iterator[LaneKey]:
        """Those that there is room for; they are counted at once."""
        for key in due:
            if key.plugin_id not in self.full_plugins and key.tenant_id not in self.full_tenants:
                self._note(key)
                yield key

    def _note(self, key: LaneKey) -> None:
        self._plugins[key.plugin_id] += 1
        self._tenants[key.tenant_id] += 1
