-- What the last pass of maintenance left behind, for the health check: that there was one, what it found, and where the next one goes on.
-- The first tick and the first pass are awaited from this migration on: a rule that never fires is found out, and a new engine is not ill.
alter table engine_control
    add column last_maintenance_at timestamptz not null default clock_timestamp(),   -- wall time
    add column last_maintenance    jsonb not null default '{}',
    alter column last_tick_at set default clock_timestamp();
update engine_control set last_tick_at = clock_timestamp() where last_tick_at is null;
