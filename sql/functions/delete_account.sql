-- delete_account(p_account, p_actor, p_reason) -> void
-- Erases an account: its row, and what its finished instances, their tasks and their history hold
-- of it. A failed instance cannot be retried without its account, and ends stopped. What remains
-- shows that something ran and when, but not what.
-- Locks: the account, then its instances by id, then their tasks by id.
-- Errors: FB001 not_found, FB004 busy.
-- Callers: adapters/postgres/admin_store.py
-- Test: tests/integration/test_delete_account.py
create or replace function delete_account(p_account text, p_actor text, p_reason text) returns void
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_instances uuid[];
    v_tasks text[];
begin
    -- guard: erasing-locks-the-account
    perform 1 from accounts a where a.flamebot_id = p_account for update;
    if not found then
        raise exception 'There is no such account.' using errcode = 'FB001';
    end if;
    -- guard: erasing-locks-instances
    perform 1 from workflow_instances i where i.account_id = p_account
      order by i.id for no key update;
    if exists (select 1 from workflow_instances i
                -- guard: live-workflow-keeps-the-account
                where i.account_id = p_account and i.is_live) then
        raise exception 'The account has a live workflow; stop it first.' using errcode = 'FB004';
    end if;
    v_instances := array(select i.id from workflow_instances i where i.account_id = p_account);
    -- Ranges of the primary key, since there is no index by instance: ';' follows ':'.
    v_tasks := array(select t.task_id from unnest(v_instances) one (id)
                       join scheduled_tasks t
                         on t.task_id > one.id || ':' and t.task_id < one.id || ';');
    -- guard: erasing-locks-tasks
    perform 1 from scheduled_tasks t where t.task_id = any (v_tasks)
      order by t.task_id for no key update;

    update scheduled_tasks t
       set payload = '{}', result = null, error = null, outcome_unknown = false
     where t.task_id = any (v_tasks);
    update step_history h
       set result = null, error = null
     where h.instance_id = any (v_instances) and (h.result is not null or h.error is not null);
    update workflow_instances i
       set account_data = '{}', execution_context = '{}', last_error = null,
           revision = i.revision + 1,
           -- guard: erased-workflow-cannot-be-retried
           status = case when i.status = 'failed' then 'stopped' else i.status end
     where i.id = any (v_instances);
    delete from accounts a where a.flamebot_id = p_account;
    insert into audit_log (actor, action, subject, reason)
    values (p_actor, 'delete_account', 'account/' || p_account, p_reason);
end $$;
