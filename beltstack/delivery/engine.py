"""procrastinate on a schema of its own: it hands a queued lane to one worker. Disposable: the ledger is the truth."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from uuid import UUID

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.schema import SchemaManager
from procrastinate.worker import Worker
from psycopg import sql
from sqlalchemy import URL

from beltstack.domain.ids import IntegrationId, TenantId
from beltstack.store.database import CONNECT_SECONDS, DatabaseRole, libpq_url, options
from beltstack.store.lanes import LaneKey

# Old workers drain on their own schema while new ones start on theirs.
ENGINE_SCHEMA = "engine_procrastinate_" + "_".join(version("procrastinate").split(".")[:2])
POOL_SIZE = 5
NEVER_SECONDS = 86_400.0
GONE_SECONDS = 60.0
FETCHES_LATE = 5
_SCHEMA_LOCK = 7_261_002

log = logging.getLogger(__name__)


class WorkerOutcast(Exception):
    """The engine does not know this worker any more; it has to sign on again."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How soon a worker notices. A worker without a sign of life for `stalled_seconds` loses its lanes."""

    pulse_seconds: float = 0.5
    stalled_seconds: float = 2.0
    poll_seconds: float = 1.0
    grace_seconds: float = 10.0
    """What lanes are given to hand back when the worker stops."""


@dataclass(frozen=True, slots=True)
class Busy:
    """What all workers have in hand; `places` is how many lanes they can work at once."""

    lanes: tuple[LaneKey, ...]
    places: int


class Engine:
    """One worker's sitting at the engine: from signing on until it is stopped or something breaks."""

    def __init__(
        self,
        url: URL,
        *,
        plugins: Collection[str],
        lanes_at_once: int,
        pace: Pace,
        run: Callable[[LaneKey], Awaitable[None]],
    ) -> None:
        self._url = url
        self._pace = pace
        self._lanes_at_once = lanes_at_once
        self._connector = PsycopgConnector(
            conninfo=libpq_url(url),
            kwargs={"options": options(DatabaseRole.ENGINE, search_path=ENGINE_SCHEMA), "connect_timeout": 5},
            min_size=1,
            max_size=POOL_SIZE,
            timeout=CONNECT_SECONDS,
        )
        app = App(connector=self._connector)

        @app.task(name="lane")
        async def lane(tenant: str, integration: str, plugin: str) -> None:
            await run(LaneKey(TenantId(UUID(tenant)), IntegrationId(UUID(integration)), plugin))

        self._app = app
        self._worker = Worker(
            app,
            queues=sorted(plugins),
            name="beltstack",
            concurrency=lanes_at_once,
            # It is notified of each job; this is for a notification that was lost.
            fetch_job_polling_interval=FETCHES_LATE * pace.poll_seconds,
            abort_job_polling_interval=NEVER_SECONDS,
            shutdown_graceful_timeout=pace.grace_seconds,
            delete_jobs="always",
            install_signal_handlers=False,
            # Its own heartbeat may end unnoticed when there are no periodic tasks; `pulse` is ours.
            update_heartbeat_interval=NEVER_SECONDS,
            stalled_worker_timeout=GONE_SECONDS,
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """With the engine's schema there, and connections to it."""
        await _ensure_schema(self._url)
        async with self._app.open_async():
            yield

    async def work(self) -> None:
        """Run lanes until cancelled, which waits for those under way; ends by itself only if something breaks."""
        await self._worker.run()  # type: ignore[no-untyped-call]  # procrastinate leaves it out
        raise WorkerOutcast("The engine's worker ended.")

    async def pulse(self) -> None:
        """Give a sign of life, and take lanes from workers that give none."""
        if self._worker.worker_id is None:
            return
        row = await self._connector.execute_query_one_async(
            _PULSE,
            worker_id=self._worker.worker_id,
            stalled_seconds=self._pace.stalled_seconds,
            gone_seconds=GONE_SECONDS,
        )
        if not row["is_known"]:
            raise WorkerOutcast("The engine has forgotten this worker.")

    async def busy(self) -> Busy:
        """The lanes that are queued or being worked, by any worker."""
        rows = await self._connector.execute_query_all_async(_BUSY)
        lanes = [
            LaneKey(TenantId(UUID(row["tenant"])), IntegrationId(UUID(row["lock"])), row["queue_name"]) for row in rows
        ]
        return Busy(tuple(lanes), places=self._lanes_at_once * max([1, *(row["workers"] for row in rows)]))

    async def queue(self, keys: Collection[LaneKey]) -> None:
        """At most one job waits per lane; a lane that waits already stays as it is."""
        await self._connector.execute_query_async(
            _QUEUE,
            tenants=[str(key.tenant_id) for key in keys],
            integrations=[str(key.integration_id) for key in keys],
            plugins=[key.plugin_id for key in keys],
        )


async def _ensure_schema(url: URL) -> None:
    """Make the engine's schema as its role, if it is missing; of several workers one does."""
    async with await psycopg.AsyncConnection.connect(
        libpq_url(url),
        autocommit=True,
        connect_timeout=CONNECT_SECONDS,
        options=options(DatabaseRole.ENGINE, search_path=ENGINE_SCHEMA),
    ) as connection:
        if await _is_there(connection):
            return
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
            if not await _is_there(connection):
                log.info("making the delivery engine's schema %s", ENGINE_SCHEMA)
                await connection.execute(
                    sql.SQL("create schema if not exists {}").format(sql.Identifier(ENGINE_SCHEMA))
                )
                await connection.execute(SchemaManager.get_schema())


async def _is_there(connection: psycopg.AsyncConnection) -> bool:
    found = await connection.execute("select to_regclass(%s)", (f"{ENGINE_SCHEMA}.procrastinate_jobs",))
    row = await found.fetchone()
    return row is not None and row[0] is not None


# A stalled worker's jobs are deleted, not retried: should it wake, it cannot end a job that is another's by then.
_PULSE = """
    with alive as (
        update procrastinate_workers set last_heartbeat = clock_timestamp() where id = %(worker_id)s returning 1),
    stalled as (
        select id from procrastinate_workers
        where last_heartbeat < now() - %(stalled_seconds)s * interval '1 second' and id <> %(worker_id)s),
    taken as (
        delete from procrastinate_jobs
        where status = 'doing' and (worker_id is null or worker_id in (select id from stalled))),
    gone as (
        delete from procrastinate_workers
        where last_heartbeat < now() - %(gone_seconds)s * interval '1 second' and id <> %(worker_id)s)
    select exists (select from alive) as is_known
"""
_BUSY = """
    select lock, queue_name, args ->> 'tenant' as tenant, (select count(*) from procrastinate_workers) as workers
    from procrastinate_jobs where status in ('todo', 'doing') and lock is not null
"""
_QUEUE = """
    insert into procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)
    select plugin, 'lane', integration, integration,
           jsonb_build_object('tenant', tenant, 'integration', integration, 'plugin', plugin)
    from unnest(%(tenants)s::text[], %(integrations)s::text[], %(plugins)s::text[]) as k (tenant, integration, plugin)
    on conflict do nothing
"""
