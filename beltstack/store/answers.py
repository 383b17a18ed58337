"""A compiled read inside a transaction that is open already: what a command left, as the caller asked to see it."""

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection as DriverConnection
from psycopg import AsyncRawCursor
from sqlalchemy.ext.asyncio import AsyncConnection

from beltstack.store.batches import wire


async def answer_within(connection: AsyncConnection, statement: str, values: Sequence[Any]) -> str | None:
    """The one text that a statement with `$n` answers; its values go as text, as `BatchPool.fetch` sends them.

    SQLAlchemy would put the statement together anew to find it among those it knows, which takes longer than
    PostgreSQL takes to answer it.
    """
    driver: DriverConnection[Any] = (await connection.get_raw_connection()).driver_connection  # type: ignore[assignment]
    texts = [None if (sent := wire(value)) is None else sent.decode() for value in values]
    async with AsyncRawCursor(driver) as cursor:
        await cursor.execute(statement.encode(), texts)
        row = await cursor.fetchone()
    return None if row is None else row[0]
