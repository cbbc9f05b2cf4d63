"""Decisions: what the planner answers. Data, until the commit makes it true."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from flamebot.domain.task import Payload, Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskWrite:
    """What becomes of the task that was run."""

    to: Literal[
        "completed", "failed", "cancelled", "pending"
    ]  # pending: the same row again, at `at`
    at: datetime | None = None
    payload: Payload | None = None  # None: as it was
    result: dict[str, object] | None = None
    error: str | None = None
    attempts: int = 0
    outcome_unknown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceWrite:
    """What becomes of the instance. None keeps what is there."""

    current_step: int
    context: dict[str, object] | None = None
    iterations: dict[str, int] | None = None
    status: Literal["completed", "failed", "stopped"] | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One line of the instance's history; numbered by the commit."""

    step_id: str
    action: str
    status: Literal["completed", "failed", "retried", "skipped", "cancelled"]
    attempt: int
    started_at: datetime
    finished_at: datetime
    result: dict[str, object] | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NextTask:
    """The task that follows: sequence + 1. `run` asks to go on with it at once in this invocation."""

    step_id: str
    action: str
    phase: Phase
    at: datetime
    payload: Payload = field(default_factory=Payload)
    attempts: int = 0
    run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Everything one commit writes.

    `task` is None where no task was run: start, skip-step, and retry unless it opens the same task again. `if_stopping` is the
    cancel task to create instead of `next` should the instance turn out to be stopping: set whenever a job is open or may exist.
    """

    task: TaskWrite | None
    instance: InstanceWrite
    history: tuple[HistoryEntry, ...] = ()
    next: NextTask | None = None
    if_stopping: NextTask | None = None
    suspend_account: bool = False  # written by a second call, after the commit
