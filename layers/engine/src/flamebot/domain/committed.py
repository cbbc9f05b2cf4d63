"""What goes into `commit_tasks` and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass

from flamebot.domain.decision import Decision
from flamebot.domain.ids import TaskId
from flamebot.domain.message import TaskPointer


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitItem:
    """A decision to commit, valid only while the task still has this fence."""

    task_id: TaskId
    fence: int
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """The result of one item.

    A commit that is repeated after a lost reply is accepted again, with the successor's present
    status and fence.
    """

    task_id: TaskId
    accepted: bool  # False: the fence was stale, and nothing was changed
    instance_status: str | None = None
    next_task_id: TaskId | None = None
    # running: for this invocation, or (after a repeated commit) of another one that began it.
    next_status: str | None = None
    next_fence: int | None = None
    # The task that this commit queued and that must be sent now: the next one, or the same again.
    send: TaskPointer | None = None
