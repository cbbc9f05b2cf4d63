-- begin_tasks(p_task_ids, p_fences, p_delivery_id, p_now, p_lease)
--   -> setof (task_id, early, now, global_paused_ms, all that the step needs)
-- Begins tasks by the fences of their message: from queued to running, under a new fence. Returns
-- what their steps need. Called again by the same delivery, it returns the same.
-- A task that is not due yet is returned as early, unchanged. Under a global pause a task goes back
-- to pending and is not returned, and so does one whose service is limited, unless claim gave it a
-- slot. A message that is stale or a duplicate begins nothing: its task
-- is not returned.
-- Locks: engine control shared; tasks by id. It waits for locked tasks: SKIP LOCKED would lose the
--   message whenever another transaction is only reading the row.
-- Errors: none.
-- Callers: adapters/postgres/engine_store.py
-- Test: tests/integration/test_begin_tasks.py
create or replace function begin_tasks(
    p_task_ids text[], p_fences bigint[], p_delivery_id uuid, p_now timestamptz, p_lease interval)
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
    v_paused boolean;
    v_paused_ms bigint;
    v_pauses tstzmultirange;
    v_limited text[];
    v_actions bigint;
    v_ai bigint;
    v_running_or_early boolean;
    v_wall timestamptz;
    v_now timestamptz;
begin
    -- Race with pause_all, which takes this lock exclusively: either it waits until this begin has
    -- committed, or the read of engine_control below sees what it wrote. The read must come after
    -- the lock, in a statement of its own: a snapshot from before the wait would miss the pause.
    perform pg_advisory_xact_lock_shared(7); -- guard: begin-takes-the-shared-lock
    -- Race with pause, stop, claim and a duplicate delivery: each of them changes the row of the
    -- task under this lock. By id, so that two begins cannot wait for each other.
    with locked as materialized (
        select t.task_id, t.status, t.scheduled_for from scheduled_tasks t
         -- guard: begin-locks-tasks
         where t.task_id = any (p_task_ids) order by t.task_id for no key update)
    select coalesce(bool_or(l.status = 'running'
                            or l.scheduled_for > coalesce(p_now, clock_timestamp())), false)
      into v_running_or_early
      from locked l;
    -- After the waiting: a lease must not begin before it.
    v_wall := clock_timestamp(); -- guard: begin-leases-after-the-wait
    v_now := coalesce(p_now, v_wall);
    -- guard: begin-counts-the-present-pause
    select c.paused,
           c.paused_ms + case when c.paused
                              then greatest(extract(epoch from v_now - c.paused_at) * 1000, 0)
                              else 0 end,
           c.pauses
      into v_paused, v_paused_ms, v_pauses
      from engine_control c;
    -- Without a lock: a breaker that opens at this moment finds these tasks as calls that were on
    -- their way.
    select array_agg(s.name) filter (where s.slots_per_second is not null),
           min(s.generation) filter (where s.name = 'actions_service'),
           min(s.generation) filter (where s.name = 'ai_service')
      into v_limited, v_actions, v_ai
      from services s;

    if v_paused then -- guard: begin-respects-the-global-pause
        update scheduled_tasks t
           set status = 'pending', lease_expires_at = null, sends = 0
          from unnest(p_task_ids, p_fences) requested (id, claim_fence)
         -- guard: global-pause-returns-only-what-is-queued
         where t.task_id = requested.id and t.status = 'queued'
           and t.fence = requested.claim_fence and t.phase <> 'cancel';
    end if;
    if v_limited is not null then
        -- guard: begin-respects-breakers
        update scheduled_tasks t
           set status = 'pending', lease_expires_at = null, sends = 0, admitted = null
          from unnest(p_task_ids, p_fences) requested (id, claim_fence)
         where t.task_id = requested.id and t.status = 'queued'
           and t.fence = requested.claim_fence and t.service = any (v_limited)
           -- guard: slot-of-the-present-generation
           and t.admitted is distinct from
               case t.service when 'ai_service' then v_ai else v_actions end;
    end if;
    -- Rare: this delivery began some of the tasks in a former call whose reply was lost, or they
    -- are early. Before the update below, after which every task would look like a repetition.
    if v_running_or_early then -- guard: begin-is-repeatable
        return query
        select t.task_id, t.status = 'queued', v_now, v_paused_ms, null::text,
               t.sequence, t.step_id, t.action, t.phase, t.scheduled_for,
               t.attempts, t.reclaims, t.sends, t.fence, t.payload, t.outcome_unknown,
               t.first_begun_at,
               i.id, t.account_id, i.workflow_id, i.status, i.current_step,
               i.account_data, i.execution_context, i.goto_iterations, i.revision,
               a.credentials_version, a.registered_version,
               coalesce(a.status = 'suspended', false),
               v_actions, v_ai,
               case when t.payload ? 'unanswered_since'
                    then service_record(service_of(t.phase),
                                        (t.payload ->> 'unanswered_since')::timestamptz, v_now) end,
               case when v_now > t.scheduled_for
                    then late_ms(t.scheduled_for, v_now, v_pauses) else 0 end
          from unnest(p_task_ids, p_fences) requested (id, claim_fence)
          join scheduled_tasks t on t.task_id = requested.id
          join workflow_instances i on i.id = t.workflow_instance_id
          left join accounts a on a.flamebot_id = t.account_id
         -- guard: only-the-same-delivery-begins-again
         where (t.status = 'running' and t.claim_fence = requested.claim_fence
                and t.begun_by = p_delivery_id)
            or (t.status = 'queued' and t.fence = requested.claim_fence
                and t.scheduled_for > v_now);
    end if;
    return query
    update scheduled_tasks t
       -- guard: begin-takes-a-new-fence
       set status = 'running', fence = nextval('fence_seq'),
           -- guard: begin-remembers-its-message
           claim_fence = requested.claim_fence, begun_by = p_delivery_id,
           lease_expires_at = v_wall + p_lease,
           started_at = v_now,
           -- guard: first-begin-is-kept
           first_begun_at = coalesce(t.first_begun_at, v_wall)
      from unnest(p_task_ids, p_fences) requested (id, claim_fence),
           workflow_instances i left join accounts a on a.flamebot_id = i.account_id
     -- The compare-and-set, on rows locked above: of several deliveries of a message one begins.
     -- guard: begin-only-what-is-queued-and-due
     where t.task_id = requested.id and t.status = 'queued'
       and t.fence = requested.claim_fence and t.scheduled_for <= v_now
       and i.id = t.workflow_instance_id
       -- A second line of defence, without a lock on the instance: whatever changes an instance
       -- changes its waiting task in the same transaction.
       -- guard: begin-only-for-an-active-instance
       and (i.status = 'active'
            or (t.phase = 'cancel' and i.status in ('stopping', 'paused')))
    returning t.task_id, false, v_now, v_paused_ms, null::text,
              t.sequence, t.step_id, t.action, t.phase, t.scheduled_for,
              t.attempts, t.reclaims, t.sends, t.fence, t.payload, t.outcome_unknown,
              t.first_begun_at,
              i.id, t.account_id, i.workflow_id, i.status, i.current_step,
              i.account_data, i.execution_context, i.goto_iterations, i.revision,
              a.credentials_version, a.registered_version,
              coalesce(a.status = 'suspended', false),
              v_actions, v_ai,
              -- Whether the task's last failure is its own is seen from the calls of others.
              case when t.payload ? 'unanswered_since'
                   then service_record(service_of(t.phase),
                                       (t.payload ->> 'unanswered_since')::timestamptz, v_now) end,
              late_ms(t.scheduled_for, v_now, v_pauses);
end $$;
