comment on table step_history is
'What instances did, step by step. Partitioned by the day of finished_at: maintain_history makes the
days to come and drops the old ones.';

comment on table step_history_rest is
'The default partition: rows of days that no partition was made for. maintain_history empties it.';
comment on column step_history.instance_id is 'The instance.';
comment on column step_history.sequence is
'Numbers the rows of an instance from 1, without gaps. Not the sequence of a task.';
comment on column step_history.step_id is 'The step of the definition.';
comment on column step_history.action is 'The action of the step.';
comment on column step_history.status is
'completed: the step did its work.
  Entered by: commit_tasks, start_workflows, skip_step, retry_workflow.
  Left by: nothing, history never changes.
  Cleaned up by: maintain_history, by its day.
failed: the step failed for good.
  Entered by: commit_tasks, start_workflows, skip_step, retry_workflow.
  Left by: nothing, history never changes.
  Cleaned up by: maintain_history, by its day.
retried: an attempt failed, and the step is tried again.
  Entered by: commit_tasks.
  Left by: nothing, history never changes.
  Cleaned up by: maintain_history, by its day.
skipped: a person skipped the step.
  Entered by: skip_step.
  Left by: nothing, history never changes.
  Cleaned up by: maintain_history, by its day.
cancelled: the step was given up when the workflow was stopped.
  Entered by: commit_tasks.
  Left by: nothing, history never changes.
  Cleaned up by: maintain_history, by its day.
reclaimed: the invocation that ran the step was lost, and the step is run again.
  Entered by: commit_tasks.
  Left by: nothing, history never changes.
  Cleaned up by: maintain_history, by its day.';
comment on column step_history.deferrals is
'How often the step was deferred, for how many milliseconds of schedule time, and the code of the
last reason: {times, ms, code}. NULL: never.';
comment on column step_history.attempt is 'The number of the attempt, from 1.';
comment on column step_history.started_at is 'Schedule time.';
comment on column step_history.finished_at is 'Schedule time. Decides the partition.';
comment on column step_history.result is 'The result of the step. delete_account clears it.';
comment on column step_history.error is 'The error of the step. delete_account clears it.';
