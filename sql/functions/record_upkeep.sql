-- record_upkeep(p_report) -> void
-- Remembers a pass of upkeep for the health check, in real time: what it found, what failed in it, and where the next pass goes on.
-- Locks: the row of engine control.
-- Errors: none.
-- Caller: adapters/postgres/upkeep.py
-- Test: tests/integration/test_record_upkeep.py
create or replace function record_upkeep(p_report jsonb) returns void
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    update engine_control c set last_upkeep_at = clock_timestamp(), last_upkeep = p_report;
end $$;
