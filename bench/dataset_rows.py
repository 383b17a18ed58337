"""The rows of the data set as formulas of their number: who owns what, when it came in, what it says."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from psycopg import sql

FILLED = (
    "tenant", "number_sequence", "integration", "customer", "site", "technician", "work_order", "visit", "assignment",
    "line_item", "event",
)  # fmt: skip
# An id tells its noun by its digits; the numbers keep apart what came in at the same moment.
ID_FUNCTION = """
    create function bench_id(noun int, number bigint, at timestamptz default '2024-09-01') returns uuid
    language sql immutable as
    $$ select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(noun), 3, '0')
               || '8' || lpad(to_hex(number), 15, '0'))::uuid $$;
    create function bench_at(number bigint, count bigint) returns timestamptz language sql immutable as
    $$ select timestamptz '2024-09-01 00:00Z' + interval '1 second' * (number * 63072000 / count) $$
"""


@dataclass(frozen=True, slots=True)
class Size:
    """Counts over all tenants; `line_items` is of one work order, `open_from` a work order's place in its tenant."""

    tenants: int
    work_orders: int
    customers: int
    technicians: int
    line_items: int
    open_from: int

    def rows(self) -> dict[str, int]:
        """By table."""
        return {
            "tenant": self.tenants,
            "customer": self.customers,
            "site": self.customers,
            "technician": self.technicians,
            "work_order": self.work_orders,
            "line_item": self.work_orders * self.line_items,
            "event": self.work_orders,
        }


def statements(size: Size, plugin_id: str) -> Iterator[sql.Composed]:
    """One for each table, in an order that needs no other."""
    values = {name: sql.Literal(value) for name, value in (*asdict(size).items(), ("plugin_id", plugin_id))}
    for statement in _STATEMENTS:
        yield sql.SQL(statement).format(**values, **_SHARED)


