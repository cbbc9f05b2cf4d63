"""In-memory stand-ins for the step queue, the lock table and the actions service.

README.md says what they leave out: the network, its errors and other processes.
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
    """A message that a function receives."""

    message_id: str
    body: str


class QueueStandIn:
    """A queue with whole-second delays like SQS.

    It wakes a waiting receiver when a message becomes visible.

    A received message is gone: nothing here dies in the middle of a batch.
    """

    def __init__(self) -> None:
        """Create a queue without messages."""
        self._heap: list[tuple[float, int, str]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self.sent = 0

    def send(self, messages: Sequence[Message]) -> int:
        """Accept all messages, as SQS would."""
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
        """Return up to `most` visible messages, earliest first.

        None if there is none within `timeout` seconds.
        """
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
        """Return the number of messages, visible or not."""
        return len(self._heap)


class LockTableStandIn:
    """The lock per account, with the lock table's rules."""

    def __init__(self, *, timeout: timedelta, lease: timedelta) -> None:
        """Create a table without locks."""
        self._timeout = timeout.total_seconds()
        self._lease = lease.total_seconds()
        self._held: dict[str, tuple[Holder, float]] = {}
        self._guard = threading.Lock()

    def acquire(self, account_id: str, holder: Holder) -> LockAnswer:
        """Acquire or renew, on the conditions of the lock table's update."""
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
        """Release the lock if the delivery owns it."""
        with self._guard:
            found = self._held.get(account_id)
            if found is None or found[0].delivery_id != delivery_id:
                return False
            del self._held[account_id]
        return True


class NoOpActions:
    """An actions service whose jobs have all succeeded when they are first polled."""

    def __init__(self) -> None:
        """Create a service without jobs."""
        self._numbers = itertools.count(1)
        self.writes = 0

    def register(
        self, account_id: str, body: Mapping[str, object], *, key: str, fencing_token: int
    ) -> AccountStatus:
        """Accept every account's registration."""
        del account_id, body, key, fencing_token
        return "active"

    def account_status(self, account_id: str) -> AccountStatus | None:
        """Report every account as active."""
        del account_id
        return "active"

    def submit(
        self, account_id: str, request: EffectRequest, *, key: str, fencing_token: int
    ) -> str:
        """Accept a write; return a job id."""
        del account_id, request, key, fencing_token
        self.writes += 1
        return f"job-{next(self._numbers)}"

    def find(self, key: str) -> Job | None:
        """Find no job: no outcome is unknown here."""
        del key
        return None

    def job(self, job_id: str) -> Job | None:
        """Report the job as succeeded."""
        return Job(job_id=job_id, status="succeeded", result={"performed": 5, "matches": 1})

    def cancel(self, job_id: str) -> Job | None:
        """Report the job as finished already."""
        return self.job(job_id)


class EmptyVault:
    """A vault for accounts without credentials, which the benchmarks use."""

    def encrypt(self, secrets: Sequence[Secret]) -> list[bytes]:
        """Refuse: no account has credentials."""
        raise AssertionError(f"{len(secrets)} credentials in a benchmark")

    def decrypt(self, account_id: str, version: int, ciphertext: bytes) -> dict[str, object]:
        """Refuse: no account has credentials."""
        raise AssertionError(
            f"credentials of {account_id}, version {version}, "
            f"{len(ciphertext)} bytes, in a benchmark"
        )
