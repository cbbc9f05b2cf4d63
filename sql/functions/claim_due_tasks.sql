-- claim_due_tasks(p_now, p_horizon, p_limit, p_lease, p_rate)
--   -> setof (task_id, fence, account_id, phase, due, alone)
-- Claims what falls due within the horizon, the earliest first: from pending to queued, under a new
-- fence, with a lease that ends p_lease (wall time) after the task is due. Under a global pause it
-- claims cancels only. Tasks of a service whose breaker limits them get slots: see
-- claim_for_services. The caller asks free_queue_capacity how many it may claim: with many tasks
-- in flight, counting them costs more than claiming.
-- Locks: services by name, while one is limited; then the tasks that it claims, with SKIP LOCKED:
--   it never waits for them, and so may leave the lock order.
-- Errors: none.
-- Callers: adapters/postgres/engine_store.py
-- Test: tests/integration/test_claim_due_tasks.py
create or replace function claim_due_tasks(
    p_now timestamptz, p_horizon interval, p_limit int, p_lease interval, p_rate float8)
returns table (
    task_id text, fence bigint, account_id text, phase text, due timestamptz, alone boolean)
language plpgsql volatile security definer set search_path = public, pg_temp
-- Every row is found by its key. A plan made while the tables were small, or nothing was queued,
-- would be kept by a warm connection: docs/adr/0012.
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
    -- In variables: with a volatile clock in its condition, a query cannot use the index.
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_until timestamptz := v_now + p_horizon;
    v_locked tid[];
begin
    -- Two ticks at once share the work: each skips what the other has locked. The lock is held
    -- until the commit, so the update below finds each row where the select found it, by its ctid,
    -- and as the select saw it.
    -- This read of the pause may be too old, which only saves work: begin_tasks decides about a
    -- global pause under the advisory lock.
    if (select c.paused from engine_control c) then -- guard: claim-respects-the-global-pause
        v_locked := array(select t.ctid from scheduled_tasks t
                           -- guard: paused-claim-takes-cancels
                           where t.is_due and t.phase = 'cancel' and t.scheduled_for < v_until
                           order by t.scheduled_for, t.task_id limit p_limit
                             for no key update skip locked);
    elsif exists (select from services s where s.slots_per_second is not null) then
        -- guard: claim-respects-breakers
        return query select * from claim_for_services(v_now, v_until, p_limit, p_lease, p_rate);
        return;
    else
        v_locked := array(select t.ctid from scheduled_tasks t
                           -- guard: claim-due-and-unlocked
                           where t.is_due and t.scheduled_for < v_until
                           order by t.scheduled_for, t.task_id limit p_limit
                             for no key update skip locked);
    end if;
    return query
    update scheduled_tasks t
       -- guard: claim-takes-a-new-fence
       set status = 'queued', fence = nextval('fence_seq'), sends = 1,
           -- Leases are wall time, due times are schedule time: p_rate converts the wait.
           -- guard: claim-is-leased-from-the-due-time
           lease_expires_at = clock_timestamp()
                              + greatest(t.scheduled_for - v_now, interval '0') / p_rate + p_lease
     where t.ctid = any (v_locked)
    -- guard: reclaimed-task-travels-alone
    returning t.task_id, t.fence, t.account_id, t.phase, t.scheduled_for, t.reclaims > 0;
end $$;
