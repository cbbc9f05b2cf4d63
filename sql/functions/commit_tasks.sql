-- commit_tasks(p_items, p_now, p_horizon, p_lease, p_rate) -> setof (task_id, fence, instance_status, next_task_id, next_status, next_fence, send)
-- Makes decisions true, each by whoever holds the task's fence: outcome, history, instance, next task; all or nothing per task. An item that is not answered was stale. Committed
-- before under the same fence: answered again, with the successor as it is now; one that somebody else runs by now is told without status and fence.
-- A pause turns what would wait into held. A stop lets nothing follow but a cancel, of the job that is open or may be.
-- Items: {task_id, fence, decision}, decision as in domain/decision.py, snake_case, None left out.
-- Locks: engine control shared; instances by id; tasks by id.
-- Errors: none of its own.
-- Caller: adapters/postgres/engine_store.py
-- Test: tests/integration/test_commit_tasks.py
create or replace function commit_tasks(p_items jsonb, p_now timestamptz, p_horizon interval, p_lease interval, p_rate float8)
returns table (task_id text, fence bigint, instance_status text, next_task_id text, next_status text, next_fence bigint, send jsonb)
language plpgsql volatile security definer set search_path = public, pg_temp
-- Every row is found by its key. A plan made while the tables were small, or nothing was queued, would be kept: docs/adr/0012.
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    v_ids text[];
    v_fences bigint[];
    v_instances uuid[];
    v_paused boolean;
    v_again boolean;
    v_wall timestamptz;
    v_now timestamptz;
