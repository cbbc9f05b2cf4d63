-- What each table, column and status means. `\d+` shows it, and schema.sql is generated from it.
-- Applied at every run, after the migrations: a better explanation needs no migration.
--
-- A status is explained in four parts: what it means, which SQL function moves a row into it, which
-- one moves it on, and what deletes the row. "Schedule time" is the time of due times, history and
-- retention, which a test or the local stack may run faster; "wall time" is the time of the
-- database's clock.

comment on sequence fence_seq is
'Fences of tasks and imports: one number for every claim, begin and reclaim, over all accounts. A
higher fence is always a later one.';
comment on sequence credentials_version_seq is
'Versions of credentials. A version is never used again, not even by an account that was deleted and
imported anew.';

comment on table schema_migrations is
'The migrations that were applied to this database.';
comment on column schema_migrations.name is 'The name of the file, without its ending.';
comment on column schema_migrations.checksum is 'SHA-256 of the file when it was applied.';
comment on column schema_migrations.started_at is 'Wall time.';
comment on column schema_migrations.finished_at is
'Wall time. NULL: the migration was interrupted, and the next run refuses to go on.';

comment on table engine_control is
'One row: the state of the engine as a whole. begin_tasks and commit_tasks read it under the shared
advisory lock 7; pause_all and resume_all write it under the exclusive one.';
comment on column engine_control.one is 'Always true: there is one row.';
comment on column engine_control.paused is 'Whether the engine is paused as a whole.';
comment on column engine_control.paused_at is 'Schedule time at which the global pause began.';
comment on column engine_control.paused_ms is
'Milliseconds spent in global pauses that are over. Step timeouts do not count them.';
comment on column engine_control.last_tick_at is
'Wall time of the last tick. Before the first tick: the time of the migration, so that a tick which
never comes is noticed.';
comment on column engine_control.last_tick is 'What the last tick did: {claimed, sent, seconds}.';
comment on column engine_control.last_maintenance_at is
'Wall time of the last maintenance run, or of the migration.';
comment on column engine_control.last_maintenance is
'What the last maintenance run found, which parts of it failed, and where the next one goes on.';
comment on column engine_control.pauses is
'The global pauses that are over, in schedule time. resume_workflow subtracts them from the pause of
one workflow, so that no time is left out twice.';

comment on table accounts is
'Accounts with their encrypted credentials. Written by import_accounts and import_chunk, deleted by
delete_account.';
comment on column accounts.flamebot_id is 'The identifier that the client chose.';
comment on column accounts.model_id is 'The AI model. Without it no workflow can be started.';
comment on column accounts.channel_id is 'The channel. Without it no workflow can be started.';
comment on column accounts.config is 'Settings that the actions service is given.';
comment on column accounts.credentials_ciphertext is
'The credentials, encrypted for this account and ciphertext_version.';
comment on column accounts.ciphertext_version is
'The credentials version that the ciphertext is bound to.';
comment on column accounts.credentials_version is
'Grows with every change of credentials, config, model_id or channel_id.';
comment on column accounts.registered_version is
'The credentials version that the actions service was last given. NULL: none yet.';
comment on column accounts.status is
'active: the actions service accepts work for the account.
  Entered by: import_accounts and import_chunk, for a new account; set_account_status.
  Left by: set_account_status.
  Cleaned up by: delete_account.
suspended: the actions service refused the account; its workflows fail until it is active again.
  Entered by: set_account_status.
  Left by: set_account_status.
  Cleaned up by: delete_account.';
comment on column accounts.created_at is 'Wall time.';
comment on column accounts.updated_at is 'Wall time of the last change.';
comment on column accounts.last_import_id is
'The import by file that last wrote the account: a second row of the same file for this account is
recognised by it, however far apart the two rows are.';

