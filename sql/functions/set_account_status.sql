-- set_account_status(p_account, p_status) -> void
-- Records what the actions service said of the account: active or suspended.
-- Locks: the account.
-- Errors: none.
-- Callers: adapters/postgres/engine_store.py
-- Test: tests/integration/test_set_account_status.py
create or replace function set_account_status(p_account text, p_status text) returns void
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    update accounts a set status = p_status, updated_at = clock_timestamp()
     where a.flamebot_id = p_account and a.status <> p_status;
end $$;
