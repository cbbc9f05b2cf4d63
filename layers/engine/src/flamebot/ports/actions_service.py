"""The actions service, which acts on accounts. Its face is `actions-api.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from flamebot.domain.task import EffectRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work at the service."""

    job_id: str
    status: Literal["pending", "running", "succeeded", "failed", "cancelled"]
    result: Mapping[str, object] = field(default_factory=dict)
    error: str | None = None

    @property
    def open(self) -> bool:
        """Whether it may still change anything."""
        return self.status in ("pending", "running")


AccountStatus = Literal["active", "suspended"]


class ActionsService(Protocol):
    """Every call raises `ServiceThrottled`, `OutcomeUnknown` or `ServiceRefused`, and never retries by itself."""

    def register(
        self, account_id: str, body: Mapping[str, object], *, key: str, fencing_token: int
    ) -> AccountStatus:
        """Hand the account over, or its new version."""
        ...

    def account_status(self, account_id: str) -> AccountStatus | None:
        """Ask for the account's status; None if the service does not know it."""
        ...

    def submit(
        self, account_id: str, request: EffectRequest, *, key: str, fencing_token: int
    ) -> str:
        """Send a write; the answer is the job's id."""
        ...

    def find(self, key: str) -> Job | None:
        """Look a write up whose answer was lost."""
        ...

    def job(self, job_id: str) -> Job | None:
        """Ask how far a job is; None if the service does not know it."""
        ...

    def cancel(self, job_id: str) -> Job | None:
        """Cancel; a finished job stays finished. None if the service does not know it."""
        ...
