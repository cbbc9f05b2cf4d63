"""One delivery's claim to an account's lock."""

from __future__ import annotations

from flamebot.domain.errors import LocksUnavailable
from flamebot.ports.locks import Holder, LockAnswer, Locks, Verdict
from flamebot.ports.telemetry import Telemetry


class AccountLock:
    """Taken before a write, renewed along a chain, given back when all is known, otherwise left to lapse.

    The delivery_id belongs to one task's delivery: whoever else is at work in this invocation is another holder.
    """

    def __init__(
        self,
        locks: Locks,
        telemetry: Telemetry,
        *,
        account_id: str,
        instance_id: str,
        delivery_id: str,
    ) -> None:
        """Nothing is taken yet."""
        self._locks = locks
        self._telemetry = telemetry
        self._account_id = account_id
        self._instance_id = instance_id
        self._delivery_id = delivery_id
        self._held = False

    @property
    def held(self) -> bool:
        """Whether there is something to give back."""
        return self._held

    def take(self, sequence: int, fence: int) -> LockAnswer:
        """Take or renew. A lock table that cannot be reached answers as if somebody else had the lock."""
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
            return LockAnswer(verdict=Verdict.HELD)
        self._held = answer.verdict is Verdict.ACQUIRED
        self._telemetry.count("LockAcquired" if self._held else "LockContended")
        return answer

    def give_back(self) -> None:
        """Release it; if that fails it lapses."""
        self._held = False
        try:
            self._locks.release(self._account_id, self._delivery_id)
        except LocksUnavailable:
            self._telemetry.warn("lock_left_to_lapse", instance=self._instance_id)
