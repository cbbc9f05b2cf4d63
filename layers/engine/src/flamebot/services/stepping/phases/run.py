"""Execute one phase of a step: the only place that acts on other systems.

It returns an outcome and does not know what follows from it; the planner does.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from flamebot.domain import errors
from flamebot.domain.action import TextBrief
from flamebot.domain.begun import Begun
from flamebot.domain.outcome import Abort, Continue, Defer, Done, Fail, Outcome, Retry
from flamebot.domain.service_call import ServiceCall
from flamebot.domain.task import Phase, Task
from flamebot.domain.task_random import TaskRandom
from flamebot.domain.text_rules import issues_in
from flamebot.ports.actions_service import ActionsService
from flamebot.ports.clock import Clock
from flamebot.ports.telemetry import Telemetry
from flamebot.ports.writer import Writer
from flamebot.services.stepping.phases.call_end import service_call
from flamebot.services.stepping.phases.cancel import CancelJob
from flamebot.services.stepping.phases.register import RegisterAccount
from flamebot.services.stepping.phases.submit import SubmitEffect, SubmitUnknown
from flamebot.services.time_budget import OutOfTime, TimeBudget

# Schedule time until a service that named no time itself is called again.
DEFAULT_BACKOFF = timedelta(seconds=30)
_LONGEST_BACKOFF = timedelta(days=1)  # wall time, whatever the service demands
_SPREAD = 0.25  # of a wait, so that tasks throttled together do not return together
_LEAST_SPREAD = timedelta(seconds=1)  # wall time


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """The result of a phase.

    Attributes:
        outcome: What the planner is given.
        ended: Whether its writes at the service are over for certain, so that the account's lock
            may be released.
        call: How the service that was called was seen to be; None if none was called.
    """

    outcome: Outcome
    ended: bool = True
    call: ServiceCall | None = None


class ExecutePhase:
    """Executes phases, on several threads at once.

    Never raises an `Exception`: every failure is an outcome.
    """

    def __init__(
        self,
        *,
        service: ActionsService,
        writer: Writer,
        accounts: RegisterAccount,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        """Take the systems that phases act on."""
        self._service = service
        self._writer = writer
        self._submit = SubmitEffect(service, accounts, clock)
        self._cancel = CancelJob(service, clock)
        self._clock = clock
        self._telemetry = telemetry

    def run(
        self, begun: Begun, brief: Callable[[], TextBrief | None], budget: TimeBudget
    ) -> Executed:
        """Execute the task's phase.

        Args:
            begun: The running task.
            brief: Returns what to write; called in the generate phase only.
            budget: The invocation's time; no call is started that would be cut off.
        """
        task = begun.task
        error: Exception | None = None
        try:
            executed = Executed(outcome=self._outcome(begun, task, brief, budget))
        except Exception as caught:  # noqa: BLE001  # every failure is an outcome
            error = caught
            executed = self._after_error(task, caught)
        call = service_call(begun, executed.outcome, error, self._clock.rate)
        executed = replace(executed, call=call)
        # An earlier try under the same key may still be on its way, and only a response to this
        # key settles it. Until then another task must not write on the account (I4).
        # guard: earlier-try-keeps-the-lock, response-settles-earlier-tries
        if (
            task.phase is Phase.SUBMIT
            and task.outcome_unknown
            and not isinstance(executed.outcome, Done)
        ):
            return replace(executed, ended=False)
        return executed

    def _after_error(self, task: Task, error: Exception) -> Executed:
        match error:
            case OutOfTime():
                after = timedelta(seconds=self._clock.rate)
                return Executed(outcome=Defer(after=after, reason=error.code))
            case errors.ServiceThrottled():
                self._telemetry.count("VendorThrottled", action=task.action)
                after = self._backoff(task, error)
                # guard: throttled-is-no-attempt
                return Executed(outcome=Defer(after=after, reason=_text_of(error)))
            case errors.OutcomeUnknown():
                return self._unknown(task, error)
            case errors.ServiceError():
                return self._refused(task, error)
            case errors.WriterError():
                self._telemetry.count("AiErrors", action=task.action)
                return Executed(outcome=self._unwritten(task, error))
            case errors.VaultError():
                text = f"{error.code}: the credentials cannot be decrypted"
                return Executed(outcome=Fail(error=text, unknown=task.outcome_unknown))
            case errors.Unavailable():
                # guard: unavailable-settles-nothing
                return Executed(outcome=Retry(error=_text_of(error), unknown=task.outcome_unknown))
            case _:
                return self._failed(task, error)

    def _unwritten(self, task: Task, error: errors.WriterError) -> Outcome:
        """The AI service returned no text."""
        if isinstance(error, errors.WriterWait):  # guard: writer-wait-is-no-attempt
            return Defer(after=self._backoff(task, error), reason=_text_of(error))
        if isinstance(error, errors.WriterRefused):
            return Fail(error=_text_of(error))
        unanswered = isinstance(error, errors.WriterUnanswered)
        return Retry(error=_text_of(error), unanswered=unanswered)

    def _unknown(self, task: Task, error: errors.OutcomeUnknown) -> Executed:
        """A call got no response that says what happened."""
        if task.phase is Phase.POLL:  # guard: poll-is-no-attempt
            # A read changes nothing, however often it is repeated.
            return self._later(task, error)
        # The status call before the write says nothing about the write, nor about an earlier one.
        # guard: unknown-write-stays-unknown
        unknown = task.outcome_unknown or isinstance(error, SubmitUnknown)
        retry_after = self._named_wait(task, error)
        # guard: never-before-retry-after
        outcome = Retry(
            error=_text_of(error), unknown=unknown, unanswered=True, retry_after=retry_after
        )
        # A write that got no response may still be running at the service: its lock expires.
        return Executed(outcome=outcome, ended=not task.phase.writes)  # guard: unknown-keeps-lock

    def _refused(self, task: Task, error: errors.ServiceError) -> Executed:
        """A call was not accepted, which is a verdict on the step's work only sometimes."""
        # A poll is a read: no refusal of it says anything about the job.
        # guard: refused-poll-is-repeated
        if task.phase is Phase.POLL or isinstance(error, errors.ServiceDenied):
            return self._later(task, error)
        if isinstance(error, errors.ServiceConflict) and error.in_progress:
            return self._later(task, error)  # guard: work-in-progress-is-awaited
        if isinstance(error, errors.ServiceRefused):
            if isinstance(error, errors.AccountSuspended) and task.phase is Phase.SUBMIT:
                return Executed(outcome=Abort(error=_text_of(error)))  # guard: suspended-aborts
            # An earlier try may have got through.
            # guard: refusal-settles-nothing-earlier
            return Executed(outcome=Fail(error=_text_of(error), unknown=task.outcome_unknown))
        outcome = Retry(
            error=_text_of(error),
            unknown=task.outcome_unknown,  # guard: transient-settles-nothing-earlier
            retry_after=self._named_wait(task, error),
        )
        return Executed(outcome=outcome)

    def _later(self, task: Task, error: errors.ServiceError) -> Executed:
        """The call is made again later, and no attempt is counted."""
        after = self._backoff(task, error)
        # A conflict under the task's own key may mean that its first request is being processed.
        ended = not (task.phase.writes and isinstance(error, errors.ServiceConflict))
        return Executed(outcome=Defer(after=after, reason=_text_of(error)), ended=ended)

    def _failed(self, task: Task, error: Exception) -> Executed:
        """The phase raised what it should not.

        A defect of ours, perhaps in the middle of a write.
        """
        self._telemetry.warn(
            "phase_failed",
            task=task.task_id,
            phase=task.phase.value,
            error=type(error).__name__,
            where=_where(error),
        )
        unknown = task.outcome_unknown or task.phase is Phase.SUBMIT  # guard: defect-is-unknown
        # The exception's text may quote a credential; the log names its type, file and line.
        text = f"unexpected: error in action {task.action} (see the step function's log)"
        outcome = Retry(error=text, unknown=unknown)
        return Executed(outcome=outcome, ended=not task.phase.writes)  # guard: defect-keeps-lock

    def _outcome(
        self,
        begun: Begun,
        task: Task,
        brief: Callable[[], TextBrief | None],
        budget: TimeBudget,
    ) -> Outcome:
        if task.phase is Phase.TIMER:
            return Done()
        # The commit that led here may have waited for its database.
        budget.need_call()  # guard: call-needs-time
        match task.phase:
            case Phase.GENERATE:
                return self._generate(task, brief())
            case Phase.SUBMIT:
                return self._submit.run(begun, budget)
            case Phase.POLL:
                return self._poll(task, budget)
            case Phase.CANCEL:
                return self._cancel.run(task, budget)

    def _generate(self, task: Task, brief: TextBrief | None) -> Outcome:
        if brief is None:
            return Fail(error="no_text_brief: the step has no text to be written")
        written = self._writer.write(brief)
        self._telemetry.count("AiTokens", written.tokens, action=task.action)
        text = written.text.strip()
        if issues := issues_in(text, brief.max_length):  # guard: text-is-checked
            self._telemetry.count("AiErrors", action=task.action)
            # Its words are neither stored nor shown: the text may hold what an account must not.
            causes = " ".join(issue.without_text for issue in issues)
            kinds = tuple(issue.kind for issue in issues)
            return Retry(error=f"text_rejected: {causes}", text_issues=kinds)
        return Done(result={"text": text, "tokens": written.tokens})

    def _poll(self, task: Task, budget: TimeBudget) -> Outcome:
        payload = task.payload
        job = self._service.job(payload.job_id) if payload.job_id else None
        if job is None and payload.key:
            budget.need_call()
            job = self._service.find(payload.key)  # guard: lost-job-is-found-by-its-key
        if job is None:
            # guard: missing-job-is-unknown
            return Fail(error="job_unknown: the service does not know the job", unknown=True)
        if job.open:
            return Continue()
        if job.status == "succeeded":
            return Done(result=dict(job.result))
        error = f"job_{job.status}: {job.error or 'the service gave no reason'}"
        return Retry(error=error, new_key=True)  # guard: failed-job-gets-a-new-key

    def _backoff(self, task: Task, error: errors.ServiceError | errors.WriterWait) -> timedelta:
        """Return how long to defer, in schedule time, spread over tasks."""
        # guard: retry-after-counts
        return self._named_wait(task, error) or self._spread(task, DEFAULT_BACKOFF)

    def _named_wait(
        self, task: Task, error: errors.ServiceError | errors.WriterWait
    ) -> timedelta | None:
        """Return the wait that a service requested, in schedule time, spread over tasks."""
        wait = error.retry_after
        if not wait:
            return None
        return self._spread(task, min(wait, _LONGEST_BACKOFF) * self._clock.rate)

    def _spread(self, task: Task, wait: timedelta) -> timedelta:
        # Never shorter. A service that names one date for all has them all back at it otherwise.
        longer = max(wait * _SPREAD, _LEAST_SPREAD * self._clock.rate)
        fraction = TaskRandom(task.task_id).fraction("defer", task.fence)
        return wait + longer * fraction  # guard: deferrals-are-spread


def _text_of(error: errors.FlamebotError) -> str:
    return f"{error.code}: {error.detail}"


def _where(error: Exception) -> str:
    """Return file and line only: the lines of a traceback would show the values in use."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
