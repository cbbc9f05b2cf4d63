-- acquire_workflow_lock(lock_key, instance_id, timeout_seconds) -> boolean
-- Takes or renews a lock for an owner. True when it was free, expired, or held by this owner
-- already. It expires in wall time.
-- Locks: the row of the lock.
-- Errors: none.
-- Callers: operators and other clients of the database; the engine uses acquire_account_lock
-- Test: tests/integration/test_acquire_workflow_lock.py
create or replace function acquire_workflow_lock(
    lock_key text, instance_id text, timeout_seconds int) returns boolean
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_wall timestamptz := clock_timestamp();
begin
    insert into workflow_locks as l (lock_key, locked_by, expires_at, acquired_at)
    values ($1, $2, v_wall + $3 * interval '1 second', v_wall)
        on conflict on constraint workflow_locks_pkey do update
       set locked_by = excluded.locked_by, expires_at = excluded.expires_at,
           acquired_at = excluded.acquired_at, instance_id = null, sequence = null, fence = null
     -- The clock is read again: the insert may have waited for another owner.
     where l.expires_at <= clock_timestamp() or l.locked_by = excluded.locked_by;
    return found;
end $$;
