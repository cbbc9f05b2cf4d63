-- configure_services(p_probe_seconds, p_opens_at_failures, p_opens_at_share, p_ramp_per_second)
--   -> void
-- Sets the thresholds of all breakers. They apply from the next change of state on.
-- Locks: services by name.
-- Errors: none.
-- Callers: adapters/postgres/migrations.py
-- Test: tests/integration/test_configure_services.py
create or replace function configure_services(
    p_probe_seconds float8, p_opens_at_failures int, p_opens_at_share float8,
    p_ramp_per_second float8) returns void
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    perform 1 from services s order by s.name for no key update;
    update services s
       set probe_seconds = p_probe_seconds, opens_at_failures = p_opens_at_failures,
           opens_at_share = p_opens_at_share, ramp_per_second = p_ramp_per_second
     where (s.probe_seconds, s.opens_at_failures, s.opens_at_share, s.ramp_per_second)
           is distinct from (p_probe_seconds, p_opens_at_failures, p_opens_at_share,
                             p_ramp_per_second);
end $$;
