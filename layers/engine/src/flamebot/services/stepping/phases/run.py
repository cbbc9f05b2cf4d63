"""Run one phase of one step: the only place that acts on the outside. What comes next it does not know."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from flamebot.domain import errors
from flamebot.domain.action import TextBrief
from flamebot.domain.outcome import Continue, Defer, Done, Fail, Outcome, Retry
from flamebot.domain.task import Phase, Task
from flamebot.domain.task_random import TaskRandom
from flamebot.domain.text_rules import issue_in
from flamebot.ports.actions_service import ActionsService
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Begun
from flamebot.ports.telemetry import Telemetry
from flamebot.ports.writer import Writer
from flamebot.services.stepping.phases.cancel import CancelJob
from flamebot.services.stepping.phases.register import RegisterAccount
from flamebot.services.stepping.phases.submit import SubmitEffect, SubmitUnknown
from flamebot.services.time_budget import Invocation, OutOfTime

PATIENCE = timedelta(
    seconds=30
)  # schedule time, before asking again a service that named no time itself
_LONGEST_PATIENCE = timedelta(days=1)  # wall time; whatever the service asks for
_SPREAD = 0.25  # of a deferral, so that what was refused together does not come back together


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """What came of a phase. `ended`: its writes at the service are surely over, so the account's lock may be given back."""

    outcome: Outcome
    ended: bool = True


class ExecutePhase:
    """Executes phases for the threads of an invocation. Never raises an `Exception`: whatever happens is an outcome."""

    def __init__(
        self,
        *,
        service: ActionsService,
        writer: Writer,
        accounts: RegisterAccount,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        """Take the outside."""
        self._service = service
        self._writer = writer
        self._submit = SubmitEffect(service, accounts, clock)
        self._cancel = CancelJob(service, clock)
        self._clock = clock
        self._telemetry = telemetry

    def run(
        self,
        begun: Begun,
        task: Task,
        brief: Callable[[], TextBrief | None],
        invocation: Invocation,
    ) -> Executed:
        """Execute the task's phase; `brief` says what to write and is asked in the text phase only."""
        executed = self._run(begun, task, brief, invocation)
        if (
            task.phase is Phase.SUBMIT
            and task.outcome_unknown
            and not isinstance(executed.outcome, Done)
        ):
            return replace(
                executed, ended=False
            )  # what an earlier try sent may still be on its way
        return executed

    def _run(
        self,
        begun: Begun,
        task: Task,
        brief: Callable[[], TextBrief | None],
        invocation: Invocation,
    ) -> Executed:
        try:
            return Executed(outcome=self._outcome(begun, task, brief, invocation))
        except OutOfTime as error:
            return Executed(
                outcome=Defer(after=timedelta(seconds=self._clock.rate), reason=error.code)
            )
        except errors.ServiceThrottled as error:
            self._telemetry.count("VendorThrottled", action=task.action)
            return Executed(outcome=Defer(after=self._patience(task, error), reason=error.code))
        except errors.OutcomeUnknown as error:
            if task.phase is Phase.POLL:  # a question changes nothing, however often it is asked
                return Executed(
                    outcome=Defer(after=self._patience(task, error), reason=_told(error))
                )
            unknown = task.outcome_unknown or isinstance(error, SubmitUnknown)
            outcome = Retry(
                error=_told(error), unknown=unknown, retry_after=self._engine(error.retry_after)
            )
            return Executed(outcome=outcome, ended=not task.phase.writes)
        except errors.ServiceRefused as error:
            # An earlier try may have got through, and a job that is polled may be at work: that is not over.
            return Executed(
                outcome=Fail(
                    error=_told(error), unknown=task.outcome_unknown or task.phase is Phase.POLL
                )
            )
        except errors.WriterError as error:
            self._telemetry.count("AiErrors", action=task.action)
            refused = isinstance(error, errors.WriterRefused)
            return Executed(
                outcome=Fail(error=_told(error)) if refused else Retry(error=_told(error))
            )
        except errors.VaultError as error:
            return Executed(
                outcome=Fail(
                    error=f"{error.code}: the credentials cannot be decrypted",
                    unknown=task.outcome_unknown,
                )
            )
        except errors.Unavailable as error:
            return Executed(outcome=Retry(error=_told(error), unknown=task.outcome_unknown))
        except Exception as error:  # noqa: BLE001  # its type is told; its text may hold anything
            self._telemetry.warn(
                "phase_broke",
                task=task.task_id,
                phase=task.phase.value,
                error=type(error).__name__,
                where=_where(error),
            )
            unknown = task.outcome_unknown or task.phase is Phase.SUBMIT
            return Executed(
                outcome=Retry(error=f"unexpected: {type(error).__name__}", unknown=unknown),
                ended=not task.phase.writes,
            )

    def _outcome(
        self,
        begun: Begun,
        task: Task,
        brief: Callable[[], TextBrief | None],
        invocation: Invocation,
    ) -> Outcome:
        if task.phase is Phase.TIMER:
            return Done()
        invocation.need_call()  # the commit that led here may have waited for its database
        match task.phase:
            case Phase.GENERATE:
                return self._text(task, brief())
            case Phase.SUBMIT:
                return self._submit.run(begun, task, invocation)
            case Phase.POLL:
                return self._poll(task)
            case Phase.CANCEL:
                return self._cancel.run(task, invocation)

    def _text(self, task: Task, brief: TextBrief | None) -> Outcome:
        if brief is None:
            return Fail(error="no_text_brief: the step has no text to be written")
        written = self._writer.write(brief)
        self._telemetry.count("AiTokens", written.tokens, action=task.action)
        text = written.text.strip()
        if issue := issue_in(text, brief.max_length):
            self._telemetry.count("AiErrors", action=task.action)
            return Retry(error=f"text_rejected: {issue}")
        return Done(result={"text": text, "tokens": written.tokens})

    def _poll(self, task: Task) -> Outcome:
        job = self._service.job(task.payload.job_id) if task.payload.job_id else None
        if job is None:
            return Fail(error="job_unknown: the service does not know the job", unknown=True)
        if job.open:
            return Continue()
        if job.status == "succeeded":
            return Done(result=dict(job.result))
        return Retry(
            error=f"job_{job.status}: {job.error or 'the service gave no reason'}", new_key=True
        )

    def _patience(self, task: Task, error: errors.ServiceError) -> timedelta:
        asked = self._engine(error.retry_after) or PATIENCE
        return asked * (1 + _SPREAD * TaskRandom(task.task_id).fraction("defer", task.fence))

    def _engine(self, real: timedelta | None) -> timedelta | None:
        return None if real is None else min(real, _LONGEST_PATIENCE) * self._clock.rate


def _told(error: errors.FlamebotError) -> str:
    return f"{error.code}: {error.detail}"


def _where(error: Exception) -> str:
    """The place only: a traceback's lines would show what the code was dealing with."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
