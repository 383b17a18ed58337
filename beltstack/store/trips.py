"""Statements that go to PostgreSQL together: a round trip costs more than most of them take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from psycopg import AsyncConnection as DriverConnection
from psycopg import AsyncCursor, AsyncRawCursor
from psycopg.rows import namedtuple_row
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.ext.asyncio import AsyncConnection

from beltstack.store.batches import wire

Asked = tuple[ClauseElement, Mapping[str, Any]]

_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]


@dataclass(slots=True)
class Trips:
    """One transaction's statements that can wait for others, in the order they were given.

    They pass SQLAlchemy by: it can have only one statement under way. Errors are the driver's own.
    """

    connection: AsyncConnection
    _deferred: list[Asked] = field(default_factory=list)
    _foreseen: list[Asked] = field(default_factory=list)
    _found: list[tuple[Asked, list[Any]]] = field(default_factory=list)

    def defer(self, statement: ClauseElement, values: Mapping[str, Any]) -> None:
        """A write whose outcome nobody waits for; it goes with the next trip, at the latest with `flush`."""
        self._deferred.append((statement, values))

    def foresee(self, statement: ClauseElement, values: Mapping[str, Any]) -> None:
        """A read that `rows` will be asked for; it goes with the next trip."""
        self._foreseen.append((statement, values))

    def drop(self) -> None:
        """Forget what was deferred: what it belongs to is taken back."""
        self._deferred.clear()

    async def rows(self, *asked: Asked) -> list[list[Any]]:
        """The rows of each statement, those foreseen from the trip that brought them."""
        if len(asked) == 1:
            for place, (known, rows) in enumerate(self._found):
                if known[0] is asked[0][0] and known[1] == asked[0][1]:
                    del self._found[place]
                    return [rows]
        driver = await _driver(self.connection)
        foreseen, self._foreseen = self._foreseen, []
        async with driver.pipeline():
            await self._send_deferred(driver)
            cursors = [await _sent(driver, one) for one in (*asked, *foreseen)]
        answers = [await cursor.fetchall() for cursor in cursors]
        self._found.extend(zip(foreseen, answers[len(asked) :], strict=True))
        return answers[: len(asked)]

    async def flush(self) -> None:
        if self._deferred:
            driver = await _driver(self.connection)
            async with driver.pipeline():
                await self._send_deferred(driver)

    async def answer(self, statement: str, values: Sequence[Any]) -> str | None:
        """The one text that a compiled read with `$n` answers, after all that was deferred."""
        texts = [None if (sent := wire(value)) is None else sent.decode() for value in values]
        driver = await _driver(self.connection)
        async with driver.pipeline():
            await self._send_deferred(driver)
            cursor = AsyncRawCursor(driver)
            await cursor.execute(statement.encode(), texts)
        row = await cursor.fetchone()
        return None if row is None else row[0]

    async def _send_deferred(self, driver: DriverConnection[Any]) -> None:
        deferred, self._deferred = self._deferred, []
        for one in deferred:
            await _sent(driver, one)


async def begin(connection: AsyncConnection, statement: ClauseElement, values: Mapping[str, Any]) -> None:
    """BEGIN and a transaction's first statement, together."""
    driver = await _driver(connection)
    async with driver.pipeline():
        await _sent(driver, (statement, values))


async def _driver(connection: AsyncConnection) -> DriverConnection[Any]:
    driver: Any = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, DriverConnection)
    return driver


async def _sent(driver: DriverConnection[Any], asked: Asked) -> AsyncCursor[Any]:
    cursor = driver.cursor(row_factory=namedtuple_row)
    return await cursor.execute(_text(asked[0]).encode(), asked[1])


@cache
def _text(statement: ClauseElement) -> str:
    return str(statement.compile(dialect=_DIALECT))
