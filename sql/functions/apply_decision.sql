-- apply_decision(p_id, p_decision, p_sequence, p_engine_paused, p_now, p_horizon, p_lease, p_rate)
--   -> boolean
-- Writes a decision that no task was run for: the instance, its history and its next task, which
-- follows p_sequence. Returns whether that task is queued, so that its message must be sent.
-- Locks: none; the caller holds the instance, and its live task is finished.
-- Errors: 23514 for a decision that would leave a live instance without a task.
-- Callers: sql/functions/retry_workflow.sql, sql/functions/skip_step.sql
-- Test: tests/integration/test_skip_step.py
create or replace function apply_decision(
    p_id uuid, p_decision jsonb, p_sequence bigint, p_engine_paused boolean, p_now timestamptz,
    p_horizon interval, p_lease interval, p_rate float8) returns boolean
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_write jsonb := p_decision -> 'instance';
    v_next jsonb := nullif(p_decision -> 'next', 'null');
    v_history jsonb := coalesce(nullif(p_decision -> 'history', 'null'), '[]');
    v_instance workflow_instances;
    v_due timestamptz := (v_next ->> 'at')::timestamptz;
    v_status text;
begin
    insert into step_history (instance_id, sequence, step_id, action, status, attempt,
                              started_at, finished_at, result, error)
    select p_id, i.history_count + h.number, -- guard: history-goes-on
           h.entry ->> 'step_id', h.entry ->> 'action', h.entry ->> 'status',
           (h.entry ->> 'attempt')::int, (h.entry ->> 'started_at')::timestamptz,
           (h.entry ->> 'finished_at')::timestamptz, nullif(h.entry -> 'result', 'null'),
           h.entry ->> 'error'
      from workflow_instances i,
           jsonb_array_elements(v_history) with ordinality h (entry, number)
     where i.id = p_id;

    update workflow_instances i
       set current_step = (v_write ->> 'current_step')::int,
           execution_context = coalesce(nullif(v_write -> 'context', 'null'), i.execution_context),
           goto_iterations = coalesce(nullif(v_write -> 'iterations', 'null'), i.goto_iterations),
           status = coalesce(v_write ->> 'status', i.status),
           last_error = v_write ->> 'last_error',
           finished_at = case when v_write ->> 'status' is not null then p_now end,
           paused_at = case when v_write ->> 'status' is null then i.paused_at end,
           history_count = i.history_count + jsonb_array_length(v_history),
           revision = i.revision + 1,
           updated_at = p_now,
           next_action_at = case when i.status = 'active' and v_write ->> 'status' is null
                                 then v_due end
     where i.id = p_id
    returning i.* into v_instance;

    -- I2: a live instance has exactly one live task.
    -- guard: live-iff-next-task
    if (v_next is null) <> (v_instance.status not in ('active', 'paused')) then
        raise exception 'A live workflow has a next task, a finished one has none.'
            using errcode = '23514';
    elsif v_next is null then
        return false;
    end if;
    -- guard: next-task-status
    v_status := initial_task_status(v_instance.status, v_next ->> 'phase', false, v_due, p_now,
                                    p_horizon, p_engine_paused);
    insert into scheduled_tasks (task_id, workflow_instance_id, account_id, sequence, step_id,
                                 action, phase, scheduled_for, status, attempts, sends, fence,
                                 lease_expires_at, held_at, payload, created_at)
    -- guard: next-sequence
    values (p_id || ':' || (p_sequence + 1), p_id, v_instance.account_id, p_sequence + 1,
            v_next ->> 'step_id', v_next ->> 'action', v_next ->> 'phase', v_due, v_status,
            coalesce((v_next ->> 'attempts')::int, 0),
            (v_status = 'queued')::int,
            case when v_status = 'queued' then nextval('fence_seq') else 0 end,
            -- Leases are wall time, due times are schedule time: p_rate converts the wait.
            case when v_status = 'queued'
                 then clock_timestamp() + greatest(v_due - p_now, interval '0') / p_rate + p_lease
            end,
            case when v_status = 'held' then p_now end,
            coalesce(nullif(v_next -> 'payload', 'null'), '{}'),
            p_now);
    return v_status = 'queued';
end $$;
