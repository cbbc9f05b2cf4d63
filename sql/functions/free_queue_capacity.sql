-- free_queue_capacity(p_most) -> int
-- How many tasks may still be queued until p_most are in flight; none, if there are as many already. Two callers at once are told the same room.
-- Locks: none.
-- Errors: none.
-- Caller: adapters/postgres/engine_store.py, sql/functions/import_chunk.sql
-- Test: tests/integration/test_free_queue_capacity.py
create or replace function free_queue_capacity(p_most int) returns int
language plpgsql volatile security definer set search_path = public, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off     -- docs/adr/0012
as $$
begin
    return p_most - (select count(*) from (select from scheduled_tasks t where t.is_out limit p_most) in_flight);
end $$;
