-- open_service(p_name, p_now, p_actor, p_reason) -> jsonb
-- Opens the breaker of a service by hand: none of its tasks begins, and no probe is made, until a
-- person closes it. Cancels go on. Returns what service_state returns.
-- Locks: the service.
-- Errors: FB001 not_found.
-- Callers: adapters/postgres/admin_store.py
-- Test: tests/integration/test_open_service.py
create or replace function open_service(
    p_name text, p_now timestamptz, p_actor text, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    s services;
begin
    select * into s from services v where v.name = p_name for no key update;
    if not found then
        raise exception 'There is no such service.' using errcode = 'FB001';
    end if;
    if not s.is_manual then -- guard: opening-again-changes-nothing
        perform change_breaker(p_name, 'open', coalesce(p_now, clock_timestamp()),
                               coalesce(p_reason, 'opened by hand'), p_actor);
    end if;
    insert into audit_log (actor, action, subject, reason, before, after)
    values (p_actor, 'open_service', 'service/' || p_name, p_reason,
            jsonb_build_object('state', s.state), '{"state": "open"}');
    return service_state(p_name, p_now);
end $$;
