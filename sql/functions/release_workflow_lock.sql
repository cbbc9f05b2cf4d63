-- release_workflow_lock(lock_key, instance_id) -> boolean
-- Releases the lock that acquire_workflow_lock took. False when this owner does not hold it.
-- Locks: the row of the lock.
-- Errors: none.
-- Callers: operators and other clients of the database; the engine uses release_account_lock
-- Test: tests/integration/test_release_workflow_lock.py
create or replace function release_workflow_lock(lock_key text, instance_id text) returns boolean
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    delete from workflow_locks l where l.lock_key = $1 and l.locked_by = $2;
    return found;
end $$;
