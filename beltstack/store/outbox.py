"""Events and the deliveries they owe, written in the transaction that made them true."""

import json
from collections import Counter
from collections.abc import Sequence

from sqlalchemy import text

from beltstack.domain.events import Fact
from beltstack.store.codecs import to_json
from beltstack.store.session import Session

WAKE_CHANNEL = "beltstack_wake"


async def tell(session: Session, facts: Sequence[Fact]) -> None:
    """One event each; one delivery for each integration that is enabled now and whose plugin listens."""
    if not facts:
        return
    session.told.extend(fact.type for fact in facts)
    place: Counter[object] = Counter()
    numbers = []
    for fact in facts:
        place[fact.stream] += 1
        numbers.append(place[fact.stream])
    pairs = [(kind, plugin) for kind in sorted({f.type for f in facts}) for plugin in session.listeners(kind)]
    values = {
        "tenant": session.tenant_id,
        "ids": [session.new_id() for _ in facts],
        "streams": [fact.stream for fact in facts],
        "numbers": numbers,
        "types": [fact.type for fact in facts],
        "versions": [fact.v for fact in facts],
        "data": [json.dumps(to_json(fact)) for fact in facts],
        "at": session.now,
        "actor_kind": session.actor.kind.value,
        "actor": session.actor.id,
        "request": session.request_id,
    }
    if not pairs:
        await session.write(_EVENTS, values)
        return
    heard = {"heard_types": [kind for kind, _ in pairs], "heard_plugins": [plugin for _, plugin in pairs]}
    await session.write(_EVENTS_AND_DELIVERIES, values | heard)


_INSERT = """
    insert into event (tenant_id, id, stream, seq, type, v, occurred_at, actor_kind, actor_id, request_id, data)
    select :tenant, g.id, g.stream,
           g.number + coalesce((select max(seq) from event where tenant_id = :tenant and stream = g.stream), 0),
           g.type, g.v, :at, :actor_kind, :actor, :request, g.data::jsonb
    from unnest(cast(:ids as uuid[]), cast(:streams as uuid[]), cast(:numbers as int[]), cast(:types as text[]),
                cast(:versions as int[]), cast(:data as text[])) as g (id, stream, number, type, v, data)
    order by g.id
"""
_EVENTS = text(_INSERT)
_EVENTS_AND_DELIVERIES = text(
    f"""
    with told as ({_INSERT} returning id, stream, seq, type),
    owed as (
        insert into delivery (tenant_id, id, event_id, integration_id, stream, seq, state)
        select :tenant, uuid_v7(), told.id, integration.id, told.stream, told.seq, 'READY'
        from told
        join unnest(cast(:heard_types as text[]), cast(:heard_plugins as text[])) as heard (type, plugin_id)
          on heard.type = told.type
        join integration on integration.tenant_id = :tenant and integration.plugin_id = heard.plugin_id
         and integration.status <> 'DISABLED'
        returning 1)
    select case when exists (select from owed) then pg_notify('{WAKE_CHANNEL}', '') end
    """  # noqa: S608 - both parts are constants of this module
)
