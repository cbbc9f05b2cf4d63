-- fail_import(p_id, p_fence, p_error) -> boolean
-- Ends an import whose file cannot be read any further. False when the caller has lost the lease.
-- What was stored stays.
-- Locks: the import.
-- Errors: none.
-- Callers: adapters/postgres/imports.py
-- Test: tests/integration/test_fail_import.py
create or replace function fail_import(p_id uuid, p_fence bigint, p_error text) returns boolean
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    update imports i
       set status = 'failed', error = p_error, lease_expires_at = null,
           finished_at = clock_timestamp(), updated_at = clock_timestamp()
     -- guard: only-the-lease-holder-fails
     where i.id = p_id and i.status = 'running' and i.fence = p_fence;
    if not found then
        return false;
    end if;
    insert into audit_log (actor, action, subject, reason, before, after)
    select i.principal, 'fail_import', 'import/' || p_id, i.reason,
           jsonb_build_object('status', 'running'),
           jsonb_build_object('status', 'failed', 'rows', i.rows_read)
      from imports i
     where i.id = p_id;
    delete from import_staging s where s.import_id = p_id;
    return true;
end $$;
