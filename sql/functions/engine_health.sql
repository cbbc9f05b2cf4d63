-- engine_health(p_now) -> jsonb
-- Returns what the database knows of the health of the engine: the last tick and maintenance run,
-- what is due and not begun, what stayed queued or running past its lease, whether the database can
-- be written to, and the longest open transaction. Ages of ticks, maintenance, leases and
-- transactions are seconds of wall time, ages of tasks are seconds of schedule time.
-- Under a global pause only cancels are sent, so only they count as undelivered. How long ago the
-- latest one ended, and how long it lasted, are NULL if there was none. The backlog is counted up
-- to 100,000 per service, without what a breaker holds back.
-- Locks: none.
-- Errors: none.
-- Callers: adapters/postgres/engine_store.py, adapters/postgres/maintenance_store.py,
--   adapters/postgres/read_store.py
-- Test: tests/integration/test_engine_health.py
create or replace function engine_health(p_now timestamptz) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
-- A plan for any p_now reads every sleeping task; one for this p_now reads what is due.
set plan_cache_mode = force_custom_plan set enable_seqscan = off
as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_wall timestamptz := clock_timestamp();
    v_backlog bigint;
    v_oldest timestamptz;
    v_oldest_cancel timestamptz;
    v_health jsonb;
begin
    -- What the breaker of a service holds back is late on purpose, and is not counted.
    select count(*), min(due.scheduled_for) into v_backlog, v_oldest
      from unnest(array['none', 'actions_service', 'ai_service']) s (name)
     cross join lateral (
            select t.scheduled_for from scheduled_tasks t
             where t.is_due and t.service = s.name and t.scheduled_for <= v_now
               and not exists (select from services v -- guard: held-back-is-not-late
                                where v.name = s.name and v.slots_per_second is not null)
             order by t.scheduled_for limit 100000) due;
    select t.scheduled_for into v_oldest_cancel
      from scheduled_tasks t
     where t.is_due and t.phase = 'cancel' and t.scheduled_for <= v_now
     order by t.scheduled_for limit 1;
    select jsonb_build_object(
               'database_time', v_wall,
               'read_only', pg_is_in_recovery()
                            or current_setting('transaction_read_only') = 'on',
               'paused', c.paused, 'paused_at', c.paused_at,
               'paused_seconds', coalesce(extract(epoch from v_now - c.paused_at), 0),
               'resumed_age_seconds', extract(epoch from v_now - upper(p.latest)),
               'resumed_after_seconds', extract(epoch from upper(p.latest) - lower(p.latest)),
               'last_tick_at', c.last_tick_at, 'last_tick', c.last_tick,
               'last_tick_age_seconds', extract(epoch from v_wall - c.last_tick_at),
               'last_maintenance_at', c.last_maintenance_at,
               'last_maintenance', c.last_maintenance,
               'last_maintenance_age_seconds',
               extract(epoch from v_wall - c.last_maintenance_at),
               'oldest_due_age_seconds',
               coalesce(extract(epoch from v_now - least(v_oldest, f.oldest_due)), 0),
               'oldest_cancel_age_seconds',
               coalesce(extract(epoch from v_now - least(v_oldest_cancel, f.oldest_cancel)), 0),
               'due_backlog', v_backlog + f.due,
               'failing', (select jsonb_build_object('code', b.code, 'failed', b.failed)
                             from (select split_part(i.last_error, ':', 1) as code,
                                          count(*) as failed
                                     from workflow_instances i
                                    where i.status = 'failed'
                                      and i.finished_at > v_now - interval '10 min'
                                    group by 1 order by 2 desc limit 1) b),
               'services', (select jsonb_agg(service_state(s.name, v_now) order by s.name)
                              from services s),
               'queued', f.queued, 'running', f.running,
               'oldest_running_age_seconds',
               coalesce(extract(epoch from v_now - f.oldest_running), 0),
               'undelivered_messages', f.expired_queued, 'expired_leases', f.expired_running,
               'oldest_expired_age_seconds',
               coalesce(extract(epoch from v_wall - f.oldest_expired), 0),
               -- Of tomorrow: the partition of today may be missing for good reason, when its rows
               -- are in the default partition already.
               'history_ready',
               to_regclass('public.step_history_'
                           || to_char((v_now at time zone 'UTC')::date + 1, 'YYYYMMDD'))
               is not null,
               'oldest_transaction_age_seconds',
               coalesce((select extract(epoch from v_wall - min(a.xact_start))
                           from pg_stat_activity a
                          where a.datname = current_database()
                            and a.backend_type = 'client backend'
                            and a.pid <> pg_backend_pid()), 0))
      into v_health
      from engine_control c
     cross join lateral (
            select (select span from unnest(c.pauses) span order by span desc limit 1) as latest) p
     cross join lateral (
            select count(*) filter (where l.status = 'queued') as queued,
                   count(*) filter (where l.status = 'running') as running,
                   min(l.started_at) filter (where l.status = 'running') as oldest_running,
                   count(*) filter (where l.is_waiting) as due,
                   min(l.scheduled_for) filter (where l.is_waiting) as oldest_due,
                   min(l.scheduled_for) filter (where l.is_waiting and l.phase = 'cancel')
                       as oldest_cancel,
                   count(*) filter (where l.status = 'queued' and l.is_expired)
                       as expired_queued,
                   count(*) filter (where l.status = 'running' and l.is_expired)
                       as expired_running,
                   min(l.lease_expires_at) filter (where l.is_expired) as oldest_expired
              from (select t.status, t.phase, t.scheduled_for, t.started_at, t.lease_expires_at,
                           t.status = 'queued' and t.scheduled_for <= v_now as is_waiting,
                           t.lease_expires_at < v_wall
                           and (t.status = 'running' or t.phase = 'cancel' or not c.paused)
                               as is_expired
                      from scheduled_tasks t
                     where t.is_in_flight) l) f;
    return v_health;
end $$;
