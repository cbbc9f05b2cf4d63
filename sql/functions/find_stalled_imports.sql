-- find_stalled_imports() -> table (id uuid, stalled boolean)
-- Returns imports that need another look, a hundred at most, the longest unchanged first: waiting
-- for five minutes, running without a lease, or ended for five minutes with a file that may still
-- exist.
-- Stalled: running, and nothing was stored for fifteen minutes.
-- Locks: none.
-- Errors: none.
-- Callers: adapters/postgres/imports.py
-- Test: tests/integration/test_find_stalled_imports.py
create or replace function find_stalled_imports() returns table (id uuid, stalled boolean)
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_wall timestamptz := clock_timestamp();
begin
    return query
    select i.id, i.status = 'running' and i.updated_at < v_wall - interval '15 minutes'
      from imports i
     where i.file_deleted_at is null
       and ((i.status = 'running' and i.lease_expires_at < v_wall)
            or (i.status <> 'running' and i.updated_at < v_wall - interval '5 minutes'))
     order by i.updated_at
     limit 100;
end $$;
