"""Guards of the tick's verbs: claim, send again, reclaim."""

from __future__ import annotations

from verification.mutants.mutant import Place

RACES = "tests/integration/test_races.py"
CLAIM = Place("sql/functions/claim_due_tasks.sql", "tests/integration/test_claim_due_tasks.py")
ROOM = Place(
    "sql/functions/free_queue_capacity.sql", "tests/integration/test_free_queue_capacity.py"
)
RESEND = Place("sql/functions/resend_expired.sql", "tests/integration/test_resend_expired.py")
RECLAIM = Place("sql/functions/reclaim_expired.sql", "tests/integration/test_reclaim_expired.py")

_DUE = "where t.is_due and t.scheduled_for < v_until"
_DUE_LOCK = """where t.is_due and t.scheduled_for < v_until
                           order by t.scheduled_for, t.task_id limit p_limit for no key update skip locked"""
_CANCELS = "where t.is_due and t.phase = 'cancel' and t.scheduled_for < v_until"

MUTANTS = (
    CLAIM(
        "claim_beyond_the_horizon",
        "I6: what is due later stays pending; its message would lie about for hours.",
        _DUE,
        "where t.is_due",
        "test_claim_takes_what_is_due_within_the_horizon",
    ),
    CLAIM(
        "claim_of_what_is_claimed",
        "I2: only what is pending is claimed.",
        _DUE,
        "where t.is_live and t.scheduled_for < v_until",
        "test_claimed_task_is_not_claimed_again",
    ),
    CLAIM(
        "claim_without_a_lock",
        "Two ticks share what is due; neither claims what the other one is claiming.",
        _DUE_LOCK,
        _DUE_LOCK.replace(" for no key update skip locked", ""),
        f"{RACES}::test_claim_twice_at_once",
    ),
    CLAIM(
        "claim_that_waits",
        "Claim may leave the lock order only because it never waits.",
        _DUE_LOCK,
        _DUE_LOCK.replace(" skip locked", ""),
        f"{RACES}::test_pause_then_claim",
    ),
    CLAIM(
        "claim_of_the_latest",
        "I6: the earliest first, so that nothing starves behind what came later.",
        _DUE_LOCK,
        _DUE_LOCK.replace(
            "t.scheduled_for, t.task_id limit", "t.scheduled_for desc, t.task_id limit"
        ),
        "test_claim_takes_the_earliest_up_to_its_limit",
    ),
    CLAIM(
        "claim_without_end",
        "A claim is one short transaction.",
        _DUE_LOCK,
        _DUE_LOCK.replace(" limit p_limit", ""),
        "test_claim_takes_the_earliest_up_to_its_limit",
    ),
    ROOM(
        "room_taken_by_what_waits",
        "What is in flight is queued or running; what waits for its time takes no room.",
        "where t.is_out limit",
        "where t.is_live limit",
        "test_what_is_queued_or_running_takes_room_and_nothing_else",
    ),
    ROOM(
        "room_below_none",
        "Full is full: the count ends where no room is left.",
        "where t.is_out limit p_most",
        "where t.is_out",
        "test_a_system_that_is_more_than_full_has_no_room",
    ),
    CLAIM(
        "claim_under_the_global_pause",
        "I7: under the global pause cancels only are claimed.",
        "if (select c.paused from engine_control c) then",
        "if false then",
        "test_global_pause_claims_cancels_only",
    ),
    CLAIM(
        "paused_claim_takes_everything",
        "I7: what the paused claim looks for is cancels.",
        _CANCELS,
        "where t.is_due and t.scheduled_for < v_until /* cancels too */",
        "test_global_pause_claims_cancels_only",
    ),
    CLAIM(
        "claim_under_the_old_fence",
        "I4: a claim's fence is new: a message of an earlier claim begins nothing.",
        "set status = 'queued', fence = nextval('fence_seq'), sends = 1",
        "set status = 'queued', sends = 1",
        "test_a_claim_has_a_fence_of_its_own",
    ),
    CLAIM(
        "claim_that_counts_no_send",
        "I8: the message of the claim is the first send.",
        "fence = nextval('fence_seq'), sends = 1",
        "fence = nextval('fence_seq')",
        "test_a_claim_has_a_fence_of_its_own",
    ),
    CLAIM(
        "claim_leased_from_now",
        "The lease of a claim begins when the task is due, else what waits in the queue counts as lost.",
        "clock_timestamp() + greatest(t.scheduled_for - v_now, interval '0') / p_rate + p_lease",
        "clock_timestamp() + p_lease",
        "test_lease_lasts_beyond_the_due_time_in_real_seconds",
    ),
    CLAIM(
        "claim_that_forgets_the_crash",
        "What was reclaimed travels alone.",
        "t.scheduled_for, t.reclaims > 0;",
        "t.scheduled_for, false;",
        "test_task_that_was_reclaimed_travels_alone",
    ),
    RESEND(
        "resend_under_a_new_fence",
        "I6: a message that is only late still counts; a new fence per resend livelocks under a backlog.",
        "set sends = t.sends + 1,",
        "set sends = t.sends + 1, fence = nextval('fence_seq'),",
        "test_queued_past_its_lease_is_sent_again_under_the_same_fence",
    ),
    RESEND(
        "resend_before_the_lease_ends",
        "What is within its lease is on its way.",
        "t.lease_expires_at < v_wall and t.status = 'queued'",
        "t.status = 'queued'",
        "test_queued_past_its_lease_is_sent_again_under_the_same_fence",
    ),
    RESEND(
        "resend_of_what_runs",
        "What runs past its lease is reclaimed, never sent again.",
        "and t.status = 'queued' and t.sends < 20",
        "and t.sends < 20",
        "test_running_task_is_never_resent",
    ),
    RESEND(
        "resend_without_end",
        "I8: given up after 20 sends.",
        " and t.sends < 20",
        "",
        "test_after_twenty_sends_it_is_given_up",
    ),
    RESEND(
        "resend_that_does_not_count",
        "I8: sends are counted.",
        "set sends = t.sends + 1, lease_expires_at",
        "set lease_expires_at",
        "test_queued_past_its_lease_is_sent_again_under_the_same_fence",
    ),
    RESEND(
        "resend_with_the_same_lease",
        "Each resend waits longer: a slow queue is not flooded.",
        "v_wall + p_lease * (1 << least(t.sends, 3))",
        "v_wall + p_lease",
        "test_lease_grows_with_every_send",
    ),
    RESEND(
        "resend_under_the_global_pause",
        "I7: under the global pause cancels only are sent again.",
        " and (not v_paused or t.phase = 'cancel')",
        "",
        "test_global_pause_resends_cancels_only",
    ),
    RESEND(
        "resend_that_waits",
        "Sending again may leave the lock order only because it never waits.",
        "for no key update skip locked",
        "for no key update",
        "test_what_is_being_changed_is_passed_by",
    ),
    RECLAIM(
        "reclaim_before_the_lease_ends",
        "I4: whoever runs within its lease is left alone.",
        "where t.is_out and t.lease_expires_at < v_wall\n                      and (t.status",
        "where (t.status",
        "test_running_past_its_lease_is_reclaimed",
    ),
    RECLAIM(
        "reclaim_of_what_is_queued",
        "What is queued is sent again, and only after 20 sends given up.",
        "(t.status = 'queued' and t.sends >= 20 and",
        "(t.status = 'queued' and",
        "test_sent_twenty_times_in_vain_is_reclaimed_as_undeliverable",
    ),
    RECLAIM(
        "reclaim_of_the_undeliverable_under_pause",
        "I8: while the engine is paused nothing is given up as undeliverable: nothing was begun on purpose.",
        " and (not v_paused or t.phase = 'cancel')",
        "",
        "test_global_pause_reclaims_what_runs",
    ),
    RECLAIM(
        "reclaim_that_waits",
        "Take-over may leave the lock order only because it never waits.",
        "for no key update skip locked",
        "for no key update",
        f"{RACES}::test_commit_then_reclaim",
    ),
    RECLAIM(
        "reclaim_without_a_lock",
        "I4: of two ticks one takes a task over.",
        " for no key update skip locked",
        "",
        f"{RACES}::test_reclaim_twice_at_once",
    ),
    RECLAIM(
        "reclaim_under_the_old_fence",
        "I4: whoever lost its lease cannot commit.",
        "set status = 'running', fence = nextval('fence_seq'), claim_fence = null",
        "set status = 'running', claim_fence = null",
        "test_whoever_lost_its_lease_cannot_commit",
    ),
    RECLAIM(
        "reclaim_that_keeps_the_claim",
        "I8: a reclaim that was lost itself is no crash of the task.",
        "claim_fence = null, begun_by",
        "begun_by",
        "test_lost_reclaim_is_not_a_crash_of_the_task",
    ),
    RECLAIM(
        "reclaim_in_the_name_of_the_lost",
        "I4: a delivery that lost its task is not told the fence of whoever took it over.",
        "begun_by = p_delivery_id, ",
        "",
        "tests/integration/test_commit_tasks.py::test_commit_again_never_hands_out_somebody_elses_fence",
    ),
    RECLAIM(
        "reclaim_without_a_lease",
        "I6: a tick that dies between reclaim and commit is reclaimed from in turn.",
        "lease_expires_at = v_wall + p_lease,",
        "lease_expires_at = 'infinity',",
        "test_running_past_its_lease_is_reclaimed",
    ),
    RECLAIM(
        "reclaim_that_does_not_count",
        "I8: a task that kills its process is given up after so many reclaims.",
        "reclaims = t.reclaims + (t.status = 'running' and t.claim_fence is not null)::int,",
        "reclaims = t.reclaims,",
        "test_every_lost_begin_counts",
    ),
    RECLAIM(
        "reclaim_that_keeps_the_sends",
        "A crash after the twentieth send is a crash: the message had come.",
        "sends = case when t.status = 'running' and t.claim_fence is not null then 0 else t.sends end",
        "sends = t.sends",
        "test_crash_after_the_twentieth_send_is_a_crash",
    ),
    RECLAIM(
        "reclaim_in_any_order",
        "I6: the longest expired first.",
        "order by t.lease_expires_at limit p_limit",
        "limit p_limit",
        "test_limit_is_kept_longest_expired_first",
    ),
    RECLAIM(
        "reclaim_that_forgets_the_pause",
        "The deadline leaves out the global pause that is on.",
        "c.paused_ms + case when c.paused then greatest(extract(epoch from v_now - c.paused_at) * 1000, 0) else 0 end",
        "c.paused_ms",
        "test_reclaim_counts_the_pause_that_is_on",
    ),
)
