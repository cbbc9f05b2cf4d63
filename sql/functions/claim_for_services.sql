-- claim_for_services(p_now, p_until, p_limit, p_lease, p_rate)
--   -> setof (task_id, fence, account_id, phase, due, alone)
-- Claims as claim_due_tasks does, while the breaker of a service limits its tasks: what other
-- services do is claimed as ever, and each task of a limited service gets a slot, the earliest task
-- the first one. A slot is when its message is due; the task keeps its own due time.
-- A breaker that has nothing left to hold back is closed, and a lowered rate is lifted.
-- Locks: services by name; the tasks that it claims, with SKIP LOCKED.
-- Errors: none.
-- Callers: sql/functions/claim_due_tasks.sql
-- Test: tests/integration/test_claim_for_services.py
create or replace function claim_for_services(
    p_now timestamptz, p_until timestamptz, p_limit int, p_lease interval, p_rate float8)
returns table (
    task_id text, fence bigint, account_id text, phase text, due timestamptz, alone boolean)
language plpgsql volatile security definer set search_path = public, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
    s services;
    v_service text;
    v_left int := p_limit;
    v_at timestamptz;
    v_slots timestamptz[];
    v_locked tid[];
begin
    -- Before the tasks: a commit holds tasks while it waits for these rows.
    -- guard: slots-are-given-once
    perform 1 from services v order by v.name for no key update;
    foreach v_service in array array['none', 'actions_service', 'ai_service'] loop
        select * into s from services v where v.name = v_service;
        v_slots := '{}';
        if s.slots_per_second is not null then
            continue when s.is_manual; -- guard: manual-opening-probes-nothing
            v_at := greatest(s.next_slot_at, p_now); -- guard: slots-follow-each-other
            while v_at < p_until and cardinality(v_slots) < v_left loop
                v_slots := v_slots || v_at;
                v_at := v_at + make_interval(
                    secs => 1 / slots_per_second(s.slots_per_second, s.grows_at, v_at));
            end loop;
        end if;
        v_locked := array(
            select t.ctid from scheduled_tasks t
             where t.is_due and t.service = v_service
               and t.scheduled_for < case when s.state = 'open' then p_now else p_until end
             order by t.scheduled_for, t.task_id
             limit case when s.slots_per_second is null then v_left else cardinality(v_slots) end
               for no key update skip locked);
        return query
        update scheduled_tasks t
           set status = 'queued', fence = nextval('fence_seq'), sends = 1,
               admitted = s.generation, -- guard: slot-admits
               lease_expires_at = clock_timestamp()
                                  + greatest(greatest(v_slots[locked.number], t.scheduled_for)
                                             - p_now, interval '0')
                                    / p_rate + p_lease
          from unnest(v_locked) with ordinality locked (place, number)
         where t.ctid = locked.place
        returning t.task_id, t.fence, t.account_id, t.phase,
                  greatest(v_slots[locked.number], t.scheduled_for), t.reclaims > 0;
        v_left := v_left - cardinality(v_locked);
        continue when s.slots_per_second is null;
        update services v
           set next_slot_at = coalesce(v_slots[cardinality(v_locked) + 1], v_at)
         where v.name = v_service;
        -- Fewer tasks than slots: nothing is held back any more.
        if cardinality(v_locked) < cardinality(v_slots) then
            -- guard: breaker-closes-when-nothing-waits
            if s.state = 'half_open' and p_now >= s.changed_at + interval '10 s' then
                perform change_breaker(v_service, 'closed', p_now, null, null);
            elsif s.state = 'closed' and p_now >= s.grows_at then -- guard: lowered-rate-is-lifted
                update services v set slots_per_second = null, grows_at = null
                 where v.name = v_service;
            end if;
        end if;
    end loop;
end $$;
