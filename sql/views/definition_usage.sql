-- How many instances each version of a definition has, by status.
create view definition_usage as
select d.type,
       d.version,
       i.status,
       count(*) as instances
  from workflow_instances i
  join workflow_definitions d on d.id = i.workflow_id
 group by d.type, d.version, i.status;
