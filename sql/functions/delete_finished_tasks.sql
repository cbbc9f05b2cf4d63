-- delete_finished_tasks(p_before, p_limit) -> int
-- Deletes tasks that finished before p_before (schedule time), the oldest first, and returns how
-- many.
-- The last task of a failed instance stays, because retry needs it; so does a row with an older one
-- of its instance left, because kept sequences have no gaps (I3).
-- Locks: the tasks that it deletes, skip locked.
-- Errors: none.
-- Callers: adapters/postgres/maintenance_store.py
-- Test: tests/integration/test_delete_finished_tasks.py
create or replace function delete_finished_tasks(p_before timestamptz, p_limit int) returns int
language plpgsql volatile security definer set search_path = public, pg_temp
-- Statistics are behind where much has finished: docs/adr/0012.
set plan_cache_mode = force_custom_plan set enable_seqscan = off
as $$
declare
    v_old text[];
    v_deleted int;
begin
    v_old := array(
        select t.task_id from scheduled_tasks t
         -- guard: only-finished-and-old-tasks
         where t.finished_at is not null and t.finished_at < p_before
           -- Race with retry_workflow: in one snapshot, a retry that has not committed has not
           -- happened, and after it the row is live or has a successor.
           -- guard: retry-keeps-its-task
           and not (exists (select 1 from workflow_instances i
                             where i.id = t.workflow_instance_id and i.status = 'failed')
                    -- guard: only-the-last-task-is-kept
                    and not exists (select 1 from scheduled_tasks n
                                     where n.task_id = t.workflow_instance_id || ':'
                                                       || (t.sequence + 1)))
         -- The order of the index and no more: a sort would read everything that is old.
         order by t.finished_at -- guard: oldest-tasks-first
         limit p_limit -- guard: cleanup-batch-is-bounded
           for update of t skip locked); -- guard: cleanup-skips-locked-tasks

    with old as materialized (
        select t.task_id, t.workflow_instance_id, t.sequence
          from scheduled_tasks t
         where t.task_id = any (v_old)
    ), kept as materialized (
        -- Instance by instance: a join of ranges compares all with all where statistics are behind.
        select o.workflow_instance_id, k.sequence
          from (select distinct workflow_instance_id from old) o
         cross join lateral (
               select min(t.sequence) as sequence from scheduled_tasks t
                where t.task_id > o.workflow_instance_id || ':'
                  and t.task_id < o.workflow_instance_id || ';'
                  and t.task_id <> all (v_old)) k
         where k.sequence is not null
    )
    delete from scheduled_tasks t
     using old left join kept on kept.workflow_instance_id = old.workflow_instance_id
     where t.task_id = old.task_id
       -- guard: kept-sequences-have-no-gaps
       and (kept.sequence is null or old.sequence < kept.sequence);
    get diagnostics v_deleted = row_count;
    return v_deleted;
end $$;
