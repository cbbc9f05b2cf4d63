comment on table engine_control is
'One row: the state of the engine as a whole. begin_tasks and commit_tasks read it under the shared
advisory lock 7; pause_all and resume_all write it under the exclusive one.';
comment on column engine_control.one is 'Always true: there is one row.';
comment on column engine_control.paused is 'Whether the engine is paused as a whole.';
comment on column engine_control.paused_at is 'Schedule time at which the global pause began.';
comment on column engine_control.paused_ms is
'Milliseconds spent in global pauses that are over. Step timeouts do not count them.';
comment on column engine_control.last_tick_at is
'Wall time of the last tick. Before the first tick: the time of the migration, so that a tick which
never comes is noticed.';
comment on column engine_control.last_tick is 'What the last tick did: {claimed, sent, seconds}.';
comment on column engine_control.last_maintenance_at is
'Wall time of the last maintenance run, or of the migration.';
comment on column engine_control.last_maintenance is
'What the last maintenance run found, which parts of it failed, and where the next one goes on.';
comment on column engine_control.pauses is
'The global pauses that are over, in schedule time. resume_workflow subtracts them from the pause of
one workflow, so that no time is left out twice.';
