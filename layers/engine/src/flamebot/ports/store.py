"""The store: the truth. One method per SQL function, one round trip, one transaction each.

Every method raises `StoreUnavailable` when the database cannot be reached; the domain's errors come from SQLSTATEs.
The adapter passes the schedule clock's time, horizon and lease by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
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
    now: datetime  # engine time at the database
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
    send: TaskPointer | None = None  # queued by this commit: to be sent now (the next task, or the same one again)


class TaskStore(Protocol):
    """The protocol's hot verbs: tick and step."""

    def now(self) -> datetime:
        """Engine time."""
        ...

    def claim_due_tasks(self, limit: int) -> list[TaskPointer]:
        """Claim what falls due within the horizon, up to MAX_QUEUED_TASKS in flight."""
        ...

    def resend_lost_tasks(self, limit: int) -> list[TaskPointer]:
        """Queued past their lease: the same fence again, one more send, a longer lease."""
        ...

    def take_over_expired(self, limit: int, nonce: str) -> list[Begun]:
        """Running past their lease, or queued and sent 20 times in vain: new fence, new lease; `task.lost` says which."""
        ...

    def begin_tasks(self, pointers: Sequence[TaskPointer], nonce: str) -> list[Begun]:
        """Begin; what is missing in the answer is not ours to run. Repeatable with the same nonce."""
        ...

    def commit_tasks(self, items: Sequence[CommitItem]) -> list[Committed]:
        """Commit; all or nothing per item. Repeatable."""
        ...

    def definition(self, workflow_id: int) -> Json:
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


class TickStore(TaskStore, Protocol):
    """The hot verbs, and what the tick leaves behind."""

    def record_tick(self, claimed: int, sent: int, seconds: float) -> None:
        """Remember the heartbeat, for the health check."""
        ...

    def health(self) -> Json:
        """As in `ReadStore`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRow:
    """An instance to start, planned by Python: the id is ours, so that draws are seeded before the insert."""

    instance_id: str
    account_id: str
    workflow_id: int
    total_steps: int
    decision: Decision
    planned_at: datetime | None = None  # the moment that its first delays count from; None: when it is stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What became of a start. `incomplete`: no modelId or channelId. `missing`: no such account."""

    account_id: str
    status: Literal["started", "already_active", "incomplete", "missing"]
    instance_id: str | None  # already_active: that of the live one
    send: TaskPointer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """An account to store. None keeps what is there."""

    flamebot_id: str
    model_id: str | None
    channel_id: str | None
    config: Json | None
    version: int  # reserved; becomes credentials_version if anything changes
    ciphertext: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyRecord:
    """What is remembered of a request with an Idempotency-Key. The digest is salted and slow: the body holds credentials."""

    principal: str
    key: str
    salt: bytes
    digest: bytes
    answer: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import wrote: account id -> created or updated, and the starts."""

    accounts: dict[str, Literal["created", "updated"]]
    started: list[Started]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A workflow after a control call, as `GET` shows it (snake_case), and what is to be sent."""

    workflow: Json
    send: list[TaskPointer] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, and why: for the audit log."""

    actor: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An instance and its last task, read for a plan that a person asked for (retry, skip-step)."""

    instance: Instance
    task: Task | None
    task_status: str | None
    now: datetime
    global_paused_ms: int


