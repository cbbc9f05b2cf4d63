-- engine_health(p_now) -> jsonb
-- Answers what the database knows of the engine's health: the last tick, what is due and not begun, leases that ran out, whether it can be written to.
-- Ages are seconds: of the tick real ones, of what is due engine ones. The backlog is counted up to 100,000.
-- Locks: none.
-- Errors: none.
-- Caller: adapters/postgres/reads.py, adapters/postgres/upkeep.py
-- Test: tests/integration/test_engine_health.py
create or replace function engine_health(p_now timestamptz) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_real timestamptz := clock_timestamp();
    v_backlog bigint;
    v_oldest timestamptz;
    v_answer jsonb;
begin
    select count(*), min(due.scheduled_for) into v_backlog, v_oldest
      from (select t.scheduled_for from scheduled_tasks t where t.is_due and t.scheduled_for <= v_now order by t.scheduled_for limit 100000) due;
    select jsonb_build_object(
               'database_time', v_real,
               'read_only', pg_is_in_recovery() or current_setting('transaction_read_only') = 'on',
               'paused', c.paused, 'paused_at', c.paused_at,
               'last_tick_at', c.last_tick_at, 'last_tick', c.last_tick,
               'last_tick_age_seconds', extract(epoch from v_real - c.last_tick_at),
               'oldest_due_age_seconds', coalesce(extract(epoch from v_now - least(v_oldest, out.oldest_due)), 0),
               'due_backlog', v_backlog + out.due,
               'queued', out.queued, 'running', out.running,
               'lost_messages', out.lost, 'expired_leases', out.expired)
      into v_answer
      from engine_control c,
           (select count(*) filter (where t.status = 'queued') as queued,
                   count(*) filter (where t.status = 'running') as running,
                   count(*) filter (where t.status = 'queued' and t.scheduled_for <= v_now) as due,
                   min(t.scheduled_for) filter (where t.status = 'queued' and t.scheduled_for <= v_now) as oldest_due,
                   count(*) filter (where t.status = 'queued' and t.lease_expires_at < v_real) as lost,
                   count(*) filter (where t.status = 'running' and t.lease_expires_at < v_real) as expired
              from scheduled_tasks t
             where t.lease_expires_at is not null) out;
    return v_answer;
end $$;
