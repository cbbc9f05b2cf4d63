-- resend_expired(p_limit, p_lease) -> setof (task_id, fence, account_id, phase, due, alone)
-- Returns tasks that stayed queued past their lease, for their message to be sent again. The fence
-- stays, so that an older message still counts: with a new fence per send, a queue that is slower
-- than the lease would only ever deliver stale messages. Each send counts, and doubles the lease up
-- to eight times its length. After the 20th send reclaim_expired takes the task. Under a global
-- pause only cancels are sent again.
-- Locks: the tasks that it takes, with SKIP LOCKED: it never waits, and so may leave the lock
--   order.
-- Errors: none.
-- Callers: adapters/postgres/engine_store.py
-- Test: tests/integration/test_resend_expired.py
create or replace function resend_expired(p_limit int, p_lease interval)
returns table (
    task_id text, fence bigint, account_id text, phase text, due timestamptz, alone boolean)
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_wall timestamptz := clock_timestamp();
    v_paused boolean := (select c.paused from engine_control c);
    v_ids text[];
begin
    -- The lease stands in no index (docs/adr/0016): what is in flight is read by its flag, and is
    -- bounded by the queue capacity. Race with begin_tasks: it holds the row, so this call skips
    -- it; or this call holds the row, and begin_tasks then finds it queued under the same fence.
    v_ids := array(select t.task_id from scheduled_tasks t
                    where t.is_in_flight
                      -- guard: resend-after-the-lease, resend-only-what-is-queued
                      and t.lease_expires_at < v_wall and t.status = 'queued'
                      and t.sends < 20 -- guard: resend-has-an-end
                      -- guard: resend-respects-the-global-pause
                      and (not v_paused or t.phase = 'cancel')
                    order by t.lease_expires_at limit p_limit
                      for no key update skip locked); -- guard: resend-never-waits
    return query
    update scheduled_tasks t
       -- guard: resend-counts-and-keeps-the-fence
       set sends = t.sends + 1,
           -- guard: resend-waits-longer
           lease_expires_at = v_wall + p_lease * (1 << least(t.sends, 3))
     where t.task_id = any (v_ids)
    returning t.task_id, t.fence, t.account_id, t.phase, t.scheduled_for, t.reclaims > 0;
end $$;
