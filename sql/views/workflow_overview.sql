-- An instance with its live task, as the API shows it.
-- `effect_in_flight`: a job may be open at the actions service at this moment.
create view workflow_overview as
select i.id,
       i.account_id,
       d.type as workflow_type,
       d.version as workflow_version,
       i.status,
       i.current_step,
       d.steps -> i.current_step ->> 'id' as current_step_id,
       i.total_steps,
       i.next_action_at,
       i.last_error,
       i.started_at,
       i.finished_at,
       i.paused_at,
       i.updated_at,
       i.revision,
       i.execution_context,
       i.goto_iterations,
       i.account_data,
       case when t.task_id is not null
            then jsonb_build_object(
                     'task_id', t.task_id, 'step_id', t.step_id, 'action', t.action,
                     'phase', t.phase, 'status', t.status, 'scheduled_for', t.scheduled_for,
                     'attempts', t.attempts, 'reclaims', t.reclaims, 'sends', t.sends,
                     'lease_expires_at', t.lease_expires_at, 'error', t.error,
                     'deferrals', coalesce((t.payload ->> 'deferrals')::int, 0),
                     'deferred_ms', coalesce((t.payload ->> 'deferred_ms')::bigint, 0),
                     'deferred_at', t.payload ->> 'deferred_at',
                     'held_back_by', case when t.status = 'pending' then s.name end)
       end as task,
       coalesce((t.status = 'running' and t.phase <> 'timer')
                or t.phase in ('poll', 'cancel')
                or (t.phase = 'submit' and t.outcome_unknown), false) as effect_in_flight,
       allowed_actions(i.status, t.status, t.phase, t.outcome_unknown) as allowed_actions
  from workflow_instances i
  join workflow_definitions d on d.id = i.workflow_id
  left join scheduled_tasks t on t.workflow_instance_id = i.id and t.is_live
  left join services s on s.name = t.service and s.slots_per_second is not null;
