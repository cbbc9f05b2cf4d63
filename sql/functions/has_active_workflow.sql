-- has_active_workflow(account_id) -> boolean
-- Returns whether the account has a live workflow: active, paused or stopping.
-- Locks: none.
-- Errors: none.
-- Callers: operators and other clients of the database
-- Test: tests/integration/test_has_active_workflow.py
create or replace function has_active_workflow(account_id text) returns boolean
language plpgsql stable security definer set search_path = public, pg_temp
as $$
begin
    return exists (select from workflow_instances i where i.account_id = $1 and i.is_live);
end $$;
