comment on table import_staging is
'Rows of the chunk that is being imported, between COPY and import_chunk, which deletes them. The
credentials are encrypted before they come here.';
comment on column import_staging.batch is 'The chunk.';
comment on column import_staging.import_id is 'The import.';
comment on column import_staging.row_number is 'The line of the file on which the row begins.';
comment on column import_staging.flamebot_id is 'The account.';
comment on column import_staging.id_field is 'As in import_rejects.';
comment on column import_staging.model_id is 'As in accounts. NULL: keep what is stored.';
comment on column import_staging.channel_id is 'As in accounts. NULL: keep what is stored.';
comment on column import_staging.config is 'As in accounts. NULL: keep what is stored.';
comment on column import_staging.version is
'A credentials version that was reserved for the row.';
comment on column import_staging.ciphertext is
'The credentials, encrypted for version. NULL: keep what is stored.';
comment on column import_staging.start is 'A row for start_workflows. NULL: none is started.';
