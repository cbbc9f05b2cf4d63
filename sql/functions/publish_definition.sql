-- publish_definition(p_document, p_exists, p_versions, p_actor, p_reason) -> jsonb
-- Publishes a new version of a definition, and returns what current_definition returns. Running
-- instances stay on their version. Precondition: p_exists says whether there is a current version,
-- and its number is one of p_versions (NULL: any number).
-- The content of the current version again is no new version, whichever numbers are expected: it is
-- what a client sends that lost the response. Where no version may exist, it is refused as well.
-- Locks: other publishers of the same type, by an advisory lock.
-- Errors: FB006 precondition_failed.
-- Callers: adapters/postgres/admin_store.py
-- Test: tests/integration/test_publish_definition.py
create or replace function publish_definition(
    p_document jsonb, p_exists boolean, p_versions int[], p_actor text, p_reason text)
returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_type text := p_document ->> 'type';
    v_current workflow_definitions;
    v_description text := coalesce(p_document ->> 'description', '');
    v_config jsonb := coalesce(nullif(p_document -> 'config', 'null'), '{}');
    v_version int;
begin
    -- An advisory lock, because there may be no row yet to lock.
    perform pg_advisory_xact_lock(9, hashtext(v_type)); -- guard: one-publisher
    select d.* into v_current
      from workflow_definitions d
     where d.type = v_type and d.is_active
     order by d.version desc limit 1;
    -- guard: same-content-again
    if p_exists and v_current.id is not null and v_current.name = p_document ->> 'name'
       and v_current.description = v_description
       and v_current.steps = p_document -> 'steps' and v_current.config = v_config
    then
        return current_definition(v_type);
    elsif p_exists is distinct from (v_current.id is not null) -- guard: publish-precondition
          or (p_versions is not null and v_current.version <> all (p_versions))
    then
        raise exception '%', case
            when v_current.id is null then 'There is no definition of this type yet.'
            when not p_exists
            then format('There is a definition of this type already: version %s.',
                        v_current.version)
            else format('The current version is %s, which is not an expected one.',
                        v_current.version) end
            using errcode = 'FB006';
    end if;

    select coalesce(max(d.version), 0) + 1 into v_version
      from workflow_definitions d
     where d.type = v_type;
    insert into workflow_definitions (type, version, name, description, steps, config, created_by)
    values (v_type, v_version, p_document ->> 'name', v_description, p_document -> 'steps',
            v_config, p_actor);
    insert into audit_log (actor, action, subject, reason, before, after)
    values (p_actor, 'publish_definition', 'definition/' || v_type || '/' || v_version, p_reason,
            case when v_current.id is not null
                 then jsonb_build_object('version', v_current.version) end,
            jsonb_build_object('version', v_version));
    return current_definition(v_type);
end $$;
