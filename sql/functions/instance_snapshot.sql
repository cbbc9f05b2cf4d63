-- instance_snapshot(p_id, p_now) -> jsonb
-- Returns what planning an action of a person needs: {instance, task, now, global_paused_ms}, with
-- the last task of the instance and schedule time.
-- Locks: none; the function that writes the plan compares the revision.
-- Errors: FB001 not_found.
-- Callers: adapters/postgres/admin_store.py
-- Test: tests/integration/test_instance_snapshot.py
create or replace function instance_snapshot(p_id uuid, p_now timestamptz) returns jsonb
language plpgsql stable security definer set search_path = public, pg_temp
as $$
declare
    v_snapshot jsonb;
begin
    -- One statement, and so one snapshot: instance and task are of the same moment.
    select jsonb_build_object('instance', to_jsonb(i), 'task', to_jsonb(t),
                              'now', coalesce(p_now, clock_timestamp()),
                              'global_paused_ms', c.paused_ms)
      into v_snapshot
      from engine_control c, workflow_instances i
      left join lateral (
           select l.* from scheduled_tasks l
            where l.task_id > i.id || ':' and l.task_id < i.id || ';'
            order by l.sequence desc limit 1) t on true
     where i.id = p_id;
    if v_snapshot is null then
        raise exception 'There is no such workflow.' using errcode = 'FB001';
    end if;
    return v_snapshot;
end $$;
