-- begin_tasks(p_task_ids, p_fences, p_delivery_id, p_now, p_lease) -> setof (task_id, early, now, global_paused_ms, all that the step needs)
-- Begins tasks by the fences of their message: queued to running, under a new fence, and answers with all that their steps need. Called again by the same delivery (p_delivery_id) it
-- answers the same. Not due yet: answered as early, untouched. Under a global pause: given back as pending, not answered. Anything else is not answered.
-- Locks: engine control shared; tasks by id. It waits: SKIP LOCKED would lose messages to whoever is only looking at a row.
-- Errors: none.
-- Caller: adapters/postgres/engine_store.py
-- Test: tests/integration/test_begin_tasks.py
create or replace function begin_tasks(p_task_ids text[], p_fences bigint[], p_delivery_id uuid, p_now timestamptz, p_lease interval)
returns table (task_id text, early boolean, now timestamptz, global_paused_ms bigint, lost text,
               sequence bigint, step_id text, action text, phase text, scheduled_for timestamptz, attempts int, reclaims int, sends int, fence bigint,
               payload jsonb, outcome_unknown boolean, first_begun_at timestamptz,
               instance_id uuid, account_id text, workflow_id bigint, instance_status text, current_step int, account_data jsonb, execution_context jsonb,
               goto_iterations jsonb, revision bigint, credentials_version int, registered_version int, account_suspended boolean)
language plpgsql volatile security definer set search_path = public, pg_temp
-- Every row is found by its key. A plan made while the tables were small, or nothing was queued, would be kept: docs/adr/0012.
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    v_paused boolean;
    v_paused_ms bigint;
    v_others boolean;
    v_wall timestamptz;
    v_now timestamptz;
begin
    perform pg_advisory_xact_lock_shared(7);                -- a pause_all waits for us, or we see what it wrote
    -- The task's row is where begin meets pause, stop, claim and its own double: each of them changes it under this lock.
    with locked as materialized (
        select t.task_id, t.status, t.scheduled_for from scheduled_tasks t where t.task_id = any (p_task_ids) order by t.task_id for no key update)
    select coalesce(bool_or(l.status = 'running' or l.scheduled_for > coalesce(p_now, clock_timestamp())), false) into v_others from locked l;
    v_wall := clock_timestamp();                            -- after the waiting: a lease must not begin before it
    v_now := coalesce(p_now, v_wall);
    select c.paused, c.paused_ms + case when c.paused then greatest(extract(epoch from v_now - c.paused_at) * 1000, 0) else 0 end
      into v_paused, v_paused_ms from engine_control c;

    if v_paused then
        update scheduled_tasks t
           set status = 'pending', lease_expires_at = null, sends = 0
          from unnest(p_task_ids, p_fences) asked (id, claim)
         where t.task_id = asked.id and t.status = 'queued' and t.fence = asked.claim and t.phase <> 'cancel';
    end if;
    if v_others then                                        -- rare: begun by an earlier call of this delivery, or too early
        return query
        select t.task_id, t.status = 'queued', v_now, v_paused_ms, null::text,
               t.sequence, t.step_id, t.action, t.phase, t.scheduled_for, t.attempts, t.reclaims, t.sends, t.fence, t.payload, t.outcome_unknown, t.first_begun_at,
               i.id, t.account_id, i.workflow_id, i.status, i.current_step, i.account_data, i.execution_context, i.goto_iterations, i.revision,
               a.credentials_version, a.registered_version, coalesce(a.status = 'suspended', false)
          from unnest(p_task_ids, p_fences) asked (id, claim)
          join scheduled_tasks t on t.task_id = asked.id
          join workflow_instances i on i.id = t.workflow_instance_id
          left join accounts a on a.flamebot_id = t.account_id
         where (t.status = 'running' and t.claim_fence = asked.claim and t.begun_by = p_delivery_id)
            or (t.status = 'queued' and t.fence = asked.claim and t.scheduled_for > v_now);
    end if;
    return query
    update scheduled_tasks t
       set status = 'running', fence = nextval('fence_seq'), claim_fence = asked.claim, begun_by = p_delivery_id,
           lease_expires_at = v_wall + p_lease, started_at = v_now, first_begun_at = coalesce(t.first_begun_at, v_wall)
      from unnest(p_task_ids, p_fences) asked (id, claim), workflow_instances i left join accounts a on a.flamebot_id = i.account_id
     where t.task_id = asked.id and t.status = 'queued' and t.fence = asked.claim and t.scheduled_for <= v_now
       and i.id = t.workflow_instance_id
       -- A second wall: whoever changes an instance changes its waiting task too.
       and (i.status = 'active' or (t.phase = 'cancel' and i.status in ('stopping', 'paused')))
    returning t.task_id, false, v_now, v_paused_ms, null::text,
              t.sequence, t.step_id, t.action, t.phase, t.scheduled_for, t.attempts, t.reclaims, t.sends, t.fence, t.payload, t.outcome_unknown, t.first_begun_at,
              i.id, t.account_id, i.workflow_id, i.status, i.current_step, i.account_data, i.execution_context, i.goto_iterations, i.revision,
              a.credentials_version, a.registered_version, coalesce(a.status = 'suspended', false);
end $$;
