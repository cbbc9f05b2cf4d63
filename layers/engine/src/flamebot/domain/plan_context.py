"""The context of a plan: its inputs, and the parts of a decision that follow from them alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from flamebot.domain.action import EffectAction
from flamebot.domain.decision import (
    Decision,
    Deferrals,
    HistoryEntry,
    HistoryStatus,
    InstanceWrite,
    NextTask,
    TaskWrite,
)
from flamebot.domain.definition import Definition
from flamebot.domain.duration import duration_text, later
from flamebot.domain.error_text import code_of, tidy
from flamebot.domain.instance import Instance
from flamebot.domain.service_call import ServiceRecord
from flamebot.domain.step import EffectStep, Step
from flamebot.domain.task import Payload, Phase, Task
from flamebot.domain.task_random import TaskRandom

# How long a step waits for services beside its own time, by default. Deferrals, requested waits and
# calls without a response extend its timeout by no more than this, all together. A job's status is
# read, and its cancel tried, for as long after the timeout: giving up leaves a job behind that may
# still be at work.
GIVE_UP_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanContext:
    """The task that was run, its step and instance, and the time of planning."""

    definition: Definition
    instance: Instance
    task: Task
    step_index: int
    payload: Payload  # the task's, with the step's clock running
    now: datetime
    random: TaskRandom
    global_paused_ms: int
    service_record: ServiceRecord | None = None
    give_up_after: timedelta = GIVE_UP_AFTER

    @classmethod
    def of(
        cls,
        definition: Definition,
        instance: Instance,
        task: Task,
        now: datetime,
        random: TaskRandom,
        *,
        global_paused_ms: int,
        service_record: ServiceRecord | None = None,
        late_ms: int = 0,
        give_up_after: timedelta = GIVE_UP_AFTER,
    ) -> PlanContext:
        """Look up the step, and start its clock with the first outcome of its first phase."""
        payload = task.payload
        if payload.started_at is None:
            # Not when the task was created: a task may wait long in the queue, and that time is the
            # engine's. The global pauses so far are noted, to be subtracted at the deadline.
            payload = payload.carried(
                started_at=now, paused_ms=0, global_paused_ms=global_paused_ms
            )
        elif late_ms > 0:
            # An open breaker held it back, or the engine was late: neither is the step's own time.
            paused_ms = payload.paused_ms + late_ms
            payload = payload.carried(paused_ms=paused_ms)  # guard: lateness-extends-timeouts
        return cls(
            definition=definition,
            instance=instance,
            task=task,
            step_index=definition.step_index(task.step_id),
            payload=payload,
            now=now,
            random=random,
            global_paused_ms=global_paused_ms,
            service_record=service_record,
            give_up_after=give_up_after,
        )

    @property
    def step(self) -> Step:
        """The step that the task is a phase of."""
        return self.definition.steps[self.step_index]

    @property
    def effect(self) -> EffectAction:
        """The step's action. Raises `TypeError` for a pure step, whose only phase is the timer."""
        step = self.step
        if not isinstance(step, EffectStep):
            raise TypeError(f"{step.action} has no phase {self.task.phase}")
        return step.behaviour

    @property
    def only_reads(self) -> bool:
        """Whether the task changes nothing at the service: a poll, or the look-up of a write."""
        return self.task.phase is Phase.POLL or self.payload.look_up is not None

    @property
    def tries(self) -> int:
        """The attempts at the effect, this one included. Timers and polls are not attempts."""
        return self.task.attempts_after

    @property
    def limit(self) -> int:
        """The number of attempts that there may be."""
        if self.task.phase is Phase.CANCEL:
            return self.definition.cancel_attempts
        return self.definition.max_attempts(self.step)

    @property
    def timed_out(self) -> str:
        """The start of the error of a step whose time is used up."""
        return f"step_timeout: not finished within {duration_text(self.step.timeout)}"

    @property
    def began(self) -> datetime:
        """When the step's first phase began; for a wait, when its delay began."""
        return self.payload.started_at or self.now

    @property
    def deadline(self) -> datetime:
        """When the step's timeout is used up.

        Time in a pause or waiting for the engine does not count, nor do deferrals and waits that a
        service requested, up to `give_up_after`.
        """
        # Two sources: resume_workflow adds an instance's own pauses to the payload; the global
        # pause is one counter, of which the part since the step began is taken.
        paused = self.payload.paused_ms + max(
            0, self.global_paused_ms - self.payload.global_paused_ms
        )
        waited = min(timedelta(milliseconds=self.payload.waited_ms), self.give_up_after)
        end = later(later(self.began, self.step.timeout), waited)  # guard: waits-extend-timeouts
        return later(end, timedelta(milliseconds=paused))  # guard: deadline

    @property
    def last_resort(self) -> datetime:
        """When the engine stops waiting for any response at all."""
        return later(self.deadline, self.give_up_after)

    def extended(self, wait: timedelta) -> PlanContext:
        """Return the context with the step's timeout extended by a wait that is not the step's."""
        waited = self.payload.waited_ms + wait // timedelta(milliseconds=1)
        return replace(self, payload=self.payload.carried(waited_ms=waited))

    def deferral(self, wait: timedelta, reason: str) -> PlanContext:
        """Return the context with a deferral more, for people to see."""
        payload = self.payload
        return replace(
            self,
            payload=payload.carried(
                deferrals=payload.deferrals + 1,
                deferred_ms=payload.deferred_ms + wait // timedelta(milliseconds=1),
                deferred_at=self.now,
                deferred_code=code_of(reason),
            ),
        )

    def after(self, wait: timedelta) -> datetime:
        """Return the time after a wait; a negative wait counts as none."""
        return later(self.now, max(wait, timedelta()))

    def backoff(self, tries: int) -> timedelta:
        """Return the wait after attempt number `tries`, from the task's random numbers."""
        return self.definition.retry.wait(
            max(1, tries), self.random.fraction("backoff", self.step.id, tries)
        )

    def entry(
        self,
        status: HistoryStatus,
        *,
        result: dict[str, object] | None = None,
        error: str | None = None,
    ) -> HistoryEntry:
        """Return a history entry of this step."""
        return HistoryEntry(
            step_id=self.step.id,
            action=self.step.action,
            status=status,
            attempt=self.task.attempt,
            # A clock that was set back must not make an entry end before it starts.
            started_at=min(self.began, self.now),
            finished_at=self.now,
            result=result,
            error=error,
            deferrals=Deferrals.of(self.payload),
        )

    def finish(
        self,
        to: Literal["completed", "failed", "cancelled"],
        *,
        result: dict[str, object] | None = None,
        error: str | None = None,
        unknown: bool = False,
        tried: bool = True,
        payload: Payload | None = None,
    ) -> TaskWrite:
        """Return the write that finishes the task.

        Args:
            to: The task's final status.
            result: What the task returned.
            error: Why it failed, as "code: detail".
            unknown: The write may have taken effect at the service.
            tried: An attempt was made just now; it counts if the phase has attempts.
            payload: The task's new payload. None: unchanged.
        """
        return TaskWrite(
            to=to,
            payload=payload,
            result=result,
            error=error and tidy(error),
            attempts=self.tries if tried else self.task.attempts,
            outcome_unknown=unknown,
        )

    def reschedule(
        self,
        at: datetime,
        *,
        attempts: int | None = None,
        payload: Payload | None = None,
        error: str | None = None,
        unknown: bool = False,
        history: tuple[HistoryEntry, ...] = (),
    ) -> Decision:
        """Return the decision to run the same row again, at `at`."""
        # Only a definite response of the service settles an unknown outcome, never another attempt:
        # the earlier request may still take effect.
        unknown = unknown or self.task.outcome_unknown  # guard: unknown-stays
        return Decision(
            task=TaskWrite(
                to="pending",
                at=at,
                payload=payload or self.payload,
                error=error and tidy(error),
                attempts=self.task.attempts if attempts is None else attempts,
                outcome_unknown=unknown,
            ),
            instance=InstanceWrite(current_step=self.step_index),
            history=history,
            if_stopping=self.cancel_if_job_open(unknown=unknown),
        )

    def cancel_if_job_open(self, *, unknown: bool) -> NextTask | None:
        """Return the cancel task for a stop, if a job of this step is open or may be."""
        phase = self.task.phase
        if phase is Phase.POLL or (phase is Phase.SUBMIT and unknown):  # guard: open-job
            return self.cancel("stop", run=False)
        return None

    def unless_stopping(self, decision: Decision, *, unknown: bool) -> Decision:
        """Return the decision with a cancel task for a stop that came in the meantime."""
        return replace(decision, if_stopping=self.cancel_if_job_open(unknown=unknown))

    def cancel(
        self, reason: Literal["stop", "timeout"], *, run: bool, job_id: str | None = None
    ) -> NextTask:
        """Return the task that cancels the step's job, by the job's id if it is known."""
        # Without a job id the job is looked up by the key it was submitted under, which is the id
        # of the submit task: this task's own, or the one that its payload carries.
        submitting = self.task.phase is Phase.SUBMIT
        key = self.task.task_id if submitting else self.payload.key  # guard: cancel-key
        payload = self.payload.carried(
            reason=reason, job_id=job_id or self.payload.job_id, key=key, polls=0
        )
        return self.next(Phase.CANCEL, self.now, payload, run=run)

    def next(
        self,
        phase: Phase,
        at: datetime,
        payload: Payload,
        *,
        attempts: int = 0,
        run: bool | None = None,
    ) -> NextTask:
        """Return the step's next task. By default it is run at once if it is due."""
        return NextTask(
            step_id=self.step.id,
            action=self.step.action,
            phase=phase,
            at=at,
            payload=payload,
            attempts=attempts,
            run=at <= self.now if run is None else run,  # guard: run-only-when-due
        )
