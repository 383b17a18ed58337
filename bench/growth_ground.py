"""A ground with a company that has grown: filled, and gone afterwards; it says how far the load is."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from bench.dataset import Company, fill
from bench.dataset_tables import at_leisure, bare_tables
from bench.ground import Ground, a_ground

TELL_SECONDS = 30
# One work order has one line item: what matters is how many rows there are beside those read.
LINE_ITEMS = 1


@dataclass(frozen=True, slots=True)
class Grown:
    """`work_orders` counts those of all tenants, `company` is one of the tenants."""

    ground: Ground
    work_orders: int
    company: Company


@contextmanager
def a_grown_ground(work_orders: int) -> Iterator[Grown]:
    """A database of its own with so many work orders, one piece of equipment at each site, analysed."""
    with a_ground() as ground:
        started = time.monotonic()
        with _telling(ground, f"{work_orders:,} work orders"):
            data = fill(ground.admin_url, work_orders=work_orders, line_items=LINE_ITEMS)
            _add_equipment(ground)
        print(f"{work_orders:,} work orders: ready after {time.monotonic() - started:.0f} s", flush=True)
        yield Grown(ground, work_orders, data.companies[0])


def _add_equipment(ground: Ground) -> None:
    with psycopg.connect(ground.admin_url, autocommit=True) as connection:
        connection.execute("set search_path = beltstack")
        with at_leisure(connection), bare_tables(connection, ["equipment"]):
            connection.execute(_EQUIPMENT)
        connection.execute("vacuum (analyze) equipment")


@contextmanager
def _telling(ground: Ground, what: str) -> Iterator[None]:
    """Every half a minute, the size of the database and the beginning of the statement that it is at."""
    over = threading.Event()
    teller = threading.Thread(target=_tell, args=(ground, what, over))
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


def _tell(ground: Ground, what: str, over: threading.Event) -> None:
    started = time.monotonic()
    with psycopg.connect(ground.admin_url, autocommit=True) as connection:
        while not over.wait(TELL_SECONDS):
            found = connection.execute(_NOW).fetchone()
            size, doing = found or ("", "")
            print(f"{what}: {time.monotonic() - started:.0f} s, {size}, at: {doing}", flush=True)


# The site's id with another noun in it.
_EQUIPMENT = """
    insert into equipment (tenant_id, id, site_id, name, kind, manufacturer, serial, status, search, name_key,
                           serial_key)
    select tenant_id, overlay(id::text placing '006' from 16 for 3)::uuid, id, 'Air conditioner', 'AC', 'Carrier',
           'SN-' || right(id::text, 9), 'OPERATIONAL',
           ('''' || tenant_id || ''' ' || right(tenant_id::text, 8) || 'carrier:1')::tsvector, 'air conditioner',
           'sn-' || right(id::text, 9)
    from site
"""
_NOW = """
    select pg_size_pretty(pg_database_size(current_database())),
           coalesce((select left(regexp_replace(query, '\\s+', ' ', 'g'), 90) from pg_stat_activity
                     where state = 'active' and pid <> pg_backend_pid() and backend_type = 'client backend'
                     order by query_start limit 1), 'nothing')
"""
