-- has_workflow_lock(lock_key) -> boolean
-- Returns whether any owner holds the lock now.
-- Locks: none.
-- Errors: none.
-- Callers: operators and other clients of the database
-- Test: tests/integration/test_has_workflow_lock.py
create or replace function has_workflow_lock(lock_key text) returns boolean
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    return exists (select from workflow_locks l
                    where l.lock_key = $1 and l.expires_at > clock_timestamp());
end $$;
