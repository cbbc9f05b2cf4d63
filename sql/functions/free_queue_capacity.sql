-- free_queue_capacity(p_queue_capacity) -> int
-- Returns how many more tasks may be queued until p_queue_capacity are in flight; 0 when as many
-- are in flight already. Two callers at once get the same number: the capacity is a soft limit.
-- Locks: none.
-- Errors: none.
-- Callers: adapters/postgres/engine_store.py, sql/functions/import_chunk.sql
-- Test: tests/integration/test_free_queue_capacity.py
create or replace function free_queue_capacity(p_queue_capacity int) returns int
language plpgsql volatile security definer set search_path = public, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off -- docs/adr/0012
as $$
begin
    return p_queue_capacity
           - (select count(*)
                -- The limit ends the count where no capacity is left.
                -- guard: capacity-counts-what-is-in-flight
                from (select from scheduled_tasks t where t.is_in_flight limit p_queue_capacity) f);
end $$;
