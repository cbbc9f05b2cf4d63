-- The tables, with the constraints that hold I1 to I3 by themselves. What each table, column and
-- status means is said once, in comments/; the whole schema on one page is schema.sql.
-- Comments here give the reasons for what is unusual.

create sequence fence_seq;
-- Six digits from the start keep the key of a registration at 8 characters or more.
create sequence credentials_version_seq start 100000;

-- last_tick_at and last_maintenance_at begin with the migration: a schedule that never fires is
-- noticed, and a new engine is not reported as late.
create table engine_control (
    one                     boolean primary key default true check (one),
    paused                  boolean not null default false,
    paused_at               timestamptz,
    paused_ms               bigint not null default 0,
    last_tick_at            timestamptz default clock_timestamp(),
    last_tick               jsonb,
    last_maintenance_at     timestamptz not null default clock_timestamp(),
    last_maintenance        jsonb not null default '{}',
    pauses                  tstzmultirange not null default '{}',
    constraint paused_at_iff_paused check (paused = (paused_at is not null))
);
insert into engine_control default values;

create table accounts (
    flamebot_id             text collate "C" primary key
                            check (length(flamebot_id) between 1 and 128),
    model_id                text,
    channel_id              text,
    config                  jsonb not null default '{}',
    credentials_ciphertext  bytea,
    ciphertext_version      int,
    credentials_version     int not null,
    registered_version      int,
    status                  text not null default 'active'
                            check (status in ('active', 'suspended')),
    created_at              timestamptz not null default clock_timestamp(),
    updated_at              timestamptz not null default clock_timestamp(),
    last_import_id          uuid,
    constraint ciphertext_has_version
        check ((credentials_ciphertext is null) = (ciphertext_version is null))
) with (fillfactor = 80);

create table workflow_definitions (
    id                      bigint generated always as identity primary key,
    type                    text not null check (type ~ '^[a-z0-9_]{1,64}$'),
    version                 int not null check (version > 0),
    name                    text not null,
    description             text not null default '',
    steps                   jsonb not null check (jsonb_typeof(steps) = 'array'),
    config                  jsonb not null default '{}',
    is_active               boolean not null default true,
    created_at              timestamptz not null default clock_timestamp(),
    created_by              text not null default '',
    unique (type, version)
);

-- account_id has no foreign key: an erased account leaves its finished instances.
-- next_action_at has no index: an index on it would cost every commit its HOT update.
-- is_live is for index predicates, which never use status: the plan of a compare-and-set must not
-- depend on how many instances happened to be live when the statistics were taken.
create table workflow_instances (
    id                      uuid primary key,
    account_id              text collate "C" not null,
    workflow_id             bigint not null references workflow_definitions (id),
    status                  text not null default 'active'
                            check (status in ('active', 'paused', 'stopping',
                                              'completed', 'failed', 'stopped')),
    current_step            int not null default 0 check (current_step >= 0),
    total_steps             int not null check (total_steps > 0),
    account_data            jsonb not null default '{}',
    execution_context       jsonb not null default '{}'
                            check (pg_column_size(execution_context) <= 20000),
    goto_iterations         jsonb not null default '{}',
    revision                bigint not null default 0,
    history_count           bigint not null default 0,
    next_action_at          timestamptz,
    last_error              text,
    paused_at               timestamptz,
    started_at              timestamptz not null,
    finished_at             timestamptz,
    updated_at              timestamptz not null,
    -- guard: stopping-is-live
    is_live                 boolean generated always as
                            (status in ('active', 'paused', 'stopping')) stored,
    -- guard: finished-instance-has-an-end
    constraint finished_at_iff_finished
        check ((finished_at is not null) = (status in ('completed', 'failed', 'stopped'))),
    constraint paused_at_if_paused
        check (status <> 'paused' or paused_at is not null) -- guard: paused-instance-has-a-start
) with (fillfactor = 50);
-- guard: one-live-instance
create unique index one_live_instance on workflow_instances (account_id) where is_live;
create index instances_by_account on workflow_instances (account_id, started_at desc);
create index instances_newest on workflow_instances (started_at desc, id);
create index instances_failed on workflow_instances (started_at desc, id) where status = 'failed';

