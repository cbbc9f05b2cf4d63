-- acquire_account_lock(p_account, p_delivery_id, p_instance, p_sequence, p_fence, p_timeout,
--   p_lease) -> setof (verdict, held_until)
-- Takes or renews the lock of an account for a delivery. The verdict is one of three.
-- acquired: the lock was free or expired, or belonged to this delivery, or to an earlier task or
-- fence of the same instance; or to this very task and fence, but was taken longer than p_lease
-- ago, and no invocation lives that long.
-- duplicate: another delivery of the same task and fence holds it.
-- held: another owner holds it, until held_until.
-- Locks: the row of the lock.
-- Errors: none.
-- Callers: adapters/postgres/locks.py
-- Test: tests/integration/test_acquire_account_lock.py
create or replace function acquire_account_lock(
    p_account text, p_delivery_id text, p_instance text, p_sequence bigint, p_fence bigint,
    p_timeout interval, p_lease interval)
returns table (verdict text, held_until timestamptz)
language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
    v_wall timestamptz;
begin
    -- Repeated only if the lock was released between the two statements: the upsert found a holder,
    -- and the query no longer does.
    loop
        v_wall := clock_timestamp();
        insert into workflow_locks as l
               (lock_key, locked_by, expires_at, acquired_at, instance_id, sequence, fence)
        values ('account:' || p_account, p_delivery_id, v_wall + p_timeout, v_wall,
                p_instance, p_sequence, p_fence)
            on conflict (lock_key) do update
           set locked_by = excluded.locked_by, expires_at = excluded.expires_at,
               acquired_at = excluded.acquired_at, instance_id = excluded.instance_id,
               sequence = excluded.sequence, fence = excluded.fence
         where l.expires_at <= v_wall -- guard: lock-expires
            or l.locked_by = p_delivery_id -- guard: owner-renews
            -- guard: own-earlier-task
            or (l.instance_id = p_instance and (l.sequence, l.fence) < (p_sequence, p_fence))
            -- guard: own-dead-invocation
            or (l.instance_id = p_instance and (l.sequence, l.fence) = (p_sequence, p_fence)
                and l.acquired_at <= v_wall - p_lease);
        if found then
            return query select 'acquired', null::timestamptz;
            return;
        end if;
        return query
        -- guard: duplicate-delivery
        select case when l.instance_id = p_instance
                     and (l.sequence, l.fence) = (p_sequence, p_fence)
                    then 'duplicate' else 'held' end,
               l.expires_at
          from workflow_locks l
         where l.lock_key = 'account:' || p_account;
        if found then
            return;
        end if;
    end loop;
end $$;
