-- due_histogram(p_now, p_minutes) -> table (minute, tasks)
-- Counts waiting tasks by the minute in which they fall due, from the present minute on, with empty
-- minutes. Overdue tasks count in the first minute.
-- Locks: none.
-- Errors: none.
-- Callers: adapters/postgres/read_store.py
-- Test: tests/integration/test_due_histogram.py
create or replace function due_histogram(p_now timestamptz, p_minutes int)
returns table (minute timestamptz, tasks bigint)
language plpgsql volatile security definer set search_path = public, pg_temp
-- A plan for any minute expects a third of all tasks, and reads all of them.
set plan_cache_mode = force_custom_plan
as $$
declare
    v_first timestamptz := date_trunc('minute', coalesce(p_now, clock_timestamp()));
begin
    return query
    with due as (
        select greatest(date_trunc('minute', t.scheduled_for), v_first) as minute,
               count(*) as tasks
          from (select d.scheduled_for from scheduled_tasks d
                 where d.is_due
                   and d.scheduled_for < v_first + make_interval(mins => p_minutes)
                union all
                select q.scheduled_for from scheduled_tasks q
                 where q.is_in_flight and q.status = 'queued'
                   and q.scheduled_for < v_first + make_interval(mins => p_minutes)) t
         group by 1)
    select m.minute, coalesce(due.tasks, 0)
      from generate_series(v_first, v_first + make_interval(mins => p_minutes - 1),
                           interval '1 minute') m (minute)
      left join due on due.minute = m.minute
     order by m.minute;
end $$;
