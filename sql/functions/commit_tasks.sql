-- commit_tasks(p_items, p_now, p_horizon, p_lease, p_rate, p_calls)
--   -> setof (task_id, fence, instance_status, next_task_id, next_status, next_fence, send)
-- Commits decisions, each only if its item holds the fence of the running task: outcome, history,
-- instance and next task, all or nothing per task. An item that is not returned was stale.
-- Called again under the same fence, it returns the same, with the successor as it is now, but
-- neither status nor fence of one that another delivery runs by now.
-- A paused instance holds what would wait. A stopping one is followed by nothing but a cancel of
-- the job that is open or may be.
-- What a breaker holds back stays pending. p_calls: as record_calls takes them.
-- Items: {task_id, fence, decision}; decision as in domain/decision.py.
-- Locks: engine control shared; instances by id; tasks by id; then as record_calls.
-- Errors: none of its own.
-- Callers: adapters/postgres/engine_store.py
-- Test: tests/integration/test_commit_tasks.py
create or replace function commit_tasks(
    p_items jsonb, p_now timestamptz, p_horizon interval, p_lease interval, p_rate float8,
    p_calls jsonb default '[]')
returns table (
    task_id text, fence bigint, instance_status text, next_task_id text, next_status text,
    next_fence bigint, send jsonb)
language plpgsql volatile security definer set search_path = public, pg_temp
-- Every row is found by its key. A plan made while the tables were small, or nothing was queued,
-- would be kept by a warm connection: docs/adr/0012.
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
    v_ids text[];
    v_fences bigint[];
    v_instances uuid[];
    v_paused boolean;
    v_limited text[];
    v_actions bigint;
    v_ai bigint;
    v_repeated boolean;
    v_wall timestamptz;
    v_now timestamptz;
