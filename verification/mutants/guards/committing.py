"""Guards of commit: whose decision counts, what it finds, and what a stop makes of it."""

from __future__ import annotations

from verification.mutants.mutant import Place

RACES = "tests/integration/test_races.py"
ORDER = "tests/integration/test_lock_order.py"
INTERRUPTED = "tests/integration/test_commit_interrupted.py"
COMMIT = Place("sql/functions/commit_tasks.sql", "tests/integration/test_commit_tasks.py")
_INSTANCES = (
    "perform 1 from workflow_instances i where i.id = any (v_instances) order by i.id"
    " for no key update;"
)
_TASKS = "where t.task_id = any (v_ids) order by t.task_id for no key update;"
_CAS = "where s.task_id = x.task_id and s.fence = x.fence and s.status = 'running'"
_MINE = "case when n.status <> 'running' or n.begun_by = t.begun_by then"
_NEXT = "case when i.status <> 'stopping' then nullif(x.decision -> 'next', 'null')"
_BECOMES = (
    "case when f.old_status in ('active', 'paused') then coalesce(f.instance ->> 'status',"
    " f.old_status)"
)
_STILL = (
    "when f.old_status = 'stopping' and (f.next is not null or (f.rescheduled"
    " and f.phase = 'cancel')) then 'stopping'"
)
_AGAIN = (
    "when f.old_status in ('active', 'paused') or (f.old_status = 'stopping'"
    " and f.phase = 'cancel')"
)

