-- The tables, and the constraints that hold I1 to I3 by themselves.
-- Two kinds of time: schedule time (due times, history, retention) comes as a parameter; leases are wall time.

create sequence fence_seq;                                   -- grows with every claim and begin, over all accounts
create sequence credentials_version_seq start 100000;        -- never reused; six digits keep the registration key at 8 characters or more

-- One row. Read by begin and commit under the shared advisory lock, written by pause_all and resume_all under the exclusive one.
create table engine_control (
    one             boolean primary key default true check (one),
    paused          boolean not null default false,
    paused_at       timestamptz,                             -- schedule time
    paused_ms       bigint not null default 0,               -- time spent in global pauses that are over; deadlines subtract it
    last_tick_at    timestamptz,                             -- wall time
    last_tick       jsonb,
    constraint paused_since check (paused = (paused_at is not null))
);
insert into engine_control default values;

create table accounts (
    flamebot_id             text collate "C" primary key check (length(flamebot_id) between 1 and 128),
    model_id                text,
    channel_id              text,
    config                  jsonb not null default '{}',
    credentials_ciphertext  bytea,
    ciphertext_version      int,                             -- the version that the ciphertext is bound to
    credentials_version     int not null,                    -- grows with any change of credentials, config, model_id, channel_id
    registered_version      int,                             -- the version the actions service was last told
    status                  text not null default 'active' check (status in ('active', 'suspended')),
    created_at              timestamptz not null default clock_timestamp(),
    updated_at              timestamptz not null default clock_timestamp(),
    constraint ciphertext_has_version check ((credentials_ciphertext is null) = (ciphertext_version is null))
) with (fillfactor = 80);

-- Rows never change: a new version is a new row, the highest active one is current.
create table workflow_definitions (
    id              bigint generated always as identity primary key,
    type            text not null check (type ~ '^[a-z0-9_]{1,64}$'),
    version         int not null check (version > 0),
    name            text not null,
    description     text not null default '',
    steps           jsonb not null check (jsonb_typeof(steps) = 'array'),
    config          jsonb not null default '{}',
    is_active       boolean not null default true,
    created_at      timestamptz not null default clock_timestamp(),
    created_by      text not null default '',
    unique (type, version)
);

create table workflow_instances (
    id                  uuid primary key,
    account_id          text collate "C" not null,           -- accounts.flamebot_id; no foreign key: an erased account leaves its finished instances
    workflow_id         bigint not null references workflow_definitions (id),
    status              text not null default 'active'
                        check (status in ('active', 'paused', 'stopping', 'completed', 'failed', 'stopped')),
    current_step        int not null default 0 check (current_step >= 0),
    total_steps         int not null check (total_steps > 0),
    account_data        jsonb not null default '{}',         -- snapshot, without credentials
    execution_context   jsonb not null default '{}' check (pg_column_size(execution_context) <= 20000),
    goto_iterations     jsonb not null default '{}',
    revision            bigint not null default 0,           -- raised by every writer; plans made in Python are a CAS on it
    history_count       bigint not null default 0,           -- numbers step_history
    next_action_at      timestamptz,                         -- no index on purpose: it would cost every commit its HOT update
    last_error          text,                                -- "code: detail"
    paused_at           timestamptz,
    started_at          timestamptz not null,
    finished_at         timestamptz,
    updated_at          timestamptz not null,
    -- Index predicates use this, never status: a plan must not come to depend on how many instances happen to be live.
    is_live             boolean generated always as (status in ('active', 'paused', 'stopping')) stored,
    constraint finished_iff_over check ((finished_at is not null) = (status in ('completed', 'failed', 'stopped'))),
    constraint paused_iff_paused check (status <> 'paused' or paused_at is not null)
) with (fillfactor = 70);
create unique index one_live_instance on workflow_instances (account_id) where is_live;                -- I1
create index instances_by_account on workflow_instances (account_id, started_at desc);
create index instances_newest on workflow_instances (started_at desc, id);
create index instances_failed on workflow_instances (started_at desc, id) where status = 'failed';

