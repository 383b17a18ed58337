"""Reads in one round trip: BEGIN, the tenant, the statement and COMMIT go out together through libpq's pipeline."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from enum import Enum
from typing import Any

import psycopg
from psycopg import pq
from sqlalchemy import URL

from beltstack.domain.ids import TenantId
from beltstack.store.roles import CONNECT_SECONDS, DatabaseRole, DatabaseUnavailable, libpq_url, options

ANSWER_SECONDS = 10
STATEMENTS_MOST = 400
_BEGIN = b"begin read only"
_SET_TENANT = b"select set_config('app.tenant', $1, true)"
_COMMIT = b"commit"
_UNKNOWN_STATEMENT = "26000"


class StatementFailed(Exception):
    """PostgreSQL refused a statement; `sqlstate` says why."""

    def __init__(self, sqlstate: str | None, message: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class BatchPool:
    """A few connections of the app role, the one used last first, so that the warm ones stay warm."""

    def __init__(self, url: URL, *, size: int = 8) -> None:
        self._url = libpq_url(url)
        self._idle: list[_Line] = []
        self._free = asyncio.Semaphore(size)

    async def fetch(self, statement: str, values: Sequence[Any], *, tenant_id: TenantId) -> bytes | None:
        """The one value that a read answers, in a transaction with the tenant set.

        Raises DatabaseUnavailable, and StatementFailed.
        """
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._line() as line:
                return await line.read(statement.encode(), [_wire(value) for value in values], str(tenant_id).encode())
        except (psycopg.OperationalError, OSError, TimeoutError) as error:
            raise DatabaseUnavailable("PostgreSQL does not answer; try again in a moment.") from error

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().close()

    @asynccontextmanager
    async def _line(self) -> AsyncIterator["_Line"]:
        async with self._free:
            line = self._idle.pop() if self._idle else await _Line.open(self._url)
            try:
                yield line
            except StatementFailed:
                self._idle.append(line)
                raise
            except BaseException:
                # Cut off in the middle of a batch: nobody knows what would come next on it.
                await line.close()
                raise
            self._idle.append(line)


class _Line:
    """One connection and the statements prepared on it."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._prepared: dict[bytes, bytes] = {}

    @classmethod
    async def open(cls, url: str) -> "_Line":
        connection = await psycopg.AsyncConnection.connect(
            url, autocommit=True, options=options(DatabaseRole.APP), connect_timeout=CONNECT_SECONDS
        )
        connection.pgconn.nonblocking = 1
        return cls(connection)

    async def close(self) -> None:
        await self._connection.close()

    async def read(self, statement: bytes, values: list[bytes | None], tenant: bytes) -> bytes | None:
        try:
            return await self._batch(statement, values, tenant)
        except StatementFailed as error:
            if error.sqlstate != _UNKNOWN_STATEMENT:
                raise
            self._prepared.clear()
            return await self._batch(statement, values, tenant)

    async def _batch(self, statement: bytes, values: list[bytes | None], tenant: bytes) -> bytes | None:
        if len(self._prepared) > STATEMENTS_MOST:
            await self._forget()
        pgconn = self._pgconn
        pgconn.enter_pipeline_mode()
        try:
            for text, arguments in ((_BEGIN, []), (_SET_TENANT, [tenant]), (statement, values), (_COMMIT, [])):
                self._send(text, arguments)
            pgconn.pipeline_sync()
            return await self._answer()
        finally:
            pgconn.exit_pipeline_mode()

    def _send(self, text: bytes, values: Sequence[bytes | None]) -> None:
        name = self._prepared.get(text)
        if name is None:
            name = self._prepared[text] = f"b{len(self._prepared)}".encode()
            self._pgconn.send_prepare(name, text)
        self._pgconn.send_query_prepared(name, values)

    async def _answer(self) -> bytes | None:
        """Read up to the sync; the only rows of interest are the statement's, the last that came."""
        found: bytes | None = None
        failure: StatementFailed | None = None
        while True:
            result = await self._next()
            if result is None:
                continue
            if result.status == pq.ExecStatus.PIPELINE_SYNC:
                break
            if result.status == pq.ExecStatus.TUPLES_OK:
                found = result.get_value(0, 0) if result.ntuples else None
            elif result.status == pq.ExecStatus.FATAL_ERROR:
                failure = failure or _failed(result)
        if failure is not None:
            await self._roll_back()
            raise failure
        return found

    async def _roll_back(self) -> None:
        """A failed batch leaves its transaction open; what failed to prepare is not prepared."""
        self._prepared.clear()
        self._pgconn.exit_pipeline_mode()
        for text in (b"rollback", b"deallocate all"):
            self._pgconn.send_query(text)
            while await self._next() is not None:
                pass
        self._pgconn.enter_pipeline_mode()

    async def _forget(self) -> None:
        self._prepared.clear()
        self._pgconn.send_query(b"deallocate all")
        while await self._next() is not None:
            pass

    async def _next(self) -> pq.abc.PGresult | None:
        """The next result, once it has come whole."""
        pgconn = self._pgconn
        while pgconn.flush():
            await _until(pgconn.socket, writable=True)
        while pgconn.is_busy():
            await _until(pgconn.socket)
            pgconn.consume_input()
        return pgconn.get_result()


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


def _wire(value: Any) -> bytes | None:
    """A value as PostgreSQL's text format has it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, (list, tuple)):
        return ("{" + ",".join(_element(one) for one in value) + "}").encode()
    if isinstance(value, (datetime, date)):
        return value.isoformat().encode()
    return str(value.value if isinstance(value, Enum) else value).encode()


def _element(value: Any) -> str:
    if value is None:
        return "null"
    text = (_wire(value) or b"").decode()
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
