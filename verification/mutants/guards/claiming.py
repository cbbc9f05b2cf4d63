"""Guards of the SQL functions of the tick: claim, send again, reclaim."""

from __future__ import annotations

from verification.mutants.mutant import Place

RACES = "tests/integration/test_races.py"
CLAIM = Place("sql/functions/claim_due_tasks.sql", "tests/integration/test_claim_due_tasks.py")
CAPACITY = Place(
    "sql/functions/free_queue_capacity.sql", "tests/integration/test_free_queue_capacity.py"
)
RESEND = Place("sql/functions/resend_expired.sql", "tests/integration/test_resend_expired.py")
RECLAIM = Place("sql/functions/reclaim_expired.sql", "tests/integration/test_reclaim_expired.py")

_DUE = "where t.is_due and t.scheduled_for < v_until"
_DUE_LOCK = (
    "where t.is_due and t.scheduled_for < v_until order by t.scheduled_for, t.task_id limit p_limit"
    " for no key update skip locked"
)
_CANCELS = "where t.is_due and t.phase = 'cancel' and t.scheduled_for < v_until"

MUTANTS = (
    CLAIM(
        "claim_beyond_the_horizon",
        "I6: what is due after the horizon stays pending, so no message waits for hours.",
        _DUE,
        "where t.is_due",
        "test_claim_takes_what_is_due_within_the_horizon",
        guard="claim-due-and-unlocked",
    ),
    CLAIM(
        "claim_of_what_is_claimed",
        "I2: only what is pending is claimed.",
        _DUE,
        "where t.is_live and t.scheduled_for < v_until",
        "test_claimed_task_is_not_claimed_again",
        guard="claim-due-and-unlocked",
    ),
    CLAIM(
        "claim_without_a_lock",
        "Two ticks share what is due: neither claims what the other one is claiming.",
        _DUE_LOCK,
        _DUE_LOCK.replace(" for no key update skip locked", ""),
        f"{RACES}::test_claim_twice_at_once",
        guard="claim-due-and-unlocked",
    ),
    CLAIM(
        "claim_that_waits",
        "Claim may leave the lock order only because it never waits.",
        _DUE_LOCK,
        _DUE_LOCK.replace(" skip locked", ""),
        f"{RACES}::test_pause_then_claim",
        guard="claim-due-and-unlocked",
    ),
    CLAIM(
        "claim_of_the_latest",
        "I6: the earliest task is claimed first, so that none starves behind later ones.",
        _DUE_LOCK,
        _DUE_LOCK.replace(
            "t.scheduled_for, t.task_id limit", "t.scheduled_for desc, t.task_id limit"
        ),
        "test_claim_takes_the_earliest_up_to_its_limit",
        guard="claim-due-and-unlocked",
    ),
    CLAIM(
        "claim_without_end",
        "A claim is one short transaction.",
        _DUE_LOCK,
        _DUE_LOCK.replace(" limit p_limit", ""),
        "test_claim_takes_the_earliest_up_to_its_limit",
        guard="claim-due-and-unlocked",
    ),
    CAPACITY(
        "capacity_taken_by_what_waits",
        "Only queued and running tasks count as in flight.",
        "t.is_in_flight limit",
        "t.is_live limit",
        "test_what_is_queued_or_running_takes_room_and_nothing_else",
        guard="capacity-counts-what-is-in-flight",
    ),
    CAPACITY(
        "capacity_below_zero",
        "The free capacity is never negative: the count ends at the capacity.",
        "from scheduled_tasks t where t.is_in_flight limit p_queue_capacity)",
        "from scheduled_tasks t where t.is_in_flight)",
        "test_a_system_that_is_more_than_full_has_no_room",
        guard="capacity-counts-what-is-in-flight",
    ),
    CLAIM(
        "claim_under_the_global_pause",
        "I7: under the global pause only cancels are claimed.",
        "if (select c.paused from engine_control c) then",
        "if false then",
        "test_global_pause_claims_cancels_only",
        guard="claim-respects-the-global-pause",
    ),
    CLAIM(
        "paused_claim_takes_everything",
        "I7: under the global pause the claim selects cancels.",
        _CANCELS,
        "where t.is_due and t.scheduled_for < v_until /* cancels too */",
        "test_global_pause_claims_cancels_only",
        guard="paused-claim-takes-cancels",
    ),
    CLAIM(
        "claim_under_the_old_fence",
        "I4: a claim takes a new fence, so that an earlier message begins nothing.",
        "set status = 'queued', fence = nextval('fence_seq'), sends = 1",
        "set status = 'queued', sends = 1",
        "test_a_claim_has_a_fence_of_its_own",
        guard="claim-takes-a-new-fence",
    ),
    CLAIM(
        "claim_that_counts_no_send",
        "I8: the message of the claim is the first send.",
        "fence = nextval('fence_seq'), sends = 1",
        "fence = nextval('fence_seq')",
        "test_a_claim_has_a_fence_of_its_own",
        guard="claim-takes-a-new-fence",
    ),
    CLAIM(
        "claim_leased_from_now",
        "The lease of a claim begins at the due time: a message that waits is not lost.",
        "clock_timestamp() + greatest(t.scheduled_for - v_now, interval '0') / p_rate + p_lease",
        "clock_timestamp() + p_lease",
        "test_lease_lasts_beyond_the_due_time_in_real_seconds",
        guard="claim-is-leased-from-the-due-time",
    ),
    CLAIM(
        "claim_that_forgets_the_crash",
        "A task that was reclaimed travels alone in its message.",
        "t.scheduled_for, t.reclaims > 0;",
        "t.scheduled_for, false;",
        "test_task_that_was_reclaimed_travels_alone",
        guard="reclaimed-task-travels-alone",
    ),
    RESEND(
        "resend_under_a_new_fence",
        "I6: a late message still counts; a new fence per send would livelock a slow queue.",
        "set sends = t.sends + 1,",
        "set sends = t.sends + 1, fence = nextval('fence_seq'),",
        "test_queued_past_its_lease_is_sent_again_under_the_same_fence",
        guard="resend-counts-and-keeps-the-fence",
    ),
    RESEND(
        "resend_before_the_lease_ends",
        "A message is not sent again within its lease.",
        "t.lease_expires_at < v_wall and t.status = 'queued'",
        "t.status = 'queued'",
        "test_queued_past_its_lease_is_sent_again_under_the_same_fence",
        guard="resend-after-the-lease",
    ),
    RESEND(
        "resend_of_what_runs",
        "What runs past its lease is reclaimed, never sent again.",
        "and t.status = 'queued' and t.sends < 20",
        "and t.sends < 20",
        "test_running_task_is_never_resent",
        guard="resend-only-what-is-queued",
    ),
    RESEND(
        "resend_without_end",
        "I8: a message is sent at most 20 times.",
        " and t.sends < 20",
        "",
        "test_after_twenty_sends_it_is_given_up",
        guard="resend-has-an-end",
    ),
    RESEND(
        "resend_that_does_not_count",
        "I8: sends are counted.",
        "set sends = t.sends + 1, lease_expires_at",
        "set lease_expires_at",
        "test_queued_past_its_lease_is_sent_again_under_the_same_fence",
        guard="resend-counts-and-keeps-the-fence",
    ),
    RESEND(
        "resend_with_the_same_lease",
        "Each send doubles the lease: a slow queue is not flooded.",
        "v_wall + p_lease * (1 << least(t.sends, 3))",
        "v_wall + p_lease",
        "test_lease_grows_with_every_send",
        guard="resend-waits-longer",
    ),
    RESEND(
        "resend_under_the_global_pause",
        "I7: under the global pause only cancels are sent again.",
        " and (not v_paused or t.phase = 'cancel')",
        "",
        "test_global_pause_resends_cancels_only",
        guard="resend-respects-the-global-pause",
    ),
    RESEND(
        "resend_that_waits",
        "Sending again may leave the lock order only because it never waits.",
        "for no key update skip locked",
        "for no key update",
        "test_what_is_being_changed_is_passed_by",
        guard="resend-never-waits",
    ),
    RECLAIM(
        "reclaim_before_the_lease_ends",
        "I4: a task is not reclaimed within its lease.",
        "where t.is_in_flight and t.lease_expires_at < v_wall and (t.status",
        "where (t.status",
        "test_running_past_its_lease_is_reclaimed",
        guard="reclaim-after-the-lease",
    ),
    RECLAIM(
        "reclaim_of_what_is_queued",
        "A queued task is sent again, and reclaimed only after 20 sends.",
        "(t.status = 'queued' and t.sends >= 20",
        "(t.status = 'queued'",
        "test_sent_twenty_times_in_vain_is_reclaimed_as_undeliverable",
        guard="reclaim-queued-after-twenty-sends",
    ),
    RECLAIM(
        "reclaim_of_the_undeliverable_under_pause",
        "I8: under the global pause no task is undeliverable: none is meant to begin.",
        " and (not v_paused or t.phase = 'cancel')",
        "",
        "test_global_pause_reclaims_what_runs",
        guard="undeliverable-not-under-pause",
    ),
    RECLAIM(
        "reclaim_that_waits",
        "Reclaim may leave the lock order only because it never waits.",
        "for no key update skip locked",
        "for no key update",
        f"{RACES}::test_commit_then_reclaim",
        guard="reclaim-locks-and-never-waits",
    ),
    RECLAIM(
        "reclaim_without_a_lock",
        "I4: of two ticks one reclaims a task.",
        " for no key update skip locked",
        "",
        f"{RACES}::test_reclaim_twice_at_once",
        guard="reclaim-locks-and-never-waits",
    ),
    RECLAIM(
        "reclaim_under_the_old_fence",
        "I4: a worker that lost its lease cannot commit.",
        "set status = 'running', fence = nextval('fence_seq'), claim_fence = null",
        "set status = 'running', claim_fence = null",
        "test_whoever_lost_its_lease_cannot_commit",
        guard="reclaim-takes-a-new-fence",
    ),
    RECLAIM(
        "reclaim_that_keeps_the_claim",
        "I8: an expired reclaim is no crash of the task.",
        "claim_fence = null, begun_by",
        "begun_by",
        "test_lost_reclaim_is_not_a_crash_of_the_task",
        guard="reclaim-clears-the-claim-fence",
    ),
    RECLAIM(
        "reclaim_in_the_name_of_the_lost",
        "I4: a delivery that lost its task does not get the fence of the present holder.",
        "begun_by = p_delivery_id, ",
        "",
        "tests/integration/test_commit_tasks.py::test_commit_again_never_hands_out_somebody_elses_fence",
        guard="reclaim-takes-the-delivery-id",
    ),
    RECLAIM(
        "reclaim_without_a_lease",
        "I6: a task is reclaimed again when the tick dies between reclaim and commit.",
        "lease_expires_at = v_wall + p_lease,",
        "lease_expires_at = 'infinity',",
        "test_running_past_its_lease_is_reclaimed",
        guard="reclaim-has-a-lease",
    ),
    RECLAIM(
        "reclaim_that_does_not_count",
        "I8: a task that kills its process is given up after a number of reclaims.",
        "reclaims = t.reclaims + (t.status = 'running' and t.claim_fence is not null)::int,",
        "reclaims = t.reclaims,",
        "test_every_lost_begin_counts",
        guard="reclaim-counts",
    ),
    RECLAIM(
        "reclaim_that_keeps_the_sends",
        "A crash after the twentieth send counts as a crash: the message had arrived.",
        "sends = case when t.status = 'running'"
        " and t.claim_fence is not null then 0 else t.sends end",
        "sends = t.sends",
        "test_crash_after_the_twentieth_send_is_a_crash",
        guard="reclaim-resets-the-sends",
    ),
    RECLAIM(
        "reclaim_in_any_order",
        "I6: the longest expired task is reclaimed first.",
        "order by t.lease_expires_at limit p_limit",
        "limit p_limit",
        "test_limit_is_kept_longest_expired_first",
        guard="reclaim-the-longest-expired-first",
    ),
    RECLAIM(
        "reclaim_that_forgets_the_pause",
        "The deadline leaves out the present global pause.",
        "c.paused_ms + case when c.paused then greatest(extract(epoch"
        " from v_now - c.paused_at) * 1000, 0) else 0 end",
        "c.paused_ms",
        "test_reclaim_counts_the_pause_that_is_on",
        guard="reclaim-counts-the-present-pause",
    ),
)
