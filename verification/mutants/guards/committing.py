"""Guards of commit: whose decision counts, what it meets, and what a stop makes of it."""

from __future__ import annotations

from verification.mutants.mutant import Place

RACES = "tests/integration/test_races.py"
ORDER = "tests/integration/test_lock_order.py"
COMMIT = Place("sql/functions/commit_tasks.sql", "tests/integration/test_commit_tasks.py")
_INSTANCES = "    perform 1 from workflow_instances i where i.id = any (v_instances) order by i.id for no key update;"
_TASKS = "where t.task_id = any (v_ids) order by t.task_id for no key update;"
_CAS = "where s.task_id = x.task_id and s.fence = x.fence and s.status = 'running'"
_MINE = "case when n.status <> 'running' or n.begun_by = t.begun_by then"
_NEXT = "case when i.status <> 'stopping' then nullif(x.decision -> 'next', 'null')"
_BECOMES = "case when w.was in ('active', 'paused') then coalesce(w.instance ->> 'status', w.was)"
_STILL = "when w.was = 'stopping' and (w.next is not null or (w.again and w.phase = 'cancel')) then 'stopping'"
_AGAIN = "when w.was in ('active', 'paused') or (w.was = 'stopping' and w.phase = 'cancel')"

MUTANTS = (
    COMMIT(
        "commit_beside_a_pause_all",
        "I7: a global pause waits for a commit at work, or commit sees it: nothing is born queued or running after it.",
        "perform pg_advisory_xact_lock_shared(7);",
        "perform 1;",
        f"{RACES}::test_commit_then_pause_all",
    ),
    COMMIT(
        "commit_reads_the_pause_before_the_lock",
        "I7: the control row is read after the lock.",
        "    perform pg_advisory_xact_lock_shared(7);                -- a pause_all waits for us, or we see what it wrote\n"
        "    select c.paused into v_paused from engine_control c;",
        "    select c.paused into v_paused from engine_control c;\n    perform pg_advisory_xact_lock_shared(7);",
        f"{RACES}::test_pause_all_then_commit",
    ),
    COMMIT(
        "commit_without_the_instances_lock",
        "The instance comes before its task: a commit and a pause at once would wait for each other in a circle.",
        _INSTANCES,
        "",
        f"{ORDER}::test_an_instance_is_locked_before_its_task",
    ),
    COMMIT(
        "commit_locks_instances_in_any_order",
        "Instances are locked by id: whoever waits for one holds none that comes after it.",
        _INSTANCES,
        _INSTANCES.replace(" order by i.id", ""),
        f"{ORDER}::test_commit_locks_instances_by_id",
    ),
    COMMIT(
        "commit_without_the_tasks_lock",
        "I4: commit waits for a reclaim at work and sees it: the fence is compared on the row as it is after the wait.",
        _TASKS,
        "where t.task_id = any (v_ids);",
        f"{RACES}::test_reclaim_then_commit",
    ),
    COMMIT(
        "commit_locks_tasks_in_any_order",
        "Tasks are locked by id.",
        _TASKS,
        _TASKS.replace(" order by t.task_id", ""),
        f"{ORDER}::test_commit_locks_tasks_by_id",
    ),
    COMMIT(
        "commit_by_any_fence",
        "I4: a stale fence never changes a row.",
        _CAS,
        "where s.task_id = x.task_id and s.status = 'running'",
        "test_stale_item_changes_nothing",
    ),
    COMMIT(
        "commit_of_what_does_not_run",
        "I3: what is over, or was put back, is not committed again under its last fence.",
        _CAS,
        "where s.task_id = x.task_id and s.fence = x.fence",
        "test_commit_again_answers_the_same",
    ),
    COMMIT(
        "commit_that_forgets_its_fence",
        "A commit whose answer got lost is answered again.",
        "               committed_fence = t.fence,\n",
        "",
        "test_commit_again_answers_the_same",
    ),
    COMMIT(
        "commit_again_is_not_answered",
        "A commit whose answer got lost is answered again.",
        "    if v_again then",
        "    if false then",
        "test_commit_again_answers_the_same",
    ),
    COMMIT(
        "commit_again_hands_out_the_status",
        "I4: a successor that somebody else runs by now is not the repeating caller's to go on with.",
        f"{_MINE} n.status end",
        "n.status",
        "test_commit_again_never_hands_out_somebody_elses_fence",
    ),
    COMMIT(
        "commit_again_hands_out_the_fence",
        "I4: nor is that one's fence told.",
        f"{_MINE} n.fence end",
        "n.fence",
        "test_commit_again_never_hands_out_somebody_elses_fence",
    ),
    COMMIT(
        "commit_again_sends_nothing",
        "I6: what a lost commit queued is answered again, to be sent.",
        "case when n.status = 'queued' then task_pointer(n.task_id",
        "case when false then task_pointer(n.task_id",
        "test_commit_again_tells_the_present_state_of_the_successor",
    ),
    COMMIT(
        "stop_lets_the_next_task_follow",
        "I7: nothing but a cancel follows on a stopping instance.",
        _NEXT,
        "case when true then nullif(x.decision -> 'next', 'null')",
        "test_stopping_instance_stops_when_no_job_is_open",
    ),
    COMMIT(
        "stop_cancels_the_cancel",
        "I2: a cancel that is tried again is the same row, not another cancel.",
        "                    when t.phase = 'cancel' and x.decision -> 'task' ->> 'to' = 'pending' then null\n",
        "",
        "test_cancel_that_is_tried_again_keeps_the_instance_stopping",
    ),
    COMMIT(
        "stop_leaves_the_job_open",
        "I1: a stop takes back the job that is open or may be: the account is free only when it is gone.",
        "coalesce(nullif(x.decision -> 'if_stopping', 'null'), case",
        "coalesce(null, case",
        "test_stopping_instance_cancels_the_job_that_was_just_submitted",
    ),
    COMMIT(
        "stop_drops_the_timeouts_cancel",
        "I1: a timeout's cancel goes on as the stop's.",
        "case when x.decision -> 'next' ->> 'phase' = 'cancel' then x.decision -> 'next' end)",
        "null)",
        "test_timeouts_cancel_takes_the_stop_over",
    ),
    COMMIT(
        "stop_forgets_its_reason",
        "A cancel that follows a stop ends in stopped.",
        "|| case when f.was = 'stopping' then '{\"reason\": \"stop\"}'::jsonb else '{}' end",
        "",
        "test_timeouts_cancel_takes_the_stop_over",
    ),
    COMMIT(
        "stopping_becomes_what_was_decided",
        "Stop was asked for first: completed and failed become stopped.",
        _BECOMES,
        "case when true then coalesce(w.instance ->> 'status', w.was)",
        "test_stopping_instance_absorbs_success_and_failure",
    ),
    COMMIT(
        "stopping_ends_before_its_cancel",
        "I1: an instance is live until its job is taken back.",
        _STILL,
        _STILL.replace("w.next is not null or ", ""),
        "test_stopping_instance_cancels_the_job_that_was_just_submitted",
    ),
    COMMIT(
        "stopping_ends_before_its_cancel_is_confirmed",
        "I1: a cancel that is tried again keeps the instance stopping.",
        _STILL,
        _STILL.replace(" or (w.again and w.phase = 'cancel')", ""),
        "test_cancel_that_is_tried_again_keeps_the_instance_stopping",
    ),
    COMMIT(
        "stop_sends_an_unknown_submit_again",
        "I7: on a stopping instance only a cancel is put back.",
        _AGAIN,
        "when true",
        "test_stopping_instance_cancels_what_may_exist",
    ),
    COMMIT(
        "stop_gives_its_cancel_up",
        "I1: the cancel of a stopping instance is put back.",
        _AGAIN,
        "when w.was in ('active', 'paused')",
        "test_cancel_that_is_tried_again_keeps_the_instance_stopping",
    ),
    COMMIT(
        "unknown_outcome_is_forgotten",
        "I5: that an attempt may have reached the service is remembered.",
        "outcome_unknown = coalesce((j.task ->> 'outcome_unknown')::boolean, false),\n               payload",
        "outcome_unknown = false,\n               payload",
        "test_same_row_again",
    ),
    COMMIT(
        "attempts_are_not_counted",
        "I8: attempts are counted by the commit.",
        "attempts = coalesce((j.task ->> 'attempts')::int, 0),",
        "attempts = t.attempts,",
        "test_same_row_again",
    ),
    COMMIT(
        "history_numbers_begin_anew",
        "History is numbered without gaps over all commits.",
        "j.history_count + h.place",
        "h.place",
        "test_history_numbers_go_on",
    ),
    COMMIT(
        "commit_raises_no_revision",
        "Every writer raises the revision: plans made beside it are void.",
        "revision = i.revision + 1, updated_at = v_now,",
        "updated_at = v_now,",
        "test_commit_again_answers_the_same",
    ),
)
