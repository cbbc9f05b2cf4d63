-- retry_workflow(p_id, p_revision, p_decision, p_now, p_horizon, p_lease, p_rate, p_actor,
--   p_reason) -> jsonb
-- Goes on with a failed instance where it failed. A submit or poll of unknown outcome is reopened,
-- so that its key stays (I5): with the attempts and the payload of the decision, or else from 0 and
-- with a step timeout that begins anew. After anything else the next task of the decision is
-- inserted.
-- Locks: engine control shared, then the instance. Nothing else changes the last task of a failed
--   instance, and delete_account stops the instance before it touches the task.
-- Errors: FB001 not_found, FB002 already_active, FB003 not_allowed, FB005 revision_conflict.
-- Callers: adapters/postgres/admin_store.py
-- Test: tests/integration/test_retry_workflow.py
create or replace function retry_workflow(
    p_id uuid, p_revision bigint, p_decision jsonb, p_now timestamptz, p_horizon interval,
    p_lease interval, p_rate float8, p_actor text, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_engine_paused boolean;
    v_instance workflow_instances;
    v_task scheduled_tasks;
    v_now timestamptz;
    v_rescheduled jsonb := case when p_decision -> 'task' ->> 'to' = 'pending'
                                then p_decision -> 'task' end;
    v_reopen boolean;
    v_send boolean;
begin
    perform pg_advisory_xact_lock_shared(7); -- guard: retry-takes-the-shared-lock
    select c.paused into v_engine_paused from engine_control c;
    -- guard: retry-locks-the-instance
    select i.* into v_instance from workflow_instances i where i.id = p_id for no key update;
    if not found then
        raise exception 'There is no such workflow.' using errcode = 'FB001';
    end if;
    -- A range of the primary key, since there is no index by instance: ';' follows ':' in the
    -- collation of task ids.
    select t.* into v_task from scheduled_tasks t
     where t.task_id > p_id || ':' and t.task_id < p_id || ';'
     order by t.sequence desc limit 1;
    if v_instance.status <> 'failed' or v_task.task_id is null then -- guard: retry-only-what-failed
        perform refuse_action(p_id, 'retry');
    elsif v_instance.revision <> p_revision then -- guard: plan-is-for-one-revision
        raise exception 'The workflow changed in the meantime; try again.' using errcode = 'FB005';
    end if;
    v_now := coalesce(p_now, clock_timestamp());

    begin
        update workflow_instances i
           set status = 'active', finished_at = null, last_error = null,
               revision = i.revision + 1, updated_at = v_now, next_action_at = v_now
         where i.id = p_id;
    -- The index one_live_instance decides; a query beforehand would lose the race.
    exception when unique_violation then -- guard: one-live-workflow-per-account
        raise exception 'The account has a live workflow already.'
            using errcode = 'FB002',
                  detail = (select coalesce(min(i.id::text), '') from workflow_instances i
                             where i.account_id = v_instance.account_id and i.is_live);
    end;
    -- The task of another step has ended, whatever its outcome: what failed was a jump after it.
    v_reopen := v_rescheduled is not null
                -- guard: reopen-only-unknown-outcomes
                or (v_task.outcome_unknown and v_task.phase <> 'cancel'
                    -- guard: reopen-only-the-same-step
                    and v_task.step_id = coalesce(p_decision -> 'next' ->> 'step_id',
                                                  v_task.step_id));
    if v_reopen then -- guard: unknown-outcome-keeps-its-key
        v_send := not v_engine_paused; -- guard: retry-respects-the-global-pause
        update scheduled_tasks t
           set status = case when v_send then 'queued' else 'pending' end,
               scheduled_for = v_now, finished_at = null, result = null, error = null,
               reclaims = 0, sends = v_send::int, -- guard: retry-resets-reclaims
               attempts = coalesce((v_rescheduled ->> 'attempts')::int, 0),
               -- guard: retry-takes-a-new-fence
               fence = nextval('fence_seq'),
               lease_expires_at = case when v_send then clock_timestamp() + p_lease end,
               payload = coalesce(nullif(v_rescheduled -> 'payload', 'null'),
                                  t.payload - array['started_at', 'paused_ms', 'look_up', 'absent',
                                                    'global_paused_ms', 'waited_ms', 'polls'])
         where t.task_id = v_task.task_id;
    else
        v_send := apply_decision(p_id, p_decision, v_task.sequence, v_engine_paused, v_now,
                                 p_horizon, p_lease, p_rate);
    end if;
    insert into audit_log (actor, action, subject, reason, before, after)
    values (p_actor, 'retry_workflow', 'workflow/' || p_id, p_reason, '{"status": "failed"}',
            jsonb_build_object('status', 'active', 'same_task', v_reopen));
    return changed_workflow(p_id, v_send);
end $$;
