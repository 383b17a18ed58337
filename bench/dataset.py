"""A data set of any size, made set-based and the same every time: tenants, customers, work orders and what is theirs.

data = fill(ground.admin_url, work_orders=200_000)                          # 5 line items each, 20 tenants
data = fill(ground.admin_url, work_orders=10_000_000, line_items=1)         # for growth

fill(admin_url: str, *, work_orders: int = 200_000, tenants: int = 20, line_items: int = 5,
     open_share: float = 0.1, plugin_id: str = "bench_nothing") -> DataSet
"""

from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg import sql

from beltstack.store.tokens import new_token, token_hash
from bench.dataset_rows import FILLED, ID_FUNCTION, Size, statements
from bench.dataset_tables import at_leisure, bare_tables

WORK_ORDERS_PER_CUSTOMER = 4
TECHNICIANS_LEAST = 25
WORK_ORDERS_PER_TECHNICIAN = 2000


class WrongData(Exception):
    """The data set is not what was asked for."""


@dataclass(frozen=True, slots=True)
class Company:
    """One tenant with an owner's token."""

    tenant_id: UUID
    token: str


@dataclass(frozen=True, slots=True)
class DataSet:
    """What lies in the database; `rows` counts each table's."""

    companies: tuple[Company, ...]
    rows: dict[str, int]


def fill(
    admin_url: str,
    *,
    work_orders: int = 200_000,
    tenants: int = 20,
    line_items: int = 5,
    open_share: float = 0.1,
    plugin_id: str = "bench_nothing",
) -> DataSet:
    """Fill a migrated, empty database as its superuser; constraints and statistics stand again afterwards.

    Work order number i of all belongs to tenant i modulo `tenants`, as they would come in. The newest `open_share` of
    them are open, scheduled, in progress or on hold; all but the open ones have a visit with a technician. Each tenant
    has one enabled integration of `plugin_id`. Raises ValueError for sizes that do not divide, and WrongData.
    """
    if work_orders % (tenants * WORK_ORDERS_PER_CUSTOMER):
        raise ValueError(f"The number of work orders has to be a multiple of {tenants * WORK_ORDERS_PER_CUSTOMER}.")
    each = work_orders // tenants
    size = Size(
        tenants=tenants,
        work_orders=work_orders,
        customers=work_orders // WORK_ORDERS_PER_CUSTOMER,
        technicians=tenants * max(TECHNICIANS_LEAST, each // WORK_ORDERS_PER_TECHNICIAN),
        line_items=line_items,
        open_from=each - int(each * open_share),
    )
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("set search_path = beltstack; set timezone = 'UTC'; set synchronous_commit = off")
        connection.execute(ID_FUNCTION)
        with at_leisure(connection), bare_tables(connection, FILLED):
            for statement in statements(size, plugin_id):
                connection.execute(statement)
        companies = _tokens(connection)
        connection.execute("drop function bench_id, bench_at")
        connection.execute("vacuum (analyze)")
        return DataSet(companies, _counted(connection, size))


def _tokens(connection: psycopg.Connection) -> tuple[Company, ...]:
    companies = []
    for (tenant_id,) in connection.execute("select id from tenant order by id").fetchall():
        token = new_token()
        connection.execute(_TOKEN, {"tenant": tenant_id, "hash": token_hash(token)})
        companies.append(Company(tenant_id, token))
    return tuple(companies)


def _counted(connection: psycopg.Connection, size: Size) -> dict[str, int]:
    """Raises WrongData unless each table holds what the size says."""
    rows = {}
    for name in FILLED:
        count = sql.SQL("select count(*) from {}").format(sql.Identifier(name))
        rows[name] = connection.execute(count).fetchone()[0]  # type: ignore[index]
    wrong = {name: (count, rows[name]) for name, count in size.rows().items() if rows[name] != count}
    if wrong:
        raise WrongData(f"The data set has other rows than wanted (table: wanted, found): {wrong}")
    return rows


_TOKEN = """
    insert into api_token (tenant_id, id, hash, label, kind, roles)
    values (%(tenant)s, uuid_v7(), %(hash)s, 'bench', 'APP', '{OWNER}')
"""
