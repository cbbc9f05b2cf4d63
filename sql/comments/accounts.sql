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
comment on column accounts.last_import_row is
'The line of that file on which its row begins.';

comment on sequence credentials_version_seq is
'Versions of credentials. A version is never used again, not even by an account that was deleted and
imported anew.';
