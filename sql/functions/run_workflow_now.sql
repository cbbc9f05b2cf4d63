-- run_workflow_now(p_id, p_revision, p_now, p_lease, p_actor, p_reason) -> jsonb
-- Makes the waiting task of an active instance due now, under a new fence: a message that was sent
-- for a later time is void. What is due already stays as it is.
-- Locks: engine control shared, the instance, then its live task.
-- Errors: FB001 not_found, FB003 not_allowed, FB004 busy, FB005 revision_conflict.
-- Callers: adapters/postgres/admin_store.py
-- Test: tests/integration/test_run_workflow_now.py
create or replace function run_workflow_now(
    p_id uuid, p_revision bigint, p_now timestamptz, p_lease interval, p_actor text,
    p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_engine_paused boolean;
    v_instance workflow_instances;
    v_task scheduled_tasks;
    v_now timestamptz;
begin
    perform pg_advisory_xact_lock_shared(7); -- guard: run-now-takes-the-shared-lock
    select c.paused into v_engine_paused from engine_control c;
    select i.* into v_instance
      -- guard: run-now-locks-the-instance
      from workflow_instances i where i.id = p_id for no key update;
    if not found then
        raise exception 'There is no such workflow.' using errcode = 'FB001';
    elsif v_instance.status <> 'active' then -- guard: run-now-only-what-is-active
        perform refuse_action(p_id, 'run-now');
    elsif v_instance.revision <> p_revision then -- guard: plan-is-for-one-revision
        raise exception 'The workflow changed in the meantime; try again.' using errcode = 'FB005';
    end if;
    select t.* into v_task from scheduled_tasks t
     -- guard: run-now-locks-the-task
     where t.workflow_instance_id = p_id and t.is_live for no key update;
    -- guard: step-at-work-is-not-queued-again
    if not 'run-now' = any (allowed_actions(v_instance.status, v_task.status, v_task.phase,
                                            v_task.outcome_unknown)) then
        perform refuse_busy(v_task.task_id, p_now);
    end if;
    v_now := coalesce(p_now, clock_timestamp());
    -- guard: due-already-changes-nothing
    if v_task.scheduled_for <= v_now and (v_task.status = 'queued' or v_engine_paused) then
        return changed_workflow(p_id, false);
    end if;

    update scheduled_tasks t
       -- guard: run-now-respects-the-global-pause
       set status = case when v_engine_paused then 'pending' else 'queued' end,
           -- guard: run-now-takes-a-new-fence
           scheduled_for = least(t.scheduled_for, v_now), fence = nextval('fence_seq'),
           sends = (not v_engine_paused)::int,
           lease_expires_at = case when not v_engine_paused then clock_timestamp() + p_lease end
     where t.task_id = v_task.task_id;
    update workflow_instances i
       set revision = i.revision + 1, updated_at = v_now,
           next_action_at = least(v_task.scheduled_for, v_now)
     where i.id = p_id;
    insert into audit_log (actor, action, subject, reason, before, after)
    values (p_actor, 'run_workflow_now', 'workflow/' || p_id, p_reason,
            jsonb_build_object('scheduled_for', v_task.scheduled_for),
            jsonb_build_object('scheduled_for', least(v_task.scheduled_for, v_now)));
    return changed_workflow(p_id, not v_engine_paused);
end $$;
