-- slots_per_second(p_start, p_grows_at, p_at) -> float8
-- Returns how many tasks of a service may begin in a second at p_at: p_start, and from p_grows_at
-- on twice as many every ten seconds. NULL for p_grows_at: it does not grow.
-- Locks: none.
-- Errors: none.
-- Callers: sql/functions/claim_for_services.sql, sql/functions/service_state.sql
-- Test: tests/integration/test_claim_for_services.py
create or replace function slots_per_second(
    p_start float8, p_grows_at timestamptz, p_at timestamptz) returns float8
language sql immutable parallel safe
as $$
    -- Ten doublings at most: 2 ^ 100 would be no rate.
    select p_start * 2 ^ least(greatest(coalesce(extract(epoch from p_at - p_grows_at), 0), 0) / 10,
                               10)::float8
$$;
