"""The lanes' SQL. `:tenant` and `:integration` name the lane; `:epoch` fences out whoever held it before."""

from sqlalchemy import text

from beltstack.store.problems import MESSAGE_CHARACTERS, UPSERT

# The first unsettled delivery of its stream with this integration; a dead letter holds its stream unless told not to.
# As a scalar subquery it stays what it is, one index probe per candidate in the order they are due; as NOT EXISTS the
# planner makes a join of it and, on a table it has not counted yet, reads the whole backlog for each claim.
_IS_HEAD_OF_LINE = """
    (select 1 from delivery p
     where p.tenant_id = d.tenant_id and p.integration_id = d.integration_id and p.stream = d.stream and p.seq < d.seq
       and p.state in ('READY', 'RUNNING', 'WAITING', 'DEAD') and (p.state <> 'DEAD' or {dead_letters_block})
     limit 1) is null
"""

DUE_LANES = text(
    f"""
    select l.tenant_id, l.integration_id, i.plugin_id
    from lane l join integration i on i.tenant_id = l.tenant_id and i.id = l.integration_id
    where i.status = 'ENABLED' and i.plugin_id = any(cast(:plugins as text[])) and l.rests_until <= clock_timestamp()
      and l.integration_id <> all(cast(:busy as uuid[])) and l.tenant_id <> all(cast(:full_tenants as uuid[]))
      and (exists (select from delivery d
                   where d.tenant_id = l.tenant_id and d.integration_id = l.integration_id and d.state = 'RUNNING')
        or exists (select from delivery d
                   where d.tenant_id = l.tenant_id and d.integration_id = l.integration_id and d.state = 'READY'
                     and d.due_at <= clock_timestamp()
                     and {_IS_HEAD_OF_LINE.format(dead_letters_block="i.plugin_id <> all(cast(:lenient as text[]))")}))
    limit :most
    """  # noqa: S608 - constants of this module
)

OPEN = text(
    """
    with opened as (
        update lane l set epoch = l.epoch + 1
        from integration i
        where l.tenant_id = :tenant and l.integration_id = :integration and l.rests_until <= clock_timestamp()
          and i.tenant_id = :tenant and i.id = :integration and i.status = 'ENABLED'
        returning l.epoch, l.failures, i.version, i.settings)
    select opened.*, t.name as tenant_name, t.currency, t.timezone
    from opened cross join tenant t where t.id = :tenant
    """
)

# One problem for each code, however many died of it.
_DEAD_LETTERS = f"""
    insert into problem (tenant_id, id, integration_id, key, message, count, is_critical, first_at, last_at)
    select :tenant, uuid_v7(), :integration, 'DEAD:' || coalesce(error_code, error_class, 'UNKNOWN'),
           left(coalesce(max(error), 'It could not be delivered.'), {MESSAGE_CHARACTERS}), count(*), true,
           clock_timestamp(), clock_timestamp()
    from settled where state = 'DEAD'
    group by coalesce(error_code, error_class, 'UNKNOWN')
    {UPSERT}
"""  # noqa: S608 - constants

# A delivery whose worker ends each time takes the other lanes of that worker with it: the fifth time is the last.
TAKE_OVER = text(
    f"""
    with lost as (
        select d.id, d.attempts, coalesce(d.started_at, now()) as started_at,
               (select count(*) from delivery_attempt a
                where a.tenant_id = :tenant and a.delivery_id = d.id and a.error_code = 'WORKER_LOST'
                  and a.attempt >= d.attempts - 4) as times_before
        from delivery d
        where d.tenant_id = :tenant and d.integration_id = :integration and d.state = 'RUNNING' and d.epoch < :epoch),
    noted as (
        insert into delivery_attempt (tenant_id, id, delivery_id, attempt, started_at, ended_at, error_class,
                                      error_code, error)
        select :tenant, uuid_v7(), id, attempts, started_at, clock_timestamp(), 'UNKNOWN_OUTCOME', 'WORKER_LOST',
               'The worker ended before this attempt did.'
        from lost),
    settled as (
        update delivery d
        set state = case when lost.times_before >= 4 then 'DEAD' else 'READY' end,
            due_at = clock_timestamp()
                   + case when lost.times_before = 0 then 0 else power(2, lost.times_before) end * interval '1 second',
            error_class = case when lost.times_before >= 4 then 'DEFECT' else 'UNKNOWN_OUTCOME' end,
            error_code = 'WORKER_LOST', error = 'The worker ended before this attempt did.'
        from lost
        where d.tenant_id = :tenant and d.id = lost.id
        returning d.state, d.error_class, d.error_code, d.error)
    {_DEAD_LETTERS}
    """  # noqa: S608 - constants of this module
)