-- The columns that never change come first, the columns that every update changes stand together,
-- and half of each page is kept free for the next version of its rows: the log of an update within
-- its page then holds the changed part alone (docs/explanation/performance.md has the figures).
-- workflow_instance_id has no foreign key: it would need a full index, and retention deletes tasks
-- but never instances.
-- is_due, is_live and is_in_flight are for index predicates, which never use status. begin_tasks
-- changes none of them and no indexed column, so it writes no index (docs/adr/0016), and no
-- compare-and-set on status is planned through a partial index that looked empty when the
-- statistics were taken.
create table scheduled_tasks (
    task_id                 text collate "C" primary key, -- guard: task-id-is-unique
    workflow_instance_id    uuid not null,
    account_id              text collate "C" not null,
    sequence                bigint not null check (sequence > 0),
    created_at              timestamptz not null,
    step_id                 text not null,
    action                  text not null,
    phase                   text not null
                            check (phase in ('timer', 'generate', 'submit', 'poll', 'cancel')),
    payload                 jsonb not null default '{}',
    scheduled_for           timestamptz not null,
    status                  text not null
                            check (status in ('pending', 'queued', 'running', 'held',
                                              'completed', 'failed', 'cancelled')),
    attempts                int not null default 0 check (attempts >= 0),
    reclaims                int not null default 0 check (reclaims >= 0),
    sends                   int not null default 0 check (sends >= 0),
    fence                   bigint not null default 0,
    claim_fence             bigint,
    committed_fence         bigint,
    begun_by                uuid,
    lease_expires_at        timestamptz,
    outcome_unknown         boolean not null default false,
    first_begun_at          timestamptz,
    held_at                 timestamptz,
    started_at              timestamptz,
    finished_at             timestamptz,
    is_due                  boolean generated always as (status = 'pending') stored,
    is_live                 boolean generated always as
                            (status in ('pending', 'queued', 'running', 'held')) stored,
    result                  jsonb,
    error                   text,
    is_in_flight            boolean generated always as
                            (status in ('queued', 'running')) stored,
    -- guard: task-id-is-instance-and-sequence
    constraint task_id_is_instance_and_sequence
        check (task_id = workflow_instance_id || ':' || sequence),
    -- guard: in-flight-has-a-lease
    constraint leased_iff_in_flight
        check ((lease_expires_at is not null) = (status in ('queued', 'running'))),
    -- guard: finished-task-has-an-end
    constraint finished_at_iff_finished
        check ((finished_at is not null) = (status in ('completed', 'failed', 'cancelled'))),
    -- guard: held-task-has-a-start
    constraint held_at_iff_held
        check ((held_at is not null) = (status = 'held')),
    constraint cancel_is_never_held
        check (phase <> 'cancel' or status <> 'held') -- guard: cancel-is-never-held
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0,
        autovacuum_analyze_scale_factor = 0.05);
-- guard: one-live-task
create unique index one_live_task on scheduled_tasks (workflow_instance_id) where is_live;
create index tasks_due on scheduled_tasks (scheduled_for, task_id) where is_due;
-- Of its own, because cancels are claimed under a global pause too.
create index cancels_due on scheduled_tasks (scheduled_for, task_id)
 where is_due and phase = 'cancel';
create index tasks_finished on scheduled_tasks (finished_at) where finished_at is not null;
-- guard: lease-in-no-index
create index tasks_in_flight on scheduled_tasks (scheduled_for) where is_in_flight;

