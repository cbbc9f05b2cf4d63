"""A ctx: everything that a plan looks at, and the parts of a decision that follow from it alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from flamebot.domain.decision import Decision, HistoryEntry, InstanceWrite, NextTask, TaskWrite
from flamebot.domain.definition import Definition
from flamebot.domain.duration import later
from flamebot.domain.instance import Instance
from flamebot.domain.step import Step
from flamebot.domain.task import Payload, Phase, Task
from flamebot.domain.task_random import TaskRandom

# How much longer than the step's timeout a job may stay unanswered, or a cancelling unconfirmed, before it is given up.
GRACE = timedelta(hours=2)
_LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanContext:
    """A task was run: in which step of which instance, and when that was planned."""

    definition: Definition
    instance: Instance
    task: Task
    place: int  # of the step
    payload: Payload  # the task's, with the step's clock running
    now: datetime
    draw: TaskRandom
    global_paused_ms: int

    @classmethod
    def of(
        cls,
        definition: Definition,
        instance: Instance,
        task: Task,
        now: datetime,
        draw: TaskRandom,
        *,
        global_paused_ms: int,
    ) -> PlanContext:
        """Look up the step, and start its clock if this is the first outcome of its first phase."""
        payload = task.payload
        if payload.started_at is None:
            payload = payload.carried(
                started_at=now, paused_ms=0, global_paused_ms=global_paused_ms
            )
        return cls(
            definition=definition,
            instance=instance,
            task=task,
            place=definition.place(task.step_id),
            payload=payload,
            now=now,
            draw=draw,
            global_paused_ms=global_paused_ms,
        )

    @property
    def step(self) -> Step:
        """The step that the task is a phase of."""
        return self.definition.steps[self.place]

    @property
    def tries(self) -> int:
        """Attempts at the effect, this one included. Waking up and polling are none."""
        return self.task.attempts + (
            self.task.phase in (Phase.GENERATE, Phase.SUBMIT, Phase.CANCEL)
        )

    @property
    def limit(self) -> int:
        """How many attempts there may be."""
        return (
            self.definition.cancel_attempts
            if self.task.phase is Phase.CANCEL
            else self.definition.max_attempts(self.step)
        )

    @property
    def began(self) -> datetime:
        """When the step's first phase began; for a wait, when the waiting did."""
        return self.payload.started_at or self.now

    @property
    def deadline(self) -> datetime:
        """When the step has used up its timeout: time in a pause, its own or the global one, does not count."""
        paused = self.payload.paused_ms + max(
            0, self.global_paused_ms - self.payload.global_paused_ms
        )
        return later(later(self.began, self.step.timeout), timedelta(milliseconds=paused))

    @property
    def last_resort(self) -> datetime:
        """When waiting for any answer at all ends."""
        return later(self.deadline, GRACE)

    def after(self, wait: timedelta) -> datetime:
        """The time that lies this far ahead."""
        return later(self.now, max(wait, timedelta()))

    def backoff(self, tries: int) -> timedelta:
        """TaskRandom the wait that follows attempt `tries`."""
        return self.definition.retry.wait(
            max(1, tries), self.draw.fraction("backoff", self.step.id, tries)
        )

    def entry(
        self,
        status: Literal["completed", "failed", "retried", "skipped", "cancelled"],
        *,
        result: dict[str, object] | None = None,
        error: str | None = None,
    ) -> HistoryEntry:
        """A line of history about this step."""
        return HistoryEntry(
            step_id=self.step.id,
            action=self.step.action,
            status=status,
            attempt=max(1, self.tries),
            started_at=min(self.began, self.now),
            finished_at=self.now,
            result=result,
            error=error,
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
        """The task is finished; `tried`: with an attempt that counts, if its phase has any."""
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
        """The same row runs again; an outcome that was unknown before stays so."""
        unknown = unknown or self.task.outcome_unknown
        return Decision(
            task=TaskWrite(
                to="pending",
                at=at,
                payload=payload or self.payload,
                error=error and tidy(error),
                attempts=self.task.attempts if attempts is None else attempts,
                outcome_unknown=unknown,
            ),
            instance=InstanceWrite(current_step=self.place),
            history=history,
            if_stopping=self.cancel_if_job_open(unknown=unknown),
        )

    def cancel_if_job_open(self, *, unknown: bool) -> NextTask | None:
        """The cancel task for a stop, if a job of this step is open or may be."""
        phase = self.task.phase
        if phase is Phase.POLL or (phase is Phase.SUBMIT and unknown):
            return self.cancel("stop", run=False)
        return None

    def unless_stopping(self, decision: Decision, *, unknown: bool) -> Decision:
        """The decision, with what is to be done instead should a stop have come in between."""
        return replace(decision, if_stopping=self.cancel_if_job_open(unknown=unknown))

    def cancel(
        self, reason: Literal["stop", "timeout"], *, run: bool, job_id: str | None = None
    ) -> NextTask:
        """Take the step's job back: by its id, else by the key it was submitted under."""
        key = self.task.task_id if self.task.phase is Phase.SUBMIT else self.payload.key
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
        """The step's next task; run at once if it is due at once, unless said otherwise."""
        return NextTask(
            step_id=self.step.id,
            action=self.step.action,
            phase=phase,
            at=at,
            payload=payload,
            attempts=attempts,
            run=at <= self.now if run is None else run,
        )


def rewound(payload: Payload) -> Payload:
    """The payload with the step's clock set back, for a step that a person wants tried again."""
    return replace(payload, started_at=None, paused_ms=0, global_paused_ms=0, polls=0)


def tidy(error: str) -> str:
    """An error as it may be stored and shown: one line, not too long, nothing that a column refuses."""
    plain = "".join(character if character.isprintable() else " " for character in error)
    return plain if len(plain) <= _LONGEST_ERROR else plain[: _LONGEST_ERROR - 3] + "..."


def code_of(error: str) -> str:
    """The code in "code: detail"."""
    return error.partition(":")[0].strip()
