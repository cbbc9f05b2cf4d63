"""An instance: one execution of a definition version for an account."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from flamebot.domain.ids import AccountId, DefinitionId, InstanceId


class InstanceStatus(StrEnum):
    """Active, paused and stopping are live: at most one such instance per account."""

    ACTIVE = "active"
    PAUSED = "paused"
    STOPPING = "stopping"  # stop was requested; a job may still be open
    COMPLETED = "completed"
    FAILED = "failed"  # resumable by retry
    STOPPED = "stopped"

    @property
    def live(self) -> bool:
        """Whether the account cannot start another workflow."""
        return self in (InstanceStatus.ACTIVE, InstanceStatus.PAUSED, InstanceStatus.STOPPING)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountData:
    """The account as it was when the instance started, without credentials."""

    account_id: AccountId
    model_id: str
    channel_id: str
    config: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """An instance, as the planner uses it."""

    instance_id: InstanceId
    account: AccountData
    definition_id: DefinitionId  # the pinned definition version
    status: InstanceStatus
    current_step: int  # index into the definition's steps
    # The last result per step id, at most 16 KB.
    context: dict[str, object] = field(default_factory=dict)
    iterations: dict[str, int] = field(default_factory=dict)  # jumps made, per goto step id
    revision: int = 0
