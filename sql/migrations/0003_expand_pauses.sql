-- When the engine was paused as a whole, so that a workflow's own pause does not count the same time once more.
alter table engine_control
    add column pauses tstzmultirange not null default '{}';                    -- schedule time; the global pauses that are over since this migration
