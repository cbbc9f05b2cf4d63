-- load_credentials(p_account)
--   -> setof (model_id, channel_id, config, credentials_version, ciphertext, ciphertext_version)
-- Returns what the registration of an account at the actions service needs. The credentials are
-- ciphertext.
-- Locks: none.
-- Errors: FB001 not_found.
-- Callers: adapters/postgres/engine_store.py
-- Test: tests/integration/test_load_credentials.py
create or replace function load_credentials(p_account text)
returns table (
    model_id text, channel_id text, config jsonb, credentials_version int, ciphertext bytea,
    ciphertext_version int)
language plpgsql stable security definer set search_path = public, pg_temp
as $$
begin
    return query
    select a.model_id, a.channel_id, a.config, a.credentials_version, a.credentials_ciphertext,
           a.ciphertext_version
      from accounts a
     where a.flamebot_id = p_account;
    if not found then
        raise exception 'There is no such account.' using errcode = 'FB001';
    end if;
end $$;
