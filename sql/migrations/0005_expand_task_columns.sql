-- What never changes stands first, what each update changes stands together at the end, and a page keeps room for the next version of its rows:
-- of an update within its page the log then holds the changed part alone. docs/performance.md has what it gained. The table is written anew once
-- (some ten seconds for a million rows), while whoever wants it waits.
alter table workflow_instances set (fillfactor = 50);

lock table scheduled_tasks in access exclusive mode;
alter table scheduled_tasks rename to scheduled_tasks_before;
create table scheduled_tasks (
    task_id                 text collate "C" not null,       -- instance id ':' sequence; a second insert of the same wake-up is impossible (I3)
    workflow_instance_id    uuid not null,                   -- no foreign key: it would need a full index; retention deletes tasks, never instances
    account_id              text collate "C" not null,
    sequence                bigint not null check (sequence > 0),
    created_at              timestamptz not null,            -- schedule time, as started_at and finished_at
    step_id                 text not null,
    action                  text not null,
    phase                   text not null check (phase in ('timer', 'generate', 'submit', 'poll', 'cancel')),
    payload                 jsonb not null default '{}',
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
    started_at              timestamptz,
    finished_at             timestamptz,
    -- Index predicates use these, never status: begin changes neither, and no CAS on status can be planned through a
    -- partial index that looked empty when the statistics were taken.
    is_due                  boolean generated always as (status = 'pending') stored,
    is_live                 boolean generated always as (status in ('pending', 'queued', 'running', 'held')) stored,
    result                  jsonb,
    error                   text,
    constraint task_id_is_its_place check (task_id = workflow_instance_id || ':' || sequence),
    constraint leased_iff_out check ((lease_expires_at is not null) = (status in ('queued', 'running'))),
    constraint finished_iff_over check ((finished_at is not null) = (status in ('completed', 'failed', 'cancelled'))),
    constraint held_iff_held check ((held_at is not null) = (status = 'held')),
    constraint cancel_is_never_held check (phase <> 'cancel' or status <> 'held')
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.05);
insert into scheduled_tasks (task_id, workflow_instance_id, account_id, sequence, created_at, step_id, action, phase, payload, scheduled_for, status, attempts,
                             reclaims, sends, fence, claim_fence, committed_fence, begun_by, lease_expires_at, outcome_unknown, first_begun_at, held_at,
                             started_at, finished_at, result, error)
select task_id, workflow_instance_id, account_id, sequence, created_at, step_id, action, phase, payload, scheduled_for, status, attempts,
       reclaims, sends, fence, claim_fence, committed_fence, begun_by, lease_expires_at, outcome_unknown, first_begun_at, held_at,
       started_at, finished_at, result, error
  from scheduled_tasks_before;
drop table scheduled_tasks_before cascade;                                                             -- the views with it: they are made anew
alter table scheduled_tasks add constraint scheduled_tasks_pkey primary key (task_id);
create unique index one_live_task on scheduled_tasks (workflow_instance_id) where is_live;             -- I2
create index tasks_due on scheduled_tasks (scheduled_for, task_id) where is_due;
create index cancels_due on scheduled_tasks (scheduled_for, task_id) where is_due and phase = 'cancel'; -- claimed under a global pause too
create index tasks_leased on scheduled_tasks (lease_expires_at) where lease_expires_at is not null;
create index tasks_finished on scheduled_tasks (finished_at) where finished_at is not null;
