"""Plugins that measure: one does nothing, one makes a call, one says when it was reached."""

import time
from dataclasses import dataclass

from beltstack.plugins import (
    Change,
    Connection,
    Context,
    Job,
    Limits,
    Manifest,
    Plugin,
    Review,
    Vetoes,
    WorkOrder,
    WorkOrderCompleted,
    hookimpl,
)
from beltstack.plugins.runtime import PluginHost

# No limit that a benchmark would reach; how many run side by side is the default.
LIMITS = Limits(calls=10_000_000, window_seconds=60)


@dataclass(frozen=True, slots=True)
class Remote:
    """Where the loopback remote listens."""

    url: str


class Nothing(Plugin):
    """Reacts by doing nothing."""

    manifest = Manifest("bench_nothing", "Nothing", "1", "Does nothing.", limits=LIMITS)

    @hookimpl
    async def work_order_completed(self, event: WorkOrderCompleted, context: Context) -> None:
        """Nothing."""


class OneCall(Plugin):
    """Reacts like an accounting plugin would at the least: its turn in the rate limit, then one request."""

    manifest = Manifest("bench_call", "One call", "1", "Makes one call.", limits=LIMITS, settings=Remote)

    @hookimpl
    async def work_order_completed(self, event: WorkOrderCompleted, context: Context) -> None:
        """One POST."""
        await context.before_call()
        response = await context.http.post(context.settings_as(Remote).url, json={"id": str(event.work_order_id)})
        response.raise_for_status()


class Unworked(Plugin):
    """Its deliveries are owed but no worker knows it: the floor takes them by hand."""

    manifest = Manifest("bench_floor", "Unworked", "1", "Has no worker.", limits=LIMITS)

    @hookimpl
    async def work_order_completed(self, event: WorkOrderCompleted, context: Context) -> None:
        """Never called."""
        raise AssertionError("no worker should know this plugin")


class SaysWhen(Plugin):
    """Says on standard output, by the machine's monotonic clock, when its reaction starts."""

    manifest = Manifest("bench_when", "Says when", "1", "Says when.", limits=LIMITS)

    @hookimpl
    async def work_order_completed(self, event: WorkOrderCompleted, context: Context) -> None:
        """The clock first, then the talking."""
        now = time.monotonic_ns()
        print(now, flush=True)


class Hourly(Plugin):
    """Has a job that comes round each hour, and nothing else to do."""

    manifest = Manifest("bench_hourly", "Hourly", "1", "Looks each hour.", limits=LIMITS, jobs=(Job("look", 3600),))

    async def run_job(self, name: str, connection: Connection) -> None:
        """Nothing."""


class HearsEverything(PluginHost):
    """Owes its plugins every event, so that each command owes a delivery, as it will once every event has a hook."""

    def listeners(self, event_type: str) -> tuple[str, ...]:
        """Events have a dot in their names; the vetoes' hooks have none."""
        return tuple(self.plugins) if "." in event_type else super().listeners(event_type)


def silent(number: int) -> Plugin:
    """One of several plugins that do nothing, with an id of its own; it has no veto against completing work."""

    class Silent(Plugin):
        manifest = Manifest(f"bench_silent_{number}", "Silent", "1", "Does nothing.", limits=LIMITS)

        @hookimpl
        async def work_order_completed(self, event: WorkOrderCompleted, context: Context) -> None:
            """Nothing."""

        @hookimpl
        def before_work_order_complete(self, change: Change[WorkOrder], context: Review) -> Vetoes:
            """Nothing against it."""
            return None

    return Silent()


SEVERAL = 5


def several() -> list[Plugin]:
    """As many plugins as a busy tenant has enabled."""
    return [silent(number) for number in range(SEVERAL)]
