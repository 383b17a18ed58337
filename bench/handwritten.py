"""The floor of a transition: the same effect by hand, five round trips of psycopg behind a bare ASGI app."""

import hashlib
import json
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from beltstack.store.database import DatabaseRole, options
from bench.plugins import Nothing

TRANSITIONS = {
    "/hold": ("ON_HOLD", "work_order.held", "work_order.hold"),
    "/resume": ("OPEN", "work_order.resumed", "work_order.resume"),
}


class Handwritten:
    """POST /hold or /resume with `id`, `expected_version` and `reason`; answers with id, version and state."""

    def __init__(self, url: str) -> None:
        self._url = url
        # The connection used last has the warmest caches, here and in PostgreSQL.
        self._idle: list[AsyncConnection[Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        asked = json.loads(await body_of(receive))
        token = dict(scope["headers"])[b"authorization"].removeprefix(b"Bearer ")
        connection = self._idle.pop() if self._idle else await self._connect()
        try:
            row = await _transition(connection, scope["path"], token, asked)
        finally:
            self._idle.append(connection)
        await answer(send, json.dumps({"id": str(row[0]), "version": row[1], "state": row[2]}).encode())

    async def close(self) -> None:
        for connection in self._idle:
            await connection.close()

    async def _connect(self) -> AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, prepare_threshold=0, options=options(DatabaseRole.APP)
        )


async def _transition(connection: AsyncConnection[Any], path: str, token: bytes, asked: dict[str, Any]) -> Any:
    state, event_type, command = TRANSITIONS[path]
    async with connection.transaction():
        who = await _row(connection, _WHO, {"hash": hashlib.sha256(token).digest()})
        mine = {"tenant": who[1], "actor": who[2], "actor_kind": who[3], "id": UUID(asked["id"])}
        before = await _row(connection, _LOCK, mine)
        if before[0] != asked["expected_version"] or before[1] == state:
            raise ValueError("The work order stands elsewhere.")
        data = {
            "work_order_id": asked["id"], "number": before[2], "title": before[3], "from_state": before[1],
            "state": state, "priority": before[4], "customer_id": str(before[5]), "site_id": str(before[6]),
            "total": str(before[7]), "currency": before[8], "reason": asked["reason"],
        }  # fmt: skip
        values = mine | {
            "state": state, "reason": asked["reason"], "version": before[0], "event_type": event_type,
            "facts": [event_type], "event": uuid7(), "delivery": uuid7(), "audit": uuid7(), "data": Jsonb(data),
            "plugin": Nothing.manifest.id, "command": command, "request": uuid4().hex,
        }  # fmt: skip
        return await _row(connection, _WRITE, values)


async def _row(connection: AsyncConnection[Any], statement: LiteralString, values: dict[str, Any]) -> Any:
    row = await (await connection.execute(statement, values)).fetchone()
    if row is None:
        raise ValueError("Nobody, or nothing, or somebody was faster.")
    return row


async def body_of(receive: Any) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


async def answer(send: Any, body: bytes) -> None:
    """A JSON answer of a bare ASGI app."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


# For this transaction only, as everywhere.
_WHO = """
    select set_config('app.tenant', tenant_id::text, true), tenant_id, id, kind from token_actor(%(hash)s)
"""
_LOCK = """
    select w.version, w.state, w.number, w.title, w.priority, w.customer_id, w.site_id,
           (select coalesce(sum(l.net), 0) from line_item l
             where l.tenant_id = w.tenant_id and l.work_order_id = w.id), w.currency
    from work_order w where w.tenant_id = %(tenant)s and w.id = %(id)s for update of w
"""
_WRITE = """
    with changed as (
        update work_order
        set state = %(state)s, hold_reason = %(reason)s, version = version + 1, updated_at = now(),
            updated_by = %(actor)s
        where tenant_id = %(tenant)s and id = %(id)s and version = %(version)s
        returning id, version, state),
    told as (
        insert into event (tenant_id, id, stream, seq, type, v, occurred_at, actor_kind, actor_id, request_id, data)
        select %(tenant)s, %(event)s, id,
               1 + coalesce((select max(seq) from event where tenant_id = %(tenant)s and stream = %(id)s), 0),
               %(event_type)s, 1, now(), %(actor_kind)s, %(actor)s, %(request)s, %(data)s
        from changed returning id, stream, seq),
    owed as (
        insert into delivery (tenant_id, id, event_id, integration_id, stream, seq, state)
        select %(tenant)s, %(delivery)s, told.id, i.id, told.stream, told.seq, 'READY'
        from told join integration i on i.tenant_id = %(tenant)s and i.plugin_id = %(plugin)s
         and i.status <> 'DISABLED'
        returning 1),
    noted as (
        insert into audit_entry (tenant_id, id, at, actor_kind, actor_id, command, subject_id, request_id, facts)
        select %(tenant)s, %(audit)s, now(), %(actor_kind)s, %(actor)s, %(command)s, id, %(request)s, %(facts)s
        from changed)
    select id, version, state, case when exists (select from owed) then pg_notify('beltstack_wake', '') end
    from changed
"""
