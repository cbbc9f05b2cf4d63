comment on table imports is
'Imports by file: what was requested, and how far it is. Deleted by delete_old_imports 30 days after
the end.';
comment on column imports.id is 'A UUID that the caller of create_import makes.';
comment on column imports.status is
'waiting: its file has not been uploaded, or no worker has begun it.
  Entered by: create_import.
  Left by: begin_import to running; cancel_import; miss_import_file to failed, when no file came.
  Cleaned up by: nothing before it has ended.
running: a worker has the lease, or the next worker will take it.
  Entered by: begin_import.
  Left by: import_chunk to completed; cancel_import; fail_import, miss_import_file and begin_import
    to failed.
  Cleaned up by: nothing before it has ended.
completed: every row was read.
  Entered by: import_chunk.
  Left by: nothing.
  Cleaned up by: delete_old_imports.
failed: the file never came, is gone, cannot be read, or was begun 50 times without progress.
  Entered by: fail_import, miss_import_file, begin_import.
  Left by: nothing.
  Cleaned up by: delete_old_imports.
cancelled: a person cancelled it. What was stored before stays.
  Entered by: cancel_import.
  Left by: nothing.
  Cleaned up by: delete_old_imports.';
comment on column imports.file_name is 'The name that the client gave the file. For people.';
comment on column imports.format is 'The format of the file: csv or jsonl.';
comment on column imports.bytes is 'The announced size of the file.';
comment on column imports.workflow_id is
'The definition version to start, pinned when the import was created. NULL: store accounts only.';
comment on column imports.spread_seconds is 'The starts are spread over this many seconds.';
comment on column imports.principal is 'Who created the import.';
comment on column imports.key is 'The Idempotency-Key of the request.';
comment on column imports.reason is 'The reason that the principal gave.';
comment on column imports.fence is 'The fence of the present lease. A worker must name it.';
comment on column imports.begun_by is 'The id of the delivery that has the lease.';
comment on column imports.tries is 'How many leases began since a chunk was last stored.';
comment on column imports.lease_expires_at is 'Wall time. Another worker may begin after it.';
comment on column imports.last_batch is
'The last chunk that was stored: the same chunk again gets the same result.';
comment on column imports.starts_at is
'Schedule time of the first begin: the spread counts from here.';
comment on column imports.bytes_read is 'The checkpoint: everything before this offset is stored.';
comment on column imports.last_line is 'The line number at the checkpoint.';
comment on column imports.rows_read is 'Rows up to the checkpoint: created + updated + rejected.';
comment on column imports.created is 'Accounts that were new.';
comment on column imports.updated is 'Accounts that were known already.';
comment on column imports.started is 'Workflows that were started.';
comment on column imports.already_active is 'Accounts that had a live workflow already.';
comment on column imports.not_started is
'Accounts that were stored without a workflow, because their model or channel is missing.';
comment on column imports.rejected is 'Rows that were rejected.';
comment on column imports.observed is
'What the values of its rows look like, as {count, line} by name; the warnings are made of it.';
comment on column imports.error is 'Why it failed, as "code: detail".';
comment on column imports.created_at is 'Wall time, as the following times.';
comment on column imports.upload_until is 'Until when an upload of the file may begin.';
comment on column imports.started_at is 'When a worker first began it.';
comment on column imports.finished_at is 'When it ended.';
comment on column imports.updated_at is 'When it last made progress.';
comment on column imports.file_deleted_at is
'When the file was found to be gone for good. Until then maintenance looks for it.';
