-- A lease that no index holds: what is queued or running is found by a flag, which claim sets and commit takes away. Begin, which changes neither the flag nor the due time,
-- then writes no index at all (docs/adr/0016). The table is written anew once, while whoever wants it waits.
alter table scheduled_tasks add column is_out boolean generated always as (status in ('queued', 'running')) stored;
create index tasks_out on scheduled_tasks (scheduled_for) where is_out;
drop index tasks_leased;
