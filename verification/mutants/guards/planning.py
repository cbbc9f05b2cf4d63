"""Guards of the planner: keys, clocks, retries by people, and what a stop finds."""

from __future__ import annotations

from verification.mutants.mutant import Place

_DOMAIN = "layers/engine/src/flamebot/domain/"
PLAN_CONTEXT = Place(f"{_DOMAIN}plan_context.py", "tests/unit/domain/test_failure.py")
PLAN = Place(f"{_DOMAIN}plan.py", "tests/unit/domain/test_plan_by_hand.py")
POLLING = Place(f"{_DOMAIN}polling.py", "tests/unit/domain/test_failure.py")
BACKOFF = Place(f"{_DOMAIN}backoff.py", "tests/unit/domain/test_backoff.py")
ADVANCE = Place(f"{_DOMAIN}advance.py", "tests/unit/domain/test_plan.py")
TASK = Place(f"{_DOMAIN}task.py", "tests/unit/services/test_deliver.py")
CONTEXT = Place(f"{_DOMAIN}context.py", "tests/unit/domain/test_context.py")
_DEADLINE = "return later(later(self.began, self.step.timeout), timedelta(milliseconds=paused))"

MUTANTS = (
    PLAN_CONTEXT(
        "retry_settles_what_was_unknown",
        "I5: an outcome that was unknown before stays so.",
        "        unknown = unknown or self.task.outcome_unknown\n        return Decision(",
        "        return Decision(",
        "test_what_was_unknown_stays_so_until_the_service_has_said",
    ),
    PLAN_CONTEXT(
        "timeout_counts_the_pauses",
        "Time in a pause does not count.",
        _DEADLINE,
        "return later(self.began, self.step.timeout)",
        "test_time_in_a_pause_does_not_count",
    ),
    PLAN_CONTEXT(
        "stop_forgets_the_open_job",
        "I1: a stop takes back the job that is polled.",
        "if phase is Phase.POLL or (phase is Phase.SUBMIT and unknown):",
        "if phase is Phase.SUBMIT and unknown:",
        "test_a_stop_takes_back_what_is_open_or_may_be",
    ),
    PLAN_CONTEXT(
        "stop_forgets_the_unknown_submit",
        "I1: a stop takes back what a submit may have begun.",
        "if phase is Phase.POLL or (phase is Phase.SUBMIT and unknown):",
        "if phase is Phase.POLL:",
        "test_a_stop_takes_back_what_is_open_or_may_be",
    ),
    PLAN_CONTEXT(
        "cancel_by_another_key",
        "I1: what may exist is looked up by the submit's own key.",
        "key = self.task.task_id if self.task.phase is Phase.SUBMIT else self.payload.key",
        "key = self.payload.key",
        "test_a_stop_takes_back_what_is_open_or_may_be",
    ),
    PLAN_CONTEXT(
        "run_before_it_is_due",
        "I6: the next task asks to run at once only if it is due at once.",
        "run=at <= self.now if run is None else run,",
        "run=True if run is None else run,",
        "tests/unit/domain/test_plan.py::test_a_phase_that_is_due_at_once_asks_to_run_at_once",
        "tests/unit/domain/test_plan.py::test_a_text_is_written_then_submitted_then_polled",
        "tests/unit/domain/test_plan_properties.py::test_every_decision_keeps_the_laws",
    ),
    PLAN(
        "retry_under_another_key",
        "I5: retry opens a task of unknown outcome again, so that the same key is sent.",
        "    if task is not None and task.outcome_unknown:\n",
        "    if False and task is not None:\n",
        "test_retry_opens_a_task_of_unknown_outcome_again",
    ),
    PLAN(
        "retry_settles_the_outcome",
        "I5: what is opened again is of unknown outcome still.",
        "payload=rewound(task.payload), attempts=0, outcome_unknown=True)",
        "payload=rewound(task.payload), attempts=0)",
        "test_retry_opens_a_task_of_unknown_outcome_again",
    ),
    PLAN(
        "retry_of_another_steps_task",
        "I5: retry takes nothing from the task of another step: neither its key nor its text.",
        "    if task is not None and task.step_id != step.id:\n",
        "    if False:\n",
        "test_retry_takes_nothing_from_another_steps_task",
    ),
    PLAN(
        "retry_beside_an_unconfirmed_job",
        "I5: a job that could not be cancelled for certain is asked about before anything is sent.",
        "if task is not None and task.phase is Phase.CANCEL and task.payload.key is not None:",
        "if False and task is not None:",
        "test_retry_asks_after_a_job_whose_cancelling_was_not_confirmed",
    ),
    PLAN(
        "people_run_tasks",
        "I4: what a person plans is queued, never born running: nobody holds its lock.",
        "return replace(decision, next=replace(decision.next, run=False)) if decision.next and decision.next.run else decision",
        "return decision",
        "test_skip_never_runs_what_follows",
    ),
    PLAN(
        "cancelled_job_is_asked_after",
        "After a confirmed cancel nothing is left to ask after.",
        "payload=ctx.payload.carried(job_id=None, key=None),  # nothing is left to ask after",
        "payload=ctx.payload,",
        "test_retry_after_a_cancelled_job_is_a_new_task",
    ),
    POLLING(
        "poll_without_the_key",
        "I1: a poll knows its submit's key: a cancel looks the job up by it.",
        "payload = ctx.payload.carried(job_id=job_id, key=ctx.task.task_id, polls=0)",
        "payload = ctx.payload.carried(job_id=job_id, polls=0)",
        "tests/unit/domain/test_plan.py::test_a_poll_knows_the_job_and_the_key",
    ),
    POLLING(
        "submitted_forgets_the_stop",
        "I1: a job that was submitted while its workflow was stopped is cancelled.",
        '        if_stopping=ctx.cancel("stop", run=False, job_id=job_id),\n',
        "",
        "test_a_stop_takes_back_what_is_open_or_may_be",
    ),
    POLLING(
        "job_without_a_timeout",
        "A job that runs past the step's timeout is cancelled.",
        "    if ctx.now < ctx.deadline:\n",
        "    if True:\n",
        "test_a_job_that_runs_past_the_deadline_is_cancelled",
    ),
    POLLING(
        "timeout_forgets_the_stop",
        "I1: a timeout's cancel becomes the stop's.",
        '        next=ctx.cancel("timeout", run=True),\n        if_stopping=ctx.cancel("stop", run=False),\n',
        '        next=ctx.cancel("timeout", run=True),\n',
        "test_a_job_that_runs_past_the_deadline_is_cancelled",
    ),
    BACKOFF(
        "backoff_without_a_cap",
        "I8: the wait never exceeds its cap.",
        "return min(self.cap // _MICROSECOND, (self.base // _MICROSECOND) << min(attempt - 1, _DOUBLINGS)) * _MICROSECOND",
        "return ((self.base // _MICROSECOND) << min(attempt - 1, 30)) * _MICROSECOND",
        "test_the_longest_wait_doubles_up_to_the_cap",
    ),
    BACKOFF(
        "backoff_without_jitter",
        "What failed together does not come back together.",
        "return self.longest(attempt) * fraction",
        "return self.longest(attempt)",
        "test_jitter_is_full",
    ),
    ADVANCE(
        "walk_without_end",
        "A definition that spins fails its workflow instead of its process.",
        "for _ in range(self.definition.total_steps + 1):",
        "while True:",
        "tests/unit/domain/test_plan_properties.py::test_a_definition_that_could_spin_fails_instead",
        may_hang=True,
    ),
    ADVANCE(
        "request_drawn_at_each_attempt",
        "I5: the request is drawn and pinned when its task is made.",
        "phase, payload = Phase.SUBMIT, Payload(request=effect.request(account, text, draw), text=text)",
        "phase, payload = Phase.SUBMIT, Payload(text=text)",
        "test_numbers_are_drawn_when_the_task_is_created",
    ),
    ADVANCE(
        "wait_is_passed_at_once",
        "I6: a wait is waited out.",
        "                if due > self.now:\n                    return self.arrival(next_task=wake_up(step, due, self.now))\n",
        "",
        "test_a_wait_is_a_wake_up_at_the_end_of_its_delay",
    ),
    TASK(
        "cancel_writes_nothing",
        "I4: a cancel is a write: it needs the account's lock.",
        "return self in (Phase.SUBMIT, Phase.CANCEL)",
        "return self is Phase.SUBMIT",
        "test_a_deferral_is_neither_long_nor_a_spin",
    ),
    CONTEXT(
        "context_without_end",
        "The context is never more than fits into a row.",
        "        if fits(kept):\n            break\n        del kept[name]\n",
        "        if fits(kept):\n            break\n",
        "test_the_largest_other_result_goes_first",
    ),
)