class ControlStore(Protocol):
    """The verbs behind the API and the import."""

    def now(self) -> datetime:
        """Engine time."""
        ...

    def active_definition(self, workflow_type: str) -> Json:
        """The current version's document with its `id`. Raises `UnknownWorkflowType`."""
        ...

    def definition(self, workflow_id: int) -> Json:
        """As in `TaskStore`."""
        ...

    def reserve_versions(self, count: int) -> list[int]:
        """Credentials versions that nobody else will ever get."""
        ...

    def find_import(self, principal: str, key: str) -> IdempotencyRecord | None:
        """The remembered request, at most 24 hours old."""
        ...

    def import_accounts(
        self, accounts: Sequence[AccountRow], starts: Sequence[StartRow], record: IdempotencyRecord | None, caller: Caller
    ) -> Imported:
        """Store accounts and start instances in one transaction, and remember the request.

        `record.answer` holds what only Python knows of the answer; SQL stores it beside its own part and `find_import`
        gives both back as `{"request": ..., "imported": ...}`. Raises `IdempotencyInFlight`.
        """
        ...

    def start_workflows(self, starts: Sequence[StartRow], caller: Caller) -> list[Started]:
        """Start; one live instance per account."""
        ...

    def pause_workflow(self, instance_id: str, caller: Caller) -> Changed:
        """Hold the waiting task; the workflow says `effect_in_flight`. Raises `NotFound`, `NotAllowed`."""
        ...

    def resume_workflow(self, instance_id: str, clock: Literal["freeze", "run_on"], caller: Caller) -> Changed:
        """Go on, with the remaining wait or the old due time."""
        ...

    def stop_workflow(self, instance_id: str, caller: Caller) -> Changed:
        """Stop; stopping while a task runs or a job is open."""
        ...

    def standing(self, instance_id: str) -> Standing:
        """Read for a plan. Raises `NotFound`."""
        ...

    def retry_workflow(self, instance_id: str, revision: int, decision: Decision, caller: Caller) -> Changed:
        """Failed to active: unknown outcome reopens the same task, else `decision.next`.

        Raises `AlreadyActive`, `NotAllowed`, `RevisionConflict`.
        """
        ...

    def skip_step(self, instance_id: str, revision: int, decision: Decision, caller: Caller) -> Changed:
        """Cancel the waiting task and write the decision. Raises `Busy`, `NotAllowed`, `RevisionConflict`."""
        ...

    def run_workflow_now(self, instance_id: str, revision: int, caller: Caller) -> Changed:
        """Make the waiting task due now. Raises `Busy`, `NotAllowed`, `RevisionConflict`."""
        ...

    def pause_all(self, caller: Caller) -> Json:
        """Global pause; effective when it returns. Answers the control state."""
        ...

    def resume_all(self, caller: Caller) -> Json:
        """End of the global pause. Answers the control state."""
        ...

    def control(self) -> Json:
        """`{paused, paused_at, paused_ms}`."""
        ...

    def publish_definition(self, document: Mapping[str, Any], expected_version: int | None, caller: Caller) -> Json:
        """A new version; the same content again is no new one.

        `expected_version` None: there must be none yet. Raises `PreconditionFailed`.
        """
        ...

    def delete_account(self, account_id: str, caller: Caller) -> None:
        """Erase the account, its context and results. Raises `NotFound`, `Busy` (a live workflow)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of the items, and where the next ones begin."""

    items: list[Json]
    next_cursor: str | None


class ReadStore(Protocol):
    """The read side: views, never a lock. All rows snake_case."""

    def account(self, account_id: str) -> Json:
        """Without credentials. Raises `NotFound`."""
        ...

    def workflow(self, instance_id: str) -> Json:
        """Raises `NotFound`."""
        ...

    def workflows(self, filters: Mapping[str, Any], cursor: str | None, limit: int) -> Page:
        """Filters: status, type, account_id, step_id, error, due_before. Newest first."""
        ...

    def history(self, instance_id: str, cursor: str | None, limit: int) -> Page:
        """Oldest first. Raises `NotFound`."""
        ...

    def definitions(self) -> list[Json]:
        """Current versions, with instance counts by status."""
        ...

    def definition_version(self, workflow_type: str, version: int | None) -> Json:
        """One version, by default the current one. Raises `NotFound`."""
        ...

    def stats(self) -> Json:
        """Counts by status, execution statistics of the last 24 hours, lateness."""
        ...

    def due_histogram(self, minutes: int) -> list[Json]:
        """Waiting tasks per minute from now on."""
        ...

    def failed_tasks(self, cursor: str | None, limit: int) -> Page:
        """The last tasks of failed instances."""
        ...

    def health(self) -> Json:
        """What the database knows: last tick, oldest due age, backlog, expired leases, read-only or not."""
        ...


class UpkeepStore(Protocol):
    """The periodic pass, each call one small batch."""

    def delete_finished_tasks(self, older_than: timedelta, limit: int) -> int:
        """Finished task rows of finished age; the last task of a failed instance stays, retry needs it."""
        ...

    def delete_expired_locks(self) -> int:
        """Rows of `workflow_locks`."""
        ...

    def delete_old_requests(self) -> int:
        """Remembered requests older than 24 hours (real time)."""
        ...

    def tend_history(self, keep: timedelta) -> Json:
        """Make the coming days' partitions, drop the old ones. `{created, dropped}`."""
        ...

    def record_tick(self, claimed: int, sent: int, seconds: float) -> None:
        """Remember the heartbeat, for the health check."""
        ...

    def health(self) -> Json:
        """As in `ReadStore`."""
        ...
