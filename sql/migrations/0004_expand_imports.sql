-- Imports by file: what was asked for and how far it is, which rows were rejected, and the rows between COPY and their insert.

create table imports (
    id                  uuid primary key,
    status              text not null default 'waiting'
                        check (status in ('waiting',     -- for its file; begin_import -> running, miss_import_file and cancel_import end it
                                          'running',     -- a worker has the lease, or the next one will take it; import_chunk -> completed
                                          'completed', 'failed', 'cancelled')),
    file_name           text,                            -- as whoever sent it calls it; for people only
    format              text not null check (format in ('csv', 'jsonl')),
    bytes               bigint not null check (bytes > 0),
    workflow_id         bigint references workflow_definitions (id),     -- what to start, pinned when it was asked for; null: store only
    spread_seconds      int not null default 0 check (spread_seconds >= 0),
    principal           text not null,
    key                 text,                            -- Idempotency-Key
    reason              text,
    fence               bigint not null default 0,       -- grows with every begin
    begun_by            uuid,                            -- delivery_id of the delivery that began it
    tries               int not null default 0,          -- begins since the last chunk was stored
    lease_expires_at    timestamptz,                     -- wall time
    last_batch          uuid,                            -- of the last chunk that was stored; makes import_chunk repeatable
    starts_at           timestamptz,                     -- schedule time of the first begin: the spread counts from here
    bytes_read          bigint not null default 0 check (bytes_read between 0 and bytes),      -- the checkpoint
    last_line           bigint not null default 0,       -- the checkpoint's line
    rows_read           bigint not null default 0,
    created             bigint not null default 0,
    updated             bigint not null default 0,
    started             bigint not null default 0,
    already_active      bigint not null default 0,
    not_started         bigint not null default 0,       -- stored, but without what a workflow needs
    rejected            bigint not null default 0,
    error               text,                            -- "code: detail"
    created_at          timestamptz not null default clock_timestamp(),  -- all wall time, as what follows
    upload_until        timestamptz not null,
    started_at          timestamptz,
    finished_at         timestamptz,
    updated_at          timestamptz not null default clock_timestamp(),
    file_deleted_at     timestamptz,
    constraint leased_iff_running check ((lease_expires_at is not null) = (status = 'running')),
    constraint finished_iff_over check ((finished_at is not null) = (status in ('completed', 'failed', 'cancelled'))),
    constraint counts_add_up check (rows_read = created + updated + rejected)
) with (fillfactor = 50);
create index imports_newest on imports (created_at desc, id);
create index imports_by_key on imports (principal, key) where key is not null;
create index imports_with_file on imports (updated_at) where file_deleted_at is null;

-- Which rows, and why; never a value of theirs but an account's id. At most 10,000 of an import, the first ones.
create table import_rejects (
    import_id           uuid not null references imports (id) on delete cascade,
    row_number          bigint not null,                 -- the line of the file on which the row begins
    flamebot_id         text collate "C",
    code                text not null,
    errors              jsonb not null,                  -- [{pointer, detail}]
    primary key (import_id, row_number)
);

-- Between COPY and the insert. Credentials are encrypted before they come here. Unlogged: after a crash it is empty, and the chunk is read again.
create unlogged table import_staging (
    batch               uuid not null,
    import_id           uuid not null,
    row_number          bigint not null,
    flamebot_id         text collate "C" not null,
    model_id            text,
    channel_id          text,
    config              jsonb,
    version             int not null,
    ciphertext          bytea,
    start               jsonb                            -- a row of start_workflows
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);
create index import_staging_of on import_staging (import_id, batch);

-- The import that last wrote it: a flamebotId that stands in a file twice is known by it, however far apart the rows are.
alter table accounts add column last_import_id uuid;
