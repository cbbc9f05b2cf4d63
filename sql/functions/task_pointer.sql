-- task_pointer(p_task_id, p_fence, p_account_id, p_phase, p_due, p_alone) -> jsonb
-- Returns what a message says about a queued task.
-- Locks: none.
-- Errors: none.
-- Callers: sql/functions/changed_workflow.sql, sql/functions/commit_tasks.sql,
--   sql/functions/start_workflows.sql
-- Test: tests/integration/test_start_workflows.py
create or replace function task_pointer(
    p_task_id text, p_fence bigint, p_account_id text, p_phase text, p_due timestamptz,
    p_alone boolean) returns jsonb
language sql stable parallel safe
as $$
    select jsonb_build_object('task_id', p_task_id, 'fence', p_fence, 'account_id', p_account_id,
                              'phase', p_phase, 'due', p_due, 'alone', p_alone)
$$;
