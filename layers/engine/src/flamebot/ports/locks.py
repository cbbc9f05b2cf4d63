"""The lock per account: at most one writer at the actions service."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who asks. The delivery_id is made per delivery, so two deliveries of one message are two holders."""

    delivery_id: str
    instance_id: str
    sequence: int
    fence: int


class Verdict(StrEnum):
    """What came of asking."""

    ACQUIRED = "acquired"
    DUPLICATE = "duplicate"  # another delivery of the same task and fence holds it: acknowledge, touch nothing
    HELD = "held"  # somebody else does: defer


@dataclass(frozen=True, slots=True, kw_only=True)
class LockAnswer:
    """The verdict, and for HELD until when (wall time)."""

    verdict: Verdict
    held_until: datetime | None = None


class Locks(Protocol):
    """One lock per account, with expiry in wall time."""

    def acquire(self, account_id: str, holder: Holder) -> LockAnswer:
        """Take or renew the account's lock, for LOCK_TIMEOUT_SECONDS.

        Obtained when it is free, expired, mine (same delivery_id), or held by the same instance with a lower (sequence, fence);
        also by the same (sequence, fence) once it was taken longer than a task's lease ago: no invocation lives that long,
        so that holder died between lock and begin. Raises `LocksUnavailable`.
        """
        ...

    def release(self, account_id: str, delivery_id: str) -> bool:
        """Give it back, if it is still this delivery_id's. Raises `LocksUnavailable`."""
        ...