# The place of work order g.i in its tenant, its tenant, and when it came in.
_SHARED = {
    "place": sql.SQL("(g.i / t.n)"),
    "tenant": sql.SQL("bench_id(1, g.i % t.n)"),
    "state": sql.SQL(
        "case when p.place < t.open_from then (array['CLOSED', 'COMPLETED', 'CLOSED', 'CLOSED', 'CANCELED'])"
        "[1 + p.place % 5] else (array['SCHEDULED', 'OPEN', 'SCHEDULED', 'IN_PROGRESS', 'ON_HOLD'])[1 + p.place % 5]"
        " end"
    ),
}
_WORK = """
    (select {tenants}::bigint as n, {open_from}::bigint as open_from, {work_orders}::bigint as work_orders,
            {customers}::bigint / {tenants} as customers, {technicians}::bigint / {tenants} as technicians) t
    cross join generate_series(0::bigint, {work_orders} - 1) g (i)
    cross join lateral (select {place} as place, {tenant} as tenant_id, bench_at(g.i, t.work_orders) as at) p
    cross join lateral (select bench_id(7, g.i, p.at) as id) w
    cross join lateral (select {state} as state) s
"""
# A technician has one visit after the other: slot by slot, at most two hours each.
_VISITS = (
    _WORK
    + """
    cross join lateral (
        select bench_at(p.place / t.technicians * t.technicians, t.work_orders / t.n) + interval '3 days' as start,
               least(interval '2 hours', interval '1 second' * (50000000 * t.technicians / (t.work_orders / t.n)))
               as lasts) v
    cross join lateral (select date_trunc('second', v.start) as start, date_trunc('second', v.start + v.lasts) as ends)
        d
    where s.state <> 'OPEN'
"""
)
_VISIT_STATE = """
    case s.state when 'SCHEDULED' then 'SCHEDULED' when 'IN_PROGRESS' then 'ON_SITE' when 'ON_HOLD' then 'PAUSED'
                 when 'CANCELED' then 'CANCELED' else 'COMPLETED' end
"""
_STATEMENTS = (
    """
    insert into tenant (id, slug, name, currency, timezone)
    select bench_id(1, i), 'bench-' || i, 'North Air ' || i, 'USD', 'America/Chicago'
    from generate_series(0::bigint, {tenants} - 1) g (i)
    """,
    """
    insert into number_sequence (tenant_id, kind, last)
    select bench_id(1, i), 'work_order', {work_orders} / {tenants} from generate_series(0::bigint, {tenants} - 1) g (i)
    """,
    """
    insert into integration (tenant_id, id, plugin_id, instance, status, settings, is_ledger)
    select bench_id(1, i), bench_id(2, i), {plugin_id}, 'bench', 'ENABLED', '{{}}', false
    from generate_series(0::bigint, {tenants} - 1) g (i)
    """,
    """
    insert into customer (tenant_id, id, kind, name, given_name, family_name, email, phone, billing_address, notes,
                          search, name_key, email_key)
    select m.tenant_id, bench_id(3, g.i), case when g.i % 7 = 0 then 'COMMERCIAL' else 'RESIDENTIAL' end, m.name,
           m.given, m.family, m.email, m.phone,
           jsonb_build_object('line1', (g.i % 9000) || ' Cedar Street', 'city', 'Austin', 'region', 'TX',
                              'postal_code', '78701', 'country', 'US'),
           case when g.i % 5 = 0 then 'Gate code at the office; "call" before ten.' end,
           ('''' || m.tenant_id || ''' ' || m.mark || lower(m.given) || ':1 ' || m.mark || lower(m.family) || ':2 '
            || m.mark || g.i || ':3 ' || m.mark || regexp_replace(m.phone, '\\D', '', 'g') || ':9')::tsvector,
           lower(m.name), m.email
    from generate_series(0::bigint, {customers} - 1) g (i)
    cross join lateral (
        select bench_id(1, g.i % {tenants}) as tenant_id,
               (array['Maria', 'Ana', 'James', 'Li', 'Ruth', 'Omar', 'Elena'])[1 + g.i % 7] as given,
               (array['Garcia', 'Novak', 'Smith', 'Chen', 'Okafor'])[1 + g.i % 5] as family) who
    cross join lateral (
        select who.*, right(who.tenant_id::text, 8) as mark, who.given || ' ' || who.family || ' ' || g.i as name,
               lower(who.given) || g.i || '@example.com' as email,
               '512 555 ' || lpad((g.i % 10000)::text, 4, '0') as phone) m
    """,
    """
    insert into site (tenant_id, id, customer_id, name, timezone, address, phone, contact_name, access_instructions,
                      search, name_key)
    select m.tenant_id, bench_id(4, g.i), bench_id(3, g.i), m.name, 'America/Chicago',
           jsonb_build_object('line1', (g.i % 9000) || ' Cedar Street', 'line2', 'Unit ' || g.i % 40, 'city', 'Austin',
                              'region', 'TX', 'postal_code', '78701', 'country', 'US'),
           '512 555 ' || lpad((g.i % 10000)::text, 4, '0'), 'The caretaker', 'Ring twice, the dog is friendly',
           ('''' || m.tenant_id || ''' ' || m.mark || 'home:1 ' || m.mark || g.i || ':2 ' || m.mark || 'cedar:6 '
            || m.mark || 'austin:9')::tsvector, lower(m.name)
    from generate_series(0::bigint, {customers} - 1) g (i)
    cross join lateral (
        select id as tenant_id, right(id::text, 8) as mark, 'Home ' || g.i as name
        from (select bench_id(1, g.i % {tenants}) as id) of) m
    """,
    """
    insert into technician (tenant_id, id, name, kind, email, phone, name_key)
    select bench_id(1, i % {tenants}), bench_id(5, i), 'Technician ' || i, 'EMPLOYEE',
           'tech' || i || '@example.com', '512 556 0100', 'technician ' || i
    from generate_series(0::bigint, {technicians} - 1) g (i)
    """,
    """
    insert into work_order (tenant_id, id, number, title, description, customer_id, site_id, source, priority, state,
                            currency, hold_reason, outcome, billing_state, started_at, completed_at, closed_at, search,
                            number_key, created_at, updated_at)
    select p.tenant_id, w.id, 'WO-' || 1 + p.place, 'No cooling upstairs, unit ' || g.i % 40,
           'Customer says the "left" unit blows warm air since Monday.', bench_id(3, c.number), bench_id(4, c.number),
           (array['CALL', 'FORM', 'API'])[1 + p.place % 3], (array['NORMAL', 'HIGH', 'LOW', 'URGENT'])[1 + p.place % 4],
           s.state, 'USD', case when s.state = 'ON_HOLD' then 'Waiting for a part' end,
           case when s.state in ('CLOSED', 'COMPLETED') then 'RESOLVED' end,
           case when s.state = 'CLOSED' then 'PAID' else 'UNBILLED' end,
           case when s.state in ('CLOSED', 'COMPLETED', 'IN_PROGRESS') then p.at + interval '3 days' end,
           case when s.state in ('CLOSED', 'COMPLETED') then p.at + interval '4 days' end,
           case when s.state = 'CLOSED' then p.at + interval '5 days' end,
           ('''' || p.tenant_id || ''' ' || m.mark || 'wo:1 ' || m.mark || 1 + p.place || ':2 ' || m.mark || 'no:5 '
            || m.mark || 'cooling:6 ' || m.mark || 'upstairs:7 ' || m.mark || 'unit:8')::tsvector,
           'wo-' || 1 + p.place, p.at, p.at
    from """
    + _WORK
    + """
    cross join lateral (select p.place * 1000003 % t.customers * t.n + g.i % t.n as number) c
    cross join lateral (select right(p.tenant_id::text, 8) as mark) m
    """,
    f"""
    insert into visit (tenant_id, id, work_order_id, sequence, kind, timezone, planned_start, planned_end, state,
                       instructions, planned_order, created_at, updated_at)
    select p.tenant_id, bench_id(8, g.i, p.at), w.id, 1, 'SERVICE', 'America/Chicago', d.start, d.ends,
           {_VISIT_STATE}, 'Bring the long ladder', d.start, p.at, p.at
    from """
    + _VISITS,
    f"""
    insert into assignment (tenant_id, id, visit_id, technician_id, position, role, state, dispatched_at, during,
                            blocks)
    select p.tenant_id, bench_id(9, g.i, p.at), bench_id(8, g.i, p.at),
           bench_id(5, p.place % t.technicians * t.n + g.i % t.n), 0, 'LEAD',
           case {_VISIT_STATE} when 'SCHEDULED' then 'ASSIGNED' when 'ON_SITE' then 'ON_SITE'
                when 'PAUSED' then 'PAUSED' when 'CANCELED' then 'REMOVED' else 'DONE' end,
           case when s.state <> 'SCHEDULED' then d.start - interval '1 hour' end, tstzrange(d.start, d.ends), true
    from """
    + _VISITS,
    """
    insert into line_item (tenant_id, id, work_order_id, position, kind, description, quantity, unit, unit_price,
                           unit_cost, coverage, taxable, net, created_at, updated_at)
    select p.tenant_id, bench_id(10, g.i * {line_items} + l.j, p.at), w.id, l.j, k.kind, k.description, k.quantity,
           k.unit, k.price, k.cost, 'BILLABLE', l.j % 2 = 1, round(k.quantity * k.price, 2), p.at, p.at
    from """
    + _WORK
    + """
    cross join generate_series(0, {line_items} - 1) l (j)
    cross join lateral (
        select (array['LABOR', 'PART', 'FEE'])[1 + l.j % 3] as kind,
               (array['Diagnosis', 'Capacitor 45/5 MFD', 'Trip "within the city"'])[1 + l.j % 3] as description,
               (array[1.5, 1, 2.25])[1 + l.j % 3] as quantity, (array['hour', null, 'trip'])[1 + l.j % 3] as unit,
               95.00 + g.i % 50 + l.j as price, case when l.j % 3 = 1 then 18.40 end as cost) k
    """,
    """
    insert into event (tenant_id, id, stream, seq, type, v, occurred_at, recorded_at, actor_kind, actor_id, data)
    select p.tenant_id, bench_id(11, g.i, p.at), w.id, 1, 'work_order.created', 1, p.at, p.at, 'APP',
           bench_id(12, g.i % t.n), jsonb_build_object('work_order_id', w.id, 'number', 'WO-' || 1 + p.place,
                                                       'state', 'OPEN', 'currency', 'USD')
    from """
    + _WORK,
)
