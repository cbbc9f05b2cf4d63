"""One delivery's claim to an account's lock."""

from __future__ import annotations

from flamebot.domain.errors import LocksUnavailable
from flamebot.domain.ids import AccountId, InstanceId
from flamebot.ports.locks import Holder, LockAnswer, Locks, Verdict
from flamebot.ports.telemetry import Telemetry


class AccountLock:
    """The lock that a write needs: acquired before it, renewed for each successor, then released.

    It is released only when the ends of all calls are known; otherwise it expires by itself. The
    delivery id belongs to one delivery of one task: every other task of the same invocation is
    another holder. Used by one thread at a time.
    """

    def __init__(
        self,
        locks: Locks,
        telemetry: Telemetry,
        *,
        account_id: AccountId,
        instance_id: InstanceId,
        delivery_id: str,
    ) -> None:
        """Take the lock table; nothing is acquired yet."""
        self._locks = locks
        self._telemetry = telemetry
        self._account_id = account_id
        self._instance_id = instance_id
        self._delivery_id = delivery_id
        self._held = False

    @property
    def held(self) -> bool:
        """Whether the lock is acquired and not released."""
        return self._held

    def acquire(self, sequence: int, fence: int) -> LockAnswer:
        """Acquire or renew the lock for a task.

        A lock table that cannot be reached counts as a lock that another holder has.
        """
        holder = Holder(
            delivery_id=self._delivery_id,
            instance_id=self._instance_id,
            sequence=sequence,
            fence=fence,
        )
        try:
            answer = self._locks.acquire(self._account_id, holder)
        except LocksUnavailable:
            self._telemetry.warn("locks_unavailable", instance=self._instance_id)
            return LockAnswer(verdict=Verdict.HELD)  # guard: no-lock-table-no-lock
        self._held = answer.verdict is Verdict.ACQUIRED  # guard: only-acquired-is-held
        self._telemetry.count("LockAcquired" if self._held else "LockContended")
        return answer

    def release(self) -> None:
        """Release the lock. If the lock table cannot be reached, the lock expires by itself."""
        self._held = False
        try:
            self._locks.release(self._account_id, self._delivery_id)
        except LocksUnavailable:
            self._telemetry.warn("lock_left_to_expire", instance=self._instance_id)
