"""A read is one round trip in its tenant's own transaction, and what befalls one is not the next one's business."""

import asyncio
import random
import re
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import make_url
from uuid_utils.compat import uuid7

from beltstack.commands.tenancy import create_tenant
from beltstack.domain.ids import TenantId
from beltstack.domain.lifecycle import WorkOrderState
from beltstack.store import batches
from beltstack.store.batches import BatchPool, Premise, PremiseFailed, StatementFailed
from beltstack.store.database import Database, DatabaseUnavailable
from tests.store.test_isolation import add_customer

NAMES = "select string_agg(tenant_id::text, ',') from customer"
BACKEND = "select pg_backend_pid()::text"
READS = 3000
PATIENCE_SECONDS = 5


@pytest.fixture(scope="module")
async def tenants(database: Database) -> list[TenantId]:
    """Three, with one, two and three customers."""
    made = []
    for number in (1, 2, 3):
        slug = f"t-{secrets.token_hex(8)}"
        tenant = await create_tenant(database, slug=slug, name="Air", currency="USD", timezone="UTC")
        async with database.transaction(tenant.id) as connection:
            for _ in range(number):
                await add_customer(connection, tenant.id)
        made.append(tenant.id)
    return made


@pytest.fixture
def url(database: Database) -> Any:
    """The database under a name of this test's own, by which its connections are known."""
    return database.url.update_query_dict({"application_name": f"batches-{secrets.token_hex(4)}"})


@asynccontextmanager
async def a_pool(url: Any, *, size: int) -> AsyncIterator[BatchPool]:
    pool = BatchPool(url, size=size)
    try:
        yield pool
    finally:
        await pool.close()


@pytest.fixture
async def pool(url: Any) -> AsyncIterator[BatchPool]:
    """Of one connection: what one read leaves behind, the next one finds."""
    async with a_pool(url, size=1) as pool:
        yield pool


@pytest.fixture
def backends(url: Any, server_url: str) -> Callable[[str], list[int]]:
    """The processes that serve this test's connections, as far as a condition over pg_stat_activity holds."""

    def asked(condition: str = "true", do: str = "pid") -> list[int]:
        with psycopg.connect(server_url, autocommit=True) as connection:
            statement = f"select {do} from pg_stat_activity where application_name = %s and {condition}"
            rows = connection.execute(statement, [url.query["application_name"]]).fetchall()
        return [row[0] for row in rows]

    return asked


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(PATIENCE_SECONDS * 50):
        if is_so():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"It did not come to that within {PATIENCE_SECONDS} s.")


async def of_tenant(pool: BatchPool, tenant: TenantId) -> list[str]:
    """The tenants of the customers that are seen."""
    return ((await pool.fetch(NAMES, [], tenant_id=tenant)) or b"").decode().split(",")


# ── one round trip ────────────────────────────────────────────────────────────────────────────────


async def test_all_of_a_read_is_sent_before_any_answer_is_awaited(
    pool: BatchPool, tenants: list[TenantId], tmp_path: Path
) -> None:
    await pool.fetch("select 'warm'", [], tenant_id=tenants[0])
    pgconn = pool._idle[0]._pgconn
    for kind, statement in (("new", "select $1::text"), ("prepared", "select $1::text")):
        with (tmp_path / kind).open("w+b") as trace:
            pgconn.trace(trace.fileno())
            assert await pool.fetch(statement, ["x"], tenant_id=tenants[0]) == b"x"
            pgconn.untrace()
        messages = [line.split("\t")[1:] for line in (tmp_path / kind).read_text().splitlines()]
        senders = "".join(message[0] for message in messages)
        assert re.fullmatch("F+B+", senders), (kind, messages)
        sent = [message[2] for message in messages if message[0] == "F"]
        assert sent.count("Sync") == 1
        assert sent.count("Execute") == 4
        answered = [message[3].strip() for message in messages if message[2] == "CommandComplete"]
        assert answered == ['"BEGIN"', '"SELECT 1"', '"SELECT 1"', '"COMMIT"']
        assert ("Parse" in sent) is (kind == "new")


async def test_a_read_cannot_write(pool: BatchPool, tenants: list[TenantId]) -> None:
    with pytest.raises(StatementFailed) as refusal:
        await pool.fetch("delete from customer returning 'x'", [], tenant_id=tenants[0])
    assert refusal.value.sqlstate == "25006"
    assert await of_tenant(pool, tenants[0]) == [str(tenants[0])]


