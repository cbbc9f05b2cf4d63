"""Guards of stop: what is cancelled, and what is left to a running task."""

from __future__ import annotations

from verification.mutants.mutant import Place

RACES = "tests/integration/test_races.py"
STOP = Place("sql/functions/stop_workflow.sql", "tests/integration/test_stop_workflow.py")
_LIVE = "where t.workflow_instance_id = p_id and t.is_live for no key update"
_JOB = "if v_task.phase = 'poll' or (v_task.phase = 'submit' and v_task.outcome_unknown) then"

MUTANTS = (
    STOP(
        "stop_without_the_instances_lock",
        "I1: stop waits for a commit, and cancels the task that it inserted.",
        "where i.id = p_id for no key update;",
        "where i.id = p_id;",
        f"{RACES}::test_commit_then_stop",
        guard="stop-locks-the-instance",
    ),
    STOP(
        "stop_without_the_tasks_lock",
        "I7: stop waits for a begin, and leaves the running task to it.",
        _LIVE,
        _LIVE.replace(" for no key update", ""),
        "test_stop_waits_for_a_begin_and_then_leaves_the_task_to_it",
        guard="stop-locks-the-task",
    ),
    STOP(
        "stop_cuts_off_what_runs",
        "I1: the effect of a running task is in flight: its commit ends the workflow.",
        "    if v_task.status = 'running' then",
        "    if false then",
        "test_a_running_task_is_left_to_its_commit",
        guard="running-task-finishes",
    ),
    STOP(
        "stop_cancels_the_timeouts_cancel",
        "A cancel that waits already goes on as that of the stop.",
        "elsif v_task.phase = 'cancel' then",
        "elsif false then",
        "test_a_cancel_that_waits_already_goes_on_as_the_stop",
        guard="waiting-cancel-is-the-stop",
    ),
    STOP(
        "stop_forgets_an_open_job",
        "I1: an open job is cancelled before its account is free.",
        _JOB,
        "if (v_task.phase = 'submit' and v_task.outcome_unknown) then",
        "test_an_open_job_gets_a_cancel_task",
        guard="stop-cancels-what-may-be-open",
    ),
    STOP(
        "stop_forgets_what_may_exist",
        "I1: a submit of unknown outcome is looked up and cancelled.",
        _JOB,
        "if v_task.phase = 'poll' then",
        "test_a_submit_of_unknown_outcome_is_looked_up_by_its_key",
        guard="stop-cancels-what-may-be-open",
    ),
    STOP(
        "stop_cancels_what_was_never_begun",
        "A submit that was never sent needs no cancel.",
        _JOB,
        "if v_task.phase in ('poll', 'submit') then",
        "test_what_only_waits_is_stopped_at_once",
        guard="stop-cancels-what-may-be-open",
    ),
    STOP(
        "stop_without_the_key",
        "I1: a job that may exist is found by the key of its submit.",
        "|| case when v_task.phase = 'submit' then jsonb_build_object('key', v_task.task_id)"
        " else '{}' end",
        "",
        "test_a_submit_of_unknown_outcome_is_looked_up_by_its_key",
        guard="cancel-knows-the-key",
    ),
    STOP(
        "stop_of_what_is_over",
        "A finished workflow cannot be stopped.",
        "elsif v_before not in ('active', 'paused') then",
        "elsif false then",
        "test_a_failed_workflow_cannot_be_stopped",
        guard="stop-only-what-is-live",
    ),
    STOP(
        "stop_again_stops_anew",
        "Stopping a stopping workflow changes nothing and adds no cancel.",
        "elsif v_before in ('stopping', 'stopped') then",
        "elsif false then",
        "test_stopping_again_changes_nothing",
        guard="stopping-again-changes-nothing",
    ),
    STOP(
        "stop_leaves_the_task",
        "I2: a change of an instance changes its waiting task in the same transaction.",
        "set status = 'cancelled', finished_at = v_now, held_at = null,",
        "set",
        "test_what_only_waits_is_stopped_at_once",
        also=(
            (
                "lease_expires_at = null, fence = nextval('fence_seq'),",
                "",
            ),
        ),
        guard="stop-cancels-the-waiting-task",
    ),
)
