-- cancel_import(p_id, p_actor, p_reason) -> text
-- Ends an import: after it returns, no further row is stored. What was stored stays, and so do the
-- workflows that were started. A cancelled import stays cancelled.
-- Locks: the import; it waits for a chunk that is being stored.
-- Errors: FB001 not_found, FB003 not_allowed.
-- Callers: adapters/postgres/imports.py
-- Test: tests/integration/test_cancel_import.py
create or replace function cancel_import(p_id uuid, p_actor text, p_reason text) returns text
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_import imports;
begin
    select i.* into v_import from imports i where i.id = p_id for no key update;
    if not found then
        raise exception 'There is no such import.' using errcode = 'FB001';
    elsif v_import.status in ('completed', 'failed') then
        raise exception 'The import is over.' using errcode = 'FB003', detail = '';
    end if;
    update imports i
       set status = 'cancelled', lease_expires_at = null, finished_at = clock_timestamp(),
           updated_at = clock_timestamp()
     where i.id = p_id and i.status <> 'cancelled';
    insert into audit_log (actor, action, subject, reason, before, after)
    values (p_actor, 'cancel_import', 'import/' || p_id, p_reason,
            jsonb_build_object('status', v_import.status),
            jsonb_build_object('status', 'cancelled'));
    return 'cancelled';
end $$;