comment on table workflow_definitions is
'Versions of definitions. A row never changes: publish_definition adds one. The highest active
version of a type is the current one; running instances stay on the version they started with.';
comment on column workflow_definitions.id is 'What instances refer to as workflow_id.';
comment on column workflow_definitions.type is 'The name of the definition, such as default.';
comment on column workflow_definitions.version is 'Counts from 1 within a type.';
comment on column workflow_definitions.name is 'A title for people.';
comment on column workflow_definitions.description is 'A description for people.';
comment on column workflow_definitions.steps is 'The steps in order, an array of objects.';
comment on column workflow_definitions.config is 'Settings for all steps.';
comment on column workflow_definitions.is_active is 'Whether new instances may use the version.';
comment on column workflow_definitions.created_at is 'Wall time.';
comment on column workflow_definitions.created_by is 'Who published the version.';

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
'How many begins in a row ended in an expired lease.';
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
  Cleaned up by: maintain_history, by its day.';
comment on column step_history.attempt is 'The number of the attempt, from 1.';
comment on column step_history.started_at is 'Schedule time.';
comment on column step_history.finished_at is 'Schedule time. Decides the partition.';
comment on column step_history.result is 'The result of the step. delete_account clears it.';
comment on column step_history.error is 'The error of the step. delete_account clears it.';

comment on table workflow_locks is
'Locks with an expiry, for a system without DynamoDB. Expired rows are deleted by
delete_expired_locks.';
comment on column workflow_locks.lock_key is '"account:" and the account id, or any other key.';
comment on column workflow_locks.locked_by is
'The owner: a delivery id, or the instance_id that the caller of acquire_workflow_lock named.';
comment on column workflow_locks.expires_at is 'Wall time from which on the lock is free.';
comment on column workflow_locks.acquired_at is 'Wall time at which the lock was taken or renewed.';
comment on column workflow_locks.instance_id is
'The instance that the owner works for. Set by acquire_account_lock, which lets a later task or
fence of the same instance take the lock.';
comment on column workflow_locks.sequence is 'The sequence of the task that the owner works for.';
comment on column workflow_locks.fence is 'The fence of the task that the owner works for.';

comment on table import_requests is
'Import requests of the last 24 hours by Idempotency-Key, so that a request that comes again gets
the same response. Deleted by delete_old_requests.';
comment on column import_requests.principal is 'Who sent the request. A key is its own.';
comment on column import_requests.key is 'The Idempotency-Key.';
comment on column import_requests.salt is 'The salt of the digest.';
comment on column import_requests.digest is
'scrypt of the body: the body holds credentials and is not stored.';
comment on column import_requests.response is 'What the response is made of: {request, imported}.';
comment on column import_requests.created_at is 'Wall time.';

comment on table audit_log is
'Who changed what and why. No role can change or delete rows, so no content of accounts goes here.';
comment on column audit_log.id is 'Counts up.';
comment on column audit_log.at is 'Wall time.';
comment on column audit_log.actor is 'The principal that asked for the change.';
comment on column audit_log.action is 'The SQL function that made the change.';
comment on column audit_log.subject is
'workflow/ID, account/ID, definition/TYPE/VERSION, import/ID or engine.';
comment on column audit_log.reason is 'The reason that the actor gave.';
comment on column audit_log.before is
'The state before, a small object such as {"status": "active"}.';
comment on column audit_log.after is 'The state after.';

comment on table imports is
'Imports by file: what was asked for, and how far it is. Deleted by delete_old_imports 30 days after
the end.';
comment on column imports.id is 'A UUID that the caller of create_import makes.';
comment on column imports.status is
'waiting: its file has not been uploaded, or no worker has begun it.
  Entered by: create_import.
  Left by: begin_import to running; cancel_import; miss_import_file to failed, when no file came.
  Cleaned up by: nothing before it has ended.
running: a worker has the lease, or the next worker will take it.
  Entered by: begin_import.
  Left by: import_chunk to completed; cancel_import; fail_import, miss_import_file and begin_import
    to failed.
  Cleaned up by: nothing before it has ended.
completed: every row was read.
  Entered by: import_chunk.
  Left by: nothing.
  Cleaned up by: delete_old_imports.
