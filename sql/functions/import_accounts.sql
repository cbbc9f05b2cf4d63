-- import_accounts(p_accounts, p_starts, p_principal, p_key, p_salt, p_digest, p_request, p_actor,
--   p_reason, p_now, p_horizon, p_lease, p_rate) -> jsonb
-- Stores accounts and starts instances, all or nothing. Returns {accounts: {id: created | updated},
-- started: [what start_workflows returns], incomplete: {id: [fields]}}: which of modelId and
-- channelId an account lacks that was not started. With a key it stores p_request and its own
-- result for requests that come again.
-- Locks: the key by an advisory lock, without waiting; engine control shared; accounts by id; what
--   start_workflows locks.
-- Errors: FB010 idempotency_in_flight.
-- Callers: adapters/postgres/admin_store.py
-- Test: tests/integration/test_import_accounts.py
create or replace function import_accounts(
    p_accounts jsonb, p_starts jsonb, p_principal text, p_key text, p_salt bytea, p_digest bytea,
    p_request jsonb, p_actor text, p_reason text, p_now timestamptz, p_horizon interval,
    p_lease interval, p_rate float8) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_created text[];
    v_imported jsonb;
begin
    if p_key is not null then
        -- Race with the same request at once: one has the lock, and the other is refused and then
        -- calls find_import. The lock ends with the transaction, so the result may have been stored
        -- just before this one got the lock: hence the second look.
        -- guard: one-request-per-key
        if not pg_try_advisory_xact_lock(8, hashtext(p_principal || E'\x1f' || p_key)) then
            raise exception 'A request with this Idempotency-Key is at work now.'
                using errcode = 'FB010';
        end if;
        -- guard: stored-key-is-not-used-again
        if exists (select 1 from find_import(p_principal, p_key)) then
            raise exception 'A request with this Idempotency-Key is at work now.'
                using errcode = 'FB010';
        end if;
    end if;
    -- The lock order begins with engine control, which start_workflows needs after the accounts.
    perform pg_advisory_xact_lock_shared(7); -- guard: import-takes-the-shared-lock

    v_created := upsert_accounts(p_accounts, null, null, null, p_actor, p_reason);
    v_imported := jsonb_build_object(
        'accounts',
        (select coalesce(jsonb_object_agg(x.flamebot_id, 'updated'), '{}')
           from jsonb_to_recordset(p_accounts) x (flamebot_id text))
        || (select coalesce(jsonb_object_agg(c.id, 'created'), '{}') from unnest(v_created) c (id)),
        'started',
        (select coalesce(jsonb_agg(to_jsonb(s)), '[]')
           from start_workflows(p_starts, p_actor, p_reason, p_now, p_horizon, p_lease, p_rate) s));
    v_imported := v_imported || jsonb_build_object('incomplete', (
        select coalesce(jsonb_object_agg(
                   a.flamebot_id,
                   array_remove(array[case when a.model_id is null then 'modelId' end,
                                      case when a.channel_id is null then 'channelId' end],
                                null)), '{}')
          from jsonb_array_elements(v_imported -> 'started') s
          join accounts a on a.flamebot_id = s ->> 'account_id'
         where s ->> 'status' = 'incomplete'));

    if p_key is not null then
        insert into import_requests as r (principal, key, salt, digest, response)
        values (p_principal, p_key, p_salt, p_digest,
                jsonb_build_object(
                    'request', p_request,
                    -- Without what was to be sent: a stored response must not send again.
                    'imported', v_imported || jsonb_build_object(
                        -- guard: stored-response-sends-nothing
                        'started', (select coalesce(jsonb_agg(s - 'send'), '[]')
                                      from jsonb_array_elements(v_imported -> 'started') s))))
            on conflict (principal, key) do update
           set salt = excluded.salt, digest = excluded.digest, response = excluded.response,
               created_at = clock_timestamp();
    end if;
    return v_imported;
end $$;
