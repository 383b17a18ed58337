"""Plugins' jobs: which are due, who runs one, and when it comes round again. All by the database's clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from beltstack.domain.ids import IntegrationId, TenantId
from beltstack.store.database import Database, DatabaseRole
from beltstack.store.lanes import LaneKey, Problem

MOST_JOBS = 100


@dataclass(frozen=True, slots=True)
class JobKey:
    """One job of one integration."""

    lane: LaneKey
    name: str


@dataclass(frozen=True, slots=True)
class HeldJob:
    """A job that is this worker's until its lease ends; `failures` is how many in a row there were before."""

    key: JobKey
    epoch: int
    failures: int


async def due_jobs(database: Database, wanted: Sequence[tuple[str, str]]) -> tuple[JobKey, ...]:
    """Across tenants, those of the `wanted` (plugin, job) that are due, or not known yet, where it is enabled."""
    values = {"plugins": [plugin for plugin, _ in wanted], "names": [name for _, name in wanted], "most": MOST_JOBS}
    async with database.transaction(None, role=DatabaseRole.ENGINE) as connection:
        rows = (await connection.execute(_DUE, values)).all()
    return tuple(
        JobKey(LaneKey(TenantId(row.tenant_id), IntegrationId(row.integration_id), row.plugin_id), row.name)
        for row in rows
    )


async def take(database: Database, key: JobKey, *, first_in_seconds: float, lease_seconds: float) -> HeldJob | None:
    """Lease a job that is due; None where it is another worker's, or new: then it is due in `first_in_seconds`."""
    values = _values(key) | {"first": first_in_seconds, "lease": lease_seconds}
    async with database.transaction(key.lane.tenant_id) as connection:
        await connection.execute(_KNOW, values)
        row = (await connection.execute(_TAKE, values)).first()
    return None if row is None else HeldJob(key, row.epoch, row.failures)


async def settle(
    database: Database, held: HeldJob, *, next_in_seconds: float, error: str | None, problem: Problem | None = None
) -> bool:
    """Note how it went and when it is due again; False where the lease has gone to somebody else meanwhile."""
    values = _values(held.key) | {"epoch": held.epoch, "next": next_in_seconds, "error": error}
    async with database.transaction(held.key.lane.tenant_id) as connection:
        is_mine = (await connection.execute(_SETTLE, values)).first() is not None
        if problem is not None and is_mine:
            stop = {"status": problem.status, "problem": problem.message, "code": problem.code}
            await connection.execute(_STOP, values | stop)
    return is_mine


def _values(key: JobKey) -> dict[str, Any]:
    return {"tenant": key.lane.tenant_id, "integration": key.lane.integration_id, "name": key.name}


_DUE = text(
    """
    select i.tenant_id, i.id as integration_id, i.plugin_id, wanted.name
    from unnest(cast(:plugins as text[]), cast(:names as text[])) as wanted (plugin_id, name)
    join integration i on i.plugin_id = wanted.plugin_id and i.status = 'ENABLED'
    left join plugin_job j on j.tenant_id = i.tenant_id and j.integration_id = i.id and j.name = wanted.name
    where j.name is null or (j.next_at <= clock_timestamp() and j.leased_until <= clock_timestamp())
    order by j.next_at nulls first
    limit :most
    """
)
_KNOW = text(
    """
    insert into plugin_job (tenant_id, integration_id, name, next_at)
    values (:tenant, :integration, :name, clock_timestamp() + :first * interval '1 second')
    on conflict do nothing
    """
)
# Whoever held it and let the lease end is fenced out by the epoch.
_TAKE = text(
    """
    update plugin_job
    set epoch = epoch + 1, started_at = clock_timestamp(),
        leased_until = clock_timestamp() + :lease * interval '1 second'
    where tenant_id = :tenant and integration_id = :integration and name = :name
      and next_at <= clock_timestamp() and leased_until <= clock_timestamp()
    returning epoch, failures
    """
)
_SETTLE = text(
    """
    update plugin_job
    set leased_until = 'epoch', ended_at = clock_timestamp(), next_at = clock_timestamp() + :next * interval '1 second',
        error = :error, failures = case when cast(:error as text) is null then 0 else failures + 1 end
    where tenant_id = :tenant and integration_id = :integration and name = :name and epoch = :epoch
    returning 1
    """
)
_STOP = text(
    """
    update integration
    set status = :status, problem = :problem, problem_code = :code, problem_at = clock_timestamp(),
        version = version + 1, updated_at = clock_timestamp()
    where tenant_id = :tenant and id = :integration and status = 'ENABLED'
    """
)
