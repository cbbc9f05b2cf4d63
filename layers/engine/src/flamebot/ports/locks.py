"""The account lock: at most one writer per account at the actions service."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The delivery that wants the lock; two deliveries of one message are two holders."""

    delivery_id: str
    instance_id: str
    sequence: int
    fence: int


class Verdict(StrEnum):
    """The result of an attempt to acquire a lock."""

    ACQUIRED = "acquired"
    DUPLICATE = "duplicate"  # another delivery of the same task and fence holds it: do nothing
    HELD = "held"  # another instance or a newer task holds it: defer


@dataclass(frozen=True, slots=True, kw_only=True)
class LockAnswer:
    """The verdict, and for HELD the wall time at which the lock expires."""

    verdict: Verdict
    held_until: datetime | None = None


class Locks(Protocol):
    """One lock per account, which expires by wall time."""

    def acquire(self, account_id: str, holder: Holder) -> LockAnswer:
        """Acquire or renew the account's lock for LOCK_TIMEOUT_SECONDS.

        The lock is granted when it is free, expired, held by the same delivery id, or held by the
        same instance with a lower (sequence, fence). It is also granted to the same (sequence,
        fence) when it was acquired longer ago than a task's lease: no invocation lives that long,
        so that holder died between lock and begin. Raises `LocksUnavailable`.
        """
        ...

    def release(self, account_id: str, delivery_id: str) -> bool:
        """Release the lock if this delivery id holds it. Raises `LocksUnavailable`."""
        ...
