"""The engine's threads, locks and queues as fibers of the scheduler."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from queue import Empty
from types import TracebackType
from typing import Any, Self

from greenlet import getcurrent

from verification.simulation.scheduler import SECOND, Fiber, Scheduler


class World:
    """The current scheduler. One seed runs at a time in a process, so a global is enough."""

    scheduler: Scheduler


def here() -> Fiber:
    """Return the running fiber."""
    fiber = getcurrent()
    assert isinstance(fiber, Fiber), "the engine runs in fibers only"
    return fiber


class FiberLock:
    """`threading.Lock` for fibers. The seed decides which waiting fiber gets it."""

    def __init__(self) -> None:
        self._holder: Fiber | None = None
        self._waiting: list[Fiber] = []

    def __enter__(self) -> Self:
        """Wait for the lock and take it."""
        while self._holder is not None:
            self._waiting.append(here())
            World.scheduler.park()
        self._holder = here()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release the lock to a waiting fiber."""
        self._holder = None
        if self._waiting:
            World.scheduler.wake(
                self._waiting.pop(World.scheduler.rng.randrange(len(self._waiting)))
            )


class FiberQueue:
    """`queue.SimpleQueue` for fibers, with one consumer."""

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._waiting: list[Fiber] = []

    def put(self, item: object) -> None:
        """Append an item and wake the consumer."""
        self._items.append(item)
        waiting, self._waiting = self._waiting, []
        for fiber in waiting:
            World.scheduler.wake(fiber)

    def get(self, timeout: float | None = None) -> Any:
        """Wait for an item, for so many seconds at most. Raises `Empty`."""
        scheduler = World.scheduler
        end = None if timeout is None else scheduler.now + int(timeout * SECOND)
        while not self._items and (end is None or scheduler.now < end):
            self._waiting.append(here())
            scheduler.park(None if end is None else end - scheduler.now)
        if not self._items:
            raise Empty
        return self._items.popleft()


class FiberPool:
    """`ThreadPoolExecutor` with fibers of the submitting process."""

    def __init__(self, max_workers: int, thread_name_prefix: str = "") -> None:
        self._free = max_workers
        self._queue: deque[tuple[Callable[[], object], Any]] = deque()
        self._name = thread_name_prefix

    def submit(self, call: Callable[[], object]) -> None:
        """Run a call on a fiber as soon as one is free."""
        self._queue.append((call, here().owner))
        self._start()

    def _start(self) -> None:
        while self._free and self._queue:
            call, owner = self._queue.popleft()
            self._free -= 1

            def body(call: Callable[[], object] = call) -> None:
                try:
                    call()
                finally:
                    self._free += 1
                    self._start()

            World.scheduler.spawn(body, owner, self._name)
