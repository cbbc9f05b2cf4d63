"""What the engine knows as threads, locks and futures, as fibers of the scheduler."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self

from greenlet import getcurrent

from tests.simulation.scheduler import SECOND, Fiber, Killed, Scheduler


class World:
    """Whose scheduler it is: one seed runs at a time in a process, and the engine's modules cannot be told which."""

    scheduler: Scheduler


def here() -> Fiber:
    """The fiber that runs now."""
    fiber = getcurrent()
    assert isinstance(fiber, Fiber), "the engine runs in fibers only"
    return fiber


class FiberLock:
    """`threading.Lock` for fibers: who waits gets it in an order that the seed decides."""

    def __init__(self) -> None:
        self._holder: Fiber | None = None
        self._waiting: list[Fiber] = []

    def __enter__(self) -> Self:
        """Wait for it."""
        while self._holder is not None:
            self._waiting.append(here())
            World.scheduler.park()
        self._holder = here()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Give it to one of those who wait."""
        self._holder = None
        if self._waiting:
            World.scheduler.wake(self._waiting.pop(World.scheduler.rng.randrange(len(self._waiting))))


class FiberEvent:
    """`threading.Event` for fibers."""

    def __init__(self) -> None:
        self._happened = False
        self._waiting: list[Fiber] = []

    def set(self) -> None:
        """Wake whoever waits."""
        self._happened = True
        waiting, self._waiting = self._waiting, []
        for fiber in waiting:
            World.scheduler.wake(fiber)

    def clear(self) -> None:
        """It has not happened yet."""
        self._happened = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has happened, or for so many seconds."""
        scheduler = World.scheduler
        end = None if timeout is None else scheduler.now + int(timeout * SECOND)
        while not self._happened and (end is None or scheduler.now < end):
            self._waiting.append(here())
            scheduler.park(None if end is None else end - scheduler.now)
        return self._happened


class FiberFuture:
    """`concurrent.futures.Future`, as far as the engine uses it."""

    _made = 0

    def __init__(self) -> None:
        FiberFuture._made += 1
        self._number = FiberFuture._made
        self._answer: Any = None
        self._error: BaseException | None = None
        self.done = False
        self.waiting: list[Fiber] = []

    def __hash__(self) -> int:
        """Its number: sets of futures are walked in the same order each time."""
        return self._number

    def __eq__(self, other: object) -> bool:
        """Itself alone."""
        return self is other

    def fulfil(self, call: Callable[[], Any]) -> None:
        """Run the call and keep what comes of it."""
        try:
            self._answer = call()
        except BaseException as error:
            self._error = error
            if isinstance(error, Killed):
                raise
        finally:
            self.done = True
            for fiber in self.waiting:
                World.scheduler.wake(fiber)

    def result(self) -> Any:
        """The answer; waits for it."""
        while not self.done:
            self.waiting.append(here())
            World.scheduler.park()
        if self._error is not None:
            raise self._error
        return self._answer


class FiberPool:
    """`ThreadPoolExecutor`: so many fibers of the process that submits."""

    def __init__(self, max_workers: int, thread_name_prefix: str = "") -> None:
        self._free = max_workers
        self._queue: deque[tuple[FiberFuture, Callable[[], Any], Any]] = deque()
        self._name = thread_name_prefix

    def submit(self, call: Callable[..., Any], *arguments: Any) -> FiberFuture:
        """Run it on a fiber as soon as one is free."""
        future = FiberFuture()
        self._queue.append((future, lambda: call(*arguments), here().owner))
        self._start()
        return future

    def map(self, call: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Run it for each, all at once."""
        futures = [self.submit(call, item) for item in items]
        return iter([future.result() for future in futures])

    def _start(self) -> None:
        while self._free and self._queue:
            future, call, owner = self._queue.popleft()
            self._free -= 1

            def body(future: FiberFuture = future, call: Callable[[], Any] = call) -> None:
                try:
                    future.fulfil(call)
                finally:
                    self._free += 1
                    self._start()

            World.scheduler.spawn(body, owner, self._name)


def wait(futures: set[FiberFuture], timeout: float | None = None, return_when: str = "ALL_COMPLETED") -> tuple[Any, Any]:
    """`concurrent.futures.wait`."""
    scheduler = World.scheduler
    end = None if timeout is None else scheduler.now + int(timeout * SECOND)

    def enough() -> bool:
        ended = sum(future.done for future in futures)
        return ended == len(futures) or (return_when == "FIRST_COMPLETED" and ended > 0)

    while not enough() and (end is None or scheduler.now < end):
        for future in futures:
            if not future.done:
                future.waiting.append(here())
        scheduler.park(None if end is None else end - scheduler.now)
    done = {future for future in futures if future.done}
    return done, futures - done
