-- claim_due_tasks(p_now, p_horizon, p_limit, p_lease, p_rate) -> setof (task_id, fence, account_id, phase, due, alone)
-- Claims what falls due within the horizon, the earliest first: pending to queued, under a new fence, leased until p_lease wall-clock seconds after it is due.
-- Under a global pause cancels only. How many there is room for is the caller's to know (free_queue_capacity): when much is in flight, counting costs more than claiming.
-- Locks: tasks, those it takes, with SKIP LOCKED: it never waits, and so may leave the lock order.
-- Errors: none.
-- Caller: adapters/postgres/engine_store.py
-- Test: tests/integration/test_claim_due_tasks.py
create or replace function claim_due_tasks(p_now timestamptz, p_horizon interval, p_limit int, p_lease interval, p_rate float8)
returns table (task_id text, fence bigint, account_id text, phase text, due timestamptz, alone boolean)
language plpgsql volatile security definer set search_path = public, pg_temp
-- Every row is found by its key. A plan made while the tables were small, or nothing was queued, would be kept: docs/adr/0012.
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    -- Variables: a volatile clock in a WHERE could not use the index.
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_until timestamptz := v_now + p_horizon;
    v_places tid[];                                         -- a locked row stays where it is: no need to look it up again
begin
    if (select c.paused from engine_control c) then         -- courtesy: the guard is in begin
        v_places := array(select t.ctid from scheduled_tasks t
                           where t.is_due and t.phase = 'cancel' and t.scheduled_for < v_until
                           order by t.scheduled_for, t.task_id limit p_limit for no key update skip locked);
    else
        v_places := array(select t.ctid from scheduled_tasks t
                           where t.is_due and t.scheduled_for < v_until
                           order by t.scheduled_for, t.task_id limit p_limit for no key update skip locked);
    end if;
    return query
    update scheduled_tasks t
       set status = 'queued', fence = nextval('fence_seq'), sends = 1,
           lease_expires_at = clock_timestamp() + greatest(t.scheduled_for - v_now, interval '0') / p_rate + p_lease
     where t.ctid = any (v_places)
    returning t.task_id, t.fence, t.account_id, t.phase, t.scheduled_for, t.reclaims > 0;
end $$;
