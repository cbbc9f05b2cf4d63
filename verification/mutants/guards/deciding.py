"""Guards of decisions without a task: how they are written, and when they are allowed."""

from __future__ import annotations

from verification.mutants.mutant import Place

APPLY = Place("sql/functions/apply_decision.sql", "tests/integration/test_skip_step.py")
ALLOWED = Place("sql/functions/allowed_actions.sql", "tests/integration/test_allowed_actions.py")
_WAITING = "p_phase in ('timer', 'generate', 'submit')"

MUTANTS = (
    APPLY(
        "decision_without_a_successor",
        "I2: a live instance has a next task, a finished one has none.",
        "if (v_next is null) <> (v_instance.status not in ('active', 'paused')) then",
        "if false then",
        "test_a_decision_that_breaks_i2_is_refused_whole",
        guard="live-iff-next-task",
    ),
    APPLY(
        "decision_under_the_global_pause",
        "I7: under the global pause the next task of a decision is pending.",
        "v_due, p_now, p_horizon, p_engine_paused);",
        "v_due, p_now, p_horizon, false);",
        "test_under_the_global_pause_nothing_is_queued",
        guard="next-task-status",
    ),
    APPLY(
        "decision_for_a_paused_workflow",
        "I7: on a paused workflow the next task is held.",
        "v_status := initial_task_status(v_instance.status, ",
        "v_status := initial_task_status('active', ",
        "test_a_paused_workflow_stays_paused",
        guard="next-task-status",
    ),
    APPLY(
        "decision_numbers_history_anew",
        "History is numbered without gaps by every writer.",
        "i.history_count + h.number",
        "h.number",
        "test_history_goes_on_from_its_last_row",
        guard="history-goes-on",
    ),
    APPLY(
        "decision_with_a_gap_in_sequence",
        "I3: the next task has the next sequence.",
        "values (p_id || ':' || (p_sequence + 1), p_id, v_instance.account_id, p_sequence + 1,",
        "values (p_id || ':' || (p_sequence + 2), p_id, v_instance.account_id, p_sequence + 2,",
        "test_the_waiting_task_is_cancelled_and_the_next_one_inserted",
        guard="next-sequence",
    ),
    ALLOWED(
        "skip_past_an_open_job",
        "I5: leaving a step whose job is open would forget it.",
        f"and {_WAITING} and not p_outcome_unknown",
        "and not p_outcome_unknown",
        "tests/integration/test_skip_step.py::test_a_step_at_work_is_busy",
        guard="skip-before-a-job",
    ),
    ALLOWED(
        "skip_past_what_may_exist",
        "I5: leaving a step whose submit is of unknown outcome would forget its job.",
        f"and {_WAITING} and not p_outcome_unknown",
        f"and {_WAITING}",
        "tests/integration/test_skip_step.py::test_a_step_at_work_is_busy",
        guard="skip-before-a-job",
    ),
    ALLOWED(
        "skip_past_what_may_exist_while_paused",
        "I5: the same holds for a submit of unknown outcome on a paused workflow.",
        f"when p_task_status = 'held' and {_WAITING} and not p_outcome_unknown",
        f"when p_task_status = 'held' and {_WAITING}",
        "tests/integration/test_skip_step.py::test_a_held_step_at_work_is_busy",
        guard="skip-held-before-a-job",
    ),
    ALLOWED(
        "skip_past_an_open_job_while_paused",
        "I5: the same holds for an open job on a paused workflow.",
        f"when p_task_status = 'held' and {_WAITING} and not p_outcome_unknown",
        "when p_task_status = 'held' and not p_outcome_unknown",
        "tests/integration/test_skip_step.py::test_a_held_step_at_work_is_busy",
        guard="skip-held-before-a-job",
    ),
    ALLOWED(
        "run_now_of_a_poll",
        "A poll keeps its interval.",
        f"and {_WAITING} then array['run-now']",
        "then array['run-now']",
        "tests/integration/test_run_workflow_now.py::test_a_step_at_work_is_busy",
        guard="run-now-before-a-job",
    ),
)
