-- resume_workflow(p_id, p_clock, p_now, p_horizon, p_lease, p_rate, p_actor, p_reason) -> jsonb
-- Resumes a paused instance: with the wait that remained when it was held (p_clock freeze), or at
-- the old due time (run_on). Either way the timeout of the step does not count the pause, and
-- leaves out only once what was a global pause as well. An active workflow stays as it is.
-- Locks: engine control shared, the instance, then its live task.
-- Errors: FB001 not_found, FB003 not_allowed.
-- Callers: adapters/postgres/admin_store.py
-- Test: tests/integration/test_resume_workflow.py
create or replace function resume_workflow(
    p_id uuid, p_clock text, p_now timestamptz, p_horizon interval, p_lease interval,
    p_rate float8, p_actor text, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_engine_paused boolean;
    v_status text;
    v_now timestamptz;
    v_task scheduled_tasks;
    v_due timestamptz;
    v_held interval;
    v_queue boolean := false;
begin
    -- Race with pause_all: it waits for this resume, or the read below sees what it wrote.
    perform pg_advisory_xact_lock_shared(7); -- guard: resume-takes-the-shared-lock
    select c.paused into v_engine_paused from engine_control c;
    -- Race with another pause or resume: the second one finds what the first one wrote.
    select i.status into v_status from workflow_instances i
     where i.id = p_id for no key update; -- guard: resume-locks-the-instance
    if not found then
        raise exception 'There is no such workflow.' using errcode = 'FB001';
    elsif v_status = 'active' then
        insert into audit_log (actor, action, subject, reason, before, after)
        values (p_actor, 'resume_workflow', 'workflow/' || p_id, p_reason,
                '{"status": "active"}', '{"status": "active"}');
        return changed_workflow(p_id, false);
    elsif v_status <> 'paused' then -- guard: resume-only-what-is-paused
        perform refuse_action(p_id, 'resume');
    end if;
    select t.* into v_task from scheduled_tasks t
     -- guard: resume-locks-the-task
     where t.workflow_instance_id = p_id and t.is_live for no key update;
    v_now := coalesce(p_now, clock_timestamp()); -- after the waiting

    -- A task that ran on through the pause, or a cancel, is not held: it stays as it is.
    if v_task.status = 'held' then -- guard: resume-only-what-is-held
        v_due := case p_clock
                     -- guard: freeze-keeps-the-remaining-wait
                     when 'freeze' then v_now + greatest(v_task.scheduled_for - v_task.held_at,
                                                         interval '0')
                     else v_task.scheduled_for end;
        -- Deadlines leave out global pauses by themselves. What is added to the payload is the time
        -- that the task was held while the engine was not paused as a whole.
        select greatest(v_now - v_task.held_at, interval '0')
               -- guard: global-pauses-count-once
               - coalesce(sum(upper(overlap.span) - lower(overlap.span)), interval '0')
          into v_held
          from engine_control c,
               -- guard: present-global-pause-overlaps
               unnest((c.pauses
                       + case when c.paused
                              then tstzmultirange(
                                       tstzrange(c.paused_at, greatest(v_now, c.paused_at)))
                              else '{}' end)
                      * tstzmultirange(
                            tstzrange(v_task.held_at, greatest(v_now, v_task.held_at)))
               ) overlap (span);
        -- guard: resume-respects-the-global-pause
        v_queue := initial_task_status('active', v_task.phase, false, v_due, v_now, p_horizon,
                                       v_engine_paused) = 'queued';
        update scheduled_tasks t
           set status = case when v_queue then 'queued' else 'pending' end,
               -- guard: resume-takes-a-new-fence
               scheduled_for = v_due, held_at = null, fence = nextval('fence_seq'),
               sends = v_queue::int,
               lease_expires_at = case when v_queue
                                       then clock_timestamp()
                                            + greatest(v_due - v_now, interval '0') / p_rate
                                            + p_lease end,
               -- A step that has not begun has no deadline to shift.
               payload = case when t.payload ? 'started_at'
                              then t.payload || jsonb_build_object(
                                       'paused_ms',
                                       coalesce((t.payload ->> 'paused_ms')::bigint, 0)
                                       -- guard: timeout-leaves-out-the-pause
                                       + (extract(epoch from v_held) * 1000)::bigint)
                              else t.payload end
         where t.task_id = v_task.task_id;
    end if;
    update workflow_instances i
       set status = 'active', paused_at = null, revision = i.revision + 1, updated_at = v_now,
           next_action_at = coalesce(v_due, i.next_action_at)
     where i.id = p_id;
    insert into audit_log (actor, action, subject, reason, before, after)
    values (p_actor, 'resume_workflow', 'workflow/' || p_id, p_reason, '{"status": "paused"}',
            jsonb_build_object('status', 'active', 'clock', p_clock));
    return changed_workflow(p_id, v_queue);
end $$;
