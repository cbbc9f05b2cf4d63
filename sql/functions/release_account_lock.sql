-- release_account_lock(lock_key, instance_id) -> boolean
-- Gives a lock back; false when it is not this owner's (any more).
-- Locks: the lock's row.
-- Errors: none.
-- Caller: adapters/postgres/locks.py
-- Test: tests/integration/test_release_account_lock.py
create or replace function release_account_lock(lock_key text, instance_id text) returns boolean
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    delete from workflow_locks l where l.lock_key = $1 and l.locked_by = $2;
    return found;
end $$;
