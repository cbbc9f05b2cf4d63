-- release_import(p_id, p_fence) -> boolean
-- Gives up the lease of an import, so that the next worker need not wait until it expires. False
-- when the caller had lost it.
-- Locks: the import.
-- Errors: none.
-- Callers: adapters/postgres/imports.py
-- Test: tests/integration/test_release_import.py
create or replace function release_import(p_id uuid, p_fence bigint) returns boolean
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    update imports i set lease_expires_at = clock_timestamp()
     -- guard: only-the-lease-holder-releases
     where i.id = p_id and i.status = 'running' and i.fence = p_fence;
    return found;
end $$;
