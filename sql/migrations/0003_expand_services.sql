-- The services that steps call: how their calls ended, and a circuit breaker for each.
create table services (
    name                text constraint services_pkey primary key
                        check (name in ('actions_service', 'ai_service')),
    state               text not null default 'closed'
                        check (state in ('closed', 'half_open', 'open')),
    generation          bigint not null default 1,
    changed_at          timestamptz not null default clock_timestamp(),
    reason              text,
    changed_by          text,
    is_manual           boolean not null default false,
    -- What the breaker lets through: a rate that doubles every ten seconds from grows_at on.
    slots_per_second    float8 check (slots_per_second > 0),
    grows_at            timestamptz,
    next_slot_at        timestamptz,
    lowered_at          timestamptz,
    trial_answered      bigint not null default 0,
    trial_failed        bigint not null default 0,
    last_failure        text,
    last_failure_at     timestamptz,
    -- The thresholds, written by configure_services.
    probe_seconds       float8 not null default 15 check (probe_seconds > 0),
    opens_at_failures   int not null default 3 check (opens_at_failures > 0),
    opens_at_share      float8 not null default 0.5 check (opens_at_share > 0
                                                           and opens_at_share <= 1),
    ramp_per_second     float8 not null default 10 check (ramp_per_second > 0),
    constraint manual_only_if_open check (not is_manual or state = 'open'),
    constraint limited_unless_closed check (state = 'closed' or slots_per_second is not null)
);
insert into services (name) values ('actions_service'), ('ai_service');

-- Unlogged: after a crash of the database the counts of the last minutes are not missed.
create unlogged table service_calls (
    service    text not null,
    since      timestamptz not null,
    part       int not null,
    answered   bigint not null default 0,
    refused    bigint not null default 0,
    throttled  bigint not null default 0,
    denied     bigint not null default 0,
    unknown    bigint not null default 0,
    -- Of these, those of tasks that had failed twice before.
    stubborn_blocked  bigint not null default 0,
    stubborn_unknown  bigint not null default 0,
    constraint service_calls_pkey primary key (service, since, part)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

create table service_openings (
    id         bigint generated always as identity constraint service_openings_pkey primary key,
    service    text not null constraint service_openings_service_fkey references services (name),
    opened_at  timestamptz not null,
    opened_by  text,
    reason     text not null,
    error      text,
    ended_at   timestamptz,
    ended_by   text
);
create index service_openings_newest on service_openings (service, opened_at desc);

-- The service whose breaker holds a task back; a timer calls none, a cancel is never held back.
alter table scheduled_tasks add column service text not null generated always as (
    case phase when 'generate' then 'ai_service'
               when 'submit' then 'actions_service'
               when 'poll' then 'actions_service'
               else 'none' end) stored;
alter table scheduled_tasks add column admitted bigint;
create index tasks_due_by_service on scheduled_tasks (service, scheduled_for, task_id) where is_due;

-- What failed lately, for the health check and for lists by time.
create index instances_failed_lately on workflow_instances (finished_at) where (status = 'failed');

alter table step_history add column deferrals jsonb;
alter table step_history drop constraint step_history_status_check;
alter table step_history add constraint step_history_status_check
    check (status in ('completed', 'failed', 'retried', 'skipped', 'cancelled', 'reclaimed'));
