-- definition_document(p_id) -> jsonb
-- Returns one version of a definition: {id, type, version, name, description, config, steps}.
-- Locks: none.
-- Errors: FB001 not_found.
-- Callers: adapters/postgres/engine_store.py, adapters/postgres/shared_calls.py,
--   sql/functions/current_definition.sql
-- Test: tests/integration/test_definition_document.py
create or replace function definition_document(p_id bigint) returns jsonb
language plpgsql stable security definer set search_path = public, pg_temp
as $$
declare
    v_document jsonb;
begin
    select jsonb_build_object('id', d.id, 'type', d.type, 'version', d.version, 'name', d.name,
                              'description', d.description, 'config', d.config, 'steps', d.steps)
      into v_document
      from workflow_definitions d
     where d.id = p_id;
    if not found then
        raise exception 'There is no such definition.' using errcode = 'FB001';
    end if;
    return v_document;
end $$;
