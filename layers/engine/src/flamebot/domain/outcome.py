"""Outcomes: what came of running a task, as the planner is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The phase reached its end.

    `result` by phase: text `{"text", "tokens"}`; submit `{"job_id"}`; poll: what the job reports; wake and cancel: empty.
    """

    result: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Continue:
    """The job is still at work; ask again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """An attempt failed and may be tried again."""

    error: str  # a code, as in "outcome_unknown: the service answered 503"
    unknown: bool = False  # it may have happened: the same task and key are sent again
    new_key: bool = False  # the service called the work failed or cancelled: a new task, a new key
    retry_after: timedelta | None = None  # schedule time; never sooner


@dataclass(frozen=True, slots=True, kw_only=True)
class Defer:
    """Not now, and no fault of the step: throttled, or the lock is held. No attempt is counted."""

    after: timedelta  # schedule time
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """No further attempt makes sense."""

    error: str
    unknown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """The account may not be acted on: the workflow fails, whatever the step's `critical` says."""

    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseExpired:
    """Whoever ran the task is gone (`lease_expired`), or nobody ever received it (`undeliverable`)."""

    error: str


Outcome = Done | Continue | Retry | Defer | Fail | Abort | LeaseExpired
