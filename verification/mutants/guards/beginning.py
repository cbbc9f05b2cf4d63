"""Guards of the SQL function begin_tasks."""

from __future__ import annotations

from verification.mutants.mutant import Place

RACES = "tests/integration/test_races.py"
ORDER = "tests/integration/test_lock_order.py"
BEGIN = Place("sql/functions/begin_tasks.sql", "tests/integration/test_begin_tasks.py")

_CAS = (
    "where t.task_id = requested.id and t.status = 'queued' and t.fence = requested.claim_fence"
    " and t.scheduled_for <= v_now"
)
_GIVE_BACK = (
    "where t.task_id = requested.id and t.status = 'queued' and t.fence = requested.claim_fence"
    " and t.phase <> 'cancel'"
)
_AGAIN = (
    "where (t.status = 'running' and t.claim_fence = requested.claim_fence"
    " and t.begun_by = p_delivery_id)"
)
_LOCK = "where t.task_id = any (p_task_ids) order by t.task_id for no key update)"

MUTANTS = (
    BEGIN(
        "begin_beside_a_pause_all",
        "I7: a global pause waits for a begin, or the begin finds it.",
        "perform pg_advisory_xact_lock_shared(7);",
        "perform 1;",
        f"{RACES}::test_begin_then_pause_all",
        guard="begin-takes-the-shared-lock",
    ),
    BEGIN(
        "begin_reads_the_pause_before_the_lock",
        "I7: the control row is read after the lock: an older snapshot misses the pause.",
        "    perform pg_advisory_xact_lock_shared(7);",
        "select c.paused into v_seen"
        " from engine_control c; perform pg_advisory_xact_lock_shared(7);",
        f"{RACES}::test_pause_all_then_begin",
        also=(
            ("    v_paused boolean;", "    v_paused boolean; v_seen boolean;"),
            ("if v_paused then", "if v_seen then"),
        ),
        guard="begin-takes-the-shared-lock",
    ),
    BEGIN(
        "begin_without_waiting_for_the_row",
        "I7: begin decides on the row as a pause or another delivery left it.",
        _LOCK,
        "where t.task_id = any (p_task_ids))",
        f"{RACES}::test_begin_twice_by_one_delivery",
        guard="begin-locks-tasks",
    ),
    BEGIN(
        "begin_that_passes_over_locked_rows",
        "Begin waits for a locked row: SKIP LOCKED would lose its message.",
        _LOCK,
        _LOCK.replace("for no key update)", "for no key update skip locked)"),
        f"{RACES}::test_begin_twice_by_one_delivery",
        guard="begin-locks-tasks",
    ),
    BEGIN(
        "begin_locks_in_any_order",
        "Tasks are locked by id, so that two begins cannot deadlock.",
        _LOCK,
        _LOCK.replace("order by t.task_id ", ""),
        f"{ORDER}::test_begin_locks_tasks_by_id",
        guard="begin-locks-tasks",
    ),
    BEGIN(
        "begin_of_what_is_not_queued",
        "I5: of two deliveries of a message one begins the task.",
        _CAS,
        _CAS.replace("t.status = 'queued' and ", ""),
        "test_global_pause_returns_all_but_cancels_to_pending",
        guard="begin-only-what-is-queued-and-due",
    ),
    BEGIN(
        "begin_by_any_fence",
        "I4: a message of an earlier claim begins nothing.",
        _CAS,
        _CAS.replace(" and t.fence = requested.claim_fence", ""),
        "test_stale_fence_begins_nothing",
        guard="begin-only-what-is-queued-and-due",
    ),
    BEGIN(
        "begin_before_it_is_due",
        "I6: nothing begins before its time.",
        _CAS,
        _CAS.replace(" and t.scheduled_for <= v_now", ""),
        "test_early_message_is_returned_as_early_and_changes_nothing",
        guard="begin-only-what-is-queued-and-due",
    ),
    BEGIN(
        "begin_whatever_the_instance",
        "I7: a waiting task that a pause or stop failed to change does not begin.",
        "and (i.status = 'active' or (t.phase = 'cancel' and i.status in ('stopping', 'paused')))",
        "and true",
        "test_forgotten_flip_is_caught",
        guard="begin-only-for-an-active-instance",
    ),
    BEGIN(
        "begin_refuses_the_cancel_of_a_stop",
        "I6: the cancel of a stopping or paused instance begins.",
        "and (i.status = 'active' or (t.phase = 'cancel' and i.status in ('stopping', 'paused')))",
        "and i.status = 'active'",
        "tests/integration/test_stop_workflow.py::test_the_cancel_begins_under_the_global_pause_too",
        guard="begin-only-for-an-active-instance",
    ),
    BEGIN(
        "begin_under_the_global_pause",
        "I7: nothing but a cancel begins under the global pause.",
        "if v_paused then",
        "if false then",
        "test_global_pause_returns_all_but_cancels_to_pending",
        guard="begin-respects-the-global-pause",
    ),
    BEGIN(
        "pause_gives_back_cancels",
        "No pause affects a cancel.",
        _GIVE_BACK,
        _GIVE_BACK.replace(" and t.phase <> 'cancel'", ""),
        "test_global_pause_returns_all_but_cancels_to_pending",
        guard="global-pause-returns-only-what-is-queued",
    ),
    BEGIN(
        "pause_gives_back_what_runs",
        "I4: a duplicate delivery does not return a running task to pending.",
        _GIVE_BACK,
        _GIVE_BACK.replace("t.status = 'queued' and ", ""),
        "test_global_pause_leaves_a_running_task_to_its_runner",
        guard="global-pause-returns-only-what-is-queued",
    ),
    BEGIN(
        "pause_gives_back_by_a_stale_message",
        "I4: a stale message does not change the row.",
        _GIVE_BACK,
        _GIVE_BACK.replace(" and t.fence = requested.claim_fence", ""),
        "test_global_pause_leaves_stale_messages_without_effect",
        guard="global-pause-returns-only-what-is-queued",
    ),
    BEGIN(
        "begin_again_answers_any_delivery",
        "I5: only the delivery that began a task gets it again.",
        _AGAIN,
        _AGAIN.replace(" and t.begun_by = p_delivery_id", ""),
        "test_second_delivery_of_the_same_message_begins_nothing",
        guard="only-the-same-delivery-begins-again",
    ),
    BEGIN(
        "begin_again_by_any_fence",
        "I4: a delivery gets a task again only by the same message.",
        _AGAIN,
        _AGAIN.replace(" and t.claim_fence = requested.claim_fence", ""),
        "test_same_delivery_with_another_message_gets_nothing",
        guard="only-the-same-delivery-begins-again",
    ),
    BEGIN(
        "begin_again_is_not_answered",
        "A begin whose reply was lost is repeated: else the task idles for a lease.",
        "    if v_running_or_early then ",
        "    if false then ",
        "test_same_delivery_begins_again_and_gets_the_same_result",
        guard="begin-is-repeatable",
    ),
    BEGIN(
        "begin_without_a_delivery_id",
        "The delivery is stored, so that only it can repeat the begin.",
        "claim_fence = requested.claim_fence, begun_by = p_delivery_id,",
        "claim_fence = requested.claim_fence,",
        "test_same_delivery_begins_again_and_gets_the_same_result",
        guard="begin-remembers-its-message",
    ),
    BEGIN(
        "begin_without_a_claim_fence",
        "The message is stored, so that begin can be repeated and an expired lease counts.",
        "claim_fence = requested.claim_fence, begun_by = p_delivery_id,",
        "begun_by = p_delivery_id,",
        "test_same_delivery_begins_again_and_gets_the_same_result",
        guard="begin-remembers-its-message",
    ),
    BEGIN(
        "begin_under_the_fence_of_its_message",
        "I4: begin takes a new fence: a reader of the message cannot commit.",
        "set status = 'running', fence = nextval('fence_seq'), claim_fence",
        "set status = 'running', claim_fence",
        "test_same_delivery_begins_again_and_gets_the_same_result",
        guard="begin-takes-a-new-fence",
    ),
    BEGIN(
        "begin_leased_from_before_the_wait",
        "A lease begins after the lock wait: a long wait must not use it up.",
        "v_wall := clock_timestamp();",
        "",
        "test_a_lease_begins_after_the_waiting",
        also=(
            (
                "perform pg_advisory_xact_lock_shared(7);",
                "v_wall := clock_timestamp(); perform pg_advisory_xact_lock_shared(7);",
            ),
        ),
        guard="begin-leases-after-the-wait",
    ),
    BEGIN(
        "begin_that_ages_no_key",
        "I5: the first begin is stored: the service may know the key since then.",
        "first_begun_at = coalesce(t.first_begun_at, v_wall)",
        "first_begun_at = t.first_begun_at",
        "test_the_first_begin_is_remembered",
        guard="first-begin-is-kept",
    ),
    BEGIN(
        "begin_that_rejuvenates_the_key",
        "I5: a later begin does not make the key younger.",
        "coalesce(t.first_begun_at, v_wall)",
        "v_wall",
        "test_the_first_begin_is_remembered",
        guard="first-begin-is-kept",
    ),
    BEGIN(
        "begin_that_forgets_the_pause",
        "The deadline leaves out the present global pause.",
        "c.paused_ms + case when c.paused then greatest(extract(epoch"
        " from v_now - c.paused_at) * 1000, 0) else 0 end",
        "c.paused_ms",
        "test_time_spent_in_global_pauses_is_returned",
        guard="begin-counts-the-present-pause",
    ),
)
