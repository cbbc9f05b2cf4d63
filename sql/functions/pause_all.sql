-- pause_all(p_now, p_actor, p_reason) -> jsonb
-- Pauses the engine as a whole: what had begun when it returns may finish, and nothing else begins
-- but cancels. A paused engine stays as it is. Returns what control_state returns.
-- Locks: engine control, exclusive.
-- Errors: none.
-- Callers: adapters/postgres/admin_store.py
-- Test: tests/integration/test_pause_all.py
create or replace function pause_all(p_now timestamptz, p_actor text, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    -- Waits for every begin and commit that holds the lock shared; a later one reads the row below.
    perform pg_advisory_xact_lock(7); -- guard: pause-all-takes-the-exclusive-lock
    update engine_control c set paused = true, paused_at = coalesce(p_now, clock_timestamp())
     where not c.paused; -- guard: pausing-all-again-changes-nothing
    insert into audit_log (actor, action, subject, reason, before, after)
    values (p_actor, 'pause_all', 'engine', p_reason, jsonb_build_object('paused', not found),
            '{"paused": true}');
    return control_state();
end $$;