SETTLE = text(
    f"""
    with said as (
        select s.*, s.state = 'WAITING' and exists (
                 select from reference r
                 where r.tenant_id = :tenant and r.integration_id = :integration
                   and r.entity = s.waits_for_entity and r.entity_id = s.waits_for) as is_linked_already
        from jsonb_to_recordset(cast(:said as jsonb)) as s (
            id uuid, attempt_id uuid, state text, took_seconds float8, failures int, retried_seconds float8,
            due_in_seconds float8, error_class text, error_code text, error text, waits_for_entity text,
            waits_for uuid)),
    settled as (
        update delivery d
        set state = case when s.is_linked_already then 'READY' else s.state end,
            failures = s.failures, retried_seconds = s.retried_seconds,
            due_at = clock_timestamp() + s.due_in_seconds * interval '1 second',
            error_class = s.error_class, error_code = s.error_code, error = s.error,
            waits_for = case when not s.is_linked_already then s.waits_for end,
            settled_at = case when s.state in ('DELIVERED', 'CANCELED') then clock_timestamp() end
        from said s
        where d.tenant_id = :tenant and d.integration_id = :integration and d.id = s.id
          and d.epoch = :epoch and d.state = 'RUNNING'
        returning d.id, d.state, d.attempts, s.attempt_id, s.took_seconds, s.error_class, s.error_code, s.error),
    noted as (
        insert into delivery_attempt (tenant_id, id, delivery_id, attempt, started_at, ended_at, error_class,
                                      error_code, error)
        select :tenant, attempt_id, id, attempts, clock_timestamp() - took_seconds * interval '1 second',
               clock_timestamp(), error_class, error_code, error
        from settled),
    died as ({_DEAD_LETTERS})
    update integration
    set last_success_at = clock_timestamp()
    where tenant_id = :tenant and id = :integration
      and exists (select from settled where error_class is null)
      and (last_success_at is null or last_success_at < clock_timestamp() - interval '1 minute')
    """  # noqa: S608 - constants of this module
)

NOTE_STATE = text(
    """
    update lane
    set failures = :failures,
        rests_until = greatest(rests_until, clock_timestamp() + :rests_seconds * interval '1 second')
    where tenant_id = :tenant and integration_id = :integration and epoch = :epoch
    """
)

# Not if somebody changed the integration meanwhile: the attempt that failed did not know of it yet.
STOP = text(
    f"""
    with stopped as (
        update integration
        set status = :status, problem = :problem, problem_code = :code, problem_at = clock_timestamp(),
            version = version + 1, updated_at = clock_timestamp()
        where tenant_id = :tenant and id = :integration and status = 'ENABLED' and version = :version
          and exists (select from lane
                      where tenant_id = :tenant and integration_id = :integration and epoch = :epoch)
        returning status, problem)
    insert into problem (tenant_id, id, integration_id, key, message, is_critical, first_at, last_at)
    select :tenant, uuid_v7(), :integration, status, left(problem, {MESSAGE_CHARACTERS}), true,
           clock_timestamp(), clock_timestamp()
    from stopped
    {UPSERT}
    """  # noqa: S608 - constants of this module
)

