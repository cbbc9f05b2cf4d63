-- service_record(p_service, p_since, p_now) -> text
-- Returns how a service has answered the calls of other tasks since p_since, at most ten minutes
-- ago. answered: it is well, and answered them. sick: its breaker was open, or a fifth of the calls
-- got no response. silent: no other task called it.
-- Locks: none.
-- Errors: none.
-- Callers: sql/functions/begin_tasks.sql
-- Test: tests/integration/test_service_record.py
create or replace function service_record(
    p_service text, p_since timestamptz, p_now timestamptz) returns text
language plpgsql stable security definer set search_path = public, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
    v_answered bigint;
    v_unknown bigint;
begin
    -- The first generation was never open: its time is the wall time of the migration.
    -- guard: open-breaker-is-sick
    if exists (select from services s
                where s.name = p_service and (s.state <> 'closed' or s.changed_at > p_since)
                  and s.generation > 1)
    then
        return 'sick';
    end if;
    -- From the next count on: the present one holds the failure of the task itself, and what was
    -- answered before it.
    select coalesce(sum(k.answered + k.refused), 0), coalesce(sum(k.unknown), 0)
      into v_answered, v_unknown
      from service_calls k
     where k.service = p_service and k.since < p_now
       -- guard: record-begins-after-the-failure
       and k.since >= greatest(p_since, p_now - interval '10 min');
    return case when v_unknown > 0 and v_unknown >= 0.2 * (v_answered + v_unknown) then 'sick'
                when v_answered > 0 then 'answered'
                else 'silent' end;
end $$;
