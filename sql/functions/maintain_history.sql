-- maintain_history(p_now, p_keep) -> jsonb
-- Makes the partitions of the history for today and the next seven days, drops those whose every
-- row is older than p_keep, and deletes such rows from the default partition, ten thousand at most.
-- What is blocked is left for the next run: a day that has rows in the default partition, a busy
-- table.
-- Returns {created, dropped, deleted}.
-- Locks: each partition that it makes or drops and, for that moment and after at most a second of
--   waiting, the history table.
-- Errors: none.
-- Callers: adapters/postgres/maintenance_store.py, adapters/postgres/migrations.py
-- Test: tests/integration/test_maintain_history.py
create or replace function maintain_history(p_now timestamptz, p_keep interval) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
set timezone = 'UTC' set lock_timeout = '1s'
as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_day date;
    v_name text;
    v_created text[] := '{}';
    v_dropped text[] := '{}';
    v_deleted int;
begin
    if not pg_try_advisory_xact_lock(10, 0) then -- guard: one-maintenance-at-a-time
        return '{"created": [], "dropped": [], "deleted": 0}';
    end if;
    for v_day in select v_now::date + n from generate_series(0, 7) n loop
        v_name := 'step_history_' || to_char(v_day, 'YYYYMMDD');
        continue when to_regclass('public.' || v_name) is not null
                   or exists (select 1 from step_history_rest r
                               where r.finished_at >= v_day and r.finished_at < v_day + 1);
        begin
            -- Made apart and then attached: commits that write to other days go on meanwhile.
            execute format('create table %I (like step_history including all)', v_name);
            execute format('alter table step_history attach partition %I '
                           'for values from (%L) to (%L)',
                           v_name, v_day::timestamptz, (v_day + 1)::timestamptz);
            v_created := v_created || v_name;
        exception when lock_not_available or check_violation or deadlock_detected then
            null; -- a row came into the default partition, or a commit held its lock too long
        end;
    end loop;

    for v_name in
        select c.relname
          from pg_inherits h join pg_class c on c.oid = h.inhrelid
         where h.inhparent = 'step_history'::regclass and c.relname ~ '^step_history_\d{8}$'
           -- guard: day-is-dropped-whole
           and to_date(right(c.relname, 8), 'YYYYMMDD') + 1 <= v_now - p_keep
         order by c.relname
    loop
        begin
            execute format('drop table %I', v_name);
            v_dropped := v_dropped || v_name;
        exception when lock_not_available or deadlock_detected then
            null;
        end;
    end loop;

    delete from step_history_rest r
     where r.ctid = any (array(select o.ctid from step_history_rest o
                                -- guard: default-partition-keeps-young-rows
                                where o.finished_at < v_now - p_keep limit 10000
                                  for update skip locked));
    get diagnostics v_deleted = row_count;
    return jsonb_build_object('created', v_created, 'dropped', v_dropped, 'deleted', v_deleted);
end $$;
