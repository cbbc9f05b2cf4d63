"""A task: one phase of one step, and the right to run it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class Phase(StrEnum):
    """What a task does. Only `submit` and `cancel` write at the actions service."""

    TIMER = "timer"  # nothing but the end of a delay; the step is a wait
    GENERATE = "generate"  # have a text written; it is stored before it is sent
    SUBMIT = "submit"  # hand the work to the actions service; the task id is the Idempotency-Key
    POLL = "poll"  # ask how far the job is; no attempt, no lock
    CANCEL = "cancel"  # take the job back, after a stop or a step timeout; never held

    @property
    def writes(self) -> bool:
        """Whether the account's lock is needed."""
        return self in (Phase.SUBMIT, Phase.CANCEL)


PHASES = {phase.value: phase for phase in Phase}


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRequest:
    """A write at the actions service, whole: an attempt only sends it.

    `path` is relative to the service and holds `{accountId}`; both come from an action's code, never from input.
    """

    method: str
    path: str
    body: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What a task carries. Stored as snake_case JSON; absent fields are left out."""

    request: EffectRequest | None = None  # submit
    text: str | None = None  # written by the text phase, kept for every later attempt of the step
    job_id: str | None = None  # poll, cancel
    key: str | None = (
        None  # poll, cancel: the submit task's id, to look the job up when its id is unknown
    )
    polls: int = 0
    reason: str | None = None  # cancel: "stop" or "timeout"
    # The step's own clock, carried from phase to phase. Schedule time.
    started_at: datetime | None = None  # when the step's first phase began; None: not yet
    paused_ms: int = 0  # time this step spent held; added to by resume_workflow (SQL)
    global_paused_ms: int = 0  # the control row's total when the step began

    def carried(self, **changes: object) -> Payload:
        """The payload of the step's next phase: the same, but for what changes."""
        return replace(self, **changes)  # type: ignore[arg-type]  # replace() checks the names itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A begun task, as the planner and the worker see it."""

    task_id: str  # "{instance id}:{sequence}"; the Idempotency-Key of its write
    sequence: int
    step_id: str
    action: str
    phase: Phase
    scheduled_for: datetime
    attempts: (
        int  # tries at the step's effect whose results were committed; this one is attempts + 1
    )
    reclaims: int
    sends: int
    fence: int
    payload: Payload
    outcome_unknown: bool  # an earlier try may have reached the service
    first_begun_at: datetime | None = None  # wall time, for the age of the key
    lost: str | None = None  # "lease_expired" or "undeliverable", when reclaim_expired returned it

    def age(self, now: datetime) -> timedelta:
        """How long the service has possibly known this task's key. Wall time."""
        return now - self.first_begun_at if self.first_begun_at else timedelta()
