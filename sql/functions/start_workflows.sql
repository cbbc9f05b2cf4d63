-- start_workflows(p_rows, p_actor, p_reason, p_now, p_horizon, p_lease, p_rate)
--   -> setof (account_id, status, instance_id, send)
-- Starts instances with their first tasks, one live instance per account. The status is started,
-- already_active (with the id of the live one), incomplete (no model or channel) or missing (no
-- account). The same instance id again returns started again.
-- Rows: {instance_id, account_id, workflow_id, total_steps, decision, planned_at}; decision as in
-- domain/decision.py, without what is None.
-- An instance has started when it was planned, though it is stored a moment later: its delays count
-- from then. One that was planned ahead starts now.
-- Locks: engine control shared; accounts by id; then it inserts in the order of accounts.
-- Errors: none of its own.
-- Callers: adapters/postgres/admin_store.py, sql/functions/import_accounts.sql,
--   sql/functions/import_chunk.sql
-- Test: tests/integration/test_start_workflows.py
create or replace function start_workflows(
    p_rows jsonb, p_actor text, p_reason text, p_now timestamptz, p_horizon interval,
    p_lease interval, p_rate float8)
returns table (account_id text, status text, instance_id uuid, send jsonb)
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_paused boolean;
    v_accounts text[];
    v_now timestamptz;
    v_started uuid[];
    v_sends jsonb; -- what is to be sent, by instance
