"""The catalogue keeps tenants apart by itself, whatever the code above it forgets."""

import re
import secrets
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from beltstack.commands.tenancy import create_tenant
from beltstack.domain.ids import TenantId
from beltstack.domain.tenants import Tenant
from beltstack.store import tables
from beltstack.store.database import Database, DatabaseRole

OF_THE_ENGINE = {"integration", "lane", "delivery", "delivery_attempt", "inbound", "plugin_job"}
# Unique across tenants on purpose: an address has one company behind it, and a token is looked up before its tenant.
# An index of words cannot lead with the tenant: there it is a word of every row, and every search asks for it.
OF_WORDS = {f"{name}_search_idx" for name, table in tables.metadata.tables.items() if "search" in table.c}
ACROSS_TENANTS = {"tenant_slug_key", "tenant_pkey", "api_token_hash_key"} | OF_WORDS
WITH_TENANT = sorted(tables.metadata.tables)


async def facts(database: Database, statement: str, **values: Any) -> list[Any]:
    async with database.transaction(None, role=DatabaseRole.OWNER) as connection:
        return list((await connection.execute(text(statement), values)).all())


@pytest.fixture(scope="module")
async def tenants(database: Database) -> tuple[Tenant, Tenant]:
    """Two tenants with a customer each."""
    made = [
        await create_tenant(database, slug=f"t-{secrets.token_hex(8)}", name="Air", currency="USD", timezone="UTC")
        for _ in range(2)
    ]
    for tenant in made:
        async with database.transaction(tenant.id) as connection:
            await add_customer(connection, tenant.id)
    return made[0], made[1]


async def add_customer(connection: AsyncConnection, tenant_id: TenantId) -> None:
    insert = "insert into customer (tenant_id, id, kind, name) values (:tenant, :id, 'RESIDENTIAL', 'Rosa')"
    await connection.execute(text(insert), {"tenant": tenant_id, "id": uuid7()})


# ── the lint over the catalogue ───────────────────────────────────────────────────────────────────


async def test_every_table_is_known_to_the_code(database: Database) -> None:
    found = await facts(database, "select tablename from pg_tables where schemaname = 'beltstack'")
    assert sorted(row.tablename for row in found) == sorted({*WITH_TENANT, "alembic_version"})


async def test_row_level_security_is_enabled_and_forced_on_every_table(database: Database) -> None:
    found = await facts(
        database,
        "select relname from pg_class where relnamespace = 'beltstack'::regnamespace and relkind in ('r', 'p')"
        " and relname <> 'alembic_version' and not (relrowsecurity and relforcerowsecurity)",
    )
    assert found == []


async def test_every_table_says_whose_a_row_is(database: Database) -> None:
    found = await facts(
        database,
        "select table_name from information_schema.columns"
        " where table_schema = 'beltstack' and column_name = 'tenant_id' and is_nullable = 'NO'",
    )
    assert {row.table_name for row in found} == {*WITH_TENANT} - {"tenant"}


async def test_every_key_and_index_leads_with_the_tenant(database: Database) -> None:
    found = await facts(
        database,
        "select indexname, indexdef from pg_indexes where schemaname = 'beltstack' and tablename <> 'alembic_version'",
    )
    leads = re.compile(r" USING \w+ \((?:uuidrange\()?tenant_id\b")
    assert {row.indexname for row in found if not leads.search(row.indexdef)} == ACROSS_TENANTS


async def test_every_foreign_key_carries_the_tenant_on_both_sides(database: Database) -> None:
    found = await facts(
        database,
        "select conname, pg_get_constraintdef(oid) as definition from pg_constraint"
        " where connamespace = 'beltstack'::regnamespace and contype = 'f'",
    )
    carries = re.compile(r"FOREIGN KEY \(tenant_id(?:, \w+)?\) REFERENCES (?:\w+\(tenant_id, \w+\)|tenant\(id\))$")
    assert found
    assert [row.conname for row in found if not carries.match(row.definition)] == []


async def test_states_are_text_since_an_enum_s_comparison_leaks(database: Database) -> None:
    found = await facts(
        database,
        "select attrelid::regclass::text, attname from pg_attribute join pg_type on pg_type.oid = atttypid"
        " join pg_class on pg_class.oid = attrelid where relnamespace = 'beltstack'::regnamespace and typtype = 'e'",
    )
    assert found == []


async def test_the_acting_roles_are_bound_by_row_level_security(database: Database) -> None:
    found = await facts(
        database,
        "select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcanlogin,"
        " exists (select from pg_class where relowner = pg_roles.oid and relnamespace = 'beltstack'::regnamespace)"
        " from pg_roles where rolname = any(:names) order by 1",
        names=["beltstack_app", "beltstack_engine"],
    )
    assert [tuple(row) for row in found] == [
        ("beltstack_app", False, False, False, False, False),
        ("beltstack_engine", False, False, False, False, False),
    ]


async def test_an_acting_role_cannot_become_another_one(database: Database) -> None:
    found = await facts(
        database,
        "select a.rolname, b.rolname from pg_roles a, pg_roles b"
        " where a.rolname in ('beltstack_app', 'beltstack_engine') and a.oid <> b.oid"
        " and pg_has_role(a.oid, b.oid, 'MEMBER')",
    )
    assert found == []


