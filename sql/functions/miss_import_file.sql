-- miss_import_file(p_id) -> text
-- Notes that an import's file is not there, and answers the status; null when there is no such import. One that is over has had its file deleted. One that waits has failed five
-- minutes after the last moment for an upload; one at work has failed once its worker's lease is over.
-- Locks: the import.
-- Errors: none.
-- Caller: adapters/postgres/imports.py
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
    v_wall := clock_timestamp();
    if v_import.status in ('completed', 'failed', 'cancelled') then
        -- Only once no upload can come any more: what comes late is looked at, and deleted.
        update imports i set file_deleted_at = v_wall where i.id = p_id and i.file_deleted_at is null and i.upload_until < v_wall;
        return v_import.status;
    elsif v_import.status = 'waiting' and v_import.upload_until + interval '5 minutes' < v_wall then
        v_error := 'no_file: The file was never sent.';
    elsif v_import.status = 'running' and v_import.lease_expires_at < v_wall then
        v_error := 'file_gone: The file is not there any more.';
    else
        return v_import.status;
    end if;
    update imports i
       set status = 'failed', error = v_error, lease_expires_at = null, finished_at = v_wall, updated_at = v_wall,
           file_deleted_at = case when i.upload_until < v_wall then v_wall end
     where i.id = p_id;
    return 'failed';
end $$;
