-- import_chunk(p_id, p_fence, p_batch, p_chunk, p_now, p_horizon, p_lease, p_rate,
--   p_queue_capacity, p_import_lease) -> jsonb
-- Stores the staged rows of a chunk, starts their workflows and moves the checkpoint, all or
-- nothing.
-- Returns {applied, status, created, updated, started, rejected, send}. Not applied: another worker
-- has the lease, the import has ended, or staged rows are missing. The same chunk again is applied
-- already, with nothing to send.
-- A row whose account a former row of this file wrote is rejected. First tasks are queued only
-- while p_queue_capacity allows all of them; the tick claims the others.
-- Chunk: {from_byte, to_byte, line, rows, staged, rejects, observed, done}; observed holds
-- {count, line} by name, which add up over the chunks.
-- Locks: the import; engine control shared; accounts by id; what start_workflows locks.
-- Errors: none of its own.
-- Callers: adapters/postgres/imports.py
-- Test: tests/integration/test_import_chunk.py
create or replace function import_chunk(
    p_id uuid, p_fence bigint, p_batch uuid, p_chunk jsonb, p_now timestamptz, p_horizon interval,
    p_lease interval, p_rate float8, p_queue_capacity int, p_import_lease interval) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_import imports;
    v_chunk record;
    v_repeated text[];
    v_created text[];
    v_updated int;
    v_rejects jsonb;
    v_started int := 0;
    v_active int := 0;
    v_send jsonb := '[]';
    v_incomplete text[] := '{}';
    v_rejected int;
