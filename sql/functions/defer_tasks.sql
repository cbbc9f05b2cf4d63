-- defer_tasks(p_items, p_now, p_horizon, p_lease, p_rate) -> setof (task_id, fence, account_id, phase, due, alone)
-- Puts queued tasks off, by the fences of their message, and answers those that are due within the horizon, under a new fence, to be sent. Attempts stay as they are.
-- Items: {task_id, fence, after_ms}, engine time.
-- Locks: engine control shared; instances by id; tasks by id.
-- Errors: none.
-- Caller: adapters/postgres/tasks.py
-- Test: tests/integration/test_defer_tasks.py
create or replace function defer_tasks(p_items jsonb, p_now timestamptz, p_horizon interval, p_lease interval, p_rate float8)
returns table (task_id text, fence bigint, account_id text, phase text, due timestamptz, alone boolean)
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_ids text[];
    v_instances uuid[];
    v_paused boolean;
    v_now timestamptz;
begin
    perform pg_advisory_xact_lock_shared(7);
    select c.paused into v_paused from engine_control c;
    v_ids := array(select x.task_id from jsonb_to_recordset(p_items) x (task_id text));
    v_instances := array(select t.workflow_instance_id from scheduled_tasks t where t.task_id = any (v_ids));
    perform 1 from workflow_instances i where i.id = any (v_instances) order by i.id for no key update;
    perform 1 from scheduled_tasks t where t.task_id = any (v_ids) order by t.task_id for no key update;
    v_now := coalesce(p_now, clock_timestamp());

    return query
    with later as materialized (
        select t.task_id, i.id as instance_id, l.at, task_birth(i.status, t.phase, false, l.at, v_now, p_horizon, v_paused) as status
          from jsonb_to_recordset(p_items) x (task_id text, fence bigint, after_ms bigint)
         cross join lateral (select v_now + x.after_ms * interval '1 millisecond') l (at)
          join scheduled_tasks t on t.task_id = x.task_id and t.fence = x.fence and t.status = 'queued'
          join workflow_instances i on i.id = t.workflow_instance_id),
    seen as (
        update workflow_instances i
           set next_action_at = case when l.status <> 'held' then l.at end, updated_at = v_now
          from later l
         where i.id = l.instance_id),
    moved as (
        update scheduled_tasks t
           set status = l.status, scheduled_for = l.at, fence = nextval('fence_seq'), sends = (l.status = 'queued')::int,
               lease_expires_at = case when l.status = 'queued' then clock_timestamp() + greatest(l.at - v_now, interval '0') / p_rate + p_lease end,
               held_at = case when l.status = 'held' then v_now end
          from later l
         where t.task_id = l.task_id
        returning t.task_id, t.fence, t.account_id, t.phase, t.scheduled_for, t.reaps > 0 as alone, t.status)
    select m.task_id, m.fence, m.account_id, m.phase, m.scheduled_for, m.alone from moved m where m.status = 'queued';
end $$;
