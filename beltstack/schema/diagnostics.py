"""How an integration fares, as SQL beside its row: its problems, its health, its links, a delivery's attempts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import strawberry
from sqlalchemy import ColumnElement, DateTime, FromClause, Integer, Table, case, cast, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from beltstack.domain.deliveries import BREAKER_FAILURES, Breaker, ErrorClass
from beltstack.planner.entities import Expression
from beltstack.planner.json_sql import quoted
from beltstack.schema import enums  # noqa: F401 - the types need the enums described
from beltstack.schema.types import column, element, embedded, embedded_list, says
from beltstack.store import tables

NOTES_MOST = 100
REFERENCES_MOST = 250
COUNTED_MOST = 10_000


@strawberry.type(description="Something that went wrong with an integration, counted until it is over.")
class IntegrationProblem:
    key: str = says("What kind, like CHECK_FAILED, NEEDS_REAUTH, VETO_CRASHED, or DEAD: and the code of a delivery.")
    message: str = says("What went wrong the last time, and what to do.")
    count: int = says("How often.")
    is_critical: bool = says("Whether something waits for a person.")
    first_at: datetime = says("The first time.")
    last_at: datetime = says("The last time.")
    resolved_at: datetime | None = says("When it was over; null while it is open.")


@strawberry.type(description="How an integration fares now.")
class IntegrationHealth:
    lag_seconds: int = says("How long what is due has waited; 0 if nothing is due.")
    owed: int = says(f"How many deliveries it is owed; counted up to {COUNTED_MOST:,}.")
    dead: int = says(f"How many need a person; counted up to {COUNTED_MOST:,}.")
    last_success_at: datetime | None = says("When a delivery arrived last, to the minute.")
    breaker: Breaker = says("Whether its deliveries go out.")
    rests_until: datetime | None = says("Until when they do not; null if they may.")


@strawberry.type(description="A record of yours and the document that stands for it in the connected system.")
class IntegrationReference:
    entity: str = says("What kind of record, like invoice.")
    entity_id: strawberry.ID = says("The record's id without its prefix.")
    external_id: str = says("The document's id over there.")
    external_version: str | None = says("The document's version over there.")
    url: str | None = says("Where a person can look at it.")
    updated_at: datetime = says("When the link was last renewed.")


@strawberry.type(description="What became of one start of a delivery.")
class DeliveryAttempt:
    attempt: int = says("Which start it was.")
    started_at: datetime = says("When it began.")
    ended_at: datetime = says("When it ended.")
    error_class: ErrorClass | None = says("Who acts next; null if it arrived.")
    error_code: str | None = says("The plugin's own code.")
    error: str | None = says("What went wrong.")


def _newest(table: Table, owner: str, columns: Sequence[str], order: Sequence[Any], most: int) -> Expression:
    """The first rows of a table that belong to this one, as one JSON array in this order."""

    def built(row: FromClause) -> ColumnElement[Any]:
        mine = (
            select(table, func.row_number().over(order_by=order).label("place"))
            .where(table.c.tenant_id == row.c.tenant_id, table.c[owner] == row.c.id)
            .order_by(*order)
            .limit(most)
            .correlate(row)
            .lateral()
        )
        parts: list[Any] = [part for name in columns for part in (name, mine.c[name])]
        one = func.jsonb_build_object(*parts)
        # Said outright: from inside jsonb_array_elements the row is out of SQLAlchemy's sight.
        return select(func.jsonb_agg(aggregate_order_by(one, mine.c.place))).correlate(row).scalar_subquery()

    return built


MOMENT = DateTime(timezone=True)
_PROBLEM = tables.problem.c
PROBLEMS = embedded_list(
    IntegrationProblem,
    _newest(
        tables.problem,
        "integration_id",
        ("key", "message", "count", "is_critical", "first_at", "last_at", "resolved_at"),
        (_PROBLEM.resolved_at.is_not(None), _PROBLEM.last_at.desc(), _PROBLEM.id.desc()),
        NOTES_MOST,
    ),
    key=element("key"),
    message=element("message"),
    count=element("count", Integer()),
    is_critical=element("is_critical", tables.problem.c.is_critical.type),
    first_at=element("first_at", MOMENT),
    last_at=element("last_at", MOMENT),
    resolved_at=element("resolved_at", MOMENT),
)
REFERENCES = embedded_list(
    IntegrationReference,
    _newest(
        tables.reference,
        "integration_id",
        ("entity", "entity_id", "external_id", "external_version", "external_url", "updated_at"),
        (tables.reference.c.updated_at.desc(), tables.reference.c.entity_id.desc()),
        REFERENCES_MOST,
    ),
    entity=element("entity"),
    entity_id=element("entity_id"),
    external_id=element("external_id"),
    external_version=element("external_version"),
    url=element("external_url"),
    updated_at=element("updated_at", MOMENT),
)
ATTEMPTS = embedded_list(
    DeliveryAttempt,
    _newest(
        tables.delivery_attempt,
        "delivery_id",
        ("attempt", "started_at", "ended_at", "error_class", "error_code", "error"),
        (tables.delivery_attempt.c.attempt.desc(), tables.delivery_attempt.c.id.desc()),
        NOTES_MOST,
    ),
    attempt=element("attempt", Integer()),
    started_at=element("started_at", MOMENT),
    ended_at=element("ended_at", MOMENT),
    error_class=element("error_class"),
    error_code=element("error_code"),
    error=element("error"),
)


def _counted(*states: str) -> Expression:
    """How many of its deliveries are in these states, as constants: only then a partial index is one."""
    table = tables.delivery

    def count(row: FromClause) -> ColumnElement[Any]:
        mine = (
            select(table.c.id)
            .where(table.c.tenant_id == row.c.tenant_id, table.c.integration_id == row.c.id)
            .where(table.c.state.in_([quoted(state) for state in states]))
            .limit(COUNTED_MOST)
            .correlate(row)
            .lateral()
        )
        return select(func.count()).select_from(mine).correlate(row).scalar_subquery()

    return count


def _lag_seconds(row: FromClause) -> ColumnElement[Any]:
    table = tables.delivery
    waited = func.extract("epoch", func.now() - func.min(table.c.due_at))
    return (
        select(cast(func.greatest(func.coalesce(func.floor(waited), 0), 0), Integer))
        .where(table.c.tenant_id == row.c.tenant_id, table.c.integration_id == row.c.id)
        .where(table.c.state == quoted("READY"))
        .correlate(row)
        .scalar_subquery()
    )


def _of_lane(value: ColumnElement[Any]) -> Expression:
    lane = tables.lane
    return lambda row: (
        select(value)
        .where(lane.c.tenant_id == row.c.tenant_id, lane.c.integration_id == row.c.id)
        .correlate(row)
        .scalar_subquery()
    )


_RESTS = tables.lane.c.rests_until > func.now()
_BREAKER = case(
    (tables.lane.c.failures < BREAKER_FAILURES, quoted(Breaker.CLOSED.value)),
    (_RESTS, quoted(Breaker.OPEN.value)),
    else_=quoted(Breaker.PROBING.value),
)
HEALTH = embedded(
    IntegrationHealth,
    lag_seconds=_lag_seconds,
    owed=_counted("READY", "RUNNING", "WAITING"),
    dead=_counted("DEAD"),
    last_success_at=column("last_success_at"),
    breaker=_of_lane(_BREAKER),
    rests_until=_of_lane(case((_RESTS, tables.lane.c.rests_until))),
)