# ── tenants ───────────────────────────────────────────────────────────────────────────────────────


async def test_each_tenant_sees_its_own_rows_on_the_same_connection(pool: BatchPool, tenants: list[TenantId]) -> None:
    for tenant in (*tenants, *reversed(tenants)):
        assert set(await of_tenant(pool, tenant)) == {str(tenant)}
    assert len(pool._idle) == 1


async def test_an_unknown_tenant_sees_nothing(pool: BatchPool, tenants: list[TenantId]) -> None:
    assert await of_tenant(pool, tenants[0]) != [""]
    assert await of_tenant(pool, TenantId(uuid7())) == [""]


@pytest.mark.parametrize("statement", [NAMES, "select 1 / count(*) from customer where false"])
async def test_the_tenant_does_not_outlive_its_batch(pool: BatchPool, tenants: list[TenantId], statement: str) -> None:
    try:
        await pool.fetch(statement, [], tenant_id=tenants[0])
    except StatementFailed as failure:
        assert failure.sqlstate == "22012"  # noqa: PT017 - either ends the batch
    # Who forgets the tenant on the same connection sees no rows.
    forgetful = pool._idle[0]._pgconn
    forgetful.nonblocking = 0
    result = forgetful.exec_(b"select current_setting('app.tenant'), count(*) from customer")
    assert (result.get_value(0, 0), result.get_value(0, 1)) == (b"", b"0")
    forgetful.nonblocking = 1


async def test_thousands_of_mixed_reads_some_cancelled_never_cross(url: Any, tenants: list[TenantId]) -> None:
    chance = random.Random(5)
    pause = "select string_agg(tenant_id::text, ',') from customer, pg_sleep(0.002)"
    outcomes = {"answered": 0, "failed": 0, "cancelled": 0}

    async def one(pool: BatchPool) -> None:
        tenant = chance.choice(tenants)
        read = asyncio.create_task(mixed(pool, tenant, chance.random()))
        if chance.random() < 0.1:
            await asyncio.sleep(chance.random() * 0.004)
            read.cancel()
        try:
            outcomes[await read] += 1
        except asyncio.CancelledError:
            outcomes["cancelled"] += 1

    async def mixed(pool: BatchPool, tenant: TenantId, dice: float) -> str:
        if dice < 0.05:
            with pytest.raises(StatementFailed):
                await pool.fetch("select 1 / $1::int", [0], tenant_id=tenant)
            return "failed"
        found = await pool.fetch(pause if dice < 0.2 else NAMES, [], tenant_id=tenant)
        assert set((found or b"").decode().split(",")) == {str(tenant)}
        return "answered"

    async def reader(pool: BatchPool) -> None:
        for _ in range(READS // 16):
            await one(pool)

    async with a_pool(url, size=8) as pool, asyncio.timeout(60):
        await asyncio.gather(*(reader(pool) for _ in range(16)))
        assert len(pool._idle) <= 8
    assert outcomes["answered"] > READS / 2
    assert outcomes["failed"] > 50
    assert outcomes["cancelled"] > 50


# ── statements that fail or vanish ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("statement", "values", "sqlstate"),
    [
        ("select 1 / $1::int", [0], "22012"),
        ("select nonsense", [], "42703"),
        ("select $1::uuid", ["no id"], "22P02"),
        ("this is no SQL", [], "42601"),
    ],
)
async def test_a_failed_statement_tells_its_sqlstate_and_leaves_the_connection_usable(
    pool: BatchPool, tenants: list[TenantId], statement: str, values: list[Any], sqlstate: str
) -> None:
    backend = await pool.fetch(BACKEND, [], tenant_id=tenants[0])
    for _ in range(2):
        with pytest.raises(StatementFailed) as failure:
            await pool.fetch(statement, values, tenant_id=tenants[0])
        assert failure.value.sqlstate == sqlstate
        assert str(failure.value)
    assert await of_tenant(pool, tenants[1]) == [str(tenants[1])] * 2
    assert await pool.fetch(BACKEND, [], tenant_id=tenants[0]) == backend


async def test_a_malformed_tenant_fails_before_the_statement_runs(pool: BatchPool, tenants: list[TenantId]) -> None:
    with pytest.raises(StatementFailed):
        await of_tenant(pool, "nobody")  # type: ignore[arg-type]
    assert await of_tenant(pool, tenants[0]) == [str(tenants[0])]


