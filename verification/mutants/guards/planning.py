"""Guards of the planner: keys, the step's clock, retries by operators, and stops."""

from __future__ import annotations

from verification.mutants.mutant import Place

_DOMAIN = "layers/engine/src/flamebot/domain/"
_TESTS = "tests/unit/domain/"
PLAN_CONTEXT = Place(f"{_DOMAIN}plan_context.py", f"{_TESTS}test_failure.py")
PLAN = Place(f"{_DOMAIN}plan.py", f"{_TESTS}test_plan_by_hand.py")
POLLING = Place(f"{_DOMAIN}polling.py", f"{_TESTS}test_failure.py")
BACKOFF = Place(f"{_DOMAIN}backoff.py", f"{_TESTS}test_backoff.py")
ADVANCE = Place(f"{_DOMAIN}advance.py", f"{_TESTS}test_plan.py")
TASK = Place(f"{_DOMAIN}task.py", "tests/unit/services/test_loop.py")
CONTEXT = Place(f"{_DOMAIN}context.py", f"{_TESTS}test_context.py")

MUTANTS = (
    PLAN_CONTEXT(
        "retry_settles_what_was_unknown",
        "I5: another attempt does not settle an unknown outcome.",
        "unknown = unknown or self.task.outcome_unknown",
        "",
        "test_what_was_unknown_stays_so_until_the_service_has_said",
        guard="unknown-stays",
    ),
    PLAN_CONTEXT(
        "timeout_counts_the_pauses",
        "Time in a pause does not count towards the timeout.",
        "later(end, timedelta(milliseconds=paused))",
        "end",
        "tests/unit/domain/test_deferral.py::test_time_in_a_pause_does_not_count",
        guard="deadline",
    ),
    PLAN_CONTEXT(
        "requested_waits_use_up_the_timeout",
        "Deferrals and requested waits extend the step's timeout.",
        "later(later(self.began, self.step.timeout), waited)",
        "later(self.began, self.step.timeout)",
        "tests/unit/domain/test_deferral.py::test_deferrals_extend_the_steps_timeout_up_to_a_day",
        guard="waits-extend-timeouts",
    ),
    PLAN_CONTEXT(
        "stop_forgets_the_open_job",
        "I1: a stop cancels the job that is polled.",
        "phase is Phase.POLL or (phase is Phase.SUBMIT and unknown)",
        "phase is Phase.SUBMIT and unknown",
        "tests/unit/domain/test_deferral.py::test_a_stop_cancels_a_job_that_is_or_may_be_open",
        guard="open-job",
    ),
    PLAN_CONTEXT(
        "stop_forgets_the_unknown_submit",
        "I1: a stop cancels the job that a submit may have started.",
        "phase is Phase.POLL or (phase is Phase.SUBMIT and unknown)",
        "phase is Phase.POLL",
        "tests/unit/domain/test_deferral.py::test_a_stop_cancels_a_job_that_is_or_may_be_open",
        guard="open-job",
    ),
    PLAN_CONTEXT(
        "cancel_by_another_key",
        "I1: a job of unknown id is looked up by its submit's key.",
        "self.task.task_id if submitting else self.payload.key",
        "self.payload.key",
        "tests/unit/domain/test_deferral.py::test_a_stop_cancels_a_job_that_is_or_may_be_open",
        guard="cancel-key",
    ),
    PLAN_CONTEXT(
        "run_before_it_is_due",
        "I6: the next task asks to run at once only if it is due.",
        "at <= self.now if run is None else run",
        "True if run is None else run",
        f"{_TESTS}test_plan.py::test_a_phase_that_is_due_at_once_asks_to_run_at_once",
        f"{_TESTS}test_plan.py::test_a_text_is_written_then_submitted_then_polled",
        f"{_TESTS}test_plan_properties.py::test_every_decision_keeps_the_laws",
        guard="run-only-when-due",
    ),
    PLAN(
        "retry_under_another_key",
        "I5: a retry reopens a task of unknown outcome, so that the same key is sent.",
        "task is not None and task.outcome_unknown",
        "False and task is not None",
        "test_retry_opens_a_task_of_unknown_outcome_again",
        guard="reopen-unknown",
    ),
    PLAN(
        "retry_settles_the_outcome",
        "I5: the outcome of a reopened task is still unknown.",
        ", attempts=0, outcome_unknown=True",
        ", attempts=0",
        "test_retry_opens_a_task_of_unknown_outcome_again",
        guard="reopen-unknown",
    ),
    PLAN(
        "retry_of_another_steps_task",
        "I5: a retry uses neither the key nor the text of another step's task.",
        "task is not None and task.step_id != step.id",
        "False",
        "test_retry_takes_nothing_from_another_steps_task",
        guard="another-steps-task",
    ),
    PLAN(
        "retry_beside_an_unconfirmed_job",
        "I5: a job whose cancellation is not confirmed is polled before anything is sent.",
        "task is not None and unconfirmed and task.payload.key is not None",
        "False and task is not None",
        "test_retry_polls_a_job_whose_cancellation_was_not_confirmed",
        guard="poll-unconfirmed",
    ),
    PLAN(
        "people_run_tasks",
        "I4: a task that an operator's request creates is queued: no worker holds its lock.",
        "follower is None or not follower.run",
        "follower is None or True",
        "test_skip_never_runs_what_follows",
        guard="queued-not-run",
    ),
    PLAN(
        "cancelled_job_is_polled",
        "After a confirmed cancellation a retry polls no job.",
        "ctx.payload.carried(job_id=None, key=None)",
        "ctx.payload",
        "test_retry_after_a_cancelled_job_is_a_new_task",
        guard="cancelled-job-forgotten",
    ),
    POLLING(
        "poll_without_the_key",
        "I1: a poll carries its submit's key, by which a cancel looks the job up.",
        "key = ctx.task.task_id",
        "key = None",
        f"{_TESTS}test_plan.py::test_a_poll_knows_the_job_and_the_key",
        guard="poll-key",
    ),
    POLLING(
        "submitted_forgets_the_stop",
        "I1: a job that was submitted while its workflow was being stopped is cancelled.",
        'ctx.cancel("stop", run=False, job_id=job_id)',
        "None",
        "tests/unit/domain/test_deferral.py::test_a_stop_cancels_a_job_that_is_or_may_be_open",
        guard="submitted-stop",
    ),
    POLLING(
        "job_without_a_timeout",
        "A job that runs past the step's timeout is cancelled.",
        "ctx.now < ctx.deadline",
        "True",
        "tests/unit/domain/test_deferral.py::test_a_job_that_runs_past_the_deadline_is_cancelled",
        guard="job-timeout",
    ),
    POLLING(
        "timeout_forgets_the_stop",
        "I1: a stop that meets a timeout's cancel ends in stopped.",
        'ctx.cancel("stop", run=False)',
        "None",
        "tests/unit/domain/test_deferral.py::test_a_job_that_runs_past_the_deadline_is_cancelled",
        guard="timeout-stop",
    ),
    BACKOFF(
        "backoff_without_a_cap",
        "I8: the wait never exceeds its cap.",
        "min(cap, base << min(attempt - 1, _DOUBLINGS))",
        "base << min(attempt - 1, 30)",
        "test_the_longest_wait_doubles_up_to_the_cap",
        guard="backoff-cap",
    ),
    BACKOFF(
        "backoff_without_jitter",
        "Tasks that failed together are not retried together.",
        "self.longest(attempt) * fraction",
        "self.longest(attempt)",
        "test_jitter_is_full",
        guard="full-jitter",
    ),
    ADVANCE(
        "walk_without_end",
        "A definition that spins fails its workflow and does not block its worker.",
        "for _ in range(self.definition.total_steps + 1):",
        "while True:",
        f"{_TESTS}test_plan_properties.py::test_a_definition_that_spins_fails_its_workflow",
        guard="bounded-advance",
        may_hang=True,
    ),
    ADVANCE(
        "request_drawn_at_each_attempt",
        "I5: the request is stored with its task, so every attempt sends the same.",
        "Payload(request=request, text=text)",
        "Payload(text=text)",
        "test_numbers_are_drawn_when_the_task_is_created",
        guard="pinned-request",
    ),
    ADVANCE(
        "wait_is_passed_at_once",
        "I6: a wait takes its whole delay.",
        "due > self.now",
        "False",
        "test_a_wait_is_a_timer_at_the_end_of_its_delay",
        guard="wait-until-due",
    ),
    TASK(
        "cancel_writes_nothing",
        "I4: a cancel is a write and needs the account's lock.",
        "return self in (Phase.SUBMIT, Phase.CANCEL)",
        "return self is Phase.SUBMIT",
        "test_a_deferral_is_neither_long_nor_a_spin",
        guard="cancel-is-a-write",
    ),
    CONTEXT(
        "context_without_end",
        "The context never exceeds what its column may hold.",
        "del kept[name]",
        "pass",
        "test_the_largest_other_result_goes_first",
        guard="context-drops",
    ),
)
