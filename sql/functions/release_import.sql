-- release_import(p_id, p_fence) -> boolean
-- Gives the turn back, so that the next worker need not wait for the lease; says whether it was still ours.
-- Locks: the import.
-- Errors: none.
-- Caller: adapters/postgres/imports.py
-- Test: tests/integration/test_release_import.py
create or replace function release_import(p_id uuid, p_fence bigint) returns boolean
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    update imports i set lease_expires_at = clock_timestamp() where i.id = p_id and i.status = 'running' and i.fence = p_fence;
    return found;
end $$;
