"""Calls on worker threads, and their results on the one thread that decides.

The event loop submits calls (lock table, actions service, writer, queue) and receives every result
in `completed`. Only calls and results pass between threads, so the loop itself needs no locks.

Waking a thread costs more than a call that returns at once. A worker thread that has finished
therefore takes the next call without being woken; before it starts a call, it wakes another thread
if more calls are left. A hundred calls that block get a hundred threads, a hundred that return at
once get one or two (docs/adr/0015).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Generic, TypeVar

from flamebot.ports.clock import Clock

K = TypeVar("K")
R = TypeVar("R")

QUIET_SECONDS = 0.005  # wall clock; when no result arrived for so long, none is about to arrive
GATHERING_SECONDS = 0.05  # wall clock; by then a hundred tasks that only compute have returned


@dataclass(frozen=True, slots=True)
class _Call(Generic[K, R]):
    key: K | None
    run: Callable[[], R]
    expected: bool


class CallPool(Generic[K, R]):
    """Runs calls on a thread pool, in the order of submission.

    Not safe for threads itself: one thread submits and receives.

    Attributes:
        open: How many calls were submitted and have not been received. Each holds a thread.
        expected: How many of them have a result that the loop is waiting to act on.
    """

    def __init__(self, threads: ThreadPoolExecutor, clock: Clock) -> None:
        """Take the threads, which outlive the invocation."""
        self._threads = threads
        self._clock = clock
        self._calls: deque[_Call[K, R]] = deque()
        self._results: SimpleQueue[tuple[_Call[K, R], R | BaseException]] = SimpleQueue()
        self._guard = Lock()
        self._waking = False  # a thread was woken and has not taken a call yet
        self.open = 0
        self.expected = 0

    def submit(self, key: K | None, run: Callable[[], R], *, expected: bool = True) -> None:
        """Run a call on a worker thread.

        Args:
            key: Returned by `completed` with the result. None: the result is not wanted.
            run: The call. What it raises is its result.
            expected: Whether begins and commits wait a moment for its result. A release is not
                expected: nothing depends on it, but the invocation does not end before it has.
        """
        self.open += 1
        self.expected += expected
        self._calls.append(_Call(key, run, expected))
        self._wake_thread()

    def completed(self, wait: float | None) -> Iterator[tuple[K, R | Exception]]:
        """Yield results as they arrive: the first one, then those that arrive within a moment.

        What arrives together is begun and committed in one statement. Gathering goes on while
        calls are expected and until none arrived for `QUIET_SECONDS`, `GATHERING_SECONDS` at most:
        a lone task waits for nothing, and a call that blocks delays the others by 5 ms.

        Args:
            wait: Wall-clock seconds until the caller has something else to do: 0.0 if it has
                already, None if only a result gives it something to do.

        Raises:
            BaseException: Only what ends the process, such as `KeyboardInterrupt`.
        """
        if not self.open:
            if wait:
                self._clock.sleep(wait)
            return
        if wait == 0 and self.expected:  # guard: lone-task-waits-for-nothing
            wait = QUIET_SECONDS
        deadline: float | None = None
        while True:
            try:
                call, result = self._results.get(timeout=wait)
            except Empty:
                return
            if deadline is None:
                deadline = self._clock.monotonic() + GATHERING_SECONDS
            self.open -= 1
            self.expected -= call.expected
            # What ends the process in a worker thread ends it here too.
            # guard: error-is-a-result
            if isinstance(result, BaseException) and not isinstance(result, Exception):
                raise result
            if call.key is not None:
                # One at a time: if the caller fails on a result, the others are still in the queue.
                yield call.key, result
            # guard: gathers-what-is-expected, gathers-no-longer-than-50-ms
            if not self.expected or self._clock.monotonic() >= deadline:
                return
            wait = QUIET_SECONDS  # guard: blocked-call-delays-no-commit

    def _wake_thread(self) -> None:
        with self._guard:
            if self._waking or not self._calls:  # guard: one-thread-woken-at-a-time
                return
            self._waking = True
        try:
            self._threads.submit(self._work)
        except RuntimeError:  # the machine refuses another thread
            self._waking = False
            raise

    def _work(self) -> None:
        """Take calls until none is left. Runs on a worker thread."""
        with self._guard:
            self._waking = False  # guard: woken-thread-has-arrived
        while self._calls:
            try:
                call = self._calls.popleft()
            except IndexError:
                return  # another thread took the last call between the check and this line
            # Without another thread this one takes all the calls.
            with suppress(RuntimeError):  # guard: no-thread-strands-no-call
                self._wake_thread()  # guard: blocked-calls-block-at-once
            try:
                self._results.put((call, call.run()))
            except Exception as error:  # noqa: BLE001  # it is the call's result
                self._results.put((call, error))
            except BaseException as error:  # guard: kill-is-a-kill
                self._results.put((call, error))
                raise
