-- record_maintenance(p_report) -> void
-- Records a maintenance run for the health check, in wall time: what it found, what failed in it,
-- and where the next run goes on.
-- Locks: the row of engine control.
-- Errors: none.
-- Callers: adapters/postgres/maintenance_store.py
-- Test: tests/integration/test_record_maintenance.py
create or replace function record_maintenance(p_report jsonb) returns void
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    update engine_control c
       set last_maintenance_at = clock_timestamp(), last_maintenance = p_report;
end $$;
