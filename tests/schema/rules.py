"""Small plugins with one veto or one ear each, for tests of what the host makes of them."""

from collections.abc import Callable
from typing import Any

from beltstack.plugins import (
    Change,
    Context,
    FailMode,
    Manifest,
    Plugin,
    Review,
    Vetoes,
    WorkOrder,
    WorkOrderCompleted,
    hookimpl,
)


def a_manifest(plugin_id: str, **changes: Any) -> Manifest:
    given: dict[str, Any] = {"id": plugin_id, "name": plugin_id.title(), "version": "1", "description": "A rule."}
    return Manifest(**given | changes)


def a_rule(
    plugin_id: str,
    veto: Callable[[Change[WorkOrder], Review], Any],
    *,
    fail_mode: FailMode = FailMode.CLOSED,
    **manifest: Any,
) -> Plugin:
    """A plugin whose veto is the function given."""

    class Rule(Plugin):
        @hookimpl
        def before_work_order_complete(self, change: Change[WorkOrder], context: Review) -> Vetoes:
            said: Vetoes = veto(change, context)
            return said

    Rule.manifest = a_manifest(plugin_id, fail_mode=fail_mode, **manifest)
    return Rule()


class Listener(Plugin):
    """Hears of completed work and of nothing else; in these tests no worker ever tells it."""

    manifest = a_manifest("listener")

    @hookimpl
    async def work_order_completed(self, event: WorkOrderCompleted, context: Context) -> None:
        """Nothing to do."""
