-- find_orphaned_workflows(p_after, p_limit) -> jsonb
-- Looks at the live instances of the p_limit accounts that follow p_after for those without a live
-- task, which nothing would ever run again (I2). Returns {checked, last, orphaned, ids}: how many
-- it looked at, the last account (NULL: there are no more), how many have no task, and 20 of their
-- ids.
-- The other half of I2, and I1, are held by unique indexes.
-- Locks: none; one statement, and so one snapshot: no commit is seen half.
-- Errors: none.
-- Callers: adapters/postgres/maintenance_store.py
-- Test: tests/integration/test_find_orphaned_workflows.py
create or replace function find_orphaned_workflows(p_after text, p_limit int) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    return (
        with checked as materialized (
            select i.account_id, i.id, live.found is null as is_orphaned
              from (select i.account_id, i.id from workflow_instances i
                     where i.is_live and i.account_id > p_after
                     order by i.account_id limit p_limit) i
              -- The limit keeps it one lookup per instance: no plan may read all tasks instead.
              left join lateral (
                   select true as found from scheduled_tasks t
                    where t.workflow_instance_id = i.id and t.is_live limit 1) live on true)
        select jsonb_build_object(
                   'checked', count(*),
                   'last', case when count(*) = p_limit then max(c.account_id) end,
                   'orphaned', count(*) filter (where c.is_orphaned),
                   'ids', coalesce((select jsonb_agg(f.id)
                                      from (select o.id from checked o
                                             where o.is_orphaned
                                             order by o.account_id limit 20) f), '[]'))
          from checked c);
end $$;
