-- record_tick(p_claimed, p_sent, p_seconds) -> void
-- Records the last tick for the health check, in wall time.
-- Locks: the row of engine control.
-- Errors: none.
-- Callers: adapters/postgres/engine_store.py
-- Test: tests/integration/test_record_tick.py
create or replace function record_tick(p_claimed int, p_sent int, p_seconds float8) returns void
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    update engine_control c
       set last_tick_at = clock_timestamp(),
           last_tick = jsonb_build_object('claimed', p_claimed, 'sent', p_sent,
                                          'seconds', p_seconds);
end $$;
