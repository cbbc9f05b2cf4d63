-- delete_old_requests() -> int
-- Deletes import requests older than 24 hours (wall time), a thousand at most, and returns how
-- many.
-- Locks: the rows that it deletes, skip locked.
-- Errors: none.
-- Callers: adapters/postgres/maintenance_store.py
-- Test: tests/integration/test_delete_old_requests.py
create or replace function delete_old_requests() returns int
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_before timestamptz := clock_timestamp() - interval '24 hours';
    v_deleted int;
begin
    delete from import_requests r
     using (select o.principal, o.key from import_requests o
             -- guard: keys-are-kept-for-a-day
             where o.created_at < v_before order by o.created_at limit 1000
               for update skip locked) old
     where r.principal = old.principal and r.key = old.key;
    get diagnostics v_deleted = row_count;
    return v_deleted;
end $$;
