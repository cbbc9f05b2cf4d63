"""What tick and step ask of the store: the protocol's hot verbs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from flamebot.domain.decision import Decision
from flamebot.domain.instance import Instance
from flamebot.domain.message import TaskPointer
from flamebot.domain.task import Task

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A task that is running now, with all that the step needs.

    `early`: not due yet and nothing was changed; only `task_id` and `now` are set.
    """

    task_id: str
    now: datetime  # schedule time at the database
    early: bool = False
    task: Task | None = None
    instance: Instance | None = None
    credentials_version: int = 0
    registered_version: int | None = None
    account_suspended: bool = False  # by the service's last word that we remember
    global_paused_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitItem:
    """One decision to commit, by whoever holds this fence."""

    task_id: str
    fence: int
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What became of one item. Accepted again after a lost reply, with the successor's present status and fence."""

    task_id: str
    accepted: bool  # False: stale, nothing was changed
    instance_status: str | None = None
    next_task_id: str | None = None
    next_status: str | None = None  # running, queued, pending or held
    next_fence: int | None = None
    send: TaskPointer | None = (
        None  # queued by this commit: to be sent now (the next task, or the same one again)
    )


class EngineStore(Protocol):
    """The protocol's hot verbs: tick and step."""

    def free_queue_capacity(self) -> int:
        """How many tasks may still be claimed until MAX_QUEUED_TASKS are in flight. The more are, the longer it takes to count them."""
        ...

    def claim_due_tasks(self, limit: int) -> list[TaskPointer]:
        """Claim what falls due within the horizon."""
        ...

    def resend_expired(self, limit: int) -> list[TaskPointer]:
        """Queued past their lease: the same fence again, one more send, a longer lease."""
        ...

    def reclaim_expired(self, limit: int, delivery_id: str) -> list[Begun]:
        """Running past their lease, or queued and sent 20 times in vain: new fence, new lease; `task.lost` says which."""
        ...

    def begin_tasks(self, pointers: Sequence[TaskPointer], delivery_id: str) -> list[Begun]:
        """Begin; what is missing in the answer is not ours to run. Repeatable with the same delivery_id."""
        ...

    def commit_tasks(self, items: Sequence[CommitItem]) -> list[Committed]:
        """Commit; all or nothing per item. Repeatable."""
        ...

    def definition_document(self, definition_id: int) -> Json:
        """A definition version's document: type, version, name, description, config, steps. Raises `NotFound`."""
        ...

    def load_credentials(self, account_id: str) -> Json:
        """What registration needs: model_id, channel_id, config, credentials_version, ciphertext (bytes or None), ciphertext_version."""
        ...

    def mark_registered(self, account_id: str, version: int) -> bool:
        """CAS: registered, unless the account has a newer version by now."""
        ...

    def set_account_status(self, account_id: str, status: Literal["active", "suspended"]) -> None:
        """Remember what the service said."""
        ...

    def record_tick(self, claimed: int, sent: int, seconds: float) -> None:
        """Remember the heartbeat, for the health check."""
        ...

    def engine_health(self) -> Json:
        """As in `ReadStore`."""
        ...
