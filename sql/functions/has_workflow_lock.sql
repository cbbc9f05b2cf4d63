-- has_workflow_lock(lock_key) -> boolean
-- Says whether anybody holds a lock now.
-- Locks: none.
-- Errors: none.
-- Caller: operators and the seed's clients
-- Test: tests/integration/test_has_workflow_lock.py
create or replace function has_workflow_lock(lock_key text) returns boolean
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    return exists (select from workflow_locks l where l.lock_key = $1 and l.expires_at > clock_timestamp());
end $$;
