-- initial_task_status(p_instance_status, p_phase, p_run, p_at, p_now, p_horizon, p_engine_paused) -> text
-- Says in which status a task of a live instance is born or put back: running only if asked for and due, queued if due within the horizon, else pending; held while its
-- instance is paused. A cancel is never held and heeds no pause.
-- Locks: none.
-- Errors: none.
-- Caller: sql/functions/start_workflows.sql, sql/functions/commit_tasks.sql
-- Test: tests/integration/test_initial_task_status.py
create or replace function initial_task_status(p_instance_status text, p_phase text, p_run boolean, p_at timestamptz, p_now timestamptz,
                                      p_horizon interval, p_engine_paused boolean) returns text
language sql immutable parallel safe
as $$
    select case
        when p_instance_status = 'paused' and p_phase <> 'cancel' then 'held'
        when p_engine_paused and p_phase <> 'cancel' then 'pending'
        when p_run and p_at <= p_now then 'running'
        when p_at < p_now + p_horizon then 'queued'
        else 'pending'
    end
$$;
