"""Outcomes: what the execution of a task returned. They are the planner's input."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from flamebot.domain.text_issue import TextIssueKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The phase has succeeded.

    `result` by phase: generate `{"text", "tokens"}`; submit `{"job_id"}`; poll: what the job
    reports; timer: empty. Cancel: empty, or `{"job_status": "succeeded", "job_result": {...}}` if
    the job had succeeded before it could be cancelled.
    """

    result: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Continue:
    """The job is still at work; poll again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """An attempt failed and may be tried again."""

    error: str  # "code: detail", as in "outcome_unknown: the service returned status 503"
    unknown: bool = False  # it may have taken effect: the same task and key are sent again
    new_key: bool = False  # the service reports the job failed or cancelled: a new task and key
    retry_after: timedelta | None = None  # schedule time; the next attempt is never sooner
    # No response says what happened: connection error, timeout or 5xx. Whether that is the fault of
    # the work or of the service is for the planner to say.
    unanswered: bool = False
    text_issues: tuple[TextIssueKind, ...] = ()  # why a generated text was rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Defer:
    """The step could not be tried now: throttled, access denied, or the account's lock is held.

    This is not a failure of the step: no attempt is counted, and the wait extends its timeout.
    """

    after: timedelta  # schedule time
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A write was looked up, and the service knows no job under its key.

    A request that got no response may still be on its way: after `again`, schedule time, it has
    arrived or will not.
    """

    again: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """An attempt failed, and further ones would fail too."""

    error: str
    unknown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """The account may not be acted on: the workflow fails, even if the step is not critical."""

    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseExpired:
    """The task's lease has expired without a commit.

    `error` is `lease_expired` if a worker had begun the task, `undeliverable` if its message was
    sent several times and no worker began it.
    """

    error: str


Outcome = Done | Continue | Retry | Defer | Absent | Fail | Abort | LeaseExpired
