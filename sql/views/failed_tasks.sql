-- Failed instances with their last task, from which retry goes on.
create view failed_tasks as
select i.id as instance_id,
       i.account_id,
       d.type as workflow_type,
       d.version as workflow_version,
       i.started_at as instance_started_at,
       i.last_error,
       t.task_id,
       t.step_id,
       t.action,
       t.phase,
       t.status,
       t.attempts,
       t.reclaims,
       t.outcome_unknown,
       t.scheduled_for,
       t.started_at,
       t.finished_at,
       t.error
  from workflow_instances i
  join workflow_definitions d on d.id = i.workflow_id
  left join lateral (
           -- A range of the primary key, since there is no index by instance: ';' follows ':'.
           select l.* from scheduled_tasks l
            where l.task_id > i.id || ':' and l.task_id < i.id || ';'
            order by l.sequence desc
            limit 1) t on true
 where i.status = 'failed';
