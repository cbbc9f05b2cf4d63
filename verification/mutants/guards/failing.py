"""Guards of the planner where a phase did not reach its end."""

from __future__ import annotations

from verification.mutants.mutant import Place

_DOMAIN = "layers/engine/src/flamebot/domain/"
FAILURE = Place(f"{_DOMAIN}failure.py", "tests/unit/domain/test_failure.py")
_CANCEL = "tests/unit/domain/test_cancel.py"
_UNKNOWN = "unknown = not new_key and (outcome.unknown or ctx.task.outcome_unknown)"
_NEW_KEY = "    if not new_key:\n        return ctx.reschedule("

MUTANTS = (
    FAILURE(
        "redo_under_the_same_key",
        "I5: work that the service called failed is done anew under a new key.",
        _NEW_KEY,
        "    if True:\n        return ctx.reschedule(",
        "test_a_job_that_failed_is_tried_again_under_a_new_key",
    ),
    FAILURE(
        "resend_under_a_new_key",
        "I5: what is of unknown outcome is sent again under its own key.",
        _NEW_KEY,
        "    if False:\n        return ctx.reschedule(",
        "test_an_unknown_outcome_is_sent_again_under_the_same_key",
    ),
    FAILURE(
        "unknown_is_settled_by_a_retry",
        "I5: what was unknown stays so until the service has said.",
        _UNKNOWN,
        "unknown = not new_key and outcome.unknown",
        "test_exhausted_attempts_remember_what_was_unknown",
    ),
    FAILURE(
        "definite_failure_stays_unknown",
        "I5: a definite answer settles what was unknown.",
        _UNKNOWN,
        "unknown = outcome.unknown or ctx.task.outcome_unknown",
        "test_a_definite_answer_settles_what_was_unknown",
    ),
    FAILURE(
        "attempts_without_end",
        "I8: attempts never exceed their limit.",
        "    if tries >= ctx.limit:\n",
        "    if False:\n",
        "test_exhausted_attempts_fail_a_critical_step_and_its_workflow",
    ),
    FAILURE(
        "polls_are_attempts",
        "I8: asking is no attempt.",
        "    if phase is Phase.POLL and not outcome.new_key:  # asking is no attempt\n",
        "    if False:  # asking is no attempt\n",
        "test_a_poll_without_an_answer_is_asked_again",
    ),
    FAILURE(
        "retry_after_is_ignored",
        "I8: never sooner than Retry-After.",
        "at = ctx.after(max(ctx.backoff(tries), outcome.retry_after or _NOTHING))",
        "at = ctx.after(ctx.backoff(tries))",
        "test_an_attempt_is_never_sooner_than_retry_after",
    ),
    FAILURE(
        "retry_without_backoff",
        "I8: the wait before the next attempt keeps the law of backoff.",
        "at = ctx.after(max(ctx.backoff(tries), outcome.retry_after or _NOTHING))",
        "at = ctx.after(outcome.retry_after or _NOTHING)",
        "test_the_wait_keeps_the_law_of_backoff",
    ),
    FAILURE(
        "attempt_past_the_timeout",
        "The step's timeout bounds its attempts.",
        "    if phase is not Phase.CANCEL and at > ctx.deadline:\n",
        "    if False:\n",
        "test_an_attempt_that_would_come_too_late_is_not_made",
    ),
    FAILURE(
        "cancel_given_up_at_the_timeout",
        "I1: a cancel is tried past the step's timeout.",
        "    if phase is not Phase.CANCEL and at > ctx.deadline:\n",
        "    if at > ctx.deadline:\n",
        f"{_CANCEL}::test_a_cancel_that_comes_late_is_tried_all_the_same",
    ),
    FAILURE(
        "redo_of_the_old_job",
        "I5: the new task asks after no old job.",
        "payload = ctx.payload.carried(job_id=None, key=None, polls=0)\n    return Decision(",
        "payload = ctx.payload\n    return Decision(",
        "test_a_job_that_failed_is_tried_again_under_a_new_key",
    ),
    FAILURE(
        "redo_counts_from_nought",
        "I8: a new_key carries the step's count of attempts.",
        "next=ctx.next(Phase.SUBMIT, at, payload, attempts=tries),",
        "next=ctx.next(Phase.SUBMIT, at, payload),",
        "test_a_job_fails_only_so_often",
    ),
    FAILURE(
        "deferral_without_end",
        "I6: deferrals are bounded by the step's timeout.",
        "            overdue = at > ctx.deadline\n",
        "            overdue = False\n",
        "test_deferrals_are_bounded_by_the_steps_timeout",
    ),
    FAILURE(
        "wake_up_given_up",
        "I6: a wake-up is put off for as long as it takes.",
        "        case Phase.TIMER:\n            overdue = False\n",
        "        case Phase.TIMER:\n            overdue = at > ctx.deadline\n",
        "test_a_wake_up_is_put_off_without_end",
    ),
    FAILURE(
        "poll_given_up_at_the_timeout",
        "The timeout is judged on an answer only: a poll without one is asked again.",
        "overdue = at > ctx.last_resort and (phase is Phase.POLL or ctx.payload.polls >= CANCEL_LOOKS)",
        "overdue = at > ctx.deadline and (phase is Phase.POLL or ctx.payload.polls >= CANCEL_LOOKS)",
        "test_only_an_answer_after_the_deadline_is_a_timeout",
        "test_a_poll_without_an_answer_is_asked_again",
    ),
    FAILURE(
        "cancel_that_comes_late_is_not_put_off",
        "I1: a cancel that is made long after its step's time is still put off some times.",
        "(phase is Phase.POLL or ctx.payload.polls >= CANCEL_LOOKS)",
        "(phase is Phase.POLL or True)",
        f"{_CANCEL}::test_a_cancel_that_comes_late_is_put_off_all_the_same",
    ),
    FAILURE(
        "poll_given_up_is_settled",
        "I5: a job that gave no answer in time may be at work.",
        'the job gave no answer in time ({outcome.reason})", unknown=True)',
        'the job gave no answer in time ({outcome.reason})")',
        "test_a_poll_without_an_answer_is_asked_again",
    ),
    FAILURE(
        "deferred_to_the_end_is_settled",
        "I5: what was unknown is unknown still when the step's time is over.",
        "return failed(ctx, _timed_out(ctx, outcome.reason), unknown=ctx.task.outcome_unknown, tried=False)",
        "return failed(ctx, _timed_out(ctx, outcome.reason), tried=False)",
        "test_what_was_unknown_is_so_when_the_time_is_over",
    ),
    FAILURE(
        "lost_submit_is_settled",
        "I5: what a lost runner sent may have arrived.",
        "    unknown = task.phase is Phase.SUBMIT  # what was sent may have arrived\n",
        "    unknown = False\n",
        "tests/unit/services/test_reclaim.py::test_a_lost_submit_is_of_unknown_outcome",
    ),
    FAILURE(
        "crash_loop_without_end",
        "I8: a task that was reclaimed too often has failed.",
        "    elif task.reclaims >= ctx.definition.max_reclaims:\n",
        "    elif False:\n",
        "test_what_is_lost_again_and_again_has_failed",
    ),
    FAILURE(
        "undeliverable_without_end",
        "I8: what nobody received is given up.",
        '    if code_of(outcome.error) == "undeliverable":\n',
        "    if False:\n",
        "test_what_is_lost_again_and_again_has_failed",
    ),
    FAILURE(
        "lost_for_good_is_settled",
        "I5: a job whose poll was lost for good may be at work.",
        "return given_up(ctx, error, unknown=unknown or task.phase is Phase.POLL, tried=False)",
        "return given_up(ctx, error, unknown=unknown, tried=False)",
        "test_a_poll_that_is_lost_again_and_again_leaves_its_job_unknown",
    ),
    FAILURE(
        "lost_counts_as_an_attempt",
        "I8: a crash is no attempt.",
        "return given_up(ctx, error, unknown=unknown or task.phase is Phase.POLL, tried=False)",
        "return given_up(ctx, error, unknown=unknown or task.phase is Phase.POLL)",
        "test_what_is_lost_again_and_again_has_failed",
    ),
    FAILURE(
        "refusal_settles_an_earlier_try",
        "I5: a refusal does not tell what became of an earlier try under the same key.",
        "    unknown = outcome.unknown or ctx.task.outcome_unknown\n    if ctx.task.phase",
        "    unknown = outcome.unknown\n    if ctx.task.phase",
        "test_a_refusal_does_not_settle_what_was_unknown",
    ),
    FAILURE(
        "refused_text_is_kept",
        "A text that was refused is not sent again by a retry.",
        "payload=ctx.payload.carried(text=None))",
        "payload=ctx.payload)",
        "tests/unit/domain/test_plan_by_hand.py::test_retry_has_a_refused_text_written_anew",
    ),
    FAILURE(
        "halt_heeds_critical",
        "A suspended account fails its workflow, whatever `critical` says.",
        "    if halt or ctx.step.critical:\n",
        "    if ctx.step.critical:\n",
        "test_a_suspended_account_fails_the_workflow_whatever_critical_says",
    ),
    FAILURE(
        "failure_forgets_the_stop",
        "I1: a failure of unknown outcome leaves a cancel for a stop that came in between.",
        "return ctx.unless_stopping(decision, unknown=unknown) if unknown else decision",
        "return decision",
        "test_a_stop_takes_back_what_is_open_or_may_be",
    ),
    FAILURE(
        "unconfirmed_timeout_forgets_the_stop",
        "I1: a stop that meets a timeout's last try has the job cancelled once more.",
        'return replace(decision, if_stopping=ctx.cancel("stop", run=False))',
        "return decision",
        f"{_CANCEL}::test_a_stop_that_meets_a_timeouts_last_try_has_the_job_cancelled_once_more",
    ),
    FAILURE(
        "unconfirmed_cancel_is_no_stop",
        "A cancel that a stop came upon ends in stopped.",
        'return ctx.payload.reason == "stop" or ctx.instance.status is InstanceStatus.STOPPING',
        'return ctx.payload.reason == "stop"',
        f"{_CANCEL}::test_a_stop_after_a_timeout_ends_in_stopped",
    ),
)