-- One partition per day of finished_at, so that retention drops tables instead of deleting rows.
create table step_history (
    instance_id             uuid not null,
    sequence                bigint not null,
    step_id                 text not null,
    action                  text not null,
    status                  text not null
                            check (status in ('completed', 'failed', 'retried', 'skipped',
                                              'cancelled')),
    attempt                 int not null,
    started_at              timestamptz not null,
    finished_at             timestamptz not null,
    result                  jsonb,
    error                   text,
    primary key (instance_id, sequence, finished_at)
) partition by range (finished_at);
create table step_history_rest partition of step_history default;

create table workflow_locks (
    lock_key                text collate "C" primary key,
    locked_by               text not null,
    expires_at              timestamptz not null,
    acquired_at             timestamptz not null default clock_timestamp(),
    instance_id             text,
    sequence                bigint,
    fence                   bigint
);

create table import_requests (
    principal               text not null,
    key                     text not null,
    salt                    bytea not null,
    digest                  bytea not null,
    response                jsonb not null,
    created_at              timestamptz not null default clock_timestamp(),
    primary key (principal, key)
);
create index import_requests_by_age on import_requests (created_at);

-- Append-only: no role has UPDATE or DELETE.
create table audit_log (
    id                      bigint generated always as identity primary key,
    at                      timestamptz not null default clock_timestamp(),
    actor                   text not null,
    action                  text not null,
    subject                 text not null,
    reason                  text,
    before                  jsonb,
    after                   jsonb
);
create index audit_log_by_subject on audit_log (subject, at desc);

create table imports (
    id                      uuid primary key,
    status                  text not null default 'waiting'
                            check (status in ('waiting', 'running',
                                              'completed', 'failed', 'cancelled')),
    file_name               text,
    format                  text not null check (format in ('csv', 'jsonl')),
    bytes                   bigint not null check (bytes > 0),
    workflow_id             bigint references workflow_definitions (id),
    spread_seconds          int not null default 0 check (spread_seconds >= 0),
    principal               text not null,
    key                     text,
    reason                  text,
    fence                   bigint not null default 0,
    begun_by                uuid,
    tries                   int not null default 0,
    lease_expires_at        timestamptz,
    last_batch              uuid,
    starts_at               timestamptz,
    bytes_read              bigint not null default 0 check (bytes_read between 0 and bytes),
    last_line               bigint not null default 0,
    rows_read               bigint not null default 0,
    created                 bigint not null default 0,
    updated                 bigint not null default 0,
    started                 bigint not null default 0,
    already_active          bigint not null default 0,
    not_started             bigint not null default 0,
    rejected                bigint not null default 0,
    error                   text,
    created_at              timestamptz not null default clock_timestamp(),
    upload_until            timestamptz not null,
    started_at              timestamptz,
    finished_at             timestamptz,
    updated_at              timestamptz not null default clock_timestamp(),
    file_deleted_at         timestamptz,
    constraint leased_iff_running
        check ((lease_expires_at is not null) = (status = 'running')),
    constraint finished_at_iff_finished
        check ((finished_at is not null) = (status in ('completed', 'failed', 'cancelled'))),
    constraint counts_add_up check (rows_read = created + updated + rejected)
) with (fillfactor = 50);
create index imports_newest on imports (created_at desc, id);
create index imports_by_key on imports (principal, key) where key is not null;
create index imports_with_file on imports (updated_at) where file_deleted_at is null;

create table import_rejects (
    import_id               uuid not null references imports (id) on delete cascade,
    row_number              bigint not null,
    flamebot_id             text collate "C",
    code                    text not null,
    errors                  jsonb not null,
    primary key (import_id, row_number)
);

-- Unlogged: after a crash it is empty, import_chunk notices that rows are missing, and the chunk
-- is read again from its checkpoint.
create unlogged table import_staging (
    batch                   uuid not null,
    import_id               uuid not null,
    row_number              bigint not null,
    flamebot_id             text collate "C" not null,
    model_id                text,
    channel_id              text,
    config                  jsonb,
    version                 int not null,
    ciphertext              bytea,
    start                   jsonb
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
        autovacuum_vacuum_cost_delay = 0);
create index import_staging_by_batch on import_staging (import_id, batch);
