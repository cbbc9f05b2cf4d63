-- pause_workflow(p_id, p_now, p_actor, p_reason) -> jsonb
-- Holds the waiting task with its remaining wait. A running task finishes, and its successor is
-- held. A cancel is never held. A paused workflow stays as it is.
-- Locks: the instance, then its live task.
-- Errors: FB001 not_found, FB003 not_allowed.
-- Callers: adapters/postgres/admin_store.py
-- Test: tests/integration/test_pause_workflow.py
create or replace function pause_workflow(
    p_id uuid, p_now timestamptz, p_actor text, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_status text;
    v_now timestamptz;
begin
    -- Race with commit_tasks, which locks the instance before the task, too: it comes first, and
    -- the task below is its successor; or it comes later, and finds the instance paused.
    -- guard: pause-locks-the-instance
    select i.status into v_status from workflow_instances i where i.id = p_id for no key update;
    if not found then
        raise exception 'There is no such workflow.' using errcode = 'FB001';
    elsif v_status = 'paused' then -- guard: pausing-again-changes-nothing
        insert into audit_log (actor, action, subject, reason, before, after)
        values (p_actor, 'pause_workflow', 'workflow/' || p_id, p_reason,
                '{"status": "paused"}', '{"status": "paused"}');
        return changed_workflow(p_id, false);
    elsif v_status <> 'active' then -- guard: pause-only-what-is-active
        perform refuse_action(p_id, 'pause');
    end if;
    -- Race with begin_tasks and claim_due_tasks, which lock the task alone. In a statement of its
    -- own: the update below must see what this one waited for.
    -- guard: pause-locks-the-task
    perform 1 from scheduled_tasks t
      where t.workflow_instance_id = p_id and t.is_live for no key update;
    v_now := coalesce(p_now, clock_timestamp()); -- after the waiting: no begin is later than this

    -- The new fence makes the message in flight void for good, even after a resume.
    update scheduled_tasks t
       -- guard: pause-takes-a-new-fence
       set status = 'held', held_at = v_now, lease_expires_at = null, sends = 0,
           fence = nextval('fence_seq')
     -- guard: pause-holds-what-waits
     where t.workflow_instance_id = p_id and t.is_live
       and t.status in ('pending', 'queued') and t.phase <> 'cancel';
    update workflow_instances i
       set status = 'paused', paused_at = v_now,
           revision = i.revision + 1, updated_at = v_now, -- guard: pause-raises-the-revision
           next_action_at = case when found then null else i.next_action_at end
     where i.id = p_id;
    insert into audit_log (actor, action, subject, reason, before, after)
    values (p_actor, 'pause_workflow', 'workflow/' || p_id, p_reason,
            '{"status": "active"}', '{"status": "paused"}');
    return changed_workflow(p_id, false);
end $$;
