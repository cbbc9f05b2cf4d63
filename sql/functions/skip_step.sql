-- skip_step(p_id, p_revision, p_decision, p_now, p_horizon, p_lease, p_rate, p_actor, p_reason)
--   -> jsonb
-- Cancels the waiting task and goes on as the decision says; a paused instance stays paused.
-- Refused while the step is at work or may have left a job at the actions service.
-- Locks: engine control shared, the instance, then its live task.
-- Errors: FB001 not_found, FB003 not_allowed, FB004 busy, FB005 revision_conflict.
-- Callers: adapters/postgres/admin_store.py
-- Test: tests/integration/test_skip_step.py
create or replace function skip_step(
    p_id uuid, p_revision bigint, p_decision jsonb, p_now timestamptz, p_horizon interval,
    p_lease interval, p_rate float8, p_actor text, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_engine_paused boolean;
    v_instance workflow_instances;
    v_task scheduled_tasks;
    v_now timestamptz;
    v_send boolean;
begin
    perform pg_advisory_xact_lock_shared(7); -- guard: skip-takes-the-shared-lock
    select c.paused into v_engine_paused from engine_control c;
    select i.* into v_instance
      -- guard: skip-locks-the-instance
      from workflow_instances i where i.id = p_id for no key update;
    if not found then
        raise exception 'There is no such workflow.' using errcode = 'FB001';
    elsif v_instance.status not in ('active', 'paused') then -- guard: skip-only-what-is-live
        perform refuse_action(p_id, 'skip-step');
    elsif v_instance.revision <> p_revision then -- guard: plan-is-for-one-revision
        raise exception 'The workflow changed in the meantime; try again.' using errcode = 'FB005';
    end if;
    select t.* into v_task from scheduled_tasks t
     -- guard: skip-locks-the-task
     where t.workflow_instance_id = p_id and t.is_live for no key update;
    -- guard: step-at-work-is-not-skipped
    if not 'skip-step' = any (allowed_actions(v_instance.status, v_task.status, v_task.phase,
                                              v_task.outcome_unknown)) then
        perform refuse_busy(v_task.task_id, p_now);
    end if;
    v_now := coalesce(p_now, clock_timestamp());

    update scheduled_tasks t
       set status = 'cancelled', finished_at = v_now, held_at = null, lease_expires_at = null,
           fence = nextval('fence_seq'), error = 'skipped: by an operator'
     where t.task_id = v_task.task_id;
    v_send := apply_decision(p_id, p_decision, v_task.sequence, v_engine_paused, v_now, p_horizon,
                             p_lease, p_rate);
    insert into audit_log (actor, action, subject, reason, before, after)
    select p_actor, 'skip_step', 'workflow/' || p_id, p_reason,
           jsonb_build_object('status', v_instance.status,
                              'current_step', v_instance.current_step,
                              'step_id', v_task.step_id),
           jsonb_build_object('status', i.status, 'current_step', i.current_step)
      from workflow_instances i
     where i.id = p_id;
    return changed_workflow(p_id, v_send);
end $$;
