-- import_chunk(p_id, p_fence, p_batch, p_chunk, p_now, p_horizon, p_lease, p_rate, p_room, p_turn) -> jsonb
-- Stores the staged rows of a batch, starts their workflows and moves the checkpoint, all or nothing: {applied, status, created, updated, started, rejected,
-- send}. Not applied: another worker has the turn, the import is over, or the staged rows were lost. Again with the same batch it is applied already, with
-- nothing to send. A row whose account a former row of this file wrote is rejected. First tasks are queued only as long as p_room leaves room for them:
-- the tick claims the others.
-- Locks: the import; engine control shared; accounts by id; what start_workflows locks.
-- Errors: none of its own.
-- Caller: adapters/postgres/imports.py
-- Test: tests/integration/test_import_chunk.py
create or replace function import_chunk(p_id uuid, p_fence bigint, p_batch uuid, p_chunk jsonb, p_now timestamptz, p_horizon interval, p_lease interval,
                                        p_rate float8, p_room int, p_turn interval) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_import imports;
    v_chunk record;                                         -- from_byte, to_byte, line, rows, staged, rejects, done
    v_wall timestamptz;
    v_repeated text[];
    v_created text[];
    v_changed text[];
    v_rejects jsonb;
    v_started int := 0;
    v_active int := 0;
    v_send jsonb := '[]';
    v_incomplete text[] := '{}';
    v_rejected int;
    v_done boolean;
