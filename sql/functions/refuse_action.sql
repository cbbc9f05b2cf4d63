-- refuse_action(p_id, p_action) -> void
-- Raises not_allowed for an instance; DETAIL lists the actions that are allowed.
-- Locks: none.
-- Errors: FB003 not_allowed, always.
-- Callers: sql/functions/pause_workflow.sql, sql/functions/resume_workflow.sql,
--   sql/functions/retry_workflow.sql, sql/functions/run_workflow_now.sql,
--   sql/functions/skip_step.sql, sql/functions/stop_workflow.sql
-- Test: tests/integration/test_allowed_actions.py
create or replace function refuse_action(p_id uuid, p_action text) returns void
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_status text;
    v_allowed text[];
begin
    select w.status, w.allowed_actions into v_status, v_allowed
      from workflow_overview w
     where w.id = p_id;
    raise exception '%', format('The workflow is %s; %s is not possible.', v_status, p_action)
        using errcode = 'FB003', detail = array_to_string(v_allowed, ',');
end $$;
