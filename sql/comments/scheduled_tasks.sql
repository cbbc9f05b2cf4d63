comment on table scheduled_tasks is
'Tasks: one phase of one step of an instance each. This table is the truth about what runs when; a
queue message only repeats it. Finished rows are deleted by delete_finished_tasks.';
comment on column scheduled_tasks.task_id is
'The instance id, a colon and the sequence. Also the Idempotency-Key of the write that the task
makes at the actions service.';
comment on column scheduled_tasks.workflow_instance_id is 'The instance, without a foreign key.';
comment on column scheduled_tasks.account_id is 'The account of the instance.';
comment on column scheduled_tasks.sequence is
'Numbers the tasks of an instance from 1, without gaps from the oldest kept row on.';
comment on column scheduled_tasks.created_at is 'Schedule time.';
comment on column scheduled_tasks.step_id is 'The step of the definition.';
comment on column scheduled_tasks.action is 'The action of the step.';
comment on column scheduled_tasks.phase is
'timer waits; generate makes a text with an AI model; submit starts a job at the actions service;
poll asks whether that job has finished; cancel ends that job.';
comment on column scheduled_tasks.payload is
'What the task needs: the request of a submit, the job and the key of a poll or cancel, deadlines.';
comment on column scheduled_tasks.scheduled_for is 'Schedule time at which the task is due.';
comment on column scheduled_tasks.status is
'pending: waits for its due time.
  Entered by: start_workflows; commit_tasks, for a successor or the same task again; resume_workflow
    from held; retry_workflow; skip_step; begin_tasks and run_workflow_now under a global pause.
  Left by: claim_due_tasks and run_workflow_now to queued; pause_workflow to held; stop_workflow and
    skip_step to cancelled.
  Cleaned up by: nothing, a live task is never deleted.
queued: its message was sent, or its sender is about to. resend_expired repeats the message when the
  lease runs out.
  Entered by: claim_due_tasks; run_workflow_now; start_workflows, commit_tasks, resume_workflow,
    retry_workflow and skip_step, for what is due within the horizon; stop_workflow, for a cancel.
  Left by: begin_tasks to running, or to pending under a global pause; pause_workflow to held;
    stop_workflow and skip_step to cancelled; run_workflow_now to pending under a global pause;
    reclaim_expired to running after 20 sends.
  Cleaned up by: nothing, a live task is never deleted.
running: a delivery has begun it and holds its fence until the lease runs out.
  Entered by: begin_tasks; commit_tasks, for a successor that the same delivery goes on with;
    reclaim_expired, for a task whose lease ran out.
  Left by: commit_tasks.
  Cleaned up by: nothing, a live task is never deleted.
held: its instance is paused. What is left to wait is scheduled_for - held_at.
  Entered by: pause_workflow; commit_tasks and skip_step, for a successor on a paused instance.
  Left by: resume_workflow to pending or queued; stop_workflow and skip_step to cancelled.
  Cleaned up by: nothing, a live task is never deleted.
completed: it did its work.
  Entered by: commit_tasks.
  Left by: nothing.
  Cleaned up by: delete_finished_tasks.
failed: its work failed for good.
  Entered by: commit_tasks.
  Left by: retry_workflow to queued or pending, when the outcome of the last attempt is unknown.
  Cleaned up by: delete_finished_tasks, but not the last task of a failed instance.
cancelled: it was given up before its work was done.
  Entered by: stop_workflow; skip_step; commit_tasks, for what may not go on when the instance is
    stopping.
  Left by: nothing.
  Cleaned up by: delete_finished_tasks.';
comment on column scheduled_tasks.attempts is
'How many attempts at the effect were committed. Polls, defers and reclaims are no attempts.';
comment on column scheduled_tasks.reclaims is
'How many begins ended in an expired lease, whatever was committed in between. Only retry_workflow
begins anew.';
comment on column scheduled_tasks.sends is
'How often the message was sent since the task was last queued.';
comment on column scheduled_tasks.fence is
'The fence that is valid now. Who begins or commits must name it.';
comment on column scheduled_tasks.claim_fence is
'The fence of the message by which the task was begun: the same delivery may begin it again and gets
the same result. NULL while a reclaim has the task.';
comment on column scheduled_tasks.committed_fence is
'The fence of the last accepted commit: the same commit again gets the same result.';
comment on column scheduled_tasks.begun_by is 'The id of the delivery that began it.';
comment on column scheduled_tasks.lease_expires_at is
'Wall time. Set while queued or running. A queued task is sent again after it, a running one is
reclaimed.';
comment on column scheduled_tasks.outcome_unknown is
'An attempt may have reached the actions service, and its outcome is unknown.';
comment on column scheduled_tasks.first_begun_at is
'Wall time of the first begin: from then on the actions service may know the key.';
comment on column scheduled_tasks.held_at is 'Schedule time at which the task was held.';
comment on column scheduled_tasks.started_at is 'Schedule time of the last begin.';
comment on column scheduled_tasks.finished_at is 'Schedule time. Set when the task is not live.';
comment on column scheduled_tasks.is_due is 'Pending. For index predicates.';
comment on column scheduled_tasks.is_live is
'Pending, queued, running or held. For index predicates.';
comment on column scheduled_tasks.result is 'The result of a completed task.';
comment on column scheduled_tasks.error is 'The error of a failed or cancelled task.';
comment on column scheduled_tasks.is_in_flight is 'Queued or running. For index predicates.';

comment on sequence fence_seq is
'Fences of tasks and imports: one number for every claim, begin and reclaim, over all accounts. A
higher fence is always a later one.';
comment on column scheduled_tasks.service is
'The service whose breaker holds the task back. none: a timer calls no service, and a cancel is
never held back.';
comment on column scheduled_tasks.admitted is
'The generation of the service (services.generation) under which the task was given a slot. NULL:
none was needed.';