begin
    -- Race with cancel_import and with the worker that acquires an expired lease: both change the
    -- row of the import under this lock, which is held until the chunk has committed.
    select i.* into v_import from imports i where i.id = p_id for no key update;
    select c.* into v_chunk
      from jsonb_to_record(p_chunk) c (from_byte bigint, to_byte bigint, line bigint, rows int,
                                       staged int, rejects jsonb, observed jsonb,
                                       done boolean);
    if v_import.fence = p_fence and v_import.last_batch = p_batch then
        -- The reply of a former call was lost.
        return jsonb_build_object('applied', true, 'status', v_import.status, 'started', 0,
                                  'created', 0, 'updated', 0, 'rejected', 0, 'send', '[]'::jsonb);
    -- guard: chunk-of-a-running-import, chunk-fence, chunk-at-the-checkpoint
    elsif v_import.id is null or v_import.status <> 'running' or v_import.fence <> p_fence
          or v_import.bytes_read <> v_chunk.from_byte
          -- Staging is unlogged: a crash of the database empties it.
          -- guard: staged-rows-are-counted
          or v_chunk.staged <> (select count(*) from import_staging s
                                 where s.import_id = p_id and s.batch = p_batch)
    then
        return jsonb_build_object('applied', false, 'status', v_import.status);
    end if;
    perform pg_advisory_xact_lock_shared(7);
    v_repeated := array(
        select a.flamebot_id
          from import_staging s
          join accounts a on a.flamebot_id = s.flamebot_id and a.last_import_id = p_id
         where s.import_id = p_id and s.batch = p_batch);
    v_created := upsert_accounts(null, p_id, p_batch, v_repeated, v_import.principal,
                                 v_import.reason);
    v_updated := v_chunk.staged - cardinality(v_repeated) - cardinality(v_created);

    if v_import.workflow_id is not null then
        select count(*) filter (where w.status = 'started'),
               count(*) filter (where w.status = 'already_active'),
               coalesce(array_agg(w.account_id)
                            filter (where w.status not in ('started', 'already_active')), '{}'),
               coalesce(jsonb_agg(w.send) filter (where w.send is not null), '[]')
          into v_started, v_active, v_incomplete, v_send
          from start_workflows(
                   (select coalesce(jsonb_agg(s.start), '[]') from import_staging s
                     where s.import_id = p_id and s.batch = p_batch
                       and s.flamebot_id <> all (v_repeated)),
                   v_import.principal, v_import.reason, p_now,
                   -- With a horizon in the past nothing is queued.
                   -- guard: chunk-respects-the-queue-capacity
                   case when free_queue_capacity(p_queue_capacity) >= v_chunk.staged then p_horizon
                        else interval '-100 years' end,
                   p_lease, p_rate) w;
    end if;

    v_rejects := v_chunk.rejects || (
        select coalesce(jsonb_agg(
                   jsonb_build_object(
                       'row_number', s.row_number, 'flamebot_id', s.flamebot_id,
                       'id_field', s.id_field)
                   || case when s.flamebot_id = any (v_repeated)
                           then jsonb_build_object('code', 'duplicate')
                           else jsonb_build_object(
                                    'code', 'account_incomplete',
                                    'errors', (
                                        select jsonb_agg(jsonb_build_object(
                                                   'pointer', '/' || f.name,
                                                   'detail', 'Missing. The account is stored; a '
                                                             'workflow needs this field.'))
                                          from (values ('modelId', a.model_id),
                                                       ('channelId', a.channel_id))
                                               f (name, value)
                                         where f.value is null))
                      end), '[]')
          from import_staging s
          left join accounts a on a.flamebot_id = s.flamebot_id
         where s.import_id = p_id and s.batch = p_batch
           and (s.flamebot_id = any (v_repeated) or s.flamebot_id = any (v_incomplete)));
    insert into import_rejects (import_id, row_number, flamebot_id, id_field, code, errors)
    select p_id, r.row_number, r.flamebot_id, r.id_field, r.code,
           -- The row that wrote the account is the first one of the file, in this chunk or before:
           -- the upsert left the account of a repeated row alone.
           case when r.code = 'duplicate'
                then jsonb_build_array(jsonb_build_object(
                         'pointer', '/' || r.id_field,
                         'detail', format('Appears earlier in this file, on line %s. That row was '
                                          'imported, this one was not.',
                                          (select a.last_import_row from accounts a
                                            where a.flamebot_id = r.flamebot_id))))
                else r.errors end
      from jsonb_to_recordset(v_rejects) r (row_number bigint, flamebot_id text, id_field text,
                                            code text, errors jsonb)
     order by r.row_number
     -- guard: rejects-are-bounded
     limit greatest(10000 - v_import.rejected - v_import.not_started, 0);

    delete from import_staging s where s.import_id = p_id;
    v_rejected := v_chunk.rows - v_chunk.staged + cardinality(v_repeated);
    update imports i
       set status = case when v_chunk.done then 'completed' else i.status end,
           bytes_read = v_chunk.to_byte,
           last_line = v_chunk.line,
           last_batch = p_batch,
           tries = 0,
           rows_read = i.rows_read + v_chunk.rows,
           created = i.created + cardinality(v_created),
           updated = i.updated + v_updated,
           started = i.started + v_started,
           already_active = i.already_active + v_active,
           not_started = i.not_started + cardinality(v_incomplete),
           rejected = i.rejected + v_rejected,
           observed = (
               select coalesce(jsonb_object_agg(o.name, jsonb_build_object(
                                   'count', o.count, 'line', o.line)), '{}')
                 from (select e.key as name, sum((e.value ->> 'count')::bigint) as count,
                              min((e.value ->> 'line')::bigint) as line
                         from (select * from jsonb_each(i.observed)
                               union all select * from jsonb_each(v_chunk.observed)) e
                        group by e.key) o),
           lease_expires_at = case when not v_chunk.done
                                   then clock_timestamp() + p_import_lease end,
           finished_at = case when v_chunk.done then clock_timestamp() end,
           updated_at = clock_timestamp()
     where i.id = p_id
    returning i.* into v_import;
    if v_chunk.done then
        insert into audit_log (actor, action, subject, reason, before, after)
        values (v_import.principal, 'import_chunk', 'import/' || p_id, v_import.reason,
                jsonb_build_object('status', 'running'),
                jsonb_build_object('status', 'completed', 'created', v_import.created,
                                   'updated', v_import.updated, 'rejected', v_import.rejected));
    end if;
    return jsonb_build_object('applied', true, 'status', v_import.status, 'started', v_started,
                              'created', cardinality(v_created), 'updated', v_updated,
                              'rejected', v_rejected, 'send', v_send);
end $$;