async def test_statements_that_vanished_are_prepared_again(pool: BatchPool, tenants: list[TenantId]) -> None:
    backend = await pool.fetch(BACKEND, [], tenant_id=tenants[0])
    pgconn = pool._idle[0]._pgconn
    pgconn.nonblocking = 0
    pgconn.exec_(b"deallocate all")
    pgconn.nonblocking = 1
    assert await pool.fetch(BACKEND, [], tenant_id=tenants[0]) == backend


async def test_one_statement_that_vanished_is_prepared_again(pool: BatchPool, tenants: list[TenantId]) -> None:
    await of_tenant(pool, tenants[0])
    line = pool._idle[0]
    line._pgconn.nonblocking = 0
    line._pgconn.exec_(b"deallocate " + line._prepared[NAMES.encode()])
    line._pgconn.nonblocking = 1
    assert await of_tenant(pool, tenants[1]) == [str(tenants[1])] * 2


async def test_a_statement_that_fails_like_a_vanished_one_fails_the_second_time(
    pool: BatchPool, tenants: list[TenantId]
) -> None:
    # A function of the database may say so itself: that must not be tried for ever.
    failing = "do $$ begin raise sqlstate '26000'; end $$"
    with pytest.raises(StatementFailed) as failure:
        await asyncio.wait_for(pool.fetch(failing, [], tenant_id=tenants[0]), PATIENCE_SECONDS)
    assert failure.value.sqlstate == "26000"


async def test_statements_are_forgotten_before_they_are_too_many(
    pool: BatchPool, tenants: list[TenantId], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "STATEMENTS_MOST", 20)
    count = "select count(*)::text from pg_prepared_statements"
    held = []
    for number in range(60):
        assert await pool.fetch(f"select '{number}'", [], tenant_id=tenants[0]) == str(number).encode()
        held.append(int(await pool.fetch(count, [], tenant_id=tenants[0]) or 0))
    assert max(held) in range(20, 25)
    assert min(held[10:]) < 10


# ── reads that are cut off ────────────────────────────────────────────────────────────────────────


async def test_a_cancelled_read_is_cancelled_and_stops_in_postgresql(
    pool: BatchPool, tenants: list[TenantId], backends: Callable[..., list[int]]
) -> None:
    await of_tenant(pool, tenants[0])
    for _ in range(3):
        read = asyncio.create_task(pool.fetch("select pg_sleep(8)::text", [], tenant_id=tenants[0]))
        await until(lambda: len(backends("wait_event = 'PgSleep'")) == 1)
        read.cancel()
        with pytest.raises(asyncio.CancelledError):
            await read
        assert pool._idle == []
        await until(lambda: backends() == [])
        assert await of_tenant(pool, tenants[1]) == [str(tenants[1])] * 2
        assert len(backends()) == 1


