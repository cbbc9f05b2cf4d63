-- import_accounts(p_accounts, p_starts, p_principal, p_key, p_salt, p_digest, p_remember, p_actor, p_reason, p_now, p_horizon, p_lease, p_rate) -> jsonb
-- Stores accounts and starts instances, all or nothing, and answers {accounts: {id: created | updated}, started: [what start_workflows answers]}. An absent
-- field keeps what is stored; the credentials version changes if anything else does. With a key (p_key) it remembers p_remember and its own answer.
-- Locks: the key by an advisory lock, without waiting; engine control shared; accounts by id; what start_workflows locks.
-- Errors: FB010 idempotency_in_flight.
-- Caller: adapters/postgres/admin_store.py
-- Test: tests/integration/test_import_accounts.py
create or replace function import_accounts(p_accounts jsonb, p_starts jsonb, p_principal text, p_key text, p_salt bytea, p_digest bytea, p_remember jsonb,
                                           p_actor text, p_reason text, p_now timestamptz, p_horizon interval, p_lease interval, p_rate float8) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_wall timestamptz;
    v_created text[];
    v_changed text[];
    v_answer jsonb;
begin
    if p_key is not null then
        -- Whoever finds the key taken, or just remembered, asks find_import: it is a repetition, or it must wait.
        if not pg_try_advisory_xact_lock(8, hashtext(p_principal || E'\x1f' || p_key)) then
            raise exception 'A request with this Idempotency-Key is at work now.' using errcode = 'FB010';
        end if;
        if exists (select 1 from find_import(p_principal, p_key)) then
            raise exception 'A request with this Idempotency-Key is at work now.' using errcode = 'FB010';
        end if;
    end if;
    perform pg_advisory_xact_lock_shared(7);
    v_wall := clock_timestamp();

    -- One statement for new and known accounts alike: it locks in the order of the ids, whichever they are. A config of JSON null says: keep what is there.
    with stored as (
        insert into accounts as a (flamebot_id, model_id, channel_id, config, credentials_ciphertext, ciphertext_version, credentials_version,
                                   created_at, updated_at)
        select x.flamebot_id, x.model_id, x.channel_id, coalesce(x.config, 'null'), decode(x.ciphertext, 'base64'),
               case when x.ciphertext is not null then x.version end, x.version, v_wall, v_wall
          from jsonb_to_recordset(p_accounts) x (flamebot_id text, model_id text, channel_id text, config jsonb, version int, ciphertext text)
         order by x.flamebot_id collate "C"
        on conflict (flamebot_id) do update
           set model_id = coalesce(excluded.model_id, a.model_id),
               channel_id = coalesce(excluded.channel_id, a.channel_id),
               config = case when excluded.config = 'null' then a.config else excluded.config end,
               credentials_ciphertext = coalesce(excluded.credentials_ciphertext, a.credentials_ciphertext),
               ciphertext_version = coalesce(excluded.ciphertext_version, a.ciphertext_version),
               -- Of two imports at once the one that reserved first may come last: the version grows all the same.
               credentials_version = case when excluded.credentials_version > a.credentials_version then excluded.credentials_version
                                          else nextval('credentials_version_seq')::int end,
               updated_at = v_wall
         where coalesce(excluded.model_id, a.model_id) is distinct from a.model_id
            or coalesce(excluded.channel_id, a.channel_id) is distinct from a.channel_id
            or excluded.config not in ('null', a.config)
            or excluded.credentials_ciphertext is not null
        returning a.flamebot_id, a.xmax = 0 as is_new          -- a row that was locked before it was written has an xmax
    )
    select coalesce(array_agg(s.flamebot_id) filter (where s.is_new), '{}'), coalesce(array_agg(s.flamebot_id) filter (where not s.is_new), '{}')
      into v_created, v_changed
      from stored s;
    update accounts a set config = '{}' where a.flamebot_id = any (v_created) and a.config = 'null';

    insert into audit_log (actor, action, subject, reason, before, after)
    select p_actor, 'import_accounts', 'account/' || c.id, p_reason, null, jsonb_build_object('status', c.what)
      from (select unnest(v_created) as id, 'created' as what union all select unnest(v_changed), 'updated') c
     order by c.id;
    v_answer := jsonb_build_object(
        'accounts', (select coalesce(jsonb_object_agg(x.flamebot_id, 'updated'), '{}') from jsonb_to_recordset(p_accounts) x (flamebot_id text))
                    || (select coalesce(jsonb_object_agg(c.id, 'created'), '{}') from unnest(v_created) c (id)),
        'started', (select coalesce(jsonb_agg(to_jsonb(s)), '[]')
                      from start_workflows(p_starts, p_actor, p_reason, p_now, p_horizon, p_lease, p_rate) s));

    if p_key is not null then
        insert into import_requests as r (principal, key, salt, digest, answer)
        values (p_principal, p_key, p_salt, p_digest,
                -- Without what was to be sent: who answers from memory must not send.
                jsonb_build_object('request', p_remember, 'imported',
                    v_answer || jsonb_build_object('started', (select coalesce(jsonb_agg(s - 'send'), '[]') from jsonb_array_elements(v_answer -> 'started') s))))
        on conflict (principal, key) do update
           set salt = excluded.salt, digest = excluded.digest, answer = excluded.answer, created_at = clock_timestamp();
    end if;
    return v_answer;
end $$;