MUTANTS = (
    COMMIT(
        "commit_beside_a_pause_all",
        "I7: a global pause waits for a commit, or the commit finds it.",
        "perform pg_advisory_xact_lock_shared(7);",
        "perform 1;",
        f"{RACES}::test_commit_then_pause_all",
        guard="commit-takes-the-shared-lock",
    ),
    COMMIT(
        "commit_reads_the_pause_before_the_lock",
        "I7: the control row is read after the lock.",
        "perform pg_advisory_xact_lock_shared(7); select c.paused into v_paused"
        " from engine_control c;",
        "select c.paused into v_paused"
        " from engine_control c; perform pg_advisory_xact_lock_shared(7);",
        f"{RACES}::test_pause_all_then_commit",
        guard="commit-takes-the-shared-lock",
    ),
    COMMIT(
        "commit_without_the_instances_lock",
        "The instance is locked before its task: else commit and pause could deadlock.",
        _INSTANCES,
        "",
        f"{ORDER}::test_an_instance_is_locked_before_its_task",
        guard="commit-locks-instances",
    ),
    COMMIT(
        "commit_locks_instances_in_any_order",
        "Instances are locked by id, so that two commits cannot deadlock.",
        _INSTANCES,
        _INSTANCES.replace(" order by i.id", ""),
        f"{ORDER}::test_commit_locks_instances_by_id",
        guard="commit-locks-instances",
    ),
    COMMIT(
        "commit_without_the_tasks_lock",
        "I4: commit compares the fence on the row as a reclaim left it.",
        _TASKS,
        "where t.task_id = any (v_ids);",
        f"{RACES}::test_reclaim_then_commit",
        guard="commit-locks-tasks",
    ),
    COMMIT(
        "commit_locks_tasks_in_any_order",
        "Tasks are locked by id.",
        _TASKS,
        _TASKS.replace(" order by t.task_id", ""),
        f"{ORDER}::test_commit_locks_tasks_by_id",
        guard="commit-locks-tasks",
    ),
    COMMIT(
        "commit_by_any_fence",
        "I4: a stale fence never changes a row.",
        _CAS,
        "where s.task_id = x.task_id and s.status = 'running'",
        "test_stale_item_changes_nothing",
        guard="stale-fence",
    ),
    COMMIT(
        "commit_of_what_does_not_run",
        "I3: a task that is not running is not committed again under its last fence.",
        _CAS,
        "where s.task_id = x.task_id and s.fence = x.fence",
        "test_commit_again_returns_the_same",
        guard="stale-fence",
    ),
    COMMIT(
        "commit_that_forgets_its_fence",
        "A commit whose reply was lost can be repeated.",
        "               committed_fence = t.fence,\n",
        "",
        "test_commit_again_returns_the_same",
        guard="committed-fence-is-kept",
    ),
    COMMIT(
        "commit_again_is_not_answered",
        "A commit whose reply was lost can be repeated.",
        "    if v_repeated then",
        "    if false then",
        "test_commit_again_returns_the_same",
        guard="commit-is-repeatable",
    ),
    COMMIT(
        "commit_again_hands_out_the_status",
        "I4: the caller does not go on with a successor that another delivery runs.",
        f"{_MINE} n.status end",
        "n.status",
        "test_commit_again_never_returns_the_fence_of_another_delivery",
        guard="status-of-the-own-successor",
    ),
    COMMIT(
        "commit_again_hands_out_the_fence",
        "I4: the caller does not get the fence of another delivery.",
        f"{_MINE} n.fence end",
        "n.fence",
        "test_commit_again_never_returns_the_fence_of_another_delivery",
        guard="fence-of-the-own-successor",
    ),
    COMMIT(
        "commit_again_sends_nothing",
        "I6: a repeated commit returns what it queued, to be sent.",
        "case when n.status = 'queued' then task_pointer(n.task_id",
        "case when false then task_pointer(n.task_id",
        "test_commit_again_returns_the_present_state_of_the_successor",
        guard="repeated-commit-sends-again",
    ),
    COMMIT(
        "stop_lets_the_next_task_follow",
        "I7: only a cancel follows on a stopping instance.",
        _NEXT,
        "case when true then nullif(x.decision -> 'next', 'null')",
        f"{INTERRUPTED}::test_stopping_instance_stops_when_no_job_is_open",
        guard="stop-allows-no-next-task",
    ),
    COMMIT(
        "stop_cancels_the_cancel",
        "I2: a cancel that is tried again is the same row, not another cancel.",
        "when t.phase = 'cancel' and x.decision -> 'task' ->> 'to' = 'pending' then null",
        "",
        f"{INTERRUPTED}::test_cancel_that_is_tried_again_keeps_the_instance_stopping",
        guard="rescheduled-cancel-is-not-followed",
    ),
    COMMIT(
        "stop_leaves_the_job_open",
        "I1: a stop cancels the job that may be open before the account is free.",
        "coalesce(nullif(x.decision -> 'if_stopping', 'null'), case",
        "coalesce(null, case",
        f"{INTERRUPTED}::test_stopping_instance_cancels_the_job_that_was_just_submitted",
        guard="stop-cancels-the-open-job",
    ),
    COMMIT(
        "stop_drops_the_timeouts_cancel",
        "I1: the cancel of a timeout goes on as that of the stop.",
        "case when x.decision -> 'next' ->> 'phase' = 'cancel' then x.decision -> 'next' end)",
        "null)",
        f"{INTERRUPTED}::test_the_cancel_of_a_timeout_becomes_that_of_the_stop",
        guard="stop-keeps-the-cancel-of-a-timeout",
    ),
    COMMIT(
        "stop_forgets_its_reason",
        "A cancel that follows a stop ends the instance as stopped.",
        "|| case when s.old_status = 'stopping' then '{\"reason\": \"stop\"}'::jsonb else '{}' end",
        "",
        f"{INTERRUPTED}::test_the_cancel_of_a_timeout_becomes_that_of_the_stop",
        guard="cancel-carries-the-stop",
    ),
    COMMIT(
        "stopping_becomes_what_was_decided",
        "The stop came first: completed and failed become stopped.",
        _BECOMES,
        "case when true then coalesce(f.instance ->> 'status', f.old_status)",
        f"{INTERRUPTED}::test_stopping_instance_absorbs_success_and_failure",
        guard="stop-comes-before-the-decision",
    ),
    COMMIT(
        "stopping_ends_before_its_cancel",
        "I1: an instance is live until its job is cancelled.",
        _STILL,
        _STILL.replace("f.next is not null or ", ""),
        f"{INTERRUPTED}::test_stopping_instance_cancels_the_job_that_was_just_submitted",
        guard="stopping-until-the-cancel-is-done",
    ),
    COMMIT(
        "stopping_ends_before_its_cancel_is_confirmed",
        "I1: a cancel that is tried again keeps the instance stopping.",
        _STILL,
        _STILL.replace(" or (f.rescheduled and f.phase = 'cancel')", ""),
        f"{INTERRUPTED}::test_cancel_that_is_tried_again_keeps_the_instance_stopping",
        guard="stopping-until-the-cancel-is-done",
    ),
    COMMIT(
        "stop_sends_an_unknown_submit_again",
        "I7: on a stopping instance only a cancel is rescheduled.",
        _AGAIN,
        "when true",
        f"{INTERRUPTED}::test_stopping_instance_cancels_what_may_exist",
        guard="stop-reschedules-only-cancels",
    ),
    COMMIT(
        "stop_gives_its_cancel_up",
        "I1: the cancel of a stopping instance is rescheduled.",
        _AGAIN,
        "when f.old_status in ('active', 'paused')",
        f"{INTERRUPTED}::test_cancel_that_is_tried_again_keeps_the_instance_stopping",
        guard="stop-reschedules-only-cancels",
    ),
    COMMIT(
        "unknown_outcome_is_forgotten",
        "I5: it is stored that an attempt may have reached the service.",
        "outcome_unknown = coalesce((r.task ->> 'outcome_unknown')::boolean, false)",
        "outcome_unknown = false",
        "test_same_row_again",
        guard="unknown-outcome-is-kept",
    ),
    COMMIT(
        "attempts_are_not_counted",
        "I8: attempts are counted by the commit.",
        "attempts = coalesce((r.task ->> 'attempts')::int, 0),",
        "attempts = t.attempts,",
        "test_same_row_again",
        guard="attempts-are-counted",
    ),
    COMMIT(
        "history_numbers_begin_anew",
        "History is numbered without gaps over all commits.",
        "u.history_count + h.number",
        "h.number",
        "test_history_numbers_go_on",
        guard="history-goes-on",
    ),
    COMMIT(
        "commit_raises_no_revision",
        "Every writer raises the revision: a plan for the former one is void.",
        "revision = i.revision + 1, updated_at = v_now,",
        "updated_at = v_now,",
        "test_commit_again_returns_the_same",
        guard="commit-raises-the-revision",
    ),
)
