-- delete_expired_locks() -> int
-- Deletes expired locks of the Postgres lock backend, a thousand at most, and returns how many.
-- Locks: the rows that it deletes, skip locked.
-- Errors: none.
-- Callers: adapters/postgres/maintenance_store.py
-- Test: tests/integration/test_delete_expired_locks.py
create or replace function delete_expired_locks() returns int
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_now timestamptz := clock_timestamp();
    v_deleted int;
begin
    delete from workflow_locks l
     where l.lock_key = any (array(select e.lock_key from workflow_locks e
                                    where e.expires_at < v_now limit 1000 -- guard: held-locks-stay
                                      for update skip locked)); -- guard: renewed-locks-stay
    get diagnostics v_deleted = row_count;
    return v_deleted;
end $$;
