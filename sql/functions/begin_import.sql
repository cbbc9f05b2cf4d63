-- begin_import(p_id, p_delivery_id, p_now, p_lease) -> jsonb
-- Gives a worker the lease of an import whose file has come: a new fence, p_lease of wall time, and
-- the checkpoint to go on from. Returns NULL when there is no such import, else {begun, status,
-- ...}; not begun: another worker has the lease, or the import has ended. Called again by the same
-- delivery, it returns the same. After 50 leases without a stored chunk the import has failed: its
-- file crashes every worker that reads it. Staged rows of a former worker are deleted.
-- Locks: the import.
-- Errors: none.
-- Callers: adapters/postgres/imports.py
-- Test: tests/integration/test_begin_import.py
create or replace function begin_import(
    p_id uuid, p_delivery_id uuid, p_now timestamptz, p_lease interval) returns jsonb
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_import imports;
    v_wall timestamptz;
    v_repeated boolean;
begin
    select i.* into v_import from imports i where i.id = p_id for no key update;
    if not found then
        return null;
    end if;
    v_wall := clock_timestamp(); -- after the waiting
    v_repeated := v_import.status = 'running' and v_import.begun_by = p_delivery_id
                  and v_import.lease_expires_at > v_wall;
    if v_import.status not in ('waiting', 'running')
       -- guard: one-worker-per-lease
       or (v_import.status = 'running' and v_import.lease_expires_at > v_wall and not v_repeated)
    then
        return jsonb_build_object('begun', false, 'status', v_import.status);
    elsif not v_repeated and v_import.tries >= 50 then -- guard: import-tries-have-an-end
        update imports i
           set status = 'failed',
               error = 'stuck: It was given up after 50 tries that stored nothing.',
               lease_expires_at = null, finished_at = v_wall, updated_at = v_wall
         where i.id = p_id;
        return jsonb_build_object('begun', false, 'status', 'failed');
    elsif not v_repeated then
        delete from import_staging s where s.import_id = p_id;
        update imports i
           set status = 'running',
               -- guard: lease-takes-a-new-fence
               fence = nextval('fence_seq'), begun_by = p_delivery_id,
               tries = i.tries + 1, lease_expires_at = v_wall + p_lease,
               starts_at = coalesce(i.starts_at, p_now, v_wall),
               started_at = coalesce(i.started_at, v_wall), updated_at = v_wall
         where i.id = p_id
        returning i.* into v_import;
    end if;
    return jsonb_build_object(
        'begun', true, 'status', 'running', 'fence', v_import.fence, 'tries', v_import.tries,
        'format', v_import.format, 'bytes', v_import.bytes, 'bytes_read', v_import.bytes_read,
        'last_line', v_import.last_line, 'rows_read', v_import.rows_read,
        'workflow_id', v_import.workflow_id, 'spread_seconds', v_import.spread_seconds,
        'starts_at', v_import.starts_at);
end $$;