begin
    -- Race with pause_all: it waits for this start, or the read below sees what it wrote.
    perform pg_advisory_xact_lock_shared(7); -- guard: start-takes-the-shared-lock
    select c.paused into v_paused from engine_control c;
    v_accounts := array(select x.account_id from jsonb_to_recordset(p_rows) x (account_id text));
    -- Race with delete_account: the account is either kept until the start has committed, and then
    -- has a live workflow, or is gone.
    -- guard: start-locks-accounts
    perform 1 from accounts a where a.flamebot_id = any (v_accounts)
      order by a.flamebot_id for no key update;
    v_now := coalesce(p_now, clock_timestamp());

    with requested as materialized ( -- read once; a row that was sent twice is started once
        select distinct on (r.instance_id) r.*
          from jsonb_to_recordset(p_rows) r (
               instance_id uuid, account_id text, workflow_id bigint, total_steps int,
               decision jsonb, planned_at timestamptz)),
    inserted as (
        insert into workflow_instances as s (
            id, account_id, workflow_id, status, current_step, total_steps, account_data,
            execution_context, goto_iterations, history_count, next_action_at, last_error,
            started_at, finished_at, updated_at)
        select r.instance_id, a.flamebot_id, r.workflow_id, coalesce(w.status, 'active'),
               coalesce(w.current_step, 0), r.total_steps,
               jsonb_build_object('account_id', a.flamebot_id, 'model_id', a.model_id,
                                  'channel_id', a.channel_id, 'config', a.config),
               coalesce(w.context, '{}'), coalesce(w.iterations, '{}'),
               coalesce(jsonb_array_length(r.decision -> 'history'), 0),
               (r.decision -> 'next' ->> 'at')::timestamptz, w.last_error,
               least(r.planned_at, v_now), case when w.status is not null then v_now end, v_now
          from requested r
         cross join lateral jsonb_to_record(r.decision -> 'instance') w (
                    status text, current_step int, context jsonb, iterations jsonb,
                    last_error text)
          join accounts a on a.flamebot_id = r.account_id
           -- guard: start-needs-model-and-channel
           and a.model_id is not null and a.channel_id is not null
         -- A unique index makes writers wait for each other, too: in one order.
         -- guard: start-inserts-by-account
         order by a.flamebot_id
            -- The index one_live_instance decides; a query beforehand would lose the race.
            -- guard: unique-index-decides
            on conflict do nothing
        returning s.id, s.account_id, s.workflow_id, s.status),
    -- By an array: the plan of a join would depend on how many accounts have a model.
    started as materialized (
        select r.* from requested r
         -- guard: only-inserted-instances-get-tasks
         where (select count(*) from inserted) = (select count(*) from requested)
            or r.instance_id = any (array(select i.id from inserted i))),
    inserted_tasks as (
        insert into scheduled_tasks as s (
            task_id, workflow_instance_id, account_id, sequence, step_id, action, phase,
            scheduled_for, status, attempts, sends, fence, lease_expires_at, payload, created_at)
        select r.instance_id || ':1', r.instance_id, r.account_id, 1, n.step_id, n.action,
               n.phase, n.at, f.status, coalesce(n.attempts, 0), (f.status = 'queued')::int,
               case when f.status = 'queued' then nextval('fence_seq') else 0 end,
               case when f.status = 'queued'
                    then clock_timestamp() + greatest(n.at - v_now, interval '0') / p_rate
                         + p_lease end,
               coalesce(n.payload, '{}'), v_now
          from started r
         cross join lateral jsonb_to_record(r.decision -> 'next') n (
                    step_id text, action text, phase text, at timestamptz, payload jsonb,
                    attempts int)
         -- offset 0: computed once per row, not once per column.
         cross join lateral (
                    -- guard: first-task-status
                    select initial_task_status('active', n.phase, false, n.at, v_now, p_horizon,
                                               v_paused) offset 0) f (status)
         where n.step_id is not null
        returning s.task_id, s.workflow_instance_id, s.fence, s.account_id, s.phase,
                  s.scheduled_for, s.status),
    history as (
        insert into step_history (instance_id, sequence, step_id, action, status, attempt,
                                  started_at, finished_at, result, error)
        select r.instance_id, h.number, h.step_id, h.action, h.status, h.attempt, h.started_at,
               h.finished_at, h.result, h.error
          from started r,
               rows from (jsonb_to_recordset(r.decision -> 'history') as (
                              step_id text, action text, status text, attempt int,
                              started_at timestamptz, finished_at timestamptz, result jsonb,
                              error text))
               with ordinality h (step_id, action, status, attempt, started_at, finished_at,
                                  result, error, number)
         where jsonb_array_length(r.decision -> 'history') > 0),
    audited as (
        insert into audit_log (actor, action, subject, reason, after)
        select p_actor, 'start_workflow', 'workflow/' || i.id, p_reason,
               jsonb_build_object('status', i.status, 'account_id', i.account_id,
                                  'workflow_id', i.workflow_id)
          from inserted i)
    select coalesce((select array_agg(i.id) from inserted i), '{}'),
           (select coalesce(jsonb_object_agg(
                       t.workflow_instance_id,
                       task_pointer(t.task_id, t.fence, t.account_id, t.phase, t.scheduled_for,
                                    false)), '{}')
              from inserted_tasks t
             where t.status = 'queued')
      into v_started, v_sends;

    if cardinality(v_started) = jsonb_array_length(p_rows) then
        return query
        select x.account_id, 'started', x.instance_id, v_sends -> x.instance_id::text
          from jsonb_to_recordset(p_rows) x (instance_id uuid, account_id text);
        return;
    end if;
    return query
    select x.account_id,
           case when own.id is not null then 'started'
                when live.id is not null then 'already_active'
                when a.flamebot_id is null then 'missing'
                when a.model_id is null or a.channel_id is null then 'incomplete'
                else 'already_active' end, -- it conflicted with one that has ended since
           coalesce(own.id, live.id),
           case when t.status = 'queued'
                then task_pointer(t.task_id, t.fence, t.account_id, t.phase, t.scheduled_for,
                                  t.reclaims > 0) end
      from jsonb_to_recordset(p_rows) x (instance_id uuid, account_id text)
      left join accounts a on a.flamebot_id = x.account_id
      left join workflow_instances own on own.id = x.instance_id
      left join workflow_instances live on live.account_id = x.account_id and live.is_live
      left join scheduled_tasks t on t.task_id = x.instance_id || ':1';
end $$;
