-- changed_workflow(p_id, p_send) -> jsonb
-- Returns what a control function returns: {workflow, send}, the workflow as its view shows it and,
-- if p_send says that its live task was just queued, the pointer to send.
-- Locks: none.
-- Errors: none.
-- Callers: sql/functions/pause_workflow.sql, sql/functions/resume_workflow.sql,
--   sql/functions/retry_workflow.sql, sql/functions/run_workflow_now.sql,
--   sql/functions/skip_step.sql, sql/functions/stop_workflow.sql
-- Test: tests/integration/test_changed_workflow.py
create or replace function changed_workflow(p_id uuid, p_send boolean) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    return (
        select jsonb_build_object(
                   'workflow', to_jsonb(w),
                   'send', coalesce((
                       select jsonb_agg(task_pointer(t.task_id, t.fence, t.account_id, t.phase,
                                                     t.scheduled_for, t.reclaims > 0))
                         from scheduled_tasks t
                        where p_send and t.workflow_instance_id = p_id and t.is_live
                          and t.status = 'queued'), '[]'))
          from workflow_overview w
         where w.id = p_id);
end $$;
