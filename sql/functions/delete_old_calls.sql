-- delete_old_calls(p_now) -> int
-- Deletes counts of calls that are older than an hour and openings that ended 90 days ago, ten
-- thousand of each at most, and returns how many rows it deleted.
-- Locks: the rows that it deletes, skip locked.
-- Errors: none.
-- Callers: adapters/postgres/maintenance_store.py
-- Test: tests/integration/test_delete_old_calls.py
create or replace function delete_old_calls(p_now timestamptz) returns int
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_calls int;
    v_openings int;
begin
    delete from service_calls k
     using (select o.service, o.since, o.part from service_calls o
             -- guard: counts-are-kept-for-an-hour
             where o.since < v_now - interval '1 hour' limit 10000 for update skip locked) old
     where (k.service, k.since, k.part) = (old.service, old.since, old.part);
    get diagnostics v_calls = row_count;
    delete from service_openings o
     using (select p.id from service_openings p where p.ended_at < v_now - interval '90 days'
             limit 10000 for update skip locked) old
     where o.id = old.id;
    get diagnostics v_openings = row_count;
    return v_calls + v_openings;
end $$;
