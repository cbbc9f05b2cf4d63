-- initial_task_status(p_instance_status, p_phase, p_run, p_at, p_now, p_horizon, p_engine_paused)
--   -> text
-- Returns the status in which a task of a live instance is inserted or rescheduled.
-- held: its instance is paused. running: the caller requested it (p_run) and it is due. queued: it
-- is due within the horizon. pending: everything else. A cancel is not held, and no pause delays
-- it. p_engine_paused: the engine is paused, or a breaker holds the task back.
-- Locks: none.
-- Errors: none.
-- Callers: sql/functions/apply_decision.sql, sql/functions/commit_tasks.sql,
--   sql/functions/resume_workflow.sql, sql/functions/start_workflows.sql
-- Test: tests/integration/test_initial_task_status.py
create or replace function initial_task_status(
    p_instance_status text, p_phase text, p_run boolean, p_at timestamptz, p_now timestamptz,
    p_horizon interval, p_engine_paused boolean) returns text
language sql immutable parallel safe
as $$
    select case
        -- guard: held-while-paused
        when p_instance_status = 'paused' and p_phase <> 'cancel' then 'held'
        -- guard: pending-under-global-pause
        when p_engine_paused and p_phase <> 'cancel' then 'pending'
        when p_run and p_at <= p_now then 'running' -- guard: running-only-as-requested-and-due
        when p_at < p_now + p_horizon then 'queued' -- guard: queued-within-the-horizon
        else 'pending'
    end
$$;