@pytest.mark.parametrize("table", ["event", "audit_entry", "idempotency", "invoice_line", "delivery_attempt"])
async def test_what_is_only_ever_added_to_cannot_be_rewritten(database: Database, table: str) -> None:
    rights = await rights_on(database, "beltstack_app", table)
    assert rights - {"DELETE"} == {"SELECT", "INSERT"}
    # The lines of a draft go with it.
    assert ("DELETE" in rights) == (table == "invoice_line")


async def test_nobody_but_the_owner_reads_tokens_or_makes_tenants(database: Database) -> None:
    assert await rights_on(database, "beltstack_app", "api_token") == set()
    assert await rights_on(database, "beltstack_app", "tenant") == {"SELECT", "UPDATE"}


async def test_the_engine_reads_deliveries_and_what_tells_the_age_of_others_and_no_secret(database: Database) -> None:
    found = await facts(
        database,
        "select attrelid::regclass::text as name, attname from pg_attribute"
        " where attrelid = any(cast(:tables as regclass[])) and attnum > 0"
        " and has_column_privilege('beltstack_engine', attrelid, attnum, 'SELECT, INSERT, UPDATE, REFERENCES')",
        tables=[f"beltstack.{name}" for name in WITH_TENANT],
    )
    assert found
    beyond = {(row.name, row.attname) for row in found if row.name not in OF_THE_ENGINE}
    assert beyond == {
        *(("event", name) for name in ("tenant_id", "id", "stream", "seq", "recorded_at")),
        *(("idempotency", name) for name in ("tenant_id", "actor_id", "key", "created_at")),
        ("tenant", "id"),
    }
    assert not {row.attname for row in found} & {"sealed", "settings", "address", "headers", "body"}


async def rights_on(database: Database, role: str, table: str) -> set[str]:
    every = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]
    found = await facts(
        database,
        "select r from unnest(cast(:every as text[])) as r where has_table_privilege(:role, :table, r)",
        every=every, role=role, table=f"beltstack.{table}",
    )  # fmt: skip
    return {row.r for row in found}


# ── what a session sees ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("table", sorted({*WITH_TENANT} - {"api_token"}))
async def test_a_forgotten_tenant_sees_nothing(database: Database, table: str, tenants: tuple[Tenant, Tenant]) -> None:
    async with database.transaction(None) as connection:
        assert (await connection.execute(text(f"select count(*) from {table}"))).scalar_one() == 0


async def test_a_tenant_sees_its_own_rows_only(database: Database, tenants: tuple[Tenant, Tenant]) -> None:
    for tenant in tenants:
        async with database.transaction(tenant.id) as connection:
            assert (await connection.execute(text("select id from tenant"))).scalars().all() == [tenant.id]
            assert (await connection.execute(text("select tenant_id from customer"))).scalars().all() == [tenant.id]


async def test_a_row_for_another_tenant_is_refused(database: Database, tenants: tuple[Tenant, Tenant]) -> None:
    first, second = tenants
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.transaction(first.id) as connection:
            await add_customer(connection, second.id)


async def test_another_tenant_s_rows_cannot_be_changed(database: Database, tenants: tuple[Tenant, Tenant]) -> None:
    first, second = tenants
    async with database.transaction(first.id) as connection:
        change = text("update customer set name = 'Taken' where tenant_id = :other")
        assert (await connection.execute(change, {"other": second.id})).rowcount == 0


async def test_rows_cannot_be_given_away(database: Database, tenants: tuple[Tenant, Tenant]) -> None:
    first, second = tenants
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.transaction(first.id) as connection:
            await connection.execute(text("update customer set tenant_id = :other"), {"other": second.id})


async def test_an_issued_invoice_cannot_be_taken_away_even_by_hand(database: Database) -> None:
    (policy,) = await facts(database, "select * from pg_policies where policyname = 'drafts_only'")
    assert (policy.permissive, policy.cmd, policy.tablename) == ("RESTRICTIVE", "DELETE", "invoice")
    assert "DRAFT" in policy.qual


async def test_the_tenant_is_forgotten_with_its_transaction(database_url: str, tenants: tuple[Tenant, Tenant]) -> None:
    """One connection in the pool, so the next transaction gets the same one back."""
    database = Database(database_url, pool_size=1)
    backend, setting = text("select pg_backend_pid()"), text("select current_setting('app.tenant', true)")
    try:
        async with database.transaction(tenants[0].id) as connection:
            first = (await connection.execute(backend)).scalar_one()
        async with database.transaction(None) as connection:
            assert (await connection.execute(backend)).scalar_one() == first
            assert not (await connection.execute(setting)).scalar_one()
            assert (await connection.execute(text("select count(*) from customer"))).scalar_one() == 0
    finally:
        await database.close()


async def test_the_tenant_is_forgotten_when_the_transaction_fails(
    database_url: str, tenants: tuple[Tenant, Tenant]
) -> None:
    database = Database(database_url, pool_size=1)
    try:
        with pytest.raises(DBAPIError, match="division by zero"):
            async with database.transaction(tenants[0].id) as connection:
                await connection.execute(text("select 1 / 0"))
        async with database.transaction(None) as connection:
            assert (await connection.execute(text("select count(*) from customer"))).scalar_one() == 0
    finally:
        await database.close()


async def test_statements_end_by_themselves(database: Database) -> None:
    async with database.transaction(None) as connection:
        timeout = (await connection.execute(text("show statement_timeout"))).scalar_one()
    assert timeout == "15s"
