"""Stand-ins for what is not measured: the step queue, the lock table and the actions service, each behind the product's own port.

In memory and per process. What they leave out (the network, its errors, other processes) is said in README.md.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flamebot.domain.task import EffectRequest
from flamebot.ports.actions_service import AccountStatus, Job
from flamebot.ports.locks import Holder, LockAnswer, Verdict
from flamebot.ports.queue import Message
from flamebot.ports.vault import Secret


@dataclass(frozen=True, slots=True)
class Received:
    """A message on its way to a function."""

    message_id: str
    body: str


class QueueStandIn:
    """A queue with whole-second delays, as SQS has them; it wakes whoever waits the moment that a message may be seen.

    A received message is gone: nothing here dies in the middle of a batch.
    """

    def __init__(self) -> None:
        """Nothing is in it."""
        self._heap: list[tuple[float, int, str]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self.sent = 0

    def send(self, messages: Sequence[Message]) -> int:
        """Take them all."""
        now = time.monotonic()
        with self._changed:
            for message in messages:
                heapq.heappush(
                    self._heap, (now + message.delay_seconds, next(self._numbers), message.body)
                )
            self.sent += len(messages)
            self._changed.notify_all()
        return len(messages)

    def receive(self, most: int, timeout: float) -> list[Received]:
        """Up to `most` messages that may be seen, earliest first; none if there is none within `timeout` seconds."""
        give_up = time.monotonic() + timeout
        with self._changed:
            while True:
                now = time.monotonic()
                if self._heap and self._heap[0][0] <= now:
                    break
                left = min(give_up, self._heap[0][0] if self._heap else give_up) - now
                if left <= 0:
                    return []
                self._changed.wait(left)
            taken: list[Received] = []
            while self._heap and len(taken) < most and self._heap[0][0] <= now:
                _, number, body = heapq.heappop(self._heap)
                taken.append(Received(str(number), body))
            return taken

    def __len__(self) -> int:
        """How many messages are in it, seen or not."""
        return len(self._heap)


class LockTableStandIn:
    """The lock per account, with the lock table's rules."""

    def __init__(self, *, timeout: timedelta, lease: timedelta) -> None:
        """No lock is held."""
        self._timeout = timeout.total_seconds()
        self._lease = lease.total_seconds()
        self._held: dict[str, tuple[Holder, float]] = {}
        self._guard = threading.Lock()

    def acquire(self, account_id: str, holder: Holder) -> LockAnswer:
        """Take or renew, on the conditions that the lock table's update has."""
        now = time.monotonic()
        with self._guard:
            found = self._held.get(account_id)
            if found is not None:
                other, since = found
                age = now - since
                place, theirs = (holder.sequence, holder.fence), (other.sequence, other.fence)
                same = other.instance_id == holder.instance_id
                free = age >= self._timeout or other.delivery_id == holder.delivery_id
                if not (
                    free or (same and (theirs < place or (theirs == place and age >= self._lease)))
                ):
                    if same and theirs == place:
                        return LockAnswer(verdict=Verdict.DUPLICATE)
                    until = datetime.now(UTC) + timedelta(seconds=self._timeout - age)  # noqa: TID251  # a lock's time is real
                    return LockAnswer(verdict=Verdict.HELD, held_until=until)
            self._held[account_id] = (holder, now)
        return LockAnswer(verdict=Verdict.ACQUIRED)

    def release(self, account_id: str, delivery_id: str) -> bool:
        """Give back."""
        with self._guard:
            found = self._held.get(account_id)
            if found is None or found[0].delivery_id != delivery_id:
                return False
            del self._held[account_id]
        return True


class NoOpActions:
    """An actions service that has always done what it is asked for: every job has succeeded when it is first asked after."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self._numbers = itertools.count(1)
        self.writes = 0

    def register(
        self, account_id: str, body: Mapping[str, object], *, key: str, fencing_token: int
    ) -> AccountStatus:
        """Know every account."""
        del account_id, body, key, fencing_token
        return "active"

    def account_status(self, account_id: str) -> AccountStatus | None:
        """Call every account active."""
        del account_id
        return "active"

    def submit(
        self, account_id: str, request: EffectRequest, *, key: str, fencing_token: int
    ) -> str:
        """Take the work."""
        del account_id, request, key, fencing_token
        self.writes += 1
        return f"job-{next(self._numbers)}"

    def find(self, key: str) -> Job | None:
        """Know no keys: nothing here is ever of unknown outcome."""
        del key
        return None

    def job(self, job_id: str) -> Job | None:
        """Have done it."""
        return Job(job_id=job_id, status="succeeded", result={"performed": 5, "matches": 1})

    def cancel(self, job_id: str) -> Job | None:
        """Have done it already."""
        return self.job(job_id)


class EmptyVault:
    """For accounts without credentials, which are those of the benchmarks."""

    def encrypt(self, secrets: Sequence[Secret]) -> list[bytes]:
        """Refuse: there should be none."""
        raise AssertionError(f"{len(secrets)} credentials in a benchmark")

    def decrypt(self, account_id: str, version: int, ciphertext: bytes) -> dict[str, object]:
        """Refuse: there should be none."""
        raise AssertionError(
            f"credentials of {account_id}, version {version}, {len(ciphertext)} bytes, in a benchmark"
        )
