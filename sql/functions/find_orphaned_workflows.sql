-- find_orphaned_workflows(p_after, p_limit) -> jsonb
-- Looks at the live instances of the p_limit accounts that follow p_after for those without a live task, which nothing would ever wake (I2). Answers
-- {checked, last, orphaned, ids}: how many it looked at, the last account (null: there are no more), how many are orphaned, and 20 of their ids. The other half of I2, and
-- I1, are unique indexes.
-- Locks: none; one statement, and so one snapshot: no commit is seen half.
-- Errors: none.
-- Caller: adapters/postgres/maintenance_store.py
-- Test: tests/integration/test_find_orphaned_workflows.py
create or replace function find_orphaned_workflows(p_after text, p_limit int) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    return (
        with looked as materialized (
            select i.account_id, i.id, live.there is null as lost
              from (select i.account_id, i.id from workflow_instances i
                     where i.is_live and i.account_id > p_after order by i.account_id limit p_limit) i
              -- The limit keeps it one look into the index per instance: no plan may read all tasks instead.
              left join lateral (select true as there from scheduled_tasks t where t.workflow_instance_id = i.id and t.is_live limit 1) live on true)
        select jsonb_build_object(
                   'checked', count(*),
                   'last', case when count(*) = p_limit then max(l.account_id) end,
                   'orphaned', count(*) filter (where l.lost),
                   'ids', coalesce((select jsonb_agg(f.id) from (select l.id from looked l where l.lost order by l.account_id limit 20) f), '[]'))
          from looked l);
end $$;
