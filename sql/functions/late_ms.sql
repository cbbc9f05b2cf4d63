-- late_ms(p_due, p_now, p_pauses) -> bigint
-- Returns how many milliseconds after its due time a task begins, without the global pauses.
-- Locks: none.
-- Errors: none.
-- Callers: sql/functions/begin_tasks.sql
-- Test: tests/integration/test_begin_tasks.py
create or replace function late_ms(
    p_due timestamptz, p_now timestamptz, p_pauses tstzmultirange) returns bigint
language sql immutable parallel safe
as $$
    select (extract(epoch from p_now - p_due
                    - coalesce((select sum(upper(span) - lower(span))
                                  from unnest(p_pauses * tstzmultirange(tstzrange(p_due, p_now)))
                                           span), interval '0')) * 1000)::bigint
$$;
