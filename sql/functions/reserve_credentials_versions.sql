-- reserve_credentials_versions(p_count) -> setof int
-- Returns credentials versions that no other call returns. Those that are not used are lost, which
-- does no harm.
-- Locks: none.
-- Errors: none.
-- Callers: adapters/postgres/shared_calls.py
-- Test: tests/integration/test_reserve_credentials_versions.py
create or replace function reserve_credentials_versions(p_count int) returns setof int
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    return query select nextval('credentials_version_seq')::int from generate_series(1, p_count);
end $$;
