-- delete_old_imports() -> int
-- Deletes imports that ended 30 days ago (wall time), with their rejected rows, five at most, and
-- returns how many. What they stored stays.
-- Locks: the rows that it deletes, skip locked.
-- Errors: none.
-- Callers: adapters/postgres/imports.py
-- Test: tests/integration/test_delete_old_imports.py
create or replace function delete_old_imports() returns int
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_before timestamptz := clock_timestamp() - interval '30 days';
    v_deleted int;
begin
    delete from imports i
     using (select o.id from imports o
             where o.finished_at < v_before
             order by o.created_at limit 5
               for update skip locked) old
     where i.id = old.id;
    get diagnostics v_deleted = row_count;
    return v_deleted;
end $$;
