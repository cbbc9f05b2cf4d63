-- current_definition(p_type) -> jsonb
-- Returns the current version of a definition, the highest active one, as definition_document does,
-- with created_by.
-- Locks: none.
-- Errors: FB008 unknown_workflow_type.
-- Callers: adapters/postgres/admin_store.py, sql/functions/publish_definition.sql
-- Test: tests/integration/test_current_definition.py
create or replace function current_definition(p_type text) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_id bigint;
    v_created_by text;
begin
    select d.id, d.created_by into v_id, v_created_by
      from workflow_definitions d
     where d.type = p_type and d.is_active
     order by d.version desc limit 1;
    if not found then
        raise exception 'There is no definition of this type.' using errcode = 'FB008';
    end if;
    return definition_document(v_id) || jsonb_build_object('id', v_id, 'created_by', v_created_by);
end $$;
