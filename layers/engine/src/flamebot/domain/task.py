"""A task: one phase of one step, and the right to run it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from flamebot.domain.ids import TaskId
from flamebot.domain.text_issue import TextIssueKind


class Phase(StrEnum):
    """What a task does. Only `submit` and `cancel` write at the actions service."""

    TIMER = "timer"  # the end of a delay; the step is a wait
    GENERATE = "generate"  # have a text written; it is stored before it is sent
    SUBMIT = "submit"  # send the work to the actions service; the task id is the Idempotency-Key
    POLL = "poll"  # read the job's state; no attempt, no lock
    CANCEL = "cancel"  # cancel the job after a stop or a step timeout; never held

    @property
    def writes(self) -> bool:
        """Whether the account's lock is needed."""
        return self in (Phase.SUBMIT, Phase.CANCEL)  # guard: cancel-is-a-write

    @property
    def is_attempt(self) -> bool:
        """Whether running it counts as an attempt; the end of a wait and a poll do not."""
        return self in (Phase.GENERATE, Phase.SUBMIT, Phase.CANCEL)


PHASES = {phase.value: phase for phase in Phase}


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRequest:
    """A complete write to the actions service; an attempt only sends it.

    `path` is relative to the service and holds `{accountId}`; both come from an action's code,
    never from input.
    """

    method: str
    path: str
    body: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What a task carries. Stored as snake_case JSON; absent fields are left out."""

    request: EffectRequest | None = None  # submit
    text: str | None = None  # from the generate phase, kept for every later attempt of the step
    # generate: the issues of the rejected texts of this step, given to the writer of the next one
    text_issues: tuple[TextIssueKind, ...] | None = None
    job_id: str | None = None  # poll, cancel
    # poll, cancel: the submit task's id, to look the job up when its id is unknown
    key: str | None = None
    polls: int = 0
    # submit: why the write, of unknown outcome, would fail. It is looked up instead of sent again.
    look_up: str | None = None
    absent: bool = False  # submit: a look-up has found no job
    reason: str | None = None  # cancel: "stop" or "timeout"
    # The step's own clock, carried from phase to phase. Schedule time.
    started_at: datetime | None = None  # when the step's first phase began; None: not yet
    paused_ms: int = 0  # time this step spent held; added to by resume_workflow (SQL)
    global_paused_ms: int = 0  # the control row's total when the step began
    waited_ms: int = 0  # deferrals, and waits that the services requested
    # Deferrals of this step: how often, for how long, and the last one. Schedule time.
    deferrals: int = 0
    deferred_ms: int = 0
    deferred_at: datetime | None = None
    deferred_code: str | None = None
    # Failures without a response since the service was last seen to answer others.
    unanswered: int = 0
    unanswered_since: datetime | None = None

    def carried(self, **changes: object) -> Payload:
        """Return the payload of the step's next phase: the same, with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]  # replace() checks the names itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A begun task, as the planner and the worker threads use it."""

    task_id: TaskId
    sequence: int  # within the instance, from 1
    step_id: str
    action: str
    phase: Phase
    scheduled_for: datetime
    attempts: int  # at the step's effect, with a committed outcome; this one is not counted yet
    reclaims: int
    sends: int
    fence: int
    payload: Payload
    outcome_unknown: bool  # an earlier attempt may have reached the service
    first_begun_at: datetime | None = None  # wall time, for the age of the key
    reclaim_reason: str | None = None  # lease_expired or undeliverable; set by reclaim_expired

    @property
    def attempts_after(self) -> int:
        """How many attempts are stored once this task's outcome is committed."""
        looked_up = self.payload.look_up is not None
        return self.attempts + (self.phase.is_attempt and not looked_up)

    @property
    def attempt(self) -> int:
        """Which attempt at the step's effect this is, from 1, as logs and history show it."""
        return max(self.attempts_after, 1)

    def age(self, now: datetime) -> timedelta:
        """Return how long the service may have known this task's key. Wall time."""
        return now - self.first_begun_at if self.first_begun_at else timedelta()


def rewound(payload: Payload) -> Payload:
    """Return the payload with the step's clock reset, for a retry by an operator."""
    return replace(
        payload,
        started_at=None,
        paused_ms=0,
        global_paused_ms=0,
        waited_ms=0,
        polls=0,
        look_up=None,
        absent=False,
        deferrals=0,
        deferred_ms=0,
        deferred_at=None,
        deferred_code=None,
        unanswered=0,
        unanswered_since=None,
    )
