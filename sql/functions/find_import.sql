-- find_import(p_principal, p_key) -> table (salt, digest, answer)
-- Answers what is remembered of an import with this Idempotency-Key; nothing when it is unknown or older than 24 hours (wall time).
-- Locks: none.
-- Errors: none.
-- Caller: adapters/postgres/admin_store.py
-- Test: tests/integration/test_find_import.py
create or replace function find_import(p_principal text, p_key text) returns table (salt bytea, digest bytea, answer jsonb)
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
begin
    return query
    select r.salt, r.digest, r.answer from import_requests r
     where r.principal = p_principal and r.key = p_key and r.created_at > clock_timestamp() - interval '24 hours';
end $$;