begin
    -- Locks first, each in a statement of its own, and the work in later statements: the snapshot
    -- of a statement is older than its lock wait, so a statement that locked and wrote at once
    -- would not see what it waited for, such as a pause, and leave a paused instance with a queued
    -- task.
    -- Race with pause_all: it waits for this commit, or the read below sees what it wrote.
    perform pg_advisory_xact_lock_shared(7); -- guard: commit-takes-the-shared-lock
    select c.paused into v_paused from engine_control c;
    select coalesce(array_agg(s.name) filter (where s.slots_per_second is not null), '{}'),
           min(s.generation) filter (where s.name = 'actions_service'),
           min(s.generation) filter (where s.name = 'ai_service')
      into v_limited, v_actions, v_ai
      from services s;
    select array_agg(x.task_id), array_agg(x.fence) into v_ids, v_fences
      from jsonb_to_recordset(p_items) x (task_id text, fence bigint);
    v_instances := array(select t.workflow_instance_id from scheduled_tasks t
                          where t.task_id = any (v_ids));
    -- Race with pause, resume, stop and erasure: each locks the instance before its task, as here.
    -- guard: commit-locks-instances
    perform 1 from workflow_instances i where i.id = any (v_instances)
      order by i.id for no key update;
    -- Race with reclaim_expired, which locks the task alone: the fence is compared after the wait.
    -- guard: commit-locks-tasks
    perform 1 from scheduled_tasks t where t.task_id = any (v_ids)
      order by t.task_id for no key update;
    select coalesce(bool_or(t.committed_fence = requested.fence), false) into v_repeated
      from unnest(v_ids, v_fences) requested (id, fence)
      join scheduled_tasks t on t.task_id = requested.id;
    -- After the waiting: a lease must not begin before it.
    v_wall := clock_timestamp(); -- guard: commit-leases-after-the-wait
    v_now := coalesce(p_now, v_wall);

    -- The reply of a former call was lost. Only the delivery that holds the successor may learn its
    -- status and fence: with them it would go on running it.
    if v_repeated then -- guard: commit-is-repeatable
        return query
        select t.task_id, t.committed_fence, i.status, n.task_id,
               -- guard: status-of-the-own-successor
               case when n.status <> 'running' or n.begun_by = t.begun_by then n.status end,
               -- guard: fence-of-the-own-successor
               case when n.status <> 'running' or n.begun_by = t.begun_by then n.fence end,
               -- guard: repeated-commit-sends-again
               case when n.status = 'queued' then task_pointer(n.task_id, n.fence, n.account_id,
                                                               n.phase, n.scheduled_for,
                                                               n.reclaims > 0)
                    when t.status = 'queued' then task_pointer(t.task_id, t.fence, t.account_id,
                                                               t.phase, t.scheduled_for,
                                                               t.reclaims > 0) end
          -- guard: item-is-returned-once
          from (select distinct r.id, r.fence from unnest(v_ids, v_fences) r (id, fence)) requested
          -- guard: only-the-committed-fence-is-repeated
          join scheduled_tasks t on t.task_id = requested.id and t.committed_fence = requested.fence
          join workflow_instances i on i.id = t.workflow_instance_id
          left join scheduled_tasks n
            on n.task_id = t.workflow_instance_id || ':' || (t.sequence + 1);
    end if;

    -- One statement writes all: it reads the rows as they are after the locks above.
    return query
    -- The compare-and-set: the items that hold the fence of a running task.
    with fenced as materialized (
        select t.task_id, t.workflow_instance_id, t.account_id, t.sequence, t.phase, t.begun_by,
               t.service,
               -- A job is polled on the slot of its submit: what was let through is finished.
               -- guard: poll-keeps-the-slot
               case when t.phase = 'poll' then t.admitted end as kept_slot,
               -- guard: job-is-polled-on-the-slot-of-its-submit
               case when t.phase = 'submit' and x.decision -> 'next' ->> 'phase' = 'poll'
                    then t.admitted end as next_slot,
               i.status as old_status, i.history_count,
               x.decision -> 'task' as task,
               x.decision -> 'instance' as instance,
               coalesce(nullif(x.decision -> 'history', 'null'), '[]') as history,
               x.decision -> 'task' ->> 'to' = 'pending' as rescheduled,
               (x.decision -> 'task' ->> 'at')::timestamptz as due,
               -- A stop came in between: instead of what was decided follows nothing, or the cancel
               -- of a job. A cancel that is tried again is the same row, not a second one.
               -- guard: stop-allows-no-next-task
               case when i.status <> 'stopping' then nullif(x.decision -> 'next', 'null')
                    -- guard: rescheduled-cancel-is-not-followed
                    when t.phase = 'cancel' and x.decision -> 'task' ->> 'to' = 'pending' then null
                    -- guard: stop-cancels-the-open-job
                    else coalesce(nullif(x.decision -> 'if_stopping', 'null'),
                                  -- guard: stop-keeps-the-cancel-of-a-timeout
                                  case when x.decision -> 'next' ->> 'phase' = 'cancel'
                                       then x.decision -> 'next' end)
               end as next
          from jsonb_to_recordset(p_items) x (task_id text, fence bigint, decision jsonb)
          -- offset 0: a lookup per item, also if the planner expects few running tasks.
          cross join lateral (
               select s.* from scheduled_tasks s
                -- guard: stale-fence
                where s.task_id = x.task_id and s.fence = x.fence and s.status = 'running'
               offset 0) t
          join workflow_instances i on i.id = t.workflow_instance_id),
    -- The statuses that follow, from what was decided and from what the instance is now.
    resolved as materialized (
        select f.*,
               -- guard: stop-comes-before-the-decision
               case when f.old_status in ('active', 'paused')
                        then coalesce(f.instance ->> 'status', f.old_status)
                    -- guard: stopping-until-the-cancel-is-done
                    when f.old_status = 'stopping'
                         and (f.next is not null or (f.rescheduled and f.phase = 'cancel'))
                        then 'stopping'
                    when f.old_status = 'stopping' then 'stopped'
                    else f.old_status end as new_status,
               case when not f.rescheduled then f.task ->> 'to'
                    -- guard: stop-reschedules-only-cancels
                    when f.old_status in ('active', 'paused')
                         or (f.old_status = 'stopping' and f.phase = 'cancel')
                        -- guard: rescheduled-task-status, rescheduled-task-respects-breakers
                        then initial_task_status(
                                 f.old_status, f.phase, false, f.due, v_now, p_horizon,
                                 v_paused or (f.service = any (v_limited)
                                              and f.kept_slot is distinct from v_actions))
                    else 'cancelled' end as task_status,
               case when f.next is not null and f.old_status in ('active', 'paused', 'stopping')
                        -- guard: successor-status
                        then initial_task_status(f.old_status, f.next ->> 'phase',
                                 -- The cancel of a stop comes by message: that delivery takes the
                                 -- lock of the account, which this one may not hold.
                                 -- guard: cancel-of-a-stop-is-sent
                                 f.old_status <> 'stopping'
                                     and coalesce((f.next ->> 'run')::boolean, false),
                                 -- guard: successor-respects-the-global-pause
                                 (f.next ->> 'at')::timestamptz, v_now, p_horizon, v_paused
                                 -- guard: successor-respects-breakers
                                 or (coalesce(service_of(f.next ->> 'phase') = any (v_limited),
                                              false)
                                     and f.next_slot is distinct from v_actions))
               end as successor_status
          from fenced f),
    updated_tasks as (
        update scheduled_tasks t
           set status = r.task_status,
               scheduled_for = case when r.task_status in ('pending', 'queued', 'held') then r.due
                                    else t.scheduled_for end,
               -- guard: attempts-are-counted
               attempts = coalesce((r.task ->> 'attempts')::int, 0),
               -- guard: unknown-outcome-is-kept
               outcome_unknown = coalesce((r.task ->> 'outcome_unknown')::boolean, false),
               payload = coalesce(nullif(r.task -> 'payload', 'null'), t.payload),
               result = nullif(r.task -> 'result', 'null'),
               error = r.task ->> 'error',
               admitted = r.kept_slot,
               committed_fence = t.fence, -- guard: committed-fence-is-kept
               -- guard: rescheduled-under-a-new-fence
               fence = case when r.task_status = 'queued' then nextval('fence_seq')
                            else t.fence end,
               -- The reclaims stay: a poll that ends its process every second time commits in
               -- between. So max_reclaims is the limit of a row's whole life; retry_workflow alone
               -- begins the count anew.
               -- guard: commit-keeps-reclaims, rescheduled-task-counts-sends-anew
               sends = case when r.rescheduled then (r.task_status = 'queued')::int
                            else t.sends end,
               -- A submit that is rescheduled without an unknown outcome was not sent, or was
               -- refused for certain: the service does not know its key yet.
               -- guard: unsent-key-does-not-age
               first_begun_at = case when r.rescheduled and t.phase = 'submit'
                                      and not coalesce((r.task ->> 'outcome_unknown')::boolean,
                                                       false)
                                     then null else t.first_begun_at end,
               -- guard: rescheduled-lease-from-the-due-time
               lease_expires_at = case when r.task_status = 'queued'
                                       then v_wall + greatest(r.due - v_now, interval '0') / p_rate
                                            + p_lease end,
               held_at = case when r.task_status = 'held' then v_now end,
               finished_at = case when r.task_status in ('completed', 'failed', 'cancelled')
                                  then v_now end
          from resolved r
         where t.task_id = r.task_id
        returning r.*, t.committed_fence, t.fence as own_fence, t.reclaims > 0 as alone),
    updated_instances as (
        update workflow_instances i
           set status = r.new_status,
               current_step = coalesce((r.instance ->> 'current_step')::int, i.current_step),
               execution_context = coalesce(nullif(r.instance -> 'context', 'null'),
                                            i.execution_context),
               goto_iterations = coalesce(nullif(r.instance -> 'iterations', 'null'),
                                          i.goto_iterations),
               last_error = case when r.old_status = 'stopping'
                                  and r.instance ->> 'status' is distinct from 'stopped'
                                 then i.last_error
                                 else coalesce(r.instance ->> 'last_error', i.last_error) end,
               next_action_at = case when r.task_status in ('pending', 'queued') then r.due
                                     when r.successor_status in ('pending', 'queued', 'running')
                                     then (r.next ->> 'at')::timestamptz end,
               history_count = i.history_count + jsonb_array_length(r.history),
               revision = i.revision + 1, updated_at = v_now, -- guard: commit-raises-the-revision
               paused_at = case when r.new_status = 'paused' then i.paused_at end,
               finished_at = case when r.new_status in ('completed', 'failed', 'stopped')
                                  then coalesce(i.finished_at, v_now) end
          from resolved r
         where i.id = r.workflow_instance_id),
    history as (
        insert into step_history (instance_id, sequence, step_id, action, status, attempt,
                                  started_at, finished_at, result, error, deferrals)
        select u.workflow_instance_id, u.history_count + h.number, -- guard: history-goes-on
               h.step_id, h.action, h.status, h.attempt, h.started_at, h.finished_at, h.result,
               h.error, h.deferrals
          from updated_tasks u,
               rows from (jsonb_to_recordset(u.history) as (
                              step_id text, action text, status text, attempt int,
                              started_at timestamptz, finished_at timestamptz, result jsonb,
                              error text, deferrals jsonb))
               with ordinality h (step_id, action, status, attempt, started_at, finished_at,
                                  result, error, deferrals, number)),
    -- The fence of a successor is taken here, so that nothing needs to be joined with the insert.
    successors as materialized (
        select u.*,
               u.workflow_instance_id || ':' || (u.sequence + 1) as successor_id,
               case when u.successor_status in ('queued', 'running') then nextval('fence_seq')
                    else 0 end as successor_fence,
               (u.next ->> 'at')::timestamptz as successor_due
          from updated_tasks u),
    inserted as (
        insert into scheduled_tasks (
            task_id, workflow_instance_id, account_id, sequence, step_id, action, phase,
            scheduled_for, status, attempts, sends, fence, claim_fence, begun_by,
            lease_expires_at, first_begun_at, started_at, held_at, payload, created_at, admitted)
        select s.successor_id, s.workflow_instance_id, s.account_id, s.sequence + 1,
               s.next ->> 'step_id', s.next ->> 'action', s.next ->> 'phase', s.successor_due,
               s.successor_status,
               coalesce((s.next ->> 'attempts')::int, 0),
               (s.successor_status = 'queued')::int,
               s.successor_fence,
               -- A successor that runs at once looks as if begin_tasks had begun it: its loss
               -- counts as a reclaim, and a repeated commit by the same delivery finds it again.
               -- guard: running-successor-has-a-claim-fence
               case when s.successor_status = 'running' then s.successor_fence end,
               -- guard: running-successor-has-a-delivery-id
               case when s.successor_status = 'running' then s.begun_by end,
               -- guard: successor-lease-from-the-due-time
               case s.successor_status
                   when 'queued'
                   then v_wall + greatest(s.successor_due - v_now, interval '0') / p_rate + p_lease
                   when 'running' then v_wall + p_lease end,
               -- guard: running-successor-key-ages
               case when s.successor_status = 'running' then v_wall end,
               case when s.successor_status = 'running' then v_now end,
               case when s.successor_status = 'held' then v_now end,
               -- guard: cancel-carries-the-stop
               coalesce(nullif(s.next -> 'payload', 'null'), '{}')
               || case when s.old_status = 'stopping' then '{"reason": "stop"}'::jsonb
                       else '{}' end,
               v_now, s.next_slot
          from successors s
         where s.successor_status is not null)
    select s.task_id, s.committed_fence, s.new_status,
           case when s.successor_status is not null then s.successor_id end,
           s.successor_status,
           case when s.successor_status is not null then s.successor_fence end,
           case when s.successor_status = 'queued'
                then task_pointer(s.successor_id, s.successor_fence, s.account_id,
                                  s.next ->> 'phase', s.successor_due, false)
                when s.task_status = 'queued'
                then task_pointer(s.task_id, s.own_fence, s.account_id, s.phase, s.due, s.alone) end
      from successors s;
    -- Last: what it locks is held for a moment only.
    -- guard: calls-are-recorded
    if p_calls <> '[]' then perform record_calls(p_calls, v_now); end if;
end $$;
