comment on table schema_migrations is
'The migrations that were applied to this database.';
comment on column schema_migrations.name is 'The name of the file, without its ending.';
comment on column schema_migrations.checksum is 'SHA-256 of the file when it was applied.';
comment on column schema_migrations.started_at is 'Wall time.';
comment on column schema_migrations.finished_at is
'Wall time. NULL: the migration was interrupted, and the next run refuses to go on.';
