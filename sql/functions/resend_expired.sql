-- resend_expired(p_limit, p_lease) -> setof (task_id, fence, account_id, phase, due, alone)
-- Takes what stayed queued past its lease, for its message to be sent again: the same fence, so that an older message still counts, one more send, and a lease
-- that doubles up to eight times its length. Not after the 20th send; under a global pause cancels only.
-- Locks: tasks, those it takes, with SKIP LOCKED: it never waits, and so may leave the lock order.
-- Errors: none.
-- Caller: adapters/postgres/engine_store.py
-- Test: tests/integration/test_resend_expired.py
create or replace function resend_expired(p_limit int, p_lease interval)
returns table (task_id text, fence bigint, account_id text, phase text, due timestamptz, alone boolean)
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_wall timestamptz := clock_timestamp();
    v_paused boolean := (select c.paused from engine_control c);
    v_ids text[];
begin
    v_ids := array(select t.task_id from scheduled_tasks t
                    where t.is_out and t.lease_expires_at < v_wall and t.status = 'queued' and t.sends < 20 and (not v_paused or t.phase = 'cancel')
                    order by t.lease_expires_at limit p_limit for no key update skip locked);
    return query
    update scheduled_tasks t
       set sends = t.sends + 1, lease_expires_at = v_wall + p_lease * (1 << least(t.sends, 3))
     where t.task_id = any (v_ids)
    returning t.task_id, t.fence, t.account_id, t.phase, t.scheduled_for, t.reclaims > 0;
end $$;
