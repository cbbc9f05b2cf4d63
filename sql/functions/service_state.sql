-- service_state(p_name, p_now) -> jsonb
-- Returns a service as operators see it: the state of its breaker, the calls of the last minute by
-- how they ended, the tasks that are due and held back (counted up to 100,000), and its last 20
-- openings. NULL for an unknown name.
-- Locks: none.
-- Errors: none.
-- Callers: adapters/postgres/read_store.py, sql/functions/close_service.sql,
--   sql/functions/engine_health.sql, sql/functions/open_service.sql
-- Test: tests/integration/test_service_state.py
create or replace function service_state(p_name text, p_now timestamptz) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off
as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
begin
    return (
        select jsonb_build_object(
                   'name', s.name, 'state', s.state, 'since', s.changed_at, 'reason', s.reason,
                   'changed_by', s.changed_by, 'is_manual', s.is_manual,
                   'per_second', case when s.is_manual then 0
                                      else slots_per_second(s.slots_per_second, s.grows_at, v_now)
                                 end,
                   'next_probe_at', case when s.state = 'open' and not s.is_manual
                                         then greatest(s.next_slot_at, v_now) end,
                   'last_failure', s.last_failure, 'last_failure_at', s.last_failure_at,
                   'calls', (select jsonb_build_object(
                                        'answered', coalesce(sum(k.answered), 0),
                                        'refused', coalesce(sum(k.refused), 0),
                                        'throttled', coalesce(sum(k.throttled), 0),
                                        'denied', coalesce(sum(k.denied), 0),
                                        'unknown', coalesce(sum(k.unknown), 0))
                               from service_calls k
                              where k.service = s.name and k.since > v_now - interval '1 min'),
                   'held_back', case when s.slots_per_second is null then 0 else
                       (select count(*) from (
                            select from scheduled_tasks t
                             where t.is_due and t.service = s.name and t.scheduled_for <= v_now
                             limit 100000) held) end,
                   'thresholds', jsonb_build_object(
                       'probe_seconds', s.probe_seconds,
                       'opens_at_failures', s.opens_at_failures,
                       'opens_at_share', s.opens_at_share,
                       'ramp_per_second', s.ramp_per_second),
                   'openings', coalesce((
                       select jsonb_agg(jsonb_build_object(
                                  'opened_at', o.opened_at, 'opened_by', o.opened_by,
                                  'reason', o.reason, 'error', o.error,
                                  'ended_at', o.ended_at, 'ended_by', o.ended_by)
                                  order by o.opened_at desc)
                         from (select * from service_openings p where p.service = s.name
                                order by p.opened_at desc limit 20) o), '[]'))
          from services s
         where s.name = p_name);
end $$;
