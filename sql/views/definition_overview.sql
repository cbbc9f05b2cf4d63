-- Every version of every definition. `is_current`: the version that new instances run on.
create view definition_overview as
select d.id,
       d.type,
       d.version,
       d.name,
       d.description,
       d.steps,
       d.config,
       jsonb_array_length(d.steps) as total_steps,
       d.is_active,
       d.is_active
       and not exists (select 1 from workflow_definitions n
                        where n.type = d.type and n.is_active and n.version > d.version)
           as is_current,
       d.created_at,
       d.created_by
  from workflow_definitions d;
