-- refuse_busy(p_task_id, p_now) -> void
-- Raises busy for a step that can be neither skipped nor run now: which job is open or what is
-- running, since when, and when the engine turns to it next. Times are schedule time.
-- Locks: none.
-- Errors: FB004 busy, always.
-- Callers: sql/functions/run_workflow_now.sql, sql/functions/skip_step.sql
-- Test: tests/integration/test_refuse_busy.py
create or replace function refuse_busy(p_task_id text, p_now timestamptz) returns void
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_form constant text := 'YYYY-MM-DD"T"HH24:MI:SS"Z"';
    v_task scheduled_tasks;
    v_job text;
    v_since text;
    v_next text;
begin
    select t.* into v_task from scheduled_tasks t where t.task_id = p_task_id;
    v_job := coalesce('Job ' || left(v_task.payload ->> 'job_id', 100), 'A job of unknown id')
             || ' of step ' || v_task.step_id;
    v_since := to_char(coalesce(case when v_task.phase in ('timer', 'generate', 'submit')
                                     then coalesce(v_task.started_at, v_task.first_begun_at) end,
                                v_task.created_at) at time zone 'UTC', v_form);
    select case when v_task.status = 'held' then 'next when the workflow is resumed'
                when v_task.status = 'running' then 'now'
                when c.paused and v_task.phase <> 'cancel'
                then 'next when the global pause has ended'
                when v_task.scheduled_for <= coalesce(p_now, clock_timestamp()) then 'now'
                else 'next at ' || to_char(v_task.scheduled_for at time zone 'UTC', v_form) end
      into v_next
      from engine_control c;
    raise exception '%', case
        when v_task.phase = 'poll'
        then format('%s has been open at the actions service since %s. It is polled %s.',
                    v_job, v_since, v_next)
        when v_task.phase = 'cancel'
        then format('%s reached its timeout at %s. Its cancel is sent %s.',
                    v_job, v_since, v_next)
        when v_task.status = 'running'
        then format('Step %s is at work: its phase %s has been running since %s.',
                    v_task.step_id, v_task.phase, v_since)
        else format('The outcome of step %s at the actions service has been unknown since %s. The '
                    'same request is sent again %s.', v_task.step_id, v_since, v_next) end
        using errcode = 'FB004';
end $$;
