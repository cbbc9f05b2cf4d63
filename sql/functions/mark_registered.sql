-- mark_registered(p_account, p_version) -> boolean
-- Records that the actions service was given this version of an account. False when the account has
-- a newer version by now.
-- Locks: the account.
-- Errors: none.
-- Callers: adapters/postgres/engine_store.py
-- Test: tests/integration/test_mark_registered.py
create or replace function mark_registered(p_account text, p_version int) returns boolean
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    update accounts a set registered_version = p_version
     -- guard: only-the-current-version
     where a.flamebot_id = p_account and a.credentials_version = p_version;
    return found;
end $$;
