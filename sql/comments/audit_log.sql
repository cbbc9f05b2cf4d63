comment on table audit_log is
'Who changed what and why. No role can change or delete rows, so no content of accounts goes here.';
comment on column audit_log.id is 'Counts up.';
comment on column audit_log.at is 'Wall time.';
comment on column audit_log.actor is 'The principal that requested the change.';
comment on column audit_log.action is 'The SQL function that made the change.';
comment on column audit_log.subject is
'workflow/ID, account/ID, definition/TYPE/VERSION, import/ID or engine.';
comment on column audit_log.reason is 'The reason that the actor gave.';
comment on column audit_log.before is
'The state before, a small object such as {"status": "active"}.';
comment on column audit_log.after is 'The state after.';
