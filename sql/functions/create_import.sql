-- create_import(p_id, p_file_name, p_format, p_bytes, p_workflow_id, p_spread_seconds, p_key,
--   p_upload_for, p_actor, p_reason) -> jsonb
-- Creates an import that waits for its file, and returns {id, created}. With a key of the last 24
-- hours it returns the import that has the key, unless that one failed or was cancelled: then the
-- key is free again. A waiting import can be uploaded for p_upload_for from now.
-- Locks: the key of the caller by an advisory lock; then the import that has it.
-- Errors: FB009 idempotency_key_reused.
-- Callers: adapters/postgres/imports.py
-- Test: tests/integration/test_create_import.py
create or replace function create_import(
    p_id uuid, p_file_name text, p_format text, p_bytes bigint, p_workflow_id bigint,
    p_spread_seconds int, p_key text, p_upload_for interval, p_actor text, p_reason text)
returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_known imports;
    v_wall timestamptz;
begin
    if p_key is not null then
        -- guard: one-import-per-key
        perform pg_advisory_xact_lock(8, hashtext(p_actor || E'\x1e' || p_key));
        select i.* into v_known
          from imports i
         where i.principal = p_actor and i.key = p_key
           and i.created_at > clock_timestamp() - interval '24 hours'
           and i.status not in ('failed', 'cancelled')
         order by i.created_at desc limit 1
           for no key update;
        if found then
            -- The definition is compared by its type: a version that was published in between does
            -- not make it another request.
            if (v_known.file_name, v_known.format, v_known.bytes, v_known.spread_seconds,
                (select d.type from workflow_definitions d where d.id = v_known.workflow_id))
               is distinct from
               (p_file_name, p_format, p_bytes, p_spread_seconds,
                (select d.type from workflow_definitions d where d.id = p_workflow_id))
            then
                raise exception 'This Idempotency-Key was used with another body.'
                    using errcode = 'FB009';
            end if;
            update imports i
               set upload_until = greatest(i.upload_until, clock_timestamp() + p_upload_for)
             where i.id = v_known.id and i.status = 'waiting';
            return jsonb_build_object('id', v_known.id, 'created', false);
        end if;
    end if;
    v_wall := clock_timestamp();
    insert into imports (id, file_name, format, bytes, workflow_id, spread_seconds, principal, key,
                         reason, created_at, upload_until, updated_at)
    values (p_id, p_file_name, p_format, p_bytes, p_workflow_id, p_spread_seconds, p_actor, p_key,
            p_reason, v_wall, v_wall + p_upload_for, v_wall)
        on conflict (id) do nothing; -- the same call again, after a lost reply
    if found then
        insert into audit_log (actor, action, subject, reason, before, after)
        values (p_actor, 'create_import', 'import/' || p_id, p_reason, null,
                jsonb_build_object('status', 'waiting', 'bytes', p_bytes));
    end if;
    return jsonb_build_object('id', p_id, 'created', true);
end $$;
