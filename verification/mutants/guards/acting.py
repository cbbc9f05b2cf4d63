"""Guards of what is done at the actions service: under which key, what an answer means, and when not to call at all."""

from __future__ import annotations

from verification.mutants.mutant import Place

_SERVICES = "layers/engine/src/flamebot/services/"
_UNIT = "tests/unit/services/"
SUBMIT = Place(f"{_SERVICES}stepping/phases/submit.py", f"{_UNIT}test_execute_phase.py")
CANCEL = Place(f"{_SERVICES}stepping/phases/cancel.py", f"{_UNIT}test_cancel_job.py")
EXECUTE = Place(f"{_SERVICES}stepping/phases/run.py", f"{_UNIT}test_execute_phase.py")
_OLD = "if task.outcome_unknown and task.age(self._clock.wall()) > KEY_LIFETIME:"
_SEND = "self._service.submit(account_id, request, key=task.task_id, fencing_token=task.fence)"
_LEFT = "if task.payload.key and left > timedelta():"

MUTANTS = (
    SUBMIT(
        "key_of_the_attempt",
        "I5: the key is the task's id, whatever the attempt.",
        _SEND,
        'self._service.submit(account_id, request, key=f"{task.task_id}:{task.fence}", fencing_token=task.fence)',
        "test_submit_sends_the_request_under_the_tasks_key",
    ),
    SUBMIT(
        "submit_without_its_fence",
        "I4: the service is told the fence that the task runs under.",
        _SEND,
        "self._service.submit(account_id, request, key=task.task_id, fencing_token=0)",
        "test_submit_sends_the_request_under_the_tasks_key",
    ),
    SUBMIT(
        "old_key_is_sent_again",
        "I5: unknown for longer than the service keeps keys: looked up, never sent again.",
        _OLD,
        "if False:",
        "test_an_old_key_is_looked_up_not_sent",
    ),
    SUBMIT(
        "young_key_is_looked_up",
        "I6: what may be sent again is sent again.",
        _OLD,
        "if task.outcome_unknown:",
        "tests/integration/services/test_service_faults.py::test_503_twice_is_sent_again_with_key_and_body",
    ),
    SUBMIT(
        "old_task_is_never_sent",
        "Age alone says nothing: a task that was only put off has an unused key.",
        _OLD,
        "if task.age(self._clock.wall()) > KEY_LIFETIME:",
        "test_an_old_key_that_was_never_sent_is_sent",
    ),
    SUBMIT(
        "forgotten_key_is_settled",
        "I5: a key that the service forgot leaves the outcome unknown.",
        'and the service does not know of it", unknown=True)',
        'and the service does not know of it")',
        "test_an_old_key_that_is_forgotten_fails",
    ),
    SUBMIT(
        "write_on_a_suspended_account",
        "A suspended account is left alone.",
        'if self._account_status(begun, account_id, task.fence, invocation) == "suspended":',
        'if self._account_status(begun, account_id, task.fence, invocation) == "never":',
        "test_a_suspended_account_is_left_alone",
    ),
    SUBMIT(
        "old_version_stays_registered",
        "I5: a new version of the account is registered before its next effect.",
        "if begun.registered_version == begun.credentials_version:",
        "if begun.registered_version is not None:",
        "test_a_new_version_is_registered_first",
    ),
    SUBMIT(
        "write_that_may_be_cut_off",
        "I4: no write is begun that the invocation may not see the end of.",
        "        invocation.need_call()\n        try:\n            job_id",
        "        try:\n            job_id",
        "test_no_write_is_begun_when_the_question_before_it_took_the_time",
    ),
    SUBMIT(
        "registration_that_may_be_cut_off",
        "I4: no registration is begun that the invocation may not see the end of.",
        "                return known\n            invocation.need_call()\n",
        "                return known\n",
        "test_no_write_is_begun_when_the_question_before_it_took_the_time",
    ),
    SUBMIT(
        "write_of_unknown_end_is_none",
        "I5: a write without an answer is of unknown outcome.",
        "raise SubmitUnknown(error.detail, retry_after=error.retry_after) from error",
        "raise OutcomeUnknown(error.detail, retry_after=error.retry_after) from error",
        "test_an_unknown_answer_to_the_write_is_sent_again",
    ),
    CANCEL(
        "absent_is_gone_at_once",
        "I1: a write may still be on its way: only after a call's timeout does its absence mean anything.",
        _LEFT,
        "if False and left > timedelta():",
        "test_a_key_that_is_not_known_yet_is_looked_up_again",
    ),
    CANCEL(
        "absent_is_looked_for_for_ever",
        "I6: a key that stays unknown was never used.",
        _LEFT,
        "if task.payload.key:",
        "test_a_key_that_stays_unknown_was_never_used",
    ),
    CANCEL(
        "cancel_of_an_unknown_id_is_done",
        "I1: a job whose id is not known is found by its key.",
        "found = self._service.find(task.payload.key) if task.payload.key else None",
        "found = None",
        "test_the_key_leads_to_the_job",
    ),
    CANCEL(
        "finished_job_is_cancelled",
        "A job that is found finished is left alone.",
        "            if not found.open:\n                return _done(found)\n",
        "",
        "test_a_job_found_finished_is_left_alone",
    ),
    CANCEL(
        "cancel_is_believed",
        "I1: a job that goes on is cancelled again: the account is not free yet.",
        "        if job.open:\n",
        "        if False:\n",
        "test_a_job_that_goes_on_is_cancelled_again",
    ),
    CANCEL(
        "cancel_that_may_be_cut_off",
        "I4: no write is begun that the invocation may not see the end of.",
        "            job_id = found.job_id\n            invocation.need_call()\n",
        "            job_id = found.job_id\n",
        "test_no_call_is_begun_that_might_be_cut_off",
    ),
    EXECUTE(
        "throttling_is_an_attempt",
        "I8: 429 counts no attempt.",
        "return Executed(outcome=Defer(after=self._patience(task, error), reason=error.code))",
        "return Executed(outcome=Retry(error=error.code))",
        "test_throttling_defers",
    ),
    EXECUTE(
        "throttling_forgets_retry_after",
        "Never sooner than Retry-After.",
        "asked = self._engine(error.retry_after) or PATIENCE",
        "asked = timedelta(seconds=1)",
        "test_throttling_defers",
    ),
    EXECUTE(
        "deferrals_come_back_together",
        "What was refused together does not come back together.",
        'return asked * (1 + _SPREAD * TaskRandom(task.task_id).fraction("defer", task.fence))',
        "return asked",
        "test_what_was_throttled_together_comes_back_apart",
    ),
    EXECUTE(
        "unknown_poll_is_an_attempt",
        "I8: a poll without an answer counts no attempt.",
        "            if task.phase is Phase.POLL:  # a question",
        "            if False:  # a question",
        "test_a_poll_without_an_answer_is_asked_again",
    ),
    EXECUTE(
        "unknown_write_is_settled",
        "I5: a write without an answer is of unknown outcome, and stays so.",
        "unknown = task.outcome_unknown or isinstance(error, SubmitUnknown)",
        "unknown = task.outcome_unknown",
        "test_an_unknown_answer_to_the_write_is_sent_again",
    ),
    EXECUTE(
        "unknown_is_forgotten_by_a_question",
        "I5: a later question tells nothing about an earlier write.",
        "unknown = task.outcome_unknown or isinstance(error, SubmitUnknown)",
        "unknown = isinstance(error, SubmitUnknown)",
        "test_what_was_unknown_stays_unknown",
    ),
    EXECUTE(
        "every_unknown_answer_is_a_write",
        "What failed before the write leaves its key unused.",
        "unknown = task.outcome_unknown or isinstance(error, SubmitUnknown)",
        "unknown = True",
        "test_an_unknown_answer_before_the_write_is_none_of_it",
    ),
    EXECUTE(
        "unknown_write_gives_its_lock_back",
        "I4: a write without an answer may still be at work: its lock lapses.",
        "            return Executed(outcome=outcome, ended=not task.phase.writes)\n",
        "            return Executed(outcome=outcome)\n",
        "test_an_unknown_answer_to_the_write_is_sent_again",
    ),
    EXECUTE(
        "unknown_retry_forgets_retry_after",
        "Never sooner than Retry-After.",
        "outcome = Retry(error=_told(error), unknown=unknown, retry_after=self._engine(error.retry_after))",
        "outcome = Retry(error=_told(error), unknown=unknown)",
        "test_an_unknown_answer_to_the_write_is_sent_again",
    ),
    EXECUTE(
        "refusal_settles_what_was_unknown",
        "I5: a refusal tells nothing about an earlier write under the same key.",
        "unknown=task.outcome_unknown or task.phase is Phase.POLL))",
        "unknown=task.phase is Phase.POLL))",
        "test_what_was_unknown_stays_unknown",
    ),
    EXECUTE(
        "refused_poll_settles_its_job",
        "I5: a job that may not be asked for may be at work.",
        "unknown=task.outcome_unknown or task.phase is Phase.POLL))",
        "unknown=task.outcome_unknown))",
        "test_a_job_that_is_gone_leaves_its_outcome_unknown",
    ),
    EXECUTE(
        "unavailable_settles_what_was_unknown",
        "I5: a database that is away tells nothing about an earlier write.",
        "return Executed(outcome=Retry(error=_told(error), unknown=task.outcome_unknown))",
        "return Executed(outcome=Retry(error=_told(error)))",
        "test_what_was_unknown_stays_unknown",
    ),
    EXECUTE(
        "breakdown_settles_the_write",
        "I5: a submit that broke may have been sent.",
        "unknown = task.outcome_unknown or task.phase is Phase.SUBMIT",
        "unknown = task.outcome_unknown",
        "test_a_breakdown_is_an_attempt_of_unknown_outcome",
    ),
    EXECUTE(
        "breakdown_gives_its_lock_back",
        "I4: a write that broke may be at work: its lock lapses.",
        "unknown=unknown), ended=not task.phase.writes)",
        "unknown=unknown))",
        "test_a_breakdown_is_an_attempt_of_unknown_outcome",
    ),
    EXECUTE(
        "earlier_try_gives_the_lock_back",
        "I4: while an earlier try under the same key may be on its way the account's lock is left to lapse.",
        "            return replace(executed, ended=False)  # what",
        "            return replace(executed)  # what",
        "test_a_refusal_leaves_the_lock_to_earlier_tries",
    ),
    EXECUTE(
        "answered_try_keeps_the_lock",
        "An answer under the key settles its earlier tries: the lock is given back.",
        " and not isinstance(executed.outcome, Done):\n            return replace(executed, ended=False)",
        ":\n            return replace(executed, ended=False)",
        "test_an_answer_settles_earlier_tries",
    ),
    EXECUTE(
        "job_that_is_gone_is_settled",
        "I5: a job that nobody called failed leaves its outcome unknown.",
        'return Fail(error="job_unknown: the service does not know the job", unknown=True)',
        'return Fail(error="job_unknown: the service does not know the job")',
        "test_a_job_that_is_gone_leaves_its_outcome_unknown",
    ),
    EXECUTE(
        "failed_job_is_asked_again",
        "I5: a job that failed is done anew under a new key.",
        "{job.error or 'the service gave no reason'}\", new_key=True)",
        "{job.error or 'the service gave no reason'}\")",
        "test_a_poll_tells_how_far_the_job_is",
    ),
    EXECUTE(
        "issueed_text_is_sent",
        "What may not go on an account is written anew.",
        "        if issue := issue_in(text, brief.max_length):\n",
        "        if False and (issue := issue_in(text, brief.max_length)):\n",
        "test_a_text_is_checked",
    ),
)
