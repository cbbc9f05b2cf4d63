"""The store of the API and of the import by request: start, control and publish.

One method per SQL function, one transaction each. A method that cannot reach the database raises
`StoreUnavailable`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from flamebot.domain.decision import Decision
from flamebot.domain.ids import DefinitionId
from flamebot.domain.instance import Instance
from flamebot.domain.message import TaskPointer
from flamebot.domain.task import Task
from flamebot.ports.engine_store import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRow:
    """An instance to start. Its id is made in Python: random numbers are seeded by it."""

    instance_id: str
    account_id: str
    definition_id: DefinitionId
    total_steps: int
    decision: Decision
    planned_at: datetime | None = None  # its delays count from here; None: from the insert


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The result of one start: `incomplete` without modelId or channelId, `missing` account."""

    account_id: str
    status: Literal["started", "already_active", "incomplete", "missing"]
    instance_id: str | None  # already_active: the id of the live instance
    send: TaskPointer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """An account to store. None keeps the stored value."""

    account_id: str
    model_id: str | None
    channel_id: str | None
    config: Json | None
    version: int  # reserved; becomes credentials_version if anything changes
    ciphertext: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyRecord:
    """A remembered request. The digest is salted and slow, because the body holds credentials."""

    principal: str
    key: str
    salt: bytes
    digest: bytes
    answer: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The result of an import: each account id with what happened to it, and the starts."""

    accounts: dict[str, Literal["created", "updated"]]
    started: list[Started]
    incomplete: dict[str, list[str]] = field(default_factory=dict)  # id to the fields it lacks


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A workflow after a control call, in the form of `workflow_overview`, and what to send."""

    workflow: Json
    send: list[TaskPointer] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Actor and reason of a change, for the audit log."""

    actor: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceSnapshot:
    """An instance and its last task at one moment, to plan a retry or a skip from."""

    instance: Instance
    task: Task | None
    task_status: str | None
    now: datetime
    global_paused_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """What must hold of a definition's current version when a new one is published.

    `exists` False: there is none yet (`If-None-Match: *`). `exists` True: there is one, and its
    number is one of `versions` (`If-Match`); `versions` None allows any (`If-Match: *`).
    """

    exists: bool
    versions: frozenset[int] | None = None


FIRST_VERSION = Precondition(exists=False)
ANY_VERSION = Precondition(exists=True)


def follows(*versions: int) -> Precondition:
    """Return the precondition that the current version is one of these."""
    return Precondition(exists=True, versions=frozenset(versions))


class AdminStore(Protocol):
    """The operations of the API and of the import by request."""

    def now(self) -> datetime:
        """Return the current schedule time."""
        ...

    def current_definition(self, workflow_type: str) -> Json:
        """Return the current version's document with `id` and `created_by`.

        Raises:
            UnknownWorkflowType: There is no definition of this type.
        """
        ...

    def definition_document(self, definition_id: DefinitionId) -> Json:
        """Return the document of one version. Raises `NotFound`."""
        ...

    def publish_definition(
        self, document: Mapping[str, Any], precondition: Precondition, caller: Caller
    ) -> Json:
        """Publish a new version if the precondition holds, and return the current document.

        The current version's content again is no new version, whichever versions are expected: it
        is what a client sends whose response was lost. Raises `PreconditionFailed`.
        """
        ...

    def reserve_credentials_versions(self, count: int) -> list[int]:
        """Return credentials versions that no other caller gets."""
        ...

    def find_import(self, principal: str, key: str) -> IdempotencyRecord | None:
        """Return the remembered request, if it is at most 24 hours old.

        Its `answer` is `{"request": ..., "imported": ...}`: what `import_accounts` was given to
        remember, and what it did.
        """
        ...

    def import_accounts(
        self,
        accounts: Sequence[AccountRow],
        starts: Sequence[StartRow],
        record: IdempotencyRecord | None,
        caller: Caller,
    ) -> Imported:
        """Store accounts, start instances and remember the request, in one transaction.

        Raises `IdempotencyInFlight`.
        """
        ...

    def start_workflows(self, starts: Sequence[StartRow], caller: Caller) -> list[Started]:
        """Start instances, at most one live one per account."""
        ...

    def pause_workflow(self, instance_id: str, caller: Caller) -> Changed:
        """Hold the waiting task; a running step finishes first. Raises `NotFound`, `NotAllowed`."""
        ...

    def resume_workflow(
        self, instance_id: str, clock: Literal["freeze", "run_on"], caller: Caller
    ) -> Changed:
        """Release the held task, with its remaining wait (`freeze`) or at its old due time.

        Raises `NotFound`, `NotAllowed`.
        """
        ...

    def stop_workflow(self, instance_id: str, caller: Caller) -> Changed:
        """Stop, or begin to: `stopping` while a task is running or a job is open.

        Raises `NotFound`, `NotAllowed`.
        """
        ...

    def instance_snapshot(self, instance_id: str) -> InstanceSnapshot:
        """Read an instance and its last task. Raises `NotFound`."""
        ...

    def retry_workflow(
        self, instance_id: str, revision: int, decision: Decision, caller: Caller
    ) -> Changed:
        """Set a failed instance to active and write the decision that was planned at `revision`.

        Raises `AlreadyActive`, `NotAllowed`, `RevisionConflict`.
        """
        ...

    def skip_step(
        self, instance_id: str, revision: int, decision: Decision, caller: Caller
    ) -> Changed:
        """Cancel the waiting task and write the decision that was planned at `revision`.

        Raises `Busy`, `NotAllowed`, `RevisionConflict`.
        """
        ...

    def run_workflow_now(self, instance_id: str, revision: int, caller: Caller) -> Changed:
        """Make the waiting task due now. Raises `Busy`, `NotAllowed`, `RevisionConflict`."""
        ...

    def pause_all(self, caller: Caller) -> Json:
        """Pause globally, effective on return, and return the control state."""
        ...

    def resume_all(self, caller: Caller) -> Json:
        """End the global pause and return the control state."""
        ...

    def open_service(self, name: str, caller: Caller) -> Json:
        """Open the breaker of a service by hand, and return the service. Raises `NotFound`."""
        ...

    def close_service(self, name: str, caller: Caller) -> Json:
        """End an open breaker by hand, and return the service. Raises `NotFound`."""
        ...

    def control_state(self) -> Json:
        """Return `{paused, paused_at, paused_ms}`."""
        ...

    def delete_account(self, account_id: str, caller: Caller) -> None:
        """Erase an account with its context and results.

        Raises `NotFound`, or `Busy` for an account with a live workflow.
        """
        ...
