-- find_import(p_principal, p_key) -> table (salt, digest, response)
-- Returns what is stored of an import request with this Idempotency-Key; nothing when it is unknown
-- or older than 24 hours (wall time).
-- Locks: none.
-- Errors: none.
-- Callers: adapters/postgres/admin_store.py, sql/functions/import_accounts.sql
-- Test: tests/integration/test_find_import.py
create or replace function find_import(p_principal text, p_key text)
returns table (salt bytea, digest bytea, response jsonb)
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    return query
    select r.salt, r.digest, r.response from import_requests r
     where r.principal = p_principal and r.key = p_key -- guard: key-belongs-to-its-principal
       and r.created_at > clock_timestamp() - interval '24 hours'; -- guard: key-expires
end $$;
