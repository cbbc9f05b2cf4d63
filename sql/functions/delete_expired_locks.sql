-- delete_expired_locks() -> int
-- Deletes account locks of the Postgres backend that expired, a thousand at most, and says how many.
-- Locks: the rows that it deletes, skip locked.
-- Errors: none.
-- Caller: adapters/postgres/maintenance_store.py
-- Test: tests/integration/test_delete_expired_locks.py
create or replace function delete_expired_locks() returns int
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_now timestamptz := clock_timestamp();
    v_deleted int;
begin
    delete from workflow_locks l
     where l.lock_key = any (array(select e.lock_key from workflow_locks e where e.expires_at < v_now limit 1000 for update skip locked));
    get diagnostics v_deleted = row_count;
    return v_deleted;
end $$;
