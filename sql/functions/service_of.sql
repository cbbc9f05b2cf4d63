-- service_of(p_phase) -> text
-- Returns the service that a phase calls; NULL for a timer.
-- Locks: none.
-- Errors: none.
-- Callers: sql/functions/begin_tasks.sql, sql/functions/commit_tasks.sql
-- Test: tests/integration/test_begin_tasks.py
create or replace function service_of(p_phase text) returns text
language sql immutable parallel safe
as $$
    select case p_phase when 'generate' then 'ai_service'
                        when 'timer' then null
                        else 'actions_service' end
$$;
