-- stop_workflow(p_id, p_now, p_lease, p_actor, p_reason) -> jsonb
-- Ends an instance: at once when nothing is open at the actions service. Else it is stopping: an
-- open job, or a submit of unknown outcome, gets a cancel task, queued at once under any pause; for
-- a running task, its commit or its reclaim does the rest. A stopping or stopped workflow stays as
-- it is, but a queued cancel is returned again, for a caller whose first reply was lost.
-- Locks: the instance, then its live task.
-- Errors: FB001 not_found, FB003 not_allowed.
-- Callers: adapters/postgres/admin_store.py
-- Test: tests/integration/test_stop_workflow.py
create or replace function stop_workflow(
    p_id uuid, p_now timestamptz, p_lease interval, p_actor text, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_before text;
    v_after text := 'stopped';
    v_now timestamptz;
    v_task scheduled_tasks;
    v_send boolean := false;
begin
    -- Race with commit_tasks: it comes first, and the task below is its successor; or it comes
    -- later, finds the instance stopping, and inserts nothing but a cancel.
    select i.status into v_before from workflow_instances i
     where i.id = p_id for no key update; -- guard: stop-locks-the-instance
    if not found then
        raise exception 'There is no such workflow.' using errcode = 'FB001';
    elsif v_before in ('stopping', 'stopped') then -- guard: stopping-again-changes-nothing
        insert into audit_log (actor, action, subject, reason, before, after)
        values (p_actor, 'stop_workflow', 'workflow/' || p_id, p_reason,
                jsonb_build_object('status', v_before), jsonb_build_object('status', v_before));
        return changed_workflow(p_id, true);
    elsif v_before not in ('active', 'paused') then -- guard: stop-only-what-is-live
        perform refuse_action(p_id, 'stop');
    end if;
    -- Race with begin_tasks: it comes first, and the task is running; or it comes later, and finds
    -- the fence of its message stale.
    select t.* into v_task from scheduled_tasks t
     -- guard: stop-locks-the-task
     where t.workflow_instance_id = p_id and t.is_live for no key update;
    v_now := coalesce(p_now, clock_timestamp());

    if v_task.status = 'running' then -- guard: running-task-finishes
        v_after := 'stopping';
    -- The cancel of a step that timed out: it goes on, and now ends the instance.
    elsif v_task.phase = 'cancel' then -- guard: waiting-cancel-is-the-stop
        v_after := 'stopping';
        update scheduled_tasks t set payload = t.payload || '{"reason": "stop"}'
         where t.task_id = v_task.task_id;
    elsif v_task.task_id is not null then
        update scheduled_tasks t
           -- guard: stop-cancels-the-waiting-task
           set status = 'cancelled', finished_at = v_now, held_at = null,
               lease_expires_at = null, fence = nextval('fence_seq'),
               error = 'stopped: by an operator'
         where t.task_id = v_task.task_id;
        -- guard: stop-cancels-what-may-be-open
        if v_task.phase = 'poll' or (v_task.phase = 'submit' and v_task.outcome_unknown) then
            v_after := 'stopping';
            v_send := true;
            insert into scheduled_tasks (task_id, workflow_instance_id, account_id, sequence,
                                         step_id, action, phase, scheduled_for, status, sends,
                                         fence, lease_expires_at, payload, created_at)
            values (p_id || ':' || (v_task.sequence + 1), p_id, v_task.account_id,
                    v_task.sequence + 1, v_task.step_id, v_task.action, 'cancel', v_now, 'queued',
                    1, nextval('fence_seq'), clock_timestamp() + p_lease,
                    -- A poll carries the key of its submit; the id of a submit is its key.
                    (v_task.payload - 'polls') || '{"reason": "stop"}'
                    -- guard: cancel-knows-the-key
                    || case when v_task.phase = 'submit'
                            then jsonb_build_object('key', v_task.task_id) else '{}' end,
                    v_now);
        end if;
    end if;
    update workflow_instances i
       set status = v_after, paused_at = null, revision = i.revision + 1, updated_at = v_now,
           finished_at = case when v_after = 'stopped' then v_now end,
           next_action_at = case when v_after = 'stopped' then null
                                 when v_send then v_now
                                 else i.next_action_at end
     where i.id = p_id;
    insert into audit_log (actor, action, subject, reason, before, after)
    values (p_actor, 'stop_workflow', 'workflow/' || p_id, p_reason,
            jsonb_build_object('status', v_before), jsonb_build_object('status', v_after));
    return changed_workflow(p_id, v_send);
end $$;
