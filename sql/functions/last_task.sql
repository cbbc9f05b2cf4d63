-- last_task(p_id) -> scheduled_tasks
-- Answers an instance's task of the highest sequence; all of it is null when there is none any more.
-- Locks: none.
-- Errors: none.
-- Caller: sql/functions/retry_workflow.sql, sql/functions/workflow_standing.sql
-- Test: tests/integration/test_workflow_standing.py
create or replace function last_task(p_id uuid) returns scheduled_tasks
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_task scheduled_tasks;
begin
    -- A range of the primary key, since there is no index by instance: ';' is the character after ':' in the collation of task ids.
    select t.* into v_task
      from scheduled_tasks t
     where t.task_id > p_id || ':' and t.task_id < p_id || ';'
     order by t.sequence desc
     limit 1;
    return v_task;
end $$;