failed: the file never came, is gone, cannot be read, or was begun 50 times without progress.
  Entered by: fail_import, miss_import_file, begin_import.
  Left by: nothing.
  Cleaned up by: delete_old_imports.
cancelled: a person cancelled it. What was stored before stays.
  Entered by: cancel_import.
  Left by: nothing.
  Cleaned up by: delete_old_imports.';
comment on column imports.file_name is 'The name that the client gave the file. For people.';
comment on column imports.format is 'The format of the file: csv or jsonl.';
comment on column imports.bytes is 'The announced size of the file.';
comment on column imports.workflow_id is
'The definition version to start, pinned when the import was created. NULL: store accounts only.';
comment on column imports.spread_seconds is 'The starts are spread over this many seconds.';
comment on column imports.principal is 'Who created the import.';
comment on column imports.key is 'The Idempotency-Key of the request.';
comment on column imports.reason is 'The reason that the principal gave.';
comment on column imports.fence is 'The fence of the present lease. A worker must name it.';
comment on column imports.begun_by is 'The id of the delivery that has the lease.';
comment on column imports.tries is 'How many leases began since a chunk was last stored.';
comment on column imports.lease_expires_at is 'Wall time. Another worker may begin after it.';
comment on column imports.last_batch is
'The last chunk that was stored: the same chunk again gets the same result.';
comment on column imports.starts_at is
'Schedule time of the first begin: the spread counts from here.';
comment on column imports.bytes_read is 'The checkpoint: everything before this offset is stored.';
comment on column imports.last_line is 'The line number at the checkpoint.';
comment on column imports.rows_read is 'Rows up to the checkpoint: created + updated + rejected.';
comment on column imports.created is 'Accounts that were new.';
comment on column imports.updated is 'Accounts that were known already.';
comment on column imports.started is 'Workflows that were started.';
comment on column imports.already_active is 'Accounts that had a live workflow already.';
comment on column imports.not_started is
'Accounts that were stored without a workflow, because their model or channel is missing.';
comment on column imports.rejected is 'Rows that were rejected.';
comment on column imports.error is 'Why it failed, as "code: detail".';
comment on column imports.created_at is 'Wall time, as the following times.';
comment on column imports.upload_until is 'Until when an upload of the file may begin.';
comment on column imports.started_at is 'When a worker first began it.';
comment on column imports.finished_at is 'When it ended.';
comment on column imports.updated_at is 'When it last made progress.';
comment on column imports.file_deleted_at is
'When the file was found to be gone for good. Until then maintenance looks for it.';

comment on table import_rejects is
'Rows of imports that were rejected, or stored without their workflow: at most the first 10,000 of
an import. They hold no value of a row but the account id. Deleted together with the import.';
comment on column import_rejects.import_id is 'The import.';
comment on column import_rejects.row_number is 'The line of the file on which the row begins.';
comment on column import_rejects.flamebot_id is 'The account, if the row named a valid one.';
comment on column import_rejects.code is 'Why, as a code.';
comment on column import_rejects.errors is 'Where and why: [{pointer, detail}].';

comment on table import_staging is
'Rows of the chunk that is being imported, between COPY and import_chunk, which deletes them. The
credentials are encrypted before they come here.';
comment on column import_staging.batch is 'The chunk.';
comment on column import_staging.import_id is 'The import.';
comment on column import_staging.row_number is 'The line of the file on which the row begins.';
comment on column import_staging.flamebot_id is 'The account.';
comment on column import_staging.model_id is 'As in accounts. NULL: keep what is stored.';
comment on column import_staging.channel_id is 'As in accounts. NULL: keep what is stored.';
comment on column import_staging.config is 'As in accounts. NULL: keep what is stored.';
comment on column import_staging.version is
'A credentials version that was reserved for the row.';
comment on column import_staging.ciphertext is
'The credentials, encrypted for version. NULL: keep what is stored.';
comment on column import_staging.start is 'A row for start_workflows. NULL: none is started.';
