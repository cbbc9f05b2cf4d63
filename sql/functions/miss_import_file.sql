-- miss_import_file(p_id) -> text
-- Records that the file of an import is missing, and returns the status; NULL when there is no such
-- import. An import that has ended has had its file deleted. A waiting one fails five minutes after
-- the last moment for an upload. A running one fails once the lease of its worker has expired.
-- Locks: the import.
-- Errors: none.
-- Callers: adapters/postgres/imports.py
-- Test: tests/integration/test_miss_import_file.py
create or replace function miss_import_file(p_id uuid) returns text
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_import imports;
    v_wall timestamptz;
    v_error text;
begin
    select i.* into v_import from imports i where i.id = p_id for no key update;
    v_wall := clock_timestamp(); -- after the waiting
    if v_import.status in ('completed', 'failed', 'cancelled') then
        -- Only when no upload can come any more: a late file is found again and deleted.
        update imports i set file_deleted_at = v_wall
         where i.id = p_id and i.file_deleted_at is null
           and i.upload_until < v_wall; -- guard: late-upload-is-deleted
        return v_import.status;
    elsif v_import.status = 'waiting'
          -- guard: upload-in-time-may-end-later
          and v_import.upload_until + interval '5 minutes' < v_wall
    then
        v_error := 'no_file: The file was never sent.';
    elsif v_import.status = 'running' and v_import.lease_expires_at < v_wall then
        v_error := 'file_gone: The file is not there any more.';
    else
        return v_import.status;
    end if;
    update imports i
       set status = 'failed', error = v_error, lease_expires_at = null, finished_at = v_wall,
           updated_at = v_wall,
           file_deleted_at = case when i.upload_until < v_wall then v_wall end
     where i.id = p_id;
    return 'failed';
end $$;
