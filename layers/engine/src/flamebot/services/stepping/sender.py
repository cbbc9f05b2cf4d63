"""Sends task pointers on worker threads, so that a slow queue delays no commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flamebot.domain.message import TaskPointer
from flamebot.ports.clock import Clock
from flamebot.ports.queue import StepQueue
from flamebot.ports.telemetry import Telemetry
from flamebot.services.schedule_time import ScheduleTime
from flamebot.services.sending import send_tasks
from flamebot.services.stepping.account_lock import AccountLock
from flamebot.services.stepping.call_pool import CallPool


class Sender:
    """Puts an invocation's pointers into the step queue.

    The rows are committed as queued before; a pointer that is lost here is sent again by the tick
    when its lease is over.
    """

    def __init__(
        self,
        pool: CallPool[Any, Any],
        queue: StepQueue,
        *,
        clock: Clock,
        time: ScheduleTime,
        telemetry: Telemetry,
    ) -> None:
        """Take the invocation's threads, clock and schedule time."""
        self._pool = pool
        self._queue = queue
        self._clock = clock
        self._time = time
        self._telemetry = telemetry

    def send(self, pointers: Sequence[TaskPointer]) -> None:
        """Send pointers that a commit queued."""
        if pointers:
            self._pool.submit(None, lambda: self._send(pointers, ()), expected=False)

    def requeue(self, pointers: Sequence[TaskPointer], locks: Sequence[AccountLock]) -> None:
        """Send pointers that were not begun, after their locks are released.

        The rows are not changed, so a duplicate delivery does nothing.
        """
        if pointers:
            # guard: released-is-requeued
            self._pool.submit(None, lambda: self._send(pointers, locks), expected=False)

    def _send(self, pointers: Sequence[TaskPointer], locks: Sequence[AccountLock]) -> None:
        """Release, then send. Runs on a worker thread.

        In this order: an invocation that receives the message while the lock is held takes itself
        for a duplicate delivery, acknowledges it, and the task waits for its lease.
        """
        try:
            for lock in locks:
                lock.release()  # guard: released-before-requeued
            send_tasks(
                pointers,
                queue=self._queue,
                clock=self._clock,
                telemetry=self._telemetry,
                now=self._time.now(),
            )
        except Exception as error:  # noqa: BLE001  # the tasks are sent again after their lease
            self._telemetry.warn("send_failed", tasks=len(pointers), error=type(error).__name__)
