-- reclaim_expired(p_limit, p_delivery_id, p_now, p_lease)
--   -> setof (what begin_tasks returns, with reclaim_reason)
-- Reclaims tasks that run past their lease (lease_expired), and tasks that were sent 20 times in
-- vain (undeliverable): they are running, under a new fence and lease, for the caller to plan and
-- commit. Policy stays in Python: SQL does not decide what an expired lease means.
-- Reclaims grow by one for each begin whose lease expired, but not when a reclaim itself expired.
-- Locks: the tasks that it takes, with SKIP LOCKED: it never waits, and so may leave the lock
--   order.
-- Errors: none.
-- Callers: adapters/postgres/engine_store.py
-- Test: tests/integration/test_reclaim_expired.py
create or replace function reclaim_expired(
    p_limit int, p_delivery_id uuid, p_now timestamptz, p_lease interval)
returns table (
    task_id text, early boolean, now timestamptz, global_paused_ms bigint, reclaim_reason text,
    sequence bigint, step_id text, action text, phase text, scheduled_for timestamptz,
    attempts int, reclaims int, sends int, fence bigint, payload jsonb, outcome_unknown boolean,
    first_begun_at timestamptz,
    instance_id uuid, account_id text, workflow_id bigint, instance_status text, current_step int,
    account_data jsonb, execution_context jsonb, goto_iterations jsonb, revision bigint,
    credentials_version int, registered_version int, account_suspended boolean,
    actions_generation bigint, ai_generation bigint, service_record text, late_ms bigint)
language plpgsql volatile security definer set search_path = public, pg_temp
-- Every row is found by its key. A plan made while the tables were small, or nothing was queued,
-- would be kept by a warm connection: docs/adr/0012.
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
    v_wall timestamptz := clock_timestamp();
    v_now timestamptz := coalesce(p_now, v_wall);
    v_paused boolean;
    v_paused_ms bigint;
    v_ids text[];
begin
    -- guard: reclaim-counts-the-present-pause
    select c.paused,
           c.paused_ms + case when c.paused
                              then greatest(extract(epoch from v_now - c.paused_at) * 1000, 0)
                              else 0 end
      into v_paused, v_paused_ms
      from engine_control c;
    -- Race with the worker that lost the task: it commits first and holds the row, so this call
    -- skips it; or this call changes the fence, and the commit finds its own one stale.
    -- Race with another tick: each skips what the other has locked.
    v_ids := array(select t.task_id from scheduled_tasks t
                    -- guard: reclaim-after-the-lease
                    where t.is_in_flight and t.lease_expires_at < v_wall
                      and (t.status = 'running'
                           -- guard: reclaim-queued-after-twenty-sends
                           or (t.status = 'queued' and t.sends >= 20
                               -- Under a global pause nothing begins, on purpose.
                               -- guard: undeliverable-not-under-pause
                               and (not v_paused or t.phase = 'cancel')))
                    -- guard: reclaim-the-longest-expired-first
                    order by t.lease_expires_at limit p_limit
                      for no key update skip locked); -- guard: reclaim-locks-and-never-waits

    -- A claim fence says that the row is as a delivery began it. Without one a former reclaim has
    -- it, and its lease expired in turn: that is not the fault of the task, and does not count.
    update scheduled_tasks t
       -- guard: reclaim-takes-a-new-fence
       set status = 'running', fence = nextval('fence_seq'),
           -- guard: reclaim-clears-the-claim-fence
           claim_fence = null,
           -- guard: reclaim-takes-the-delivery-id
           begun_by = p_delivery_id,
           -- guard: reclaim-has-a-lease
           lease_expires_at = v_wall + p_lease,
           -- guard: reclaim-counts
           reclaims = t.reclaims + (t.status = 'running' and t.claim_fence is not null)::int,
           -- guard: reclaim-resets-the-sends
           sends = case when t.status = 'running' and t.claim_fence is not null then 0
                        else t.sends end
     where t.task_id = any (v_ids);

    return query
    select t.task_id, false, v_now, v_paused_ms,
           case when t.sends >= 20 then 'undeliverable' else 'lease_expired' end,
           t.sequence, t.step_id, t.action, t.phase, t.scheduled_for,
           t.attempts, t.reclaims, t.sends, t.fence, t.payload, t.outcome_unknown,
           t.first_begun_at,
           i.id, t.account_id, i.workflow_id, i.status, i.current_step,
           i.account_data, i.execution_context, i.goto_iterations, i.revision,
           a.credentials_version, a.registered_version,
           coalesce(a.status = 'suspended', false),
           null::bigint, null::bigint, null::text, 0::bigint
      from scheduled_tasks t
      join workflow_instances i on i.id = t.workflow_instance_id
      left join accounts a on a.flamebot_id = t.account_id
     where t.task_id = any (v_ids);
end $$;
