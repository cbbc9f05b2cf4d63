comment on table workflow_definitions is
'Versions of definitions. A row never changes: publish_definition adds one. The highest active
version of a type is the current one; running instances stay on the version they started with.';
comment on column workflow_definitions.id is 'What instances refer to as workflow_id.';
comment on column workflow_definitions.type is 'The name of the definition, such as default.';
comment on column workflow_definitions.version is 'Counts from 1 within a type.';
comment on column workflow_definitions.name is 'A title for people.';
comment on column workflow_definitions.description is 'A description for people.';
comment on column workflow_definitions.steps is 'The steps in order, an array of objects.';
comment on column workflow_definitions.config is 'Settings for all steps.';
comment on column workflow_definitions.is_active is 'Whether new instances may use the version.';
comment on column workflow_definitions.created_at is 'Wall time.';
comment on column workflow_definitions.created_by is 'Who published the version.';