begin
    select i.* into v_import from imports i where i.id = p_id for no key update;
    select c.* into v_chunk from jsonb_to_record(p_chunk) c (from_byte bigint, to_byte bigint, line bigint, rows int, staged int, rejects jsonb, done boolean);
    if v_import.fence = p_fence and v_import.last_batch = p_batch then
        return jsonb_build_object('applied', true, 'status', v_import.status, 'started', 0, 'created', 0, 'updated', 0, 'rejected', 0, 'send', '[]'::jsonb);
    elsif v_import.id is null or v_import.status <> 'running' or v_import.fence <> p_fence or v_import.bytes_read <> v_chunk.from_byte
          or v_chunk.staged <> (select count(*) from import_staging s where s.import_id = p_id and s.batch = p_batch) then
        return jsonb_build_object('applied', false, 'status', v_import.status);
    end if;
    perform pg_advisory_xact_lock_shared(7);
    v_wall := clock_timestamp();
    v_repeated := array(select a.flamebot_id from import_staging s join accounts a on a.flamebot_id = s.flamebot_id and a.last_import_id = p_id
                         where s.import_id = p_id and s.batch = p_batch);

    -- As in import_accounts; and an account that stays as it is remembers this import all the same.
    with stored as (
        insert into accounts as a (flamebot_id, model_id, channel_id, config, credentials_ciphertext, ciphertext_version, credentials_version, last_import_id,
                                   created_at, updated_at)
        select s.flamebot_id, s.model_id, s.channel_id, coalesce(s.config, 'null'), s.ciphertext, case when s.ciphertext is not null then s.version end, s.version,
               p_id, v_wall, v_wall
          from import_staging s
         where s.import_id = p_id and s.batch = p_batch and s.flamebot_id <> all (v_repeated)
         order by s.flamebot_id
        on conflict (flamebot_id) do update
           set model_id = coalesce(excluded.model_id, a.model_id),
               channel_id = coalesce(excluded.channel_id, a.channel_id),
               config = case when excluded.config = 'null' then a.config else excluded.config end,
               credentials_ciphertext = coalesce(excluded.credentials_ciphertext, a.credentials_ciphertext),
               ciphertext_version = coalesce(excluded.ciphertext_version, a.ciphertext_version),
               credentials_version = case when coalesce(excluded.model_id, a.model_id) is not distinct from a.model_id
                                               and coalesce(excluded.channel_id, a.channel_id) is not distinct from a.channel_id
                                               and excluded.config in ('null', a.config) and excluded.credentials_ciphertext is null then a.credentials_version
                                          when excluded.credentials_version > a.credentials_version then excluded.credentials_version
                                          else nextval('credentials_version_seq')::int end,
               last_import_id = p_id,
               updated_at = case when coalesce(excluded.model_id, a.model_id) is not distinct from a.model_id
                                      and coalesce(excluded.channel_id, a.channel_id) is not distinct from a.channel_id
                                      and excluded.config in ('null', a.config) and excluded.credentials_ciphertext is null then a.updated_at
                                 else v_wall end
        returning a.flamebot_id, a.xmax = 0 as is_new, a.updated_at = v_wall as is_changed)
    select coalesce(array_agg(t.flamebot_id) filter (where t.is_new), '{}'),
           coalesce(array_agg(t.flamebot_id) filter (where not t.is_new and t.is_changed), '{}')
      into v_created, v_changed
      from stored t;
    update accounts a set config = '{}' where a.flamebot_id = any (v_created) and a.config = 'null';
    insert into audit_log (actor, action, subject, reason, before, after)
    select v_import.principal, 'import_accounts', 'account/' || c.id, v_import.reason, null, jsonb_build_object('status', c.what, 'import', p_id)
      from (select unnest(v_created) as id, 'created' as what union all select unnest(v_changed), 'updated') c
     order by c.id;

    if v_import.workflow_id is not null then
        select count(*) filter (where w.status = 'started'), count(*) filter (where w.status = 'already_active'),
               coalesce(array_agg(w.account_id) filter (where w.status not in ('started', 'already_active')), '{}'),
               coalesce(jsonb_agg(w.send) filter (where w.send is not null), '[]')
          into v_started, v_active, v_incomplete, v_send
          from start_workflows((select coalesce(jsonb_agg(s.start), '[]') from import_staging s
                                 where s.import_id = p_id and s.batch = p_batch and s.flamebot_id <> all (v_repeated)),
                               v_import.principal, v_import.reason, p_now,
                               case when free_queue_capacity(p_room) >= v_chunk.staged then p_horizon else interval '-100 years' end,
                               p_lease, p_rate) w;
    end if;

    v_rejects := v_chunk.rejects || (
        select coalesce(jsonb_agg(case when s.flamebot_id = any (v_repeated)
                   then jsonb_build_object('row_number', s.row_number, 'flamebot_id', s.flamebot_id, 'code', 'duplicate',
                            'errors', '[{"pointer": "/flamebotId", "detail": "Stands in this file already."}]'::jsonb)
                   else jsonb_build_object('row_number', s.row_number, 'flamebot_id', s.flamebot_id, 'code', 'account_incomplete', 'errors',
                            '[{"pointer": "", "detail": "It is stored. A workflow needs modelId and channelId."}]'::jsonb) end), '[]')
          from import_staging s
         where s.import_id = p_id and s.batch = p_batch and (s.flamebot_id = any (v_repeated) or s.flamebot_id = any (v_incomplete)));
    insert into import_rejects (import_id, row_number, flamebot_id, code, errors)
    select p_id, r.row_number, r.flamebot_id, r.code, r.errors
      from jsonb_to_recordset(v_rejects) r (row_number bigint, flamebot_id text, code text, errors jsonb)
     order by r.row_number
     limit greatest(10000 - v_import.rejected - v_import.not_started, 0);

    delete from import_staging s where s.import_id = p_id;
    v_rejected := v_chunk.rows - v_chunk.staged + cardinality(v_repeated);
    v_done := v_chunk.done;
    update imports i
       set status = case when v_done then 'completed' else i.status end, bytes_read = v_chunk.to_byte, last_line = v_chunk.line, last_batch = p_batch, tries = 0,
           rows_read = i.rows_read + v_chunk.rows, created = i.created + cardinality(v_created),
           updated = i.updated + v_chunk.staged - cardinality(v_repeated) - cardinality(v_created),
           started = i.started + v_started, already_active = i.already_active + v_active, not_started = i.not_started + cardinality(v_incomplete),
           rejected = i.rejected + v_rejected, lease_expires_at = case when not v_done then clock_timestamp() + p_turn end,
           finished_at = case when v_done then clock_timestamp() end, updated_at = clock_timestamp()
     where i.id = p_id
    returning i.* into v_import;
    if v_done then
        insert into audit_log (actor, action, subject, reason, before, after)
        values (v_import.principal, 'import_chunk', 'import/' || p_id, v_import.reason, jsonb_build_object('status', 'running'),
                jsonb_build_object('status', 'completed', 'created', v_import.created, 'updated', v_import.updated, 'rejected', v_import.rejected));
    end if;
    return jsonb_build_object('applied', true, 'status', v_import.status, 'started', v_started, 'created', cardinality(v_created),
                              'updated', v_chunk.staged - cardinality(v_repeated) - cardinality(v_created), 'rejected', v_rejected, 'send', v_send);
end $$;