_CLAIM = f"""
    with held as materialized (
        select i.status = 'ENABLED' and l.rests_until <= clock_timestamp() as is_open
        from lane l join integration i on i.tenant_id = l.tenant_id and i.id = l.integration_id
        where l.tenant_id = :tenant and l.integration_id = :integration and l.epoch = :epoch
        for share of l),
    head as (
        select d.id
        from delivery d
        where d.tenant_id = :tenant and d.integration_id = :integration and d.state = 'READY'
          and d.due_at <= clock_timestamp() and exists (select from held where is_open)
          and {_IS_HEAD_OF_LINE.format(dead_letters_block="cast(:dead_letters_block as boolean)")}
        order by {{order}}
        limit :room
        for no key update of d skip locked),
    claimed as (
        update delivery d
        set state = 'RUNNING', attempts = d.attempts + 1, epoch = :epoch, started_at = clock_timestamp()
        from head
        where d.tenant_id = :tenant and d.id = head.id
        returning d.*)
    select held.is_open, c.id, c.attempts, c.failures, c.retried_seconds, c.error_class, c.event_id, c.stream, c.seq,
           e.type, e.v, e.occurred_at, e.data
    from held left join (claimed c join event e on e.tenant_id = :tenant and e.id = c.event_id) on true
    order by c.due_at, c.seq
    """  # noqa: S608 - constants of this module
CLAIM = text(_CLAIM.format(order="d.due_at, d.seq"))
# The probe of a half-open breaker is no delivery that has failed again and again by itself.
CLAIM_PROBE = text(_CLAIM.format(order="d.failures, d.due_at, d.seq"))

# GCRA: a burst, then one call each interval; by the database's clock, which all workers share.
RESERVE = text(
    """
    with before as materialized (
        select clock_timestamp() as at, tat from lane
        where tenant_id = :tenant and integration_id = :integration
          and epoch = coalesce(cast(:epoch as bigint), epoch)
        for no key update),
    wanted as materialized (
        select at, greatest(tat, at - :burst * :interval * interval '1 second') + :interval * interval '1 second' as tat
        from before),
    reserved as (
        update lane set tat = wanted.tat
        from wanted
        where lane.tenant_id = :tenant and lane.integration_id = :integration
          and wanted.tat <= wanted.at + :patience * interval '1 second'
        returning 1)
    select exists (select from reserved) as is_allowed,
           cast(extract(epoch from wanted.tat - wanted.at) as float8) as wait_seconds
    from wanted
    """
)

# A window of a day and up to an hour: the hour under way, and the 24 before it. So no 24 hours hold more than `:daily`.
RESERVE_OF_THE_DAY = text(
    """
    with before as materialized (
        select calls_hour, hourly_calls, extract(epoch from clock_timestamp()) / :hour as hours
        from lane
        where tenant_id = :tenant and integration_id = :integration
          and epoch = coalesce(cast(:epoch as bigint), epoch)
        for no key update),
    passed as (
        select hours, hourly_calls, least(floor(hours)::bigint - calls_hour, 25)::int as shift from before),
    counted as (
        select hours, array_fill(0, array[greatest(shift, 0)]) || hourly_calls[1:25 - greatest(shift, 0)] as calls
        from passed),
    reserved as (
        update lane set calls_hour = floor(hours)::bigint, hourly_calls = array[coalesce(calls[1], 0) + 1] || calls[2:]
        from counted
        where lane.tenant_id = :tenant and lane.integration_id = :integration
          and (select coalesce(sum(one), 0) from unnest(calls) one) < :daily
        returning 1)
    select exists (select from reserved) as is_allowed,
           cast(:hour * (floor(hours) - hours + 26 - coalesce(
                    (select max(place) from unnest(calls) with ordinality one (count, place) where count > 0), 26))
                as float8) as wait_seconds
    from counted
    """
)

NEXT = text(
    """
    select cast(extract(epoch from greatest(min(d.due_at), min(l.rests_until)) - clock_timestamp()) as float8)
    from lane l join delivery d on d.tenant_id = l.tenant_id and d.integration_id = l.integration_id
    where l.tenant_id = :tenant and l.integration_id = :integration and d.state = 'READY'
      and greatest(d.due_at, l.rests_until) > clock_timestamp()
    """
)
