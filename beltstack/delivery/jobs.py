"""Plugins' jobs, run by the clock: each by one worker at a time, contained like a reaction."""

import asyncio
import logging

from beltstack.delivery.connecting import a_connection
from beltstack.delivery.outcomes import CUT_SHORT, Outcome, outcome_of
from beltstack.delivery.patience import in_time
from beltstack.delivery.policy import BackOff
from beltstack.delivery.shop import Shop
from beltstack.domain.deliveries import ErrorClass, IntegrationStatus
from beltstack.plugins.hookspecs import Plugin
from beltstack.plugins.setup import Job
from beltstack.store.database import DatabaseUnavailable
from beltstack.store.jobs import HeldJob, JobKey, due_jobs, settle, take
from beltstack.store.lanes import Problem

JOBS_AT_ONCE = 5

LEASE_MARGIN_SECONDS = 30.0
"""Beyond the job's own time: to stop it and to note how it went."""
LONGEST_SPREAD_SECONDS = 60.0
AGAIN = BackOff(30.0, longest_seconds=3600.0)

log = logging.getLogger(__name__)


class Jobs:
    """The jobs of one worker's plugins."""

    def __init__(self, shop: Shop, *, look_seconds: float) -> None:
        self._shop = shop
        self._look_seconds = look_seconds
        self._wanted = [(plugin.manifest.id, job.name) for plugin, job in self._all()]
        self._jobs = {(plugin.manifest.id, job.name): (plugin, job) for plugin, job in self._all()}
        self._running: dict[JobKey, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until cancelled; then those under way are stopped, and are due again."""
        if not self._wanted:
            await asyncio.Event().wait()
        try:
            while True:
                is_full = await self._look()
                await self._pause(until_one_ends=is_full)
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _look(self) -> bool:
        """Start what is due; whether more is due than may run at once."""
        for key in await due_jobs(self._shop.database, self._wanted):
            if key in self._running:
                continue
            if len(self._running) >= JOBS_AT_ONCE:
                return True
            task = asyncio.create_task(self._carry_out(key))
            self._running[key] = task
            task.add_done_callback(lambda _, key=key: self._running.pop(key))  # type: ignore[misc]
        return False

    async def _pause(self, *, until_one_ends: bool) -> None:
        """Many jobs that are due together are not to wait for a look each."""
        if until_one_ends and self._running:
            running = set(self._running.values())
            await asyncio.wait(running, timeout=self._look_seconds, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(self._look_seconds)

    async def _carry_out(self, key: JobKey) -> None:
        plugin, job = self._jobs[key.lane.plugin_id, key.name]
        # The first run of many integrations that were enabled together is spread over the job's own time.
        first_in_seconds = self._shop.chance() * min(job.every_seconds, LONGEST_SPREAD_SECONDS)
        lease_seconds = job.timeout_seconds + LEASE_MARGIN_SECONDS
        database = self._shop.database
        try:
            held = await take(database, key, first_in_seconds=first_in_seconds, lease_seconds=lease_seconds)
            if held is not None:
                await self._note(held, job, await self._in_full(plugin, job, held))
        except DatabaseUnavailable as error:
            # The lease ends by itself, and then the job is due again.
            log.warning("job %s was left: %s", key.name, error)

    async def _in_full(self, plugin: Plugin, job: Job, held: HeldJob) -> Outcome:
        try:
            return await self._outcome(plugin, job, held)
        except asyncio.CancelledError:
            # The worker stops: another one need not wait for the lease to end.
            await settle(self._shop.database, held, next_in_seconds=0.0, error=CUT_SHORT.message)
            raise

    async def _outcome(self, plugin: Plugin, job: Job, held: HeldJob) -> Outcome:
        lane = held.key.lane
        try:
            async with a_connection(
                self._shop, plugin, lane.tenant_id, lane.integration_id, seconds=job.timeout_seconds
            ) as connection:
                try:
                    await in_time(
                        lambda: plugin.run_job(job.name, connection),
                        seconds=job.timeout_seconds,
                        abandoned=self._shop.abandoned,
                    )
                except Exception as error:
                    outcome = outcome_of(error, plugin=plugin.manifest.name)
                    said = outcome.message and connection.discretion.about(outcome.message)
                    return Outcome(outcome.error_class, said, outcome.code, outcome.seconds)
        except DatabaseUnavailable:
            raise
        except Exception as error:
            return outcome_of(error, plugin=plugin.manifest.name)
        return Outcome()

    async def _note(self, held: HeldJob, job: Job, outcome: Outcome) -> None:
        """A job that fails comes round later each time, but never sooner than it would have."""
        wait = float(job.every_seconds)
        if outcome.error_class is not None:
            wait = max(wait, outcome.seconds or 0.0, AGAIN.after(held.failures))
        problem = None
        if outcome.error_class is ErrorClass.RECONNECT:
            message = outcome.message or "Connect the integration again."
            problem = Problem(IntegrationStatus.NEEDS_REAUTH, message, outcome.code)
        error = None if outcome.error_class is None else outcome.message or outcome.error_class.value
        await settle(self._shop.database, held, next_in_seconds=wait, error=error, problem=problem)

    def _all(self) -> list[tuple[Plugin, Job]]:
        return [(plugin, job) for plugin in self._shop.host.plugins.values() for job in plugin.manifest.jobs]
