-- An account without its credentials, with its live instance if it has one.
create view account_overview as
select a.flamebot_id,
       a.model_id,
       a.channel_id,
       a.config,
       a.status,
       a.credentials_ciphertext is not null as has_credentials,
       a.credentials_version,
       a.registered_version,
       a.created_at,
       a.updated_at,
       i.id as live_workflow_id,
       i.status as live_workflow_status
  from accounts a
  left join workflow_instances i on i.account_id = a.flamebot_id and i.is_live;
