"""Guards of inserted and rescheduled tasks: in commit, and in initial_task_status."""

from __future__ import annotations

from verification.mutants.mutant import Place

BOOKS = "tests/integration/test_commit_books.py"
INTERRUPTED = "tests/integration/test_commit_interrupted.py"
COMMIT = Place("sql/functions/commit_tasks.sql", "tests/integration/test_commit_tasks.py")
INITIAL_STATUS = Place(
    "sql/functions/initial_task_status.sql", "tests/integration/test_initial_task_status.py"
)
_NOT_SENT = "not coalesce((r.task ->> 'outcome_unknown')::boolean, false)"
_FIRST_BEGUN = (
    f"case when r.rescheduled and t.phase = 'submit'"
    f" and {_NOT_SENT} then null else t.first_begun_at end"
)

MUTANTS = (
    COMMIT(
        "commit_again_by_any_fence",
        "I4: only the committed fence can repeat its commit.",
        "on t.task_id = requested.id and t.committed_fence = requested.fence",
        "on t.task_id = requested.id",
        f"{BOOKS}::test_commit_again_is_for_the_fence_that_committed",
        guard="only-the-committed-fence-is-repeated",
    ),
    COMMIT(
        "commit_answers_an_item_twice",
        "An item that comes twice is returned once.",
        "(select distinct r.id, r.fence from",
        "(select r.id, r.fence from",
        f"{BOOKS}::test_same_item_twice_is_returned_once",
        guard="item-is-returned-once",
    ),
    COMMIT(
        "stop_runs_its_cancel_without_the_lock",
        "I4: the cancel of a stop comes by message, so that its delivery locks the account.",
        "f.old_status <> 'stopping' and coalesce((f.next ->> 'run')::boolean, false)",
        "coalesce((f.next ->> 'run')::boolean, false)",
        f"{BOOKS}::test_the_cancel_of_a_stop_never_runs_at_once",
        guard="cancel-of-a-stop-is-sent",
    ),
    COMMIT(
        "rescheduled_under_the_global_pause",
        "I7: a task that is rescheduled under the global pause is not queued.",
        "f.due, v_now, p_horizon, v_paused or (f.service",
        "f.due, v_now, p_horizon, false or (f.service",
        f"{INTERRUPTED}::test_global_pause_lets_nothing_follow_at_once",
        guard="rescheduled-task-status",
    ),
    COMMIT(
        "inserted_under_the_global_pause",
        "I7: a task that is inserted under the global pause is neither running nor queued.",
        "(f.next ->> 'at')::timestamptz, v_now, p_horizon, v_paused",
        "(f.next ->> 'at')::timestamptz, v_now, p_horizon, false",
        f"{INTERRUPTED}::test_global_pause_lets_nothing_follow_at_once",
        guard="successor-respects-the-global-pause",
    ),
    COMMIT(
        "rescheduled_though_paused",
        "I7: a task that is rescheduled on a paused instance is held.",
        "then initial_task_status(f.old_status, f.phase, false,",
        "then initial_task_status('active', f.phase, false,",
        f"{INTERRUPTED}::test_paused_instance_holds_the_same_row",
        guard="rescheduled-task-status",
    ),
    COMMIT(
        "inserted_though_paused",
        "I7: a task that is inserted on a paused instance is held.",
        "then initial_task_status(f.old_status, f.next ->> 'phase',",
        "then initial_task_status('active', f.next ->> 'phase',",
        f"{INTERRUPTED}::test_paused_instance_holds_what_follows",
        guard="successor-status",
    ),
    COMMIT(
        "rescheduled_under_the_old_fence",
        "I4: a rescheduled task has a new fence: its former commit and message are void.",
        "fence = case when r.task_status = 'queued' then nextval('fence_seq') else t.fence end",
        "fence = t.fence",
        "test_same_row_again_within_the_horizon_is_queued_and_returned",
        guard="rescheduled-under-a-new-fence",
    ),
    COMMIT(
        "crashes_forgiven_by_a_commit",
        "I8: a task that ends its process every second time is given up after some reclaims.",
        "sends = case when r.rescheduled",
        "reclaims = case when r.rescheduled and t.claim_fence is not null then 0"
        " else t.reclaims end, sends = case when r.rescheduled",
        "tests/integration/test_reclaim_expired.py::test_every_lost_begin_counts",
        "tests/integration/services/test_crashes.py"
        "::test_a_poll_that_kills_every_second_process_is_given_up",
        guard="commit-keeps-reclaims",
    ),
    COMMIT(
        "crashes_forgiven_by_the_tick",
        "I8: the commit of a reclaim does not reset the count of reclaims.",
        "sends = case when r.rescheduled",
        "reclaims = case when r.rescheduled and t.claim_fence is null then 0"
        " else t.reclaims end, sends = case when r.rescheduled",
        "tests/integration/test_reclaim_expired.py::test_every_lost_begin_counts",
        guard="commit-keeps-reclaims",
    ),
    COMMIT(
        "sends_never_forgotten",
        "I8: sends count since the task was last queued.",
        "sends = case when r.rescheduled then (r.task_status = 'queued')::int else t.sends end",
        "sends = t.sends",
        f"{BOOKS}::test_a_rescheduled_task_has_its_sends_counted_anew",
        guard="rescheduled-task-counts-sends-anew",
    ),
    COMMIT(
        "the_key_ages_before_it_is_used",
        "I5: the service does not know the key of a submit that was not sent.",
        _FIRST_BEGUN,
        "t.first_begun_at",
        f"{BOOKS}::test_a_submit_that_was_not_sent_has_a_young_key",
        guard="unsent-key-does-not-age",
    ),
    COMMIT(
        "the_key_of_a_sent_submit_grows_young",
        "I5: after an unknown outcome the key ages from the first begin on.",
        _FIRST_BEGUN,
        "case when r.rescheduled and t.phase = 'submit' then null else t.first_begun_at end",
        f"{BOOKS}::test_a_submit_that_was_sent_keeps_the_age_of_its_key",
        guard="unsent-key-does-not-age",
    ),
    COMMIT(
        "a_cancel_forgets_its_first_look",
        "I1: the first begin of a cancel decides when its key is looked up again.",
        _FIRST_BEGUN,
        _FIRST_BEGUN.replace("t.phase = 'submit' and ", ""),
        f"{BOOKS}::test_a_cancel_keeps_its_first_begin",
        guard="unsent-key-does-not-age",
    ),
    COMMIT(
        "commit_leased_from_before_the_wait",
        "A lease begins after the lock wait.",
        "v_wall := clock_timestamp();",
        "",
        f"{BOOKS}::test_a_lease_begins_after_the_waiting",
        also=(
            (
                "perform pg_advisory_xact_lock_shared(7);",
                "v_wall := clock_timestamp(); perform pg_advisory_xact_lock_shared(7);",
            ),
        ),
        guard="commit-leases-after-the-wait",
    ),
    COMMIT(
        "rescheduled_leased_from_now",
        "The lease of a rescheduled task begins at its due time.",
        "case when r.task_status = 'queued' then v_wall + greatest(r.due - v_now, interval '0')"
        " / p_rate + p_lease end",
        "case when r.task_status = 'queued' then v_wall + p_lease end",
        f"{BOOKS}::test_a_rescheduled_task_is_leased_until_after_it_is_due",
        guard="rescheduled-lease-from-the-due-time",
    ),
    COMMIT(
        "inserted_leased_from_now",
        "The lease of an inserted queued task begins at its due time.",
        "when 'queued' then v_wall + greatest(s.successor_due - v_now, interval '0')"
        " / p_rate + p_lease when",
        "when 'queued' then v_wall + p_lease when",
        "test_next_task_due_within_the_horizon_is_queued_and_returned",
        guard="successor-lease-from-the-due-time",
    ),
    COMMIT(
        "chained_without_a_delivery_id",
        "The delivery of a chain is stored, so that a repeated commit can go on.",
        "case when s.successor_status = 'running' then s.begun_by end,",
        "null,",
        "test_next_task_runs_at_once_when_requested",
        guard="running-successor-has-a-delivery-id",
    ),
    COMMIT(
        "chained_without_a_claim",
        "I8: a chained task whose lease expires counts as a crash.",
        "case when s.successor_status = 'running' then s.successor_fence end,",
        "null,",
        f"{BOOKS}::test_a_chained_task_that_is_lost_counts_as_a_crash",
        guard="running-successor-has-a-claim-fence",
    ),
    COMMIT(
        "chained_without_an_age",
        "I5: the key of a chained submit ages from its insert on.",
        "case when s.successor_status = 'running' then v_wall end, case",
        "null, case",
        "test_next_task_runs_at_once_when_requested",
        guard="running-successor-key-ages",
    ),
    INITIAL_STATUS(
        "initial_status_though_paused",
        "I7: a task is inserted as held on a paused instance.",
        "        when p_instance_status = 'paused' and p_phase <> 'cancel' then 'held'\n",
        "",
        "test_each_status",
        guard="held-while-paused",
    ),
    INITIAL_STATUS(
        "initial_status_holds_cancels",
        "A cancel is never held.",
        "when p_instance_status = 'paused' and p_phase <> 'cancel'",
        "when p_instance_status = 'paused'",
        "test_each_status",
        guard="held-while-paused",
    ),
    INITIAL_STATUS(
        "initial_status_under_the_global_pause",
        "I7: a task is inserted as pending under the global pause.",
        "        when p_engine_paused and p_phase <> 'cancel' then 'pending'\n",
        "",
        "test_each_status",
        guard="pending-under-global-pause",
    ),
    INITIAL_STATUS(
        "initial_status_delays_cancels",
        "No pause affects a cancel.",
        "when p_engine_paused and p_phase <> 'cancel'",
        "when p_engine_paused",
        "test_each_status",
        guard="pending-under-global-pause",
    ),
    INITIAL_STATUS(
        "initial_status_runs_without_request",
        "I4: a task is inserted as running only for a delivery that requested it.",
        "when p_run and p_at <= p_now",
        "when p_at <= p_now",
        "test_each_status",
        guard="running-only-as-requested-and-due",
    ),
    INITIAL_STATUS(
        "initial_status_runs_early",
        "I6: a task is inserted as running only if it is due.",
        "when p_run and p_at <= p_now",
        "when p_run",
        "test_each_status",
        guard="running-only-as-requested-and-due",
    ),
    INITIAL_STATUS(
        "initial_status_queues_everything",
        "I6: a task is inserted as pending if it is due after the horizon.",
        "when p_at < p_now + p_horizon then 'queued'",
        "when true then 'queued'",
        "test_each_status",
        guard="queued-within-the-horizon",
    ),
)
