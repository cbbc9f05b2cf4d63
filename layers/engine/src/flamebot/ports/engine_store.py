"""What tick and step call: one method per SQL function, named as it is.

Each call is one round trip and one transaction. Every method raises `StoreUnavailable` when the
database cannot be reached; the domain's errors come from SQLSTATEs. The adapter passes schedule
time, horizon, lease and clock rate by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from flamebot.domain.begun import Begun, Early
from flamebot.domain.committed import CommitItem, Committed
from flamebot.domain.ids import AccountId, DefinitionId
from flamebot.domain.message import TaskPointer
from flamebot.domain.service_call import CallCount

Json = dict[str, Any]


class EngineStore(Protocol):
    """Claim, begin and commit tasks, and what a running task reads and writes."""

    def free_queue_capacity(self) -> int:
        """Return how many tasks may be claimed until MAX_QUEUED_TASKS are in flight.

        It counts the tasks in flight: the more there are, the longer it takes.
        """
        ...

    def claim_due_tasks(self, limit: int) -> list[TaskPointer]:
        """Queue what falls due within the horizon, earliest first."""
        ...

    def resend_expired(self, limit: int) -> list[TaskPointer]:
        """Send again what stayed queued past its lease: the same fence, a longer lease."""
        ...

    def reclaim_expired(self, limit: int, delivery_id: str) -> list[Begun]:
        """Reclaim what runs past its lease, or was sent 20 times in vain, under a new fence.

        `Task.reclaim_reason` says which of the two.
        """
        ...

    def begin_tasks(self, pointers: Sequence[TaskPointer], delivery_id: str) -> list[Early | Begun]:
        """Begin tasks; one that is missing in the result must not be run.

        Repeatable with the same delivery id: a task that the first call began is returned again.
        """
        ...

    def commit_tasks(
        self, items: Sequence[CommitItem], calls: Sequence[CallCount] = ()
    ) -> list[Committed]:
        """Commit decisions in one transaction, and count how the services' calls ended.

        Repeatable; a repetition counts the calls again.
        """
        ...

    def definition_document(self, definition_id: DefinitionId) -> Json:
        """Return a definition version's document. Raises `NotFound`."""
        ...

    def load_credentials(self, account_id: AccountId) -> Json:
        """Return what registration needs. Raises `NotFound`.

        The keys are model_id, channel_id, config, credentials_version, ciphertext (bytes or None)
        and ciphertext_version.
        """
        ...

    def mark_registered(self, account_id: AccountId, version: int) -> bool:
        """Store that a version is registered, unless the account has a newer one by now."""
        ...

    def set_account_status(
        self, account_id: AccountId, status: Literal["active", "suspended"]
    ) -> None:
        """Store the account's status at the actions service."""
        ...

    def record_tick(self, claimed: int, sent: int, seconds: float) -> None:
        """Store the heartbeat for the health check."""
        ...

    def engine_health(self) -> Json:
        """Return what the database knows of the engine's health, as in `ReadStore`."""
        ...