async def test_a_late_read_is_unavailable_and_stops_in_postgresql(
    pool: BatchPool,
    tenants: list[TenantId],
    backends: Callable[..., list[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "ANSWER_SECONDS", 0.3)
    with pytest.raises(DatabaseUnavailable):
        await pool.fetch("select pg_sleep(8)::text", [], tenant_id=tenants[0])
    await until(lambda: backends() == [])
    assert await of_tenant(pool, tenants[0]) == [str(tenants[0])]


async def test_who_waits_for_a_connection_too_long_is_told_so(
    pool: BatchPool, tenants: list[TenantId], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = asyncio.create_task(pool.fetch("select 'done' from pg_sleep(1)", [], tenant_id=tenants[0]))
    await asyncio.sleep(0.2)
    monkeypatch.setattr(batches, "ANSWER_SECONDS", 0.2)
    with pytest.raises(DatabaseUnavailable):
        await of_tenant(pool, tenants[0])
    assert await slow == b"done"


async def test_a_statement_ends_in_postgresql_whatever_becomes_of_its_reader(
    pool: BatchPool, tenants: list[TenantId]
) -> None:
    limit = await pool.fetch("select current_setting('statement_timeout')", [], tenant_id=tenants[0])
    assert limit == b"15s"


@pytest.mark.parametrize("size", [1, 3])
async def test_there_are_never_more_connections_than_told(
    url: Any, tenants: list[TenantId], backends: Callable[..., list[int]], size: int
) -> None:
    async with a_pool(url, size=size) as pool:
        for _ in range(3):
            reads = [
                asyncio.create_task(pool.fetch("select 'x' from pg_sleep(0.1)", [], tenant_id=tenants[0]))
                for _ in range(3 * size)
            ]
            await asyncio.sleep(0.05)
            reads[0].cancel()
            await until(lambda: 0 < len(backends()) <= size)
            found = await asyncio.gather(*reads, return_exceptions=True)
            assert found[1:] == [b"x"] * (3 * size - 1)
            assert len(pool._idle) <= size
            assert len(backends()) <= size


# ── connections that die ──────────────────────────────────────────────────────────────────────────


async def test_connections_that_died_idle_cost_no_caller_anything(
    url: Any, tenants: list[TenantId], backends: Callable[..., list[int]]
) -> None:
    async with a_pool(url, size=4) as pool:
        for _ in range(2):
            await asyncio.gather(*(pool.fetch("select pg_sleep(0.1)::text", [], tenant_id=tenants[0]) for _ in "1234"))
            assert len(pool._idle) == 4
            backends(do="pg_terminate_backend(pid, 2000)::int")
            found = await asyncio.gather(*(of_tenant(pool, tenants[1]) for _ in range(20)))
            assert found == [[str(tenants[1])] * 2] * 20
            assert len(backends()) <= 4


async def test_a_connection_that_dies_in_a_read_is_replaced_once(
    pool: BatchPool, tenants: list[TenantId], backends: Callable[..., list[int]]
) -> None:
    await of_tenant(pool, tenants[0])
    read = asyncio.create_task(pool.fetch("select 'x' from pg_sleep(1)", [], tenant_id=tenants[0]))
    await until(lambda: len(backends("wait_event = 'PgSleep'")) == 1)
    backends(do="pg_terminate_backend(pid, 2000)::int")
    assert await asyncio.wait_for(read, PATIENCE_SECONDS) == b"x"


async def test_a_read_that_dies_again_is_unavailable(
    pool: BatchPool, tenants: list[TenantId], backends: Callable[..., list[int]]
) -> None:
    read = asyncio.create_task(pool.fetch("select pg_sleep(5)::text", [], tenant_id=tenants[0]))
    await until(lambda: len(backends("wait_event = 'PgSleep'")) == 1)
    backends(do="pg_terminate_backend(pid, 2000)::int")
    with pytest.raises(DatabaseUnavailable, match="try again in a moment"):
        await asyncio.wait_for(read, PATIENCE_SECONDS)
    assert await of_tenant(pool, tenants[0]) == [str(tenants[0])]


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    pool = BatchPool(make_url("postgresql://nobody@127.0.0.1:1/nothing"))
    for _ in range(10):
        with pytest.raises(DatabaseUnavailable):
            await of_tenant(pool, TenantId(uuid7()))


async def test_closing_ends_every_connection_also_those_in_use(
    url: Any, tenants: list[TenantId], backends: Callable[..., list[int]]
) -> None:
    pool = BatchPool(url, size=2)
    await of_tenant(pool, tenants[0])
    read = asyncio.create_task(pool.fetch("select 'x' from pg_sleep(0.3)", [], tenant_id=tenants[0]))
    await until(lambda: len(backends("wait_event = 'PgSleep'")) == 1)
    await of_tenant(pool, tenants[0])
    assert len(backends()) == 2
    await pool.close()
    assert await read == b"x"
    await until(lambda: backends() == [])


# ── values ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [1_000_000, 20_000_000])
async def test_large_answers_and_large_binds_come_whole(pool: BatchPool, tenants: list[TenantId], size: int) -> None:
    text = "é" + "x" * size
    assert await pool.fetch("select $1::text", [text], tenant_id=tenants[0]) == text.encode()
    found = await pool.fetch("select repeat('ab', $1::int / 2)", [size], tenant_id=tenants[0])
    assert found == b"ab" * (size // 2)
    assert await pool.fetch("select length($1::text)::text", [text], tenant_id=tenants[0]) == str(size + 1).encode()


TEXTS = ["", " ", '"', "\\", '\\"', "'", "{", "}", ",", "null", "NULL", "a,b", "é🔧", "\x01\x7f\n\t", "%s $1", "\ufffd"]
ID = UUID("01900000-0000-7000-8000-00000000ffff")
EAST = timezone(timedelta(hours=5, minutes=45))


@pytest.mark.parametrize(
    ("kind", "value", "same"),
    [
        ("text", None, "$1 is null"),
        *(("text", text, "convert_to($1, 'UTF8') = decode('" + text.encode().hex() + "', 'hex')") for text in TEXTS),
        ("boolean", True, "$1"),
        ("boolean", False, "not $1"),
        ("int", -7, "$1 = -7"),
        ("numeric", Decimal("-99999999999999.9999"), "$1::text = '-99999999999999.9999'"),
        ("numeric", Decimal("1.10"), "$1::text = '1.10'"),
        ("numeric", Decimal("1E+3"), "$1 = 1000"),
        ("float8", 0.1, "$1 = 0.1::float8"),
        ("uuid", ID, f"$1::text = '{ID}'"),
        ("timestamptz", datetime(2026, 3, 2, 15, 0, 0, 1, UTC), "$1 = '2026-03-02 15:00:00.000001+00'"),
        ("timestamptz", datetime(2026, 3, 2, 15, 0, 0, tzinfo=EAST), "$1 = '2026-03-02 09:15:00+00'"),
        ("timestamptz", datetime(1, 1, 1, tzinfo=UTC), "$1 = '0001-01-01 00:00:00+00'"),
        ("timestamptz", datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), "$1 = '9999-12-31 23:59:59.999999+00'"),
        ("date", date(2024, 2, 29), "$1 = '2024-02-29'"),
        ("date", date(1, 1, 1), "$1 = '0001-01-01'"),
        ("text", WorkOrderState.COMPLETED, "$1 = 'COMPLETED'"),
        ("text[]", (), "$1 = '{}'"),
        ("text[]", None, "$1 is null"),
        ("text[]", [None], "array_length($1, 1) = 1 and $1[1] is null"),
        ("text[]", [WorkOrderState.COMPLETED], "$1 = array['COMPLETED']"),
        ("uuid[]", [ID, None], f"$1 = array['{ID}', null]::uuid[]"),
        ("boolean[]", [True, False, None], "$1 = array[true, false, null]"),
        ("int[]", [1, 2], "$1 = array[1, 2]"),
        ("numeric[]", [Decimal("1.10"), Decimal("-0.01")], "$1::text = '{1.10,-0.01}'"),
        ("timestamptz[]", [datetime(2026, 3, 2, tzinfo=UTC)], "$1[1] = '2026-03-02 00:00:00+00'"),
        ("date[]", [date(2024, 2, 29)], "$1[1] = '2024-02-29'"),
    ],
)
async def test_postgresql_holds_the_value_that_was_given(
    pool: BatchPool, tenants: list[TenantId], kind: str, value: Any, same: str
) -> None:
    statement = f"select ({same.replace('$1', f'($1::{kind})')})::text"
    assert await pool.fetch(statement, [value], tenant_id=tenants[0]) == b"true"


async def test_texts_in_a_list_come_as_they_are_and_in_their_order(pool: BatchPool, tenants: list[TenantId]) -> None:
    places = ", ".join(f"${place + 2}::text" for place in range(len(TEXTS)))
    found = await pool.fetch(
        f"select ($1::text[] = array[{places}, null])::text", [[*TEXTS, None], *TEXTS], tenant_id=tenants[0]
    )
    assert found == b"true"


@pytest.mark.parametrize("value", ["a\0b", "\ud800", ["a\0"], ["x", "\udfff"]])
async def test_a_text_that_postgresql_cannot_hold_is_refused_before_it_is_cut(
    pool: BatchPool, tenants: list[TenantId], value: Any
) -> None:
    with pytest.raises(ValueError, match=r"NUL|surrogates"):
        await pool.fetch("select $1::text", [value], tenant_id=tenants[0])


async def test_no_row_and_a_null_are_none(pool: BatchPool, tenants: list[TenantId]) -> None:
    for statement in ("select null::text", "select 'x' where false"):
        assert await pool.fetch(statement, [], tenant_id=tenants[0]) is None


# ── what a read relies on ─────────────────────────────────────────────────────────────────────────


async def test_a_read_whose_premise_does_not_hold_answers_nothing_and_the_next_one_is_fine(
    pool: BatchPool, tenants: list[TenantId]
) -> None:
    holds = Premise("select $1::text", ("so",), b"so")
    answer = await pool.fetch(NAMES, (), tenant_id=tenants[0], premise=holds)
    assert answer == str(tenants[0]).encode()
    for failing in (replace(holds, answer=b"otherwise"), replace(holds, values=(None,)), NO_ROW):
        with pytest.raises(PremiseFailed):
            await pool.fetch(NAMES, (), tenant_id=tenants[0], premise=failing)
        assert await pool.fetch(NAMES, (), tenant_id=tenants[0], premise=holds) == answer


NO_ROW = Premise("select 'so' where false", (), b"so")
