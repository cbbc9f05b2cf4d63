-- Imports by file as the API shows them.
create view import_overview as
select i.id,
       i.status,
       i.file_name,
       i.format,
       i.workflow_id is not null as start_automation,
       d.type as workflow_type,
       d.version as workflow_version,
       i.spread_seconds,
       i.bytes,
       i.bytes_read,
       round(100.0 * i.bytes_read / i.bytes, 1)::float8 as percent,
       i.rows_read,
       i.created + i.updated as imported,
       i.created,
       i.updated,
       i.started,
       i.already_active,
       i.not_started,
       i.rejected,
       i.error,
       i.principal as created_by,
       i.created_at,
       i.started_at,
       i.finished_at,
       i.updated_at
  from imports i
  left join workflow_definitions d on d.id = i.workflow_id;
