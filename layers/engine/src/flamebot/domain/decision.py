"""Decisions: what the planner returns. They are data until a commit writes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from flamebot.domain.task import Payload, Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskWrite:
    """The new state of the task that was run. `pending` runs the same row again, at `at`."""

    to: Literal["completed", "failed", "cancelled", "pending"]
    at: datetime | None = None
    payload: Payload | None = None  # None: unchanged
    result: dict[str, object] | None = None
    error: str | None = None
    attempts: int = 0
    outcome_unknown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceWrite:
    """The new state of the instance. None keeps the stored value."""

    current_step: int
    context: dict[str, object] | None = None
    iterations: dict[str, int] | None = None
    status: Literal["completed", "failed", "stopped"] | None = None
    last_error: str | None = None


HistoryStatus = Literal["completed", "failed", "retried", "skipped", "cancelled", "reclaimed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferrals:
    """How often a step was deferred, for how long in schedule time, and why at last."""

    times: int
    ms: int
    code: str

    @classmethod
    def of(cls, payload: Payload) -> Deferrals | None:
        """Return the deferrals that a task carries; None if there were none."""
        if not payload.deferrals:
            return None
        code = payload.deferred_code or ""
        return cls(times=payload.deferrals, ms=payload.deferred_ms, code=code)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One entry of the instance's history. The commit numbers it."""

    step_id: str
    action: str
    status: HistoryStatus
    attempt: int
    started_at: datetime
    finished_at: datetime
    result: dict[str, object] | None = None
    error: str | None = None
    deferrals: Deferrals | None = None  # None: the step was not deferred


@dataclass(frozen=True, slots=True, kw_only=True)
class NextTask:
    """The task that follows, with the next sequence number.

    `run` requests that the same invocation runs it at once, without the queue.
    """

    step_id: str
    action: str
    phase: Phase
    at: datetime
    payload: Payload = field(default_factory=Payload)
    attempts: int = 0
    run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Everything that one commit writes.

    `task` is None where no task was run: start, skip-step, and a retry that creates a new task.
    `if_stopping` is the cancel task to create instead of `next` if the instance turns out to be
    stopping; it is set whenever a job is open or may exist.
    """

    task: TaskWrite | None
    instance: InstanceWrite
    history: tuple[HistoryEntry, ...] = ()
    next: NextTask | None = None
    if_stopping: NextTask | None = None
    suspend_account: bool = False  # written by a second call, after the commit
