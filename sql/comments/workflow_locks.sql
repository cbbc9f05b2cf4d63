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
