comment on table workflow_instances is
'One run of a definition for one account. Never deleted: delete_account empties what an instance
holds of its account.';
comment on column workflow_instances.id is 'A UUID that the caller of start_workflows makes.';
comment on column workflow_instances.account_id is
'accounts.flamebot_id, without a foreign key: an erased account leaves its finished instances.';
comment on column workflow_instances.workflow_id is
'The definition version that the instance runs on (workflow_definitions.id), pinned at its start.';
comment on column workflow_instances.status is
'active: the workflow goes on, and has exactly one live task.
  Entered by: start_workflows; resume_workflow from paused; retry_workflow from failed.
  Left by: commit_tasks and skip_step to completed or failed; pause_workflow; stop_workflow.
  Cleaned up by: nothing, a live instance is never deleted.
paused: a person paused it, and its waiting task is held; a task that was running may still commit.
  Entered by: pause_workflow.
  Left by: resume_workflow; stop_workflow; commit_tasks and skip_step, when the workflow ends.
  Cleaned up by: nothing, a live instance is never deleted.
stopping: a person stopped it, and a task is running or a job at the actions service may be open.
  Entered by: stop_workflow.
  Left by: commit_tasks to stopped, when the task has finished and the job is cancelled.
  Cleaned up by: nothing, a live instance is never deleted.
completed: the last step is done.
  Entered by: commit_tasks; skip_step; start_workflows, when no step has anything to wait for.
  Left by: nothing.
  Cleaned up by: delete_account, which empties the row and keeps it.
failed: a critical step failed, or the account was suspended; last_error says why.
  Entered by: commit_tasks; skip_step and start_workflows, when the next step cannot be planned.
  Left by: retry_workflow to active; delete_account to stopped.
  Cleaned up by: delete_account, which empties the row and keeps it.
stopped: it was stopped, and nothing of it is left at the actions service.
  Entered by: stop_workflow, commit_tasks, delete_account.
  Left by: nothing.
  Cleaned up by: delete_account, which empties the row and keeps it.';
comment on column workflow_instances.current_step is
'Index into the steps of the definition, from 0.';
comment on column workflow_instances.total_steps is 'The number of steps of the definition.';
comment on column workflow_instances.account_data is
'A snapshot of the account at the start, without credentials.';
comment on column workflow_instances.execution_context is
'The last result of each step. At most 20,000 bytes.';
comment on column workflow_instances.goto_iterations is 'How often each goto step has jumped.';
comment on column workflow_instances.revision is
'Raised by every writer. A plan that Python made for a revision is void after it.';
comment on column workflow_instances.history_count is
'How many rows of step_history the instance has written: the next one has the next number.';
comment on column workflow_instances.next_action_at is
'Schedule time at which the live task is due. For people: the engine reads scheduled_tasks.';
comment on column workflow_instances.last_error is 'The last failure, as "code: detail".';
comment on column workflow_instances.paused_at is 'Schedule time at which the pause began.';
comment on column workflow_instances.started_at is 'Schedule time.';
comment on column workflow_instances.finished_at is 'Schedule time. Set when it is not live.';
comment on column workflow_instances.updated_at is 'Schedule time of the last change.';
comment on column workflow_instances.is_live is
'Active, paused or stopping. For index predicates.';
