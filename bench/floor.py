"""The floor of reading: SQL by hand whose JSON goes to the socket as PostgreSQL built it, one round trip each."""

import hashlib
import json
from typing import Any, LiteralString

from psycopg import AsyncConnection

from bench.handwritten import Handwritten, answer, body_of


class Floor(Handwritten):
    """POST /board, /one with `id`, /customers with `after`, beside the transitions; the token decides the tenant."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        statement = READS.get(scope["path"])
        if statement is None:
            await super().__call__(scope, receive, send)
            return
        asked = json.loads(await body_of(receive))
        token = dict(scope["headers"])[b"authorization"].removeprefix(b"Bearer ")
        connection = self._idle.pop() if self._idle else await self._connect()
        try:
            found = await _read(connection, statement, asked, hashlib.sha256(token).digest())
        finally:
            self._idle.append(connection)
        await answer(send, found)


async def _read(connection: AsyncConnection[Any], statement: LiteralString, asked: dict[str, Any], who: bytes) -> bytes:
    """Everything goes out at once; without a tenant, the read finds nothing."""
    async with connection.pipeline(), connection.transaction():
        await connection.execute(_WHO, {"hash": who})
        cursor = await connection.execute(statement, asked)
        row = await cursor.fetchone()
    return (row[0] if row else "null").encode()


_WHO = "select set_config('app.tenant', tenant_id::text, true) from token_actor(%(hash)s)"
_MINE = "(select nullif(current_setting('app.tenant', true), '')::uuid)"
_PARTS = """
    select json_build_object(
        'id', w.id, 'version', w.version, 'number', w.number, 'title', w.title, 'priority', w.priority,
        'state', w.state, 'createdAt', w.created_at,
        'customer', (select json_build_object('id', c.id, 'name', c.name, 'phone', c.phone)
                     from customer c where c.tenant_id = w.tenant_id and c.id = w.customer_id),
        'site', (select json_build_object('id', s.id, 'name', s.name, 'address', json_build_object(
                        'line1', s.address->>'line1', 'line2', s.address->>'line2', 'city', s.address->>'city',
                        'region', s.address->>'region', 'postalCode', s.address->>'postal_code',
                        'country', s.address->>'country'))
                 from site s where s.tenant_id = w.tenant_id and s.id = w.site_id),
        'visits', (select coalesce(json_agg(json_build_object(
                        'id', v.id, 'state', v.state,
                        'planned', json_build_object('start', v.planned_start, 'end', v.planned_end),
                        'assignments', (select coalesce(json_agg(json_build_object(
                                'state', a.state, 'technician', json_build_object('id', t.id, 'name', t.name))
                                order by a.position), '[]')
                            from assignment a
                            join technician t on t.tenant_id = a.tenant_id and t.id = a.technician_id
                            where a.tenant_id = v.tenant_id and a.visit_id = v.id))
                        order by v.sequence), '[]')
                   from visit v where v.tenant_id = w.tenant_id and v.work_order_id = w.id),
        'lineItems', (select coalesce(json_agg(json_build_object(
                        'id', l.id, 'description', l.description, 'quantity', l.quantity::text, 'unit', l.unit,
                        'unitPrice', json_build_object('amount', l.unit_price::text),
                        'net', json_build_object('amount', l.net::text)) order by l.position), '[]')
                      from line_item l where l.tenant_id = w.tenant_id and l.work_order_id = w.id)) as part, w.id
    from work_order w
"""
READS: dict[str, Any] = {
    "/board": f"""
        select json_build_object('workOrders', json_build_object('nodes', json_agg(part order by id desc)))::text
        from ({_PARTS} where w.tenant_id = {_MINE} and w.state = 'SCHEDULED' order by w.id desc limit 50) page
    """,
    "/one": f"""
        select json_build_object('workOrder', part)::text
        from ({_PARTS} where w.tenant_id = {_MINE} and w.id = %(id)s::uuid) one
    """,
    "/customers": f"""
        select json_build_object('customers', json_build_object('nodes', json_agg(json_build_object(
            'id', id, 'name', name, 'phone', phone, 'openWorkOrders', (
                select count(*) from work_order w where w.tenant_id = page.tenant_id and w.customer_id = page.id
                and w.state in ('OPEN', 'SCHEDULED', 'IN_PROGRESS', 'ON_HOLD'))) order by id desc)))::text
        from (select * from customer where tenant_id = {_MINE} and id < %(after)s::uuid
              order by id desc limit 50) page
    """,
}
