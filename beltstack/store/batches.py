"""Reads in one round trip: BEGIN, the tenant, the statement and COMMIT go out together through libpq's pipeline."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

import psycopg
from psycopg import pq
from sqlalchemy import URL

from beltstack.domain.ids import TenantId
from beltstack.store.roles import CONNECT_SECONDS, DatabaseRole, DatabaseUnavailable, libpq_url, options

ANSWER_SECONDS = 10
CANCEL_SECONDS = 1
STATEMENTS_MOST = 400
# Every question is asked with its index in mind: planning it anew for each value takes longer than answering it, and
# so does starting parallel workers, who would take the cores from other requests besides.
_FOR_READS = "-c plan_cache_mode=force_generic_plan -c max_parallel_workers_per_gather=0"
_BEGIN = b"begin read only"
_SET_TENANT = b"select set_config('app.tenant', $1, true)"
_COMMIT = b"commit"
_UNKNOWN_STATEMENT = "26000"


class StatementFailed(Exception):
    """PostgreSQL refused a statement; `sqlstate` says why."""

    def __init__(self, sqlstate: str | None, message: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class PremiseFailed(Exception):
    """What a read relied on does not hold any more; its answer was thrown away."""


@dataclass(frozen=True, slots=True)
class Premise:
    """A question that a read asks in passing, and the answer without which the read's own counts for nothing."""

    statement: str
    values: tuple[Any, ...]
    answer: bytes


class BatchPool:
    """A few connections of the app role, the one used last first, so that the warm ones stay warm."""

    def __init__(self, url: URL, *, size: int = 8) -> None:
        self._url = libpq_url(url)
        self._idle: list[_Line] = []
        self._free = asyncio.Semaphore(size)
        self._is_closed = False

    async def fetch(
        self, statement: str, values: Sequence[Any], *, tenant_id: TenantId | None, premise: Premise | None = None
    ) -> bytes | None:
        """The one value that a read answers, in a transaction with the tenant set; without one it sees no rows.

        Raises DatabaseUnavailable, PremiseFailed, StatementFailed; ValueError for a text that PostgreSQL cannot hold.
        """
        batch = _Batch(_step(statement, values), str(tenant_id or "").encode(), premise)
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._free:
                return await self._read(batch)
        except (psycopg.OperationalError, OSError, TimeoutError) as error:
            raise DatabaseUnavailable("PostgreSQL does not answer; try again in a moment.") from error

    async def close(self) -> None:
        """Close the idle connections, and those in use when they come back."""
        self._is_closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _read(self, batch: "_Batch") -> bytes | None:
        if self._idle:
            # It may have died while nobody used it, and nobody is to notice: a read can be done twice.
            with suppress(psycopg.OperationalError):
                return await self._read_on(self._idle.pop(), batch)
        return await self._read_on(await _Line.open(self._url), batch)

    async def _read_on(self, line: "_Line", batch: "_Batch") -> bytes | None:
        try:
            found = await line.read(batch)
        except (StatementFailed, PremiseFailed):
            await self._put_back(line)
            raise
        except BaseException:
            # In the middle of a batch: nobody knows what would come next on it.
            await line.cut_off()
            raise
        await self._put_back(line)
        return found

    async def _put_back(self, line: "_Line") -> None:
        if self._is_closed:
            await line.close()
        else:
            self._idle.append(line)


_Step = tuple[bytes, Sequence[bytes | None]]


@dataclass(frozen=True, slots=True)
class _Batch:
    """One read as it goes over the wire."""

    read: _Step
    tenant: bytes
    premise: Premise | None

    def steps(self) -> list[_Step]:
        premise = [_step(self.premise.statement, self.premise.values)] if self.premise else []
        return [(_BEGIN, ()), *premise, (_SET_TENANT, (self.tenant,)), self.read, (_COMMIT, ())]

    def answer(self, found: Sequence[bytes | None]) -> bytes | None:
        """Of what each step with rows answered. Raises PremiseFailed."""
        if self.premise is not None and found[0] != self.premise.answer:
            raise PremiseFailed
        return found[-1]


def _step(statement: str, values: Sequence[Any]) -> _Step:
    return statement.encode(), [wire(value) for value in values]


