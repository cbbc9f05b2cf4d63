-- resume_all(p_now, p_actor, p_reason) -> jsonb
-- Ends the global pause and adds its length to the time that step timeouts leave out; its beginning
-- and end are kept, too. An engine that is not paused stays as it is. Returns what control_state
-- returns.
-- Locks: engine control, exclusive.
-- Errors: none.
-- Callers: adapters/postgres/admin_store.py
-- Test: tests/integration/test_resume_all.py
create or replace function resume_all(p_now timestamptz, p_actor text, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_now timestamptz;
begin
    -- Waits for every commit at work: what it left pending because of the pause is there when the
    -- caller claims what is due.
    perform pg_advisory_xact_lock(7); -- guard: resume-all-takes-the-exclusive-lock
    v_now := coalesce(p_now, clock_timestamp());
    update engine_control c
       set paused = false, paused_at = null,
           -- guard: paused-time-adds-up
           paused_ms = c.paused_ms
                       + greatest(extract(epoch from v_now - c.paused_at) * 1000, 0)::bigint,
           -- guard: global-pauses-are-kept
           pauses = c.pauses + tstzmultirange(tstzrange(c.paused_at, greatest(v_now, c.paused_at)))
     where c.paused; -- guard: resuming-all-again-changes-nothing
    insert into audit_log (actor, action, subject, reason, before, after)
    values (p_actor, 'resume_all', 'engine', p_reason, jsonb_build_object('paused', found),
            '{"paused": false}');
    return control_state();
end $$;
