"""The port of the actions service, which acts on accounts. `docs/actions-api.yaml` describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from flamebot.domain.task import EffectRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work at the service, made by one submit."""

    job_id: str
    status: Literal["pending", "running", "succeeded", "failed", "cancelled"]
    result: Mapping[str, object] = field(default_factory=dict)
    error: str | None = None

    @property
    def open(self) -> bool:
        """Whether it may still have an effect."""
        return self.status in ("pending", "running")


AccountStatus = Literal["active", "suspended"]


class ActionsService(Protocol):
    """One request per call; used by several threads at once.

    No call is repeated by the client: only the engine knows whether a request may be sent again.

    Raises:
        ServiceThrottled: The service limits the rate; nothing was done.
        ServiceDenied: The service does not accept the engine's token; nothing was done.
        ServiceNotReady: The service cannot process the request yet; nothing was done.
        ServiceConflict: Other work is in the way; a write under the same key may have been accepted
            before.
        ServiceRefused: The service refused the request; nothing was done.
        AccountSuspended: It refused the request because it has suspended the account.
        OutcomeUnknown: The request may have taken effect.
        ResponseUnreadable: It has, and only the response is unusable (2xx).
    """

    def register(
        self, account_id: str, body: Mapping[str, object], *, key: str, fencing_token: int
    ) -> AccountStatus:
        """Register the account, or the new version of it, and return its status.

        Args:
            account_id: The account.
            body: What the service gets to know, credentials included.
            key: The Idempotency-Key, one per version of the account.
            fencing_token: Sent along; the service may refuse a lower one than it has seen.
        """
        ...

    def account_status(self, account_id: str) -> AccountStatus | None:
        """Return the account's status; None if the service does not know the account."""
        ...

    def submit(
        self, account_id: str, request: EffectRequest, *, key: str, fencing_token: int
    ) -> str:
        """Send a write and return the id of its job.

        Args:
            account_id: The account to act on.
            request: The write.
            key: The Idempotency-Key: the id of the submit task.
            fencing_token: Sent along; the service may refuse a lower one than it has seen.
        """
        ...

    def find(self, key: str) -> Job | None:
        """Return the job that was submitted under a key; None if the service has none."""
        ...

    def job(self, job_id: str) -> Job | None:
        """Return a job; None if the service does not know it."""
        ...

    def cancel(self, job_id: str) -> Job | None:
        """Cancel a job and return it; a finished one stays finished. None if it is not known."""
        ...
