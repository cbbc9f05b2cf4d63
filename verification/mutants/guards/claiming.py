"""Guards of claim: what is claimed, in which order, and how much."""

from __future__ import annotations

from verification.mutants.mutant import Place

RACES = "tests/integration/test_races.py"
CLAIM = Place("sql/functions/claim_due_tasks.sql", "tests/integration/test_claim_due_tasks.py")
CAPACITY = Place(
    "sql/functions/free_queue_capacity.sql", "tests/integration/test_free_queue_capacity.py"
)
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
        "test_only_queued_and_running_tasks_take_capacity",
        guard="capacity-counts-what-is-in-flight",
    ),
    CAPACITY(
        "capacity_below_zero",
        "The free capacity is never negative: the count ends at the capacity.",
        "from scheduled_tasks t where t.is_in_flight limit p_queue_capacity)",
        "from scheduled_tasks t where t.is_in_flight)",
        "test_free_capacity_is_never_negative",
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
)
