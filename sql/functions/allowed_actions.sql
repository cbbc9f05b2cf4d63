-- allowed_actions(p_status, p_task_status, p_phase, p_outcome_unknown) -> text[]
-- Returns what a person may do with an instance in this status whose live task is in that state, as
-- the HTTP routes name the actions.
-- Locks: none.
-- Errors: none.
-- Callers: sql/functions/run_workflow_now.sql, sql/functions/skip_step.sql,
--   sql/views/workflow_overview.sql
-- Test: tests/integration/test_allowed_actions.py
create or replace function allowed_actions(
    p_status text, p_task_status text, p_phase text, p_outcome_unknown boolean) returns text[]
language sql immutable parallel safe
as $$
    -- A step can be skipped or run at once only while it waits, in a phase before its job exists.
    -- With an unknown outcome the job may exist: sending that submit again at once is harmless,
    -- because its key is the same, but leaving its step would forget the job.
    select case p_status
        when 'active' then
            array['pause', 'stop']
            || case when p_task_status in ('pending', 'queued')
                     -- guard: run-now-before-a-job
                     and p_phase in ('timer', 'generate', 'submit')
                    then array['run-now'] else '{}' end
            || case when p_task_status in ('pending', 'queued')
                     -- guard: skip-before-a-job
                     and p_phase in ('timer', 'generate', 'submit') and not p_outcome_unknown
                    then array['skip-step'] else '{}' end
        when 'paused' then
            array['resume', 'stop']
            -- guard: skip-held-before-a-job
            || case when p_task_status = 'held'
                     and p_phase in ('timer', 'generate', 'submit') and not p_outcome_unknown
                    then array['skip-step'] else '{}' end
        when 'failed' then array['retry']
        else '{}'::text[]
    end
$$;