class _Line:
    """One connection and the statements prepared on it."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._prepared: dict[bytes, bytes] = {}

    @classmethod
    async def open(cls, url: str) -> "_Line":
        connection = await psycopg.AsyncConnection.connect(
            url, autocommit=True, options=f"{options(DatabaseRole.APP)} {_FOR_READS}", connect_timeout=CONNECT_SECONDS
        )
        connection.pgconn.nonblocking = 1
        return cls(connection)

    async def close(self) -> None:
        await self._connection.close()

    async def cut_off(self) -> None:
        """Stop what runs on it, too: PostgreSQL would not notice that nobody listens until it has the answer."""
        try:
            with suppress(psycopg.Error):
                await self._connection.cancel_safe(timeout=CANCEL_SECONDS)
        finally:
            await self.close()

    async def read(self, batch: _Batch) -> bytes | None:
        try:
            return await self._sent(batch)
        except StatementFailed as error:
            if error.sqlstate != _UNKNOWN_STATEMENT:
                raise
            return await self._sent(batch)

    async def _sent(self, batch: _Batch) -> bytes | None:
        if len(self._prepared) > STATEMENTS_MOST:
            await self._forget(b"deallocate all")
        self._pgconn.enter_pipeline_mode()
        for text, arguments in batch.steps():
            self._send(text, arguments)
        self._pgconn.pipeline_sync()
        found, failure = await self._answer()
        self._pgconn.exit_pipeline_mode()
        if failure is not None:
            # A failed batch leaves its transaction open; what failed to prepare is not prepared.
            await self._forget(b"rollback", b"deallocate all")
            raise failure
        return batch.answer(found)

    def _send(self, text: bytes, values: Sequence[bytes | None]) -> None:
        name = self._prepared.get(text)
        if name is None:
            name = self._prepared[text] = f"b{len(self._prepared)}".encode()
            self._pgconn.send_prepare(name, text)
        self._pgconn.send_query_prepared(name, values)

    async def _answer(self) -> tuple[list[bytes | None], StatementFailed | None]:
        """Read up to the sync: the one value of each statement that has rows, in their order."""
        found: list[bytes | None] = []
        failure: StatementFailed | None = None
        while True:
            result = await self._next()
            if result is None:
                continue
            if result.status == pq.ExecStatus.PIPELINE_SYNC:
                return found, failure
            if result.status == pq.ExecStatus.TUPLES_OK:
                found.append(result.get_value(0, 0) if result.ntuples else None)
            elif result.status == pq.ExecStatus.FATAL_ERROR:
                failure = failure or _failed(result)

    async def _forget(self, *commands: bytes) -> None:
        """Commands outside of a batch, after which nothing is prepared."""
        self._prepared.clear()
        for command in commands:
            self._pgconn.send_query(command)
            while await self._next() is not None:
                pass

    async def _next(self) -> pq.abc.PGresult | None:
        """The next result, once it has come whole. Raises OperationalError where none can come any more."""
        pgconn = self._pgconn
        while pgconn.flush():
            await _until(pgconn.socket, writable=True)
            # What comes meanwhile has to be taken: PostgreSQL may wait for that before it reads on.
            pgconn.consume_input()
        while pgconn.is_busy():
            await _until(pgconn.socket)
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None and pgconn.status == pq.ConnStatus.BAD:
            raise psycopg.OperationalError("the connection is lost")
        return result


async def _until(socket: int, *, writable: bool = False) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(socket, wake)
    if writable:
        loop.add_writer(socket, wake)
    try:
        await ready
    finally:
        loop.remove_reader(socket)
        if writable:
            loop.remove_writer(socket)


def _failed(result: pq.abc.PGresult) -> StatementFailed:
    sqlstate = result.error_field(pq.DiagnosticField.SQLSTATE)
    message = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b""
    return StatementFailed(sqlstate.decode() if sqlstate else None, message.decode(errors="replace"))


def wire(value: Any) -> bytes | None:
    """A value as PostgreSQL's text format has it. Raises ValueError for a text with NUL or half a character."""
    if value is None:
        return None
    text = _text(value).encode()
    if b"\0" in text:
        # libpq would end the value there.
        raise ValueError("PostgreSQL's text holds no NUL")
    return text


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, (list, tuple)):
        return "{" + ",".join(map(_element, value)) + "}"
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return str(value.value if isinstance(value, Enum) else value)


def _element(value: Any) -> str:
    if value is None:
        return "null"
    return '"' + _text(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
