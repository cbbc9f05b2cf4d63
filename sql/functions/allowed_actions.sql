-- allowed_actions(p_status, p_task_status, p_phase, p_unknown) -> text[]
-- Names what a person may do with an instance in this status whose live task is in that state, in the words of the HTTP routes.
-- Locks: none.
-- Errors: none.
-- Caller: sql/views/workflow_overview.sql, sql/functions/skip_step.sql, sql/functions/run_workflow_now.sql
-- Test: tests/integration/test_allowed_actions.py
create or replace function allowed_actions(p_status text, p_task_status text, p_phase text, p_unknown boolean) returns text[]
language sql immutable parallel safe
as $$
    select case p_status
        when 'active' then
            array['pause', 'stop']
            -- Sending an unknown submit again at once does no harm; leaving its step would forget a job that may exist.
            || case when p_task_status in ('pending', 'queued') and p_phase in ('timer', 'generate', 'submit') then array['run-now'] else '{}' end
            || case when p_task_status in ('pending', 'queued') and p_phase in ('timer', 'generate', 'submit') and not p_unknown then array['skip-step'] else '{}' end
        when 'paused' then
            array['resume', 'stop']
            || case when p_task_status = 'held' and p_phase in ('timer', 'generate', 'submit') and not p_unknown then array['skip-step'] else '{}' end
        when 'failed' then array['retry']
        else '{}'::text[]
    end
$$;
