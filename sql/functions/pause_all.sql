-- pause_all(p_now, p_actor, p_reason) -> jsonb
-- Pauses the whole engine: whatever had begun when it returns may finish, nothing else begins but cancels. Paused already: nothing changes.
-- Locks: engine control, exclusive.
-- Errors: none.
-- Caller: adapters/postgres/admin_store.py
-- Test: tests/integration/test_pause_all.py
create or replace function pause_all(p_now timestamptz, p_actor text, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(7);      -- waits for every begin and commit at work; the ones that come later see the row below
    update engine_control c set paused = true, paused_at = coalesce(p_now, clock_timestamp()) where not c.paused;
    insert into audit_log (actor, action, subject, reason, before, after)
    values (p_actor, 'pause_all', 'engine', p_reason, jsonb_build_object('paused', not found), '{"paused": true}');
    return control_state();
end $$;
