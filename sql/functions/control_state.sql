-- control_state() -> jsonb
-- Returns {paused, paused_at, paused_ms}: whether the engine is paused as a whole, since when
-- (schedule time), and for how long all pauses before lasted.
-- Locks: none.
-- Errors: none.
-- Callers: adapters/postgres/admin_store.py, sql/functions/pause_all.sql,
--   sql/functions/resume_all.sql
-- Test: tests/integration/test_control_state.py
create or replace function control_state() returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    return (select jsonb_build_object('paused', c.paused, 'paused_at', c.paused_at,
                                      'paused_ms', c.paused_ms)
              from engine_control c);
end $$;
