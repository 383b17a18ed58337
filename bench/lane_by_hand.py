"""The floor of the deliveries: the lanes' own statements in a loop, from one connection, and nothing in between."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from uuid_utils.compat import uuid7

from beltstack.domain.deliveries import DeliveryState
from beltstack.domain.ids import DeliveryId
from beltstack.store import lane_statements as statements
from beltstack.store.database import DatabaseRole, options
from beltstack.store.lanes import Settlement


def drain(url: str, lanes: Iterable[tuple[UUID, UUID]], *, at_once: int) -> None:
    """Claim `at_once` deliveries and settle them as delivered with the next claim, lane after lane, to the end."""
    with psycopg.connect(
        url, prepare_threshold=0, row_factory=namedtuple_row, options=options(DatabaseRole.APP)
    ) as connection:
        connection.commit()
        for tenant, integration in lanes:
            _drain_lane(connection, {"tenant": tenant, "integration": integration}, at_once)


def _drain_lane(connection: psycopg.Connection[Any], lane: dict[str, Any], at_once: int) -> None:
    with connection.transaction():
        _set_tenant(connection, lane)
        opened = connection.execute(_OPEN, lane).fetchone()
        assert opened is not None
    wanted = lane | {"epoch": opened.epoch, "room": at_once, "dead_letters_block": True}
    claimed: Sequence[Any] = ()
    is_done = False
    while not is_done:
        with connection.transaction():
            _set_tenant(connection, lane)
            if claimed:
                connection.execute(_SETTLE, wanted | {"said": json.dumps(_delivered(claimed), default=str)})
            claimed = [row for row in connection.execute(_CLAIM, wanted).fetchall() if row.id is not None]
        is_done = not claimed


def _set_tenant(connection: psycopg.Connection[Any], lane: dict[str, Any]) -> None:
    connection.execute("select set_config('app.tenant', %(tenant)s::text, true)", lane)


def _delivered(claimed: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        asdict(Settlement(DeliveryId(row.id), uuid7(), DeliveryState.DELIVERED, took_seconds=0.0)) for row in claimed
    ]


def _as_psycopg(statement: TextClause) -> bytes:
    """The text as SQLAlchemy would send it."""
    return str(statement.compile(dialect=_DIALECT)).encode()


_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it out
_OPEN, _CLAIM, _SETTLE = (_as_psycopg(one) for one in (statements.OPEN, statements.CLAIM, statements.SETTLE))
