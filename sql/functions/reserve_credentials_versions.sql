-- reserve_credentials_versions(p_count) -> setof int
-- Hands out credentials versions that nobody else will ever get; unused ones are lost, and that is fine.
-- Locks: none.
-- Errors: none.
-- Caller: adapters/postgres/admin_store.py
-- Test: tests/integration/test_reserve_credentials_versions.py
create or replace function reserve_credentials_versions(p_count int) returns setof int
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    return query select nextval('credentials_version_seq')::int from generate_series(1, p_count);
end $$;
