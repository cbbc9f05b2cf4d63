-- acquire_workflow_lock(lock_key, instance_id, timeout_seconds) -> boolean
-- Takes a lock for an owner, or renews it: true when it was free, expired, or this owner's already. Expiry is in wall time.
-- Locks: the lock's row.
-- Errors: none.
-- Caller: operators and the seed's clients; the engine itself uses sql/functions/acquire_account_lock.sql
-- Test: tests/integration/test_acquire_workflow_lock.py
create or replace function acquire_workflow_lock(lock_key text, instance_id text, timeout_seconds int) returns boolean
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_wall timestamptz := clock_timestamp();
begin
    insert into workflow_locks as l (lock_key, locked_by, expires_at, acquired_at)
    values ($1, $2, v_wall + $3 * interval '1 second', v_wall)
        on conflict on constraint workflow_locks_pkey do update
       set locked_by = excluded.locked_by, expires_at = excluded.expires_at, acquired_at = excluded.acquired_at,
           instance_id = null, sequence = null, fence = null
     where l.expires_at <= clock_timestamp() or l.locked_by = excluded.locked_by;
    return found;
end $$;