create table scheduled_tasks (
    task_id                 text collate "C" primary key,    -- instance id ':' sequence; a second insert of the same wake-up is impossible (I3)
    workflow_instance_id    uuid not null,                   -- no foreign key: it would need a full index; retention deletes tasks, never instances
    account_id              text collate "C" not null,
    sequence                bigint not null check (sequence > 0),
    step_id                 text not null,
    action                  text not null,
    phase                   text not null check (phase in ('timer', 'generate', 'submit', 'poll', 'cancel')),
    scheduled_for           timestamptz not null,            -- schedule time, of the latest wake-up
    status                  text not null
                            check (status in ('pending',     -- waits for its due time; start, commit, defer, resume -> claim
                                              'queued',      -- claimed and sent; back to pending or held if anyone but begin touches it
                                              'running',     -- begun; ends in commit, or in reclaim_expired when the lease runs out
                                              'held',        -- its instance is paused; resume -> pending or queued
                                              'completed', 'failed', 'cancelled')),
    attempts                int not null default 0 check (attempts >= 0),    -- tries at the effect whose results were committed
    reclaims                   int not null default 0 check (reclaims >= 0),       -- times it was reclaimed
    sends                   int not null default 0 check (sends >= 0),       -- times its message was sent since it was last queued
    fence                   bigint not null default 0,       -- the one that is valid now
    claim_fence             bigint,                          -- the one that was in the message; makes begin repeatable
    committed_fence         bigint,                          -- of the last accepted commit; makes commit repeatable
    begun_by                uuid,                            -- delivery_id of the delivery that began it
    lease_expires_at        timestamptz,                     -- wall time; set while queued or running
    outcome_unknown         boolean not null default false,  -- an attempt may have reached the actions service
    first_begun_at          timestamptz,                     -- wall time; from then on the service may know the key
    held_at                 timestamptz,                     -- schedule time; the remaining wait is scheduled_for - held_at
    payload                 jsonb not null default '{}',
    result                  jsonb,
    error                   text,
    created_at              timestamptz not null,            -- schedule time, as started_at and finished_at
    started_at              timestamptz,
    finished_at             timestamptz,
    -- Index predicates use these, never status: begin changes neither, and no CAS on status can be planned through a
    -- partial index that looked empty when the statistics were taken.
    is_due                  boolean generated always as (status = 'pending') stored,
    is_live                 boolean generated always as (status in ('pending', 'queued', 'running', 'held')) stored,
    constraint task_id_is_its_place check (task_id = workflow_instance_id || ':' || sequence),
    constraint leased_iff_out check ((lease_expires_at is not null) = (status in ('queued', 'running'))),
    constraint finished_iff_over check ((finished_at is not null) = (status in ('completed', 'failed', 'cancelled'))),
    constraint held_iff_held check ((held_at is not null) = (status = 'held')),
    constraint cancel_is_never_held check (phase <> 'cancel' or status <> 'held')
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.05);
create unique index one_live_task on scheduled_tasks (workflow_instance_id) where is_live;             -- I2
create index tasks_due on scheduled_tasks (scheduled_for, task_id) where is_due;
create index cancels_due on scheduled_tasks (scheduled_for, task_id) where is_due and phase = 'cancel'; -- claimed under a global pause too
create index tasks_leased on scheduled_tasks (lease_expires_at) where lease_expires_at is not null;
create index tasks_finished on scheduled_tasks (finished_at) where finished_at is not null;

-- By day of finish, so that retention drops tables instead of deleting rows. The default partition takes what no day was made for.
create table step_history (
    instance_id     uuid not null,
    sequence        bigint not null,
    step_id         text not null,
    action          text not null,
    status          text not null check (status in ('completed', 'failed', 'retried', 'skipped', 'cancelled')),
    attempt         int not null,
    started_at      timestamptz not null,
    finished_at     timestamptz not null,
    result          jsonb,
    error           text,
    primary key (instance_id, sequence, finished_at)
) partition by range (finished_at);
create table step_history_rest partition of step_history default;

create table workflow_locks (
    lock_key        text collate "C" primary key,
    locked_by       text not null,                           -- a delivery_id, or whatever the caller of acquire_workflow_lock names
    expires_at      timestamptz not null,                    -- wall time
    acquired_at     timestamptz not null default clock_timestamp(),
    instance_id     text,                                    -- who the delivery_id works for; see acquire_account_lock
    sequence        bigint,
    fence           bigint
);

create table import_requests (
    principal       text not null,
    key             text not null,
    salt            bytea not null,
    digest          bytea not null,                          -- scrypt of the body: it holds credentials
    answer          jsonb not null,
    created_at      timestamptz not null default clock_timestamp(),
    primary key (principal, key)
);
create index import_requests_old on import_requests (created_at);

-- Append-only: no role has UPDATE or DELETE.
create table audit_log (
    id              bigint generated always as identity primary key,
    at              timestamptz not null default clock_timestamp(),
    actor           text not null,
    action          text not null,
    subject         text not null,
    reason          text,
    before          jsonb,
    after           jsonb
);
create index audit_log_subject on audit_log (subject, at desc);
