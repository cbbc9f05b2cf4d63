-- change_breaker(p_service, p_state, p_now, p_reason, p_actor) -> void
-- Sets the state of a breaker, whose row the caller has locked, under a new generation. open: one
-- task passes every probe_seconds. half_open: ramp_per_second tasks, twice as many every ten
-- seconds. closed: all.
-- p_actor: the person who requested it; NULL: the engine.
-- Locks: none.
-- Errors: none.
-- Callers: sql/functions/claim_for_services.sql, sql/functions/close_service.sql,
--   sql/functions/open_service.sql, sql/functions/record_calls.sql
-- Test: tests/integration/test_record_calls.py
create or replace function change_breaker(
    p_service text, p_state text, p_now timestamptz, p_reason text, p_actor text) returns void
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    update services s
       set state = p_state, changed_at = p_now, reason = p_reason, changed_by = p_actor,
           is_manual = p_state = 'open' and p_actor is not null,
           -- What was admitted under the former state waits for its turn under the new one.
           generation = s.generation + 1, -- guard: change-voids-admissions
           slots_per_second = case p_state when 'open' then 1 / s.probe_seconds
                                           when 'half_open' then s.ramp_per_second end,
           grows_at = case when p_state = 'half_open' then p_now end,
           next_slot_at = case p_state
                              -- guard: first-probe-waits
                              when 'open' then p_now + make_interval(secs => s.probe_seconds)
                              when 'half_open' then p_now end,
           lowered_at = null, trial_answered = 0, trial_failed = 0
     where s.name = p_service;
    update service_openings o set ended_at = p_now, ended_by = p_actor
     where o.service = p_service and o.ended_at is null;
    if p_state = 'open' then
        insert into service_openings (service, opened_at, opened_by, reason, error)
        select s.name, p_now, p_actor, p_reason, s.last_failure
          from services s where s.name = p_service;
    end if;
end $$;
