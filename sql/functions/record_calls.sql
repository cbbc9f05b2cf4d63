-- record_calls(p_calls, p_now) -> void
-- Counts how calls to services ended, and opens or closes the breaker of a service accordingly.
-- p_calls: [{service, generation, answered, refused, throttled, denied, unknown, failure,
-- retry_after_ms, stubborn_blocked, stubborn_unknown}], counted by the generation under which their
-- tasks began. Failures of tasks that failed twice before (stubborn) open no closed breaker.
-- Locks: counts by service, time and part; services by name. They come last, so a transaction that
--   holds them waits for no other.
-- Errors: none.
-- Callers: sql/functions/commit_tasks.sql
-- Test: tests/integration/test_record_calls.py
create or replace function record_calls(p_calls jsonb, p_now timestamptz) returns void
language plpgsql volatile security definer set search_path = public, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
    c record;
    w record;
    s services;
    v_hold interval;
begin
    -- Counted in several parts, so that many commits at once do not wait for one row.
    insert into service_calls as k (service, since, part, answered, refused, throttled, denied,
                                    unknown, stubborn_blocked, stubborn_unknown)
    select x.service, date_bin('5 s', p_now, 'epoch'), pg_backend_pid() % 16,
           sum(x.answered), sum(x.refused), sum(x.throttled), sum(x.denied), sum(x.unknown),
           sum(x.stubborn_blocked), sum(x.stubborn_unknown)
      from jsonb_to_recordset(p_calls) x (
               service text, answered int, refused int, throttled int, denied int, unknown int,
               stubborn_blocked int, stubborn_unknown int)
     group by x.service order by x.service
    on conflict (service, since, part) do update
       set answered = k.answered + excluded.answered, refused = k.refused + excluded.refused,
           throttled = k.throttled + excluded.throttled, denied = k.denied + excluded.denied,
           unknown = k.unknown + excluded.unknown,
           stubborn_blocked = k.stubborn_blocked + excluded.stubborn_blocked,
           stubborn_unknown = k.stubborn_unknown + excluded.stubborn_unknown;

    for c in
        select x.service, max(v.generation) as generation,
               sum(x.answered + x.refused + x.throttled + x.denied + x.unknown) as total,
               sum(x.throttled) as throttled,
               sum(x.throttled + x.denied + x.unknown) as failed,
               -- Only calls that began under the present generation say whether the service has
               -- recovered: those before may have been answered before it failed.
               -- guard: only-trials-close-a-breaker
               coalesce(sum(x.answered + x.refused) filter (where x.generation = v.generation), 0)
                   as trial_answered,
               coalesce(sum(x.throttled + x.denied + x.unknown)
                            filter (where x.generation = v.generation), 0) as trial_failed,
               max(x.failure) as failure,
               least(coalesce(max(x.retry_after_ms), 0), 900000) * interval '1 ms' as retry_after
          from jsonb_to_recordset(p_calls) x (
                   service text, generation bigint, answered int, refused int, throttled int,
                   denied int, unknown int, failure text, retry_after_ms bigint)
          join services v on v.name = x.service
         group by x.service
        -- A service that is well and answers costs nothing here.
        having sum(x.throttled + x.denied + x.unknown) > 0 or bool_or(v.state <> 'closed')
         order by x.service
    loop
        -- Race with another commit and with claim: each finds what the other wrote.
        select * into s from services v
         where v.name = c.service for no key update; -- guard: breaker-is-locked
        -- The calls were compared with the generation from before the wait for the lock.
        if s.generation <> c.generation then -- guard: trials-of-a-former-state-count-no-more
            c.trial_answered := 0;
            c.trial_failed := 0;
        end if;
        if c.failed > 0 then
            update services v set last_failure = c.failure, last_failure_at = p_now
             where v.name = c.service;
        end if;
        if s.state = 'open' then
            -- guard: manual-opening-stays
            if not s.is_manual and c.trial_answered > 0 then -- guard: answered-probe-half-opens
                perform change_breaker(c.service, 'half_open', p_now, null, null);
            elsif c.trial_failed > 0 and c.retry_after > interval '0' then
                update services v
                   set next_slot_at = greatest(v.next_slot_at, p_now + c.retry_after)
                 where v.name = c.service;
            end if;
            continue;
        end if;
        -- The last 15 to 20 seconds: long enough for a share, short enough to notice an outage.
        -- One account that is throttled for ever must not close the service to the others, so the
        -- failures of stubborn tasks are left out.
        -- guard: stubborn-tasks-open-nothing
        select coalesce(sum(k.answered + k.refused), 0) as answered,
               coalesce(sum(k.throttled), 0) as throttled,
               coalesce(sum(k.blocked), 0) as blocked,
               coalesce(sum(k.unknown), 0) as unknown,
               coalesce(sum(k.answered + k.refused + k.blocked + k.unknown), 0) as total,
               -- The last 5 to 10 seconds: after many answers a share alone would rise too slowly.
               coalesce(sum(k.unknown) filter (where k.since > p_now - interval '10 s'), 0)
                   as just_unknown,
               coalesce(sum(k.answered + k.refused)
                            filter (where k.since > p_now - interval '10 s'), 0) as just_answered
          into w
          from (select n.service, n.since, n.answered, n.refused, n.throttled,
                       n.throttled + n.denied - n.stubborn_blocked as blocked,
                       n.unknown - n.stubborn_unknown as unknown
                  from service_calls n) k
         where k.service = c.service and k.since > p_now - interval '20 s'
           -- After a change of state nothing counts that was counted before it.
           -- guard: half-open-counts-anew
           and (s.state = 'closed' or k.since > s.changed_at);
        if s.state = 'half_open' then
            s.trial_answered := s.trial_answered + c.trial_answered;
            s.trial_failed := s.trial_failed + c.trial_failed;
            update services v
               set trial_answered = s.trial_answered, trial_failed = s.trial_failed
             where v.name = c.service;
        end if;
        if (w.unknown >= s.opens_at_failures -- guard: opens-at-a-number
            and w.unknown >= s.opens_at_share * w.total) -- guard: opens-at-a-share
           or (w.just_unknown >= 10 and w.just_unknown >= 9 * w.just_answered)
           -- The first trials decide alone: a service that is still down is left alone at once.
           -- guard: failed-trials-open
           or (s.state = 'half_open' and s.trial_failed >= s.opens_at_failures
               and s.trial_failed >= s.opens_at_share * (s.trial_answered + s.trial_failed))
           or (s.state = 'half_open' and s.trial_failed > 0 and s.trial_answered = 0)
        then
            perform change_breaker(c.service, 'open', p_now, 'unanswered', null);
        elsif w.blocked >= s.opens_at_failures and w.blocked >= 0.9 * w.total then
            -- guard: opens-when-all-are-throttled
            perform change_breaker(
                c.service, 'open', p_now,
                case when w.throttled > 0 then 'throttled' else 'denied' end, null);
            update services v
               set next_slot_at = greatest(v.next_slot_at, p_now + c.retry_after)
             where v.name = c.service;
        elsif c.throttled > 0 and w.throttled > 0 and w.blocked >= s.opens_at_failures
              and w.blocked >= 0.05 * w.total
              -- Not once more for responses to calls that were made before the rate was lowered.
              -- guard: rate-is-lowered-once-in-ten-seconds
              and coalesce(s.lowered_at < p_now - interval '10 s', true)
        then
            -- To what the service accepted lately; it grows again when the time is over that the
            -- service named.
            v_hold := greatest(c.retry_after, interval '10 s');
            update services v
               set slots_per_second = greatest(w.answered / 20.0, v.ramp_per_second),
                   grows_at = p_now + v_hold, lowered_at = p_now,
                   next_slot_at = greatest(v.next_slot_at, p_now),
                   -- What was admitted before waits for its turn, too.
                   generation = v.generation + (v.slots_per_second is null)::int
             where v.name = c.service; -- guard: throttled-fleet-slows-down
        end if;
    end loop;
end $$;
