-- upsert_accounts(p_accounts, p_import, p_batch, p_repeated, p_actor, p_reason) -> text[]
-- Stores accounts and returns the ids of those that are new. Both ways of importing go through it:
-- the accounts come as JSON (p_import is NULL) or from the staged rows of a batch (p_accounts is
-- NULL), except those in p_repeated. A NULL in a row keeps what is stored; the credentials version
-- changes if anything else does, and an account that stays as it is gets no new version.
-- Locks: accounts by id.
-- Errors: none.
-- Callers: sql/functions/import_accounts.sql, sql/functions/import_chunk.sql
-- Test: tests/integration/test_upsert_accounts.py
create or replace function upsert_accounts(
    p_accounts jsonb, p_import uuid, p_batch uuid, p_repeated text[], p_actor text, p_reason text)
returns text[]
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_wall timestamptz := clock_timestamp();
    v_created text[];
    v_updated text[];
begin
    -- One statement for new and known accounts alike: it locks them in the order of their ids,
    -- whichever they are, also those that it then leaves as they are.
    -- A config of JSON null stands for NULL, which the column does not take: keep what is stored.
    with upserted as (
        insert into accounts as a (
            flamebot_id, model_id, channel_id, config, credentials_ciphertext, ciphertext_version,
            credentials_version, last_import_id, last_import_row, created_at, updated_at)
        select r.flamebot_id, r.model_id, r.channel_id, coalesce(r.config, 'null'), r.ciphertext,
               case when r.ciphertext is not null then r.version end, r.version, p_import,
               r.row_number, v_wall, v_wall
          from (select s.flamebot_id, s.model_id, s.channel_id, s.config, s.version, s.ciphertext,
                       s.row_number
                  from import_staging s
                 where s.import_id = p_import and s.batch = p_batch
                   and s.flamebot_id <> all (p_repeated)
                union all
                select x.flamebot_id, x.model_id, x.channel_id, x.config, x.version,
                       decode(x.ciphertext, 'base64'), null::bigint
                  from jsonb_to_recordset(p_accounts) x (
                       flamebot_id text, model_id text, channel_id text, config jsonb,
                       version int, ciphertext text)) r
         -- The collation of the column, whatever that of the database.
         order by r.flamebot_id collate "C" -- guard: upsert-by-id
            on conflict (flamebot_id) do update
           -- guard: null-keeps-what-is-stored
           set model_id = coalesce(excluded.model_id, a.model_id),
               channel_id = coalesce(excluded.channel_id, a.channel_id),
               config = case when excluded.config = 'null' then a.config else excluded.config end,
               credentials_ciphertext = coalesce(excluded.credentials_ciphertext,
                                                 a.credentials_ciphertext),
               ciphertext_version = coalesce(excluded.ciphertext_version, a.ciphertext_version),
               -- Of two imports at once, the one that reserved its versions first may commit last:
               -- the version grows all the same.
               -- guard: version-grows
               credentials_version = case when excluded.credentials_version > a.credentials_version
                                          then excluded.credentials_version
                                          else nextval('credentials_version_seq')::int end,
               last_import_id = coalesce(p_import, a.last_import_id),
               last_import_row = coalesce(excluded.last_import_row, a.last_import_row),
               updated_at = v_wall
         where coalesce(excluded.model_id, a.model_id) is distinct from a.model_id
            or coalesce(excluded.channel_id, a.channel_id) is distinct from a.channel_id
            -- guard: same-config-is-no-change
            or excluded.config not in ('null', a.config)
            or excluded.credentials_ciphertext is not null
        -- A row that was locked before it was written has an xmax: it was there.
        returning a.flamebot_id, a.xmax = 0 as is_new)
    select coalesce(array_agg(u.flamebot_id) filter (where u.is_new), '{}'),
           coalesce(array_agg(u.flamebot_id) filter (where not u.is_new), '{}')
      into v_created, v_updated
      from upserted u;
    update accounts a set config = '{}'
     where a.flamebot_id = any (v_created) and a.config = 'null';
    -- An account that stays as it is remembers the import all the same. The upsert has locked it,
    -- which is why this statement needs no order.
    if p_import is not null
       and cardinality(v_created) + cardinality(v_updated) + cardinality(p_repeated)
           < (select count(*) from import_staging s
               where s.import_id = p_import and s.batch = p_batch)
    then
        update accounts a set last_import_id = p_import, last_import_row = s.row_number
          from import_staging s
         where s.import_id = p_import and s.batch = p_batch and a.flamebot_id = s.flamebot_id
           and a.last_import_id is distinct from p_import;
    end if;

    insert into audit_log (actor, action, subject, reason, before, after)
    select p_actor, 'import_accounts', 'account/' || c.id, p_reason, null,
           jsonb_build_object('status', c.change)
           || case when p_import is null then '{}' else jsonb_build_object('import', p_import) end
      from (select unnest(v_created) as id, 'created' as change
            union all select unnest(v_updated), 'updated') c
     order by c.id;
    return v_created;
end $$;
