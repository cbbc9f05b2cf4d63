-- release_account_lock(p_account, p_delivery_id) -> boolean
-- Releases the lock that acquire_account_lock took. False when this delivery does not hold it.
-- Locks: the row of the lock.
-- Errors: none.
-- Callers: adapters/postgres/locks.py
-- Test: tests/integration/test_release_account_lock.py
create or replace function release_account_lock(p_account text, p_delivery_id text)
returns boolean
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    delete from workflow_locks l
     -- guard: only-the-owner-releases
     where l.lock_key = 'account:' || p_account and l.locked_by = p_delivery_id;
    return found;
end $$;
