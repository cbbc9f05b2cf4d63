-- close_service(p_name, p_now, p_actor, p_reason) -> jsonb
-- Ends an open breaker by hand: its tasks are released at a growing rate, and it opens again by
-- itself if the service still fails. A breaker that is not open stays as it is. Returns what
-- service_state returns.
-- Locks: the service.
-- Errors: FB001 not_found.
-- Callers: adapters/postgres/admin_store.py
-- Test: tests/integration/test_close_service.py
create or replace function close_service(
    p_name text, p_now timestamptz, p_actor text, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    s services;
    v_now timestamptz;
begin
    select * into s from services v where v.name = p_name for no key update;
    if not found then
        raise exception 'There is no such service.' using errcode = 'FB001';
    end if;
    v_now := coalesce(p_now, clock_timestamp());
    if s.state = 'open' then -- guard: closing-releases-on-a-ramp
        perform change_breaker(p_name, 'half_open', v_now, null, p_actor);
    end if;
    insert into audit_log (actor, action, subject, reason, before, after)
    select p_actor, 'close_service', 'service/' || p_name, p_reason,
           jsonb_build_object('state', s.state), jsonb_build_object('state', v.state)
      from services v where v.name = p_name;
    return service_state(p_name, p_now);
end $$;
