-- engine_stats(p_now) -> jsonb
-- Counts instances, live tasks and accounts by status, steps by action over the last 24 hours
-- (schedule time), the 20 most frequent codes of errors (workflows that failed in that time, live
-- tasks that wait because of one), and how late the last 10,000 finished tasks had begun, in
-- seconds of schedule time.
-- Locks: none.
-- Errors: none.
-- Callers: adapters/postgres/read_store.py
-- Test: tests/integration/test_engine_stats.py
create or replace function engine_stats(p_now timestamptz) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
begin
    return jsonb_build_object(
        'workflows',
        (select jsonb_object_agg(s.status, coalesce(n.total, 0))
           from unnest(array['active', 'paused', 'stopping', 'completed', 'failed', 'stopped'])
                    s (status)
           left join (select i.status, count(*) as total
                        from workflow_instances i group by i.status) n using (status)),
        'tasks',
        (select jsonb_object_agg(s.status, coalesce(n.total, 0))
           from unnest(array['pending', 'queued', 'running', 'held']) s (status)
           left join (select t.status, count(*) as total
                        from scheduled_tasks t where t.is_live group by t.status) n
               using (status)),
        'accounts',
        (select jsonb_object_agg(s.status, coalesce(n.total, 0))
           from unnest(array['active', 'suspended']) s (status)
           left join (select a.status, count(*) as total
                        from accounts a group by a.status) n using (status)),
        'steps',
        (select coalesce(jsonb_agg(to_jsonb(a) order by a.action), '[]')
           from (select h.action,
                        count(*) filter (where h.status = 'completed') as completed,
                        count(*) filter (where h.status = 'failed') as failed,
                        count(*) filter (where h.status = 'retried') as retried,
                        count(*) filter (where h.status = 'skipped') as skipped,
                        count(*) filter (where h.status = 'cancelled') as cancelled,
                        avg(extract(epoch from h.finished_at - h.started_at))
                            filter (where h.status = 'completed') as mean_seconds
                   from step_history h
                  where h.finished_at > v_now - interval '24 hours'
                  group by h.action) a),
        'errors',
        (select coalesce(jsonb_agg(to_jsonb(e) order by e.failed + e.waiting desc, e.code), '[]')
           from (select c.code, sum(c.failed) as failed, sum(c.waiting) as waiting
                   from (select split_part(i.last_error, ':', 1) as code, 1 as failed, 0 as waiting
                           from workflow_instances i
                          where i.status = 'failed'
                            and i.finished_at > v_now - interval '24 hours'
                         union all
                         select split_part(t.error, ':', 1), 0, 1
                           from scheduled_tasks t
                          where t.is_live and t.error is not null) c
                  group by c.code order by count(*) desc, c.code limit 20) e),
        'lateness',
        (select jsonb_build_object(
                    'tasks', count(*),
                    'p50_seconds', percentile_cont(0.5) within group (order by l.seconds),
                    'p95_seconds', percentile_cont(0.95) within group (order by l.seconds),
                    'p99_seconds', percentile_cont(0.99) within group (order by l.seconds),
                    'max_seconds', max(l.seconds))
           from (select extract(epoch from t.started_at - t.scheduled_for)::float8 as seconds
                   from scheduled_tasks t
                  where t.finished_at > v_now - interval '24 hours'
                    and t.started_at is not null
                  order by t.finished_at desc limit 10000) l));
end $$;
