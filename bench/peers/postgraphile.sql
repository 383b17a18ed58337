-- What a team would add for PostGraphile: the page by a key, which its conditions cannot express, a count, and the transition.
create function beltstack.customers_below(below uuid) returns setof beltstack.customer language sql stable as
$$ select * from beltstack.customer c
   where tenant_id = (select nullif(current_setting('app.tenant', true), '')::uuid) and c.id < customers_below.below
   order by c.id desc $$;
create function beltstack.customer_open_work_orders(customer beltstack.customer) returns int language sql stable as
$$ select count(*)::int from beltstack.work_order w
   where w.tenant_id = customer.tenant_id and w.customer_id = customer.id
     and w.state in ('OPEN', 'SCHEDULED', 'IN_PROGRESS', 'ON_HOLD') $$;
create function beltstack.transition(id uuid, expected_version int, to_state text, why text)
returns beltstack.work_order language plpgsql volatile as
$$
declare
    mine uuid := current_setting('app.tenant')::uuid;
    who uuid := current_setting('app.actor')::uuid;
    kind text := current_setting('app.actor_kind');
    request text := gen_random_uuid()::text;
    held boolean := to_state = 'ON_HOLD';
    told text := case when held then 'work_order.held' else 'work_order.resumed' end;
    before beltstack.work_order;
    after beltstack.work_order;
    made beltstack.event;
begin
    select * into before from beltstack.work_order w where w.tenant_id = mine and w.id = transition.id for update;
    if not found or before.version <> expected_version or before.state = to_state then
        raise exception 'The work order stands elsewhere.';
    end if;
    update beltstack.work_order w
    set state = to_state, hold_reason = why, version = w.version + 1, updated_at = now(), updated_by = who
    where w.tenant_id = mine and w.id = transition.id returning * into after;
    insert into beltstack.event (tenant_id, id, stream, seq, type, v, occurred_at, actor_kind, actor_id, request_id, data)
    select mine, beltstack.uuid_v7(), before.id,
           1 + coalesce((select max(e.seq) from beltstack.event e where e.tenant_id = mine and e.stream = before.id), 0),
           told, 1, now(), kind, who, request,
           jsonb_build_object(
               'work_order_id', before.id, 'number', before.number, 'title', before.title, 'from_state', before.state,
               'state', to_state, 'priority', before.priority, 'customer_id', before.customer_id,
               'site_id', before.site_id, 'currency', before.currency, 'reason', why,
               'total', (select coalesce(sum(l.net), 0)::text from beltstack.line_item l
                          where l.tenant_id = mine and l.work_order_id = before.id))
    returning * into made;
    insert into beltstack.delivery (tenant_id, id, event_id, integration_id, stream, seq, state)
    select mine, beltstack.uuid_v7(), made.id, i.id, made.stream, made.seq, 'READY'
    from beltstack.integration i where i.tenant_id = mine and i.status <> 'DISABLED';
    if found then
        perform pg_notify('beltstack_wake', '');
    end if;
    insert into beltstack.audit_entry (tenant_id, id, actor_kind, actor_id, command, subject_id, request_id, facts)
    values (mine, beltstack.uuid_v7(), kind, who, case when held then 'work_order.hold' else 'work_order.resume' end,
            before.id, request, array[told]);
    return after;
end
$$;