begin
    perform pg_advisory_xact_lock_shared(7);                -- a pause_all waits for us, or we see what it wrote
    select c.paused into v_paused from engine_control c;
    select array_agg(x.task_id), array_agg(x.fence) into v_ids, v_fences from jsonb_to_recordset(p_items) x (task_id text, fence bigint);
    v_instances := array(select t.workflow_instance_id from scheduled_tasks t where t.task_id = any (v_ids));
    perform 1 from workflow_instances i where i.id = any (v_instances) order by i.id for no key update;
    perform 1 from scheduled_tasks t where t.task_id = any (v_ids) order by t.task_id for no key update;
    select coalesce(bool_or(t.committed_fence = asked.held), false) into v_again
      from unnest(v_ids, v_fences) asked (id, held) join scheduled_tasks t on t.task_id = asked.id;
    v_wall := clock_timestamp();                            -- after the waiting
    v_now := coalesce(p_now, v_wall);

    if v_again then
        return query
        select t.task_id, t.committed_fence, i.status, n.task_id,
               case when n.status <> 'running' or n.begun_by = t.begun_by then n.status end,
               case when n.status <> 'running' or n.begun_by = t.begun_by then n.fence end,
               case when n.status = 'queued' then task_pointer(n.task_id, n.fence, n.account_id, n.phase, n.scheduled_for, n.reclaims > 0)
                    when t.status = 'queued' then task_pointer(t.task_id, t.fence, t.account_id, t.phase, t.scheduled_for, t.reclaims > 0) end
          from (select distinct a.id, a.held from unnest(v_ids, v_fences) a (id, held)) asked
          join scheduled_tasks t on t.task_id = asked.id and t.committed_fence = asked.held
          join workflow_instances i on i.id = t.workflow_instance_id
          left join scheduled_tasks n on n.task_id = t.workflow_instance_id || ':' || (t.sequence + 1);
    end if;

    return query
    with won as materialized (                              -- the CAS, on rows locked above
        select t.task_id, t.workflow_instance_id, t.account_id, t.sequence, t.phase, t.begun_by, i.status as was, i.history_count,
               x.decision -> 'task' as task, x.decision -> 'instance' as instance,
               coalesce(nullif(x.decision -> 'history', 'null'), '[]') as history,
               x.decision -> 'task' ->> 'to' = 'pending' as again,
               (x.decision -> 'task' ->> 'at')::timestamptz as at,
               case when i.status <> 'stopping' then nullif(x.decision -> 'next', 'null')
                    when t.phase = 'cancel' and x.decision -> 'task' ->> 'to' = 'pending' then null
                    else coalesce(nullif(x.decision -> 'if_stopping', 'null'), case when x.decision -> 'next' ->> 'phase' = 'cancel' then x.decision -> 'next' end)
               end as next
          from jsonb_to_recordset(p_items) x (task_id text, fence bigint, decision jsonb)
          -- offset 0: item by item; a planner that expects few running tasks would look through them all
          cross join lateral (select s.* from scheduled_tasks s where s.task_id = x.task_id and s.fence = x.fence and s.status = 'running' offset 0) t
          join workflow_instances i on i.id = t.workflow_instance_id),
    judged as materialized (
        select w.*,
               case when w.was in ('active', 'paused') then coalesce(w.instance ->> 'status', w.was)
                    when w.was = 'stopping' and (w.next is not null or (w.again and w.phase = 'cancel')) then 'stopping'
                    when w.was = 'stopping' then 'stopped'
                    else w.was end as becomes,
               case when not w.again then w.task ->> 'to'
                    when w.was in ('active', 'paused') or (w.was = 'stopping' and w.phase = 'cancel')
                        then initial_task_status(w.was, w.phase, false, w.at, v_now, p_horizon, v_paused)
                    else 'cancelled' end as status,
               case when w.next is not null and w.was in ('active', 'paused', 'stopping')
                        then initial_task_status(w.was, w.next ->> 'phase', w.was <> 'stopping' and coalesce((w.next ->> 'run')::boolean, false),
                                        (w.next ->> 'at')::timestamptz, v_now, p_horizon, v_paused) end as birth
          from won w),
    moved as (
        update scheduled_tasks t
           set status = j.status,
               scheduled_for = case when j.status in ('pending', 'queued', 'held') then j.at else t.scheduled_for end,
               attempts = coalesce((j.task ->> 'attempts')::int, 0),
               outcome_unknown = coalesce((j.task ->> 'outcome_unknown')::boolean, false),
               payload = coalesce(nullif(j.task -> 'payload', 'null'), t.payload),
               result = nullif(j.task -> 'result', 'null'), error = j.task ->> 'error',
               committed_fence = t.fence,
               fence = case when j.status = 'queued' then nextval('fence_seq') else t.fence end,
               -- A delivery that got as far as this commit proves that the task can be run: only losses in a row count.
               reclaims = case when j.again and t.claim_fence is not null then 0 else t.reclaims end,
               sends = case when j.again then (j.status = 'queued')::int else t.sends end,
               -- A submit put back without an unknown outcome was not sent, or surely not taken: the service does not know its key yet.
               first_begun_at = case when j.again and t.phase = 'submit' and not coalesce((j.task ->> 'outcome_unknown')::boolean, false) then null else t.first_begun_at end,
               lease_expires_at = case when j.status = 'queued' then v_wall + greatest(j.at - v_now, interval '0') / p_rate + p_lease end,
               held_at = case when j.status = 'held' then v_now end,
               finished_at = case when j.status in ('completed', 'failed', 'cancelled') then v_now end
          from judged j
         where t.task_id = j.task_id
        returning j.*, t.committed_fence, t.fence as own_fence, t.reclaims > 0 as alone),
    written as (
        update workflow_instances i
           set status = j.becomes,
               current_step = coalesce((j.instance ->> 'current_step')::int, i.current_step),
               execution_context = coalesce(nullif(j.instance -> 'context', 'null'), i.execution_context),
               goto_iterations = coalesce(nullif(j.instance -> 'iterations', 'null'), i.goto_iterations),
               last_error = case when j.was = 'stopping' and j.instance ->> 'status' is distinct from 'stopped' then i.last_error
                                 else coalesce(j.instance ->> 'last_error', i.last_error) end,
               next_action_at = case when j.status in ('pending', 'queued') then j.at
                                     when j.birth in ('pending', 'queued', 'running') then (j.next ->> 'at')::timestamptz end,
               history_count = i.history_count + jsonb_array_length(j.history),
               revision = i.revision + 1, updated_at = v_now,
               paused_at = case when j.becomes = 'paused' then i.paused_at end,
               finished_at = case when j.becomes in ('completed', 'failed', 'stopped') then coalesce(i.finished_at, v_now) end
          from judged j
         where i.id = j.workflow_instance_id),
    told as (
        insert into step_history (instance_id, sequence, step_id, action, status, attempt, started_at, finished_at, result, error)
        select j.workflow_instance_id, j.history_count + h.place, h.step_id, h.action, h.status, h.attempt, h.started_at, h.finished_at, h.result, h.error
          from moved j,
               rows from (jsonb_to_recordset(j.history) as (step_id text, action text, status text, attempt int, started_at timestamptz,
                                                            finished_at timestamptz, result jsonb, error text))
               with ordinality h (step_id, action, status, attempt, started_at, finished_at, result, error, place)),
    followed as materialized (                              -- the fence is drawn here, so that nothing is joined back
        select m.*, m.workflow_instance_id || ':' || (m.sequence + 1) as follower,
               case when m.birth in ('queued', 'running') then nextval('fence_seq') else 0 end as follower_fence,
               (m.next ->> 'at')::timestamptz as due
          from moved m),
    born as (
        insert into scheduled_tasks (task_id, workflow_instance_id, account_id, sequence, step_id, action, phase, scheduled_for, status, attempts, sends,
                                     fence, claim_fence, begun_by, lease_expires_at, first_begun_at, started_at, held_at, payload, created_at)
        select f.follower, f.workflow_instance_id, f.account_id, f.sequence + 1, f.next ->> 'step_id', f.next ->> 'action', f.next ->> 'phase', f.due, f.birth,
               coalesce((f.next ->> 'attempts')::int, 0), (f.birth = 'queued')::int, f.follower_fence,
               case when f.birth = 'running' then f.follower_fence end, case when f.birth = 'running' then f.begun_by end,
               case f.birth when 'queued' then v_wall + greatest(f.due - v_now, interval '0') / p_rate + p_lease when 'running' then v_wall + p_lease end,
               case when f.birth = 'running' then v_wall end, case when f.birth = 'running' then v_now end, case when f.birth = 'held' then v_now end,
               coalesce(nullif(f.next -> 'payload', 'null'), '{}') || case when f.was = 'stopping' then '{"reason": "stop"}'::jsonb else '{}' end, v_now
          from followed f
         where f.birth is not null)
    select f.task_id, f.committed_fence, f.becomes, case when f.birth is not null then f.follower end, f.birth, case when f.birth is not null then f.follower_fence end,
           case when f.birth = 'queued' then task_pointer(f.follower, f.follower_fence, f.account_id, f.next ->> 'phase', f.due, false)
                when f.status = 'queued' then task_pointer(f.task_id, f.own_fence, f.account_id, f.phase, f.at, f.alone) end
      from followed f;
end $$;
