"""What the API and the import ask of the store: the verbs that change something on behalf of somebody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from flamebot.domain.decision import Decision
from flamebot.domain.instance import Instance
from flamebot.domain.message import TaskPointer
from flamebot.domain.task import Task
from flamebot.ports.engine_store import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRow:
    """An instance to start, planned by Python: the id is ours, so that draws are seeded before the insert."""

    instance_id: str
    account_id: str
    definition_id: int
    total_steps: int
    decision: Decision
    planned_at: datetime | None = (
        None  # the moment that its first delays count from; None: when it is stored
    )


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
class InstanceSnapshot:
    """An instance and its last task, read for a plan that a person asked for (retry, skip-step)."""

    instance: Instance
    task: Task | None
    task_status: str | None
    now: datetime
    global_paused_ms: int


class ControlStore(Protocol):
    """The verbs behind the API and the import."""

    def now(self) -> datetime:
        """Schedule time."""
        ...

    def current_definition(self, workflow_type: str) -> Json:
        """The current version's document with its `id`. Raises `UnknownWorkflowType`."""
        ...

    def definition_document(self, definition_id: int) -> Json:
        """As in `EngineStore`."""
        ...

    def reserve_credentials_versions(self, count: int) -> list[int]:
        """Credentials versions that nobody else will ever get."""
        ...

    def find_import(self, principal: str, key: str) -> IdempotencyRecord | None:
        """The remembered request, at most 24 hours old."""
        ...

    def import_accounts(
        self,
        accounts: Sequence[AccountRow],
        starts: Sequence[StartRow],
        record: IdempotencyRecord | None,
        caller: Caller,
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

    def resume_workflow(
        self, instance_id: str, clock: Literal["freeze", "run_on"], caller: Caller
    ) -> Changed:
        """Go on, with the remaining wait or the old due time."""
        ...

    def stop_workflow(self, instance_id: str, caller: Caller) -> Changed:
        """Stop; stopping while a task runs or a job is open."""
        ...

    def standing(self, instance_id: str) -> InstanceSnapshot:
        """Read for a plan. Raises `NotFound`."""
        ...

    def retry_workflow(
        self, instance_id: str, revision: int, decision: Decision, caller: Caller
    ) -> Changed:
        """Failed to active: unknown outcome reopens the same task, else `decision.next`.

        Raises `AlreadyActive`, `NotAllowed`, `RevisionConflict`.
        """
        ...

    def skip_step(
        self, instance_id: str, revision: int, decision: Decision, caller: Caller
    ) -> Changed:
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

    def publish_definition(
        self, document: Mapping[str, Any], expected_version: int | None, caller: Caller
    ) -> Json:
        """A new version; the same content again is no new one.

        `expected_version` None: there must be none yet. Raises `PreconditionFailed`.
        """
        ...

    def delete_account(self, account_id: str, caller: Caller) -> None:
        """Erase the account, its context and results. Raises `NotFound`, `Busy` (a live workflow)."""
        ...
