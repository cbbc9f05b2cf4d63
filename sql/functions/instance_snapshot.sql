-- instance_snapshot(p_id, p_now) -> jsonb
-- Reads what a plan needs that a person asked for: the instance, its last task, schedule time, and the time spent in global pauses.
-- Locks: none; the verb that writes the plan checks the revision.
-- Errors: FB001 not_found.
-- Caller: adapters/postgres/admin_store.py
-- Test: tests/integration/test_instance_snapshot.py
create or replace function instance_snapshot(p_id uuid, p_now timestamptz) returns jsonb
language plpgsql stable security definer set search_path = public, pg_temp
as $$
declare
    v_answer jsonb;
begin
    -- One statement and stable: instance and task are of one moment.
    select jsonb_build_object('instance', to_jsonb(i), 'task', to_jsonb(t), 'now', coalesce(p_now, clock_timestamp()), 'global_paused_ms', c.paused_ms)
      into v_answer
      from engine_control c, workflow_instances i
      left join lateral (
               select l.* from scheduled_tasks l
                where l.task_id > i.id || ':' and l.task_id < i.id || ';'
                order by l.sequence desc limit 1) t on true
     where i.id = p_id;
    if v_answer is null then
        raise exception 'There is no such workflow.' using errcode = 'FB001';
    end if;
    return v_answer;
end $$;
