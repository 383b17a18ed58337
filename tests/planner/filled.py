"""A few thousand rows of two tenants each, analysed: enough for PostgreSQL to prefer an index to a whole table."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from uuid_utils.compat import uuid7

from beltstack.domain.ids import TenantId
from beltstack.store.migrate import migrate
from tests.conftest import fresh_database
from tests.store.test_migrations import as_owner

ROWS = 4000
FILL = """
insert into tenant (id, slug, name, currency, timezone) values (:tenant, :slug, 'North Air', 'USD', 'UTC');
insert into customer (tenant_id, id, kind, name, name_key, search)
  select :tenant, pg_temp.id('1', n), 'RESIDENTIAL', 'c' || n, 'c' || n,
    (quote_literal(:tenant) || ' ' || mark || 'c' || n || ' ' || mark || 'air' || case when n % 2 = 0 then ' ' || mark
     || 'even' else ' ' || mark || 'odd' end || case when n <= 60 then ' ' || mark || 'old' else '' end)::tsvector
  from generate_series(1, :rows) n, right(:tenant, 8) mark;
insert into site (tenant_id, id, customer_id, name, timezone)
  select :tenant, pg_temp.id('2', n), pg_temp.id('1', n), 's', 'UTC' from generate_series(1, :rows) n;
insert into equipment (tenant_id, id, site_id, name, serial_key, status)
  select :tenant, pg_temp.id('3', n), pg_temp.id('2', n), 'e', 'sn' || n, 'OPERATIONAL'
  from generate_series(1, :rows) n;
insert into technician (tenant_id, id, name, kind)
  select :tenant, pg_temp.id('4', n), 't', 'EMPLOYEE' from generate_series(1, 40) n;
insert into work_order (tenant_id, id, number, number_key, title, customer_id, site_id, source, priority, state,
    billing_state, currency, search)
  select :tenant, pg_temp.id('5', n), 'WO-' || n, 'wo-' || n, 't', pg_temp.id('1', n / 4 + 1),
    pg_temp.id('2', n / 4 + 1), 'CALL', 'NORMAL', case when n % 50 = 0 then 'COMPLETED' else 'CLOSED' end,
    case when n % 100 = 0 then 'UNBILLED' else 'BILLED' end, 'USD',
    (quote_literal(:tenant) || ' ' || right(:tenant, 8) || 'wo:1 ' || right(:tenant, 8) || n || ':2')::tsvector
  from generate_series(1, :rows) n;
insert into visit (tenant_id, id, work_order_id, sequence, kind, timezone, planned_start, planned_end, planned_order,
    state)
  select :tenant, pg_temp.id('6', n), pg_temp.id('5', n), 1, 'SERVICE', 'UTC', at, at + interval '1 hour', at,
    'SCHEDULED'
  from generate_series(1, :rows) n, lateral (select timestamptz '2020-01-01 00:00:00Z' + n * interval '1 hour' as at) a;
insert into assignment (tenant_id, id, visit_id, technician_id, position, role, state, during)
  select :tenant, pg_temp.id('7', n), pg_temp.id('6', n), pg_temp.id('4', n % 40 + 1), 0, 'LEAD', 'ASSIGNED',
    tstzrange(at, at + interval '1 hour')
  from generate_series(1, :rows) n, lateral (select timestamptz '2020-01-01 00:00:00Z' + n * interval '1 hour' as at) a;
insert into invoice (tenant_id, id, work_order_id, customer_id, site_id, number, number_key, state, revision, currency,
    tax_mode, tax_rounding, subtotal, tax, total, terms_days, drafted_at, due_on, due_order)
  select :tenant, pg_temp.id('8', n), pg_temp.id('5', n), pg_temp.id('1', n), pg_temp.id('2', n), 'INV-' || n,
    'inv-' || n,
    case when n % 50 = 0 then 'ISSUED' else 'PAID' end, 1, 'USD', 'EXCLUSIVE', 'PER_LINE', 1, 0, 1, 30, now(), at, at
  from generate_series(1, :rows) n, lateral (select date '2020-01-01' + n as at) a
"""
# The same number names the same row of a table; made of a text, for the tests to name it, too.
ID = """create function pg_temp.id(kind text, n int) returns uuid language sql immutable as
    $$ select ('00000000-0000-7000-8000-' || kind || lpad(n::text, 11, '0'))::uuid $$"""


TENANTS = (TenantId(uuid7()), TenantId(uuid7()))


@contextmanager
def a_filled_database(server_url: str) -> Iterator[str]:
    """A database of its own with a few thousand rows of two tenants, analysed."""
    with fresh_database(server_url) as url:
        migrate(url)
        with as_owner(url) as connection:
            connection.execute(text(ID))
            for tenant in TENANTS:
                for statement in FILL.split(";\n"):
                    literal = statement.replace(":tenant", f"'{tenant}'").replace(":slug", f"'{tenant}'")
                    connection.exec_driver_sql(re.sub(":rows", str(ROWS), literal).replace("%", "%%"))
            connection.execute(text("analyze"))
        yield url
