"""One seeded scheduler: fibers, a heap of timed events, and virtual time."""

from __future__ import annotations

import hashlib
import heapq
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Protocol

from greenlet import getcurrent, greenlet

START = datetime(2030, 1, 1, 12, tzinfo=UTC)
SECOND = 1_000_000  # virtual time is counted in whole microseconds since START
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START_EPOCH_US = int((START - _EPOCH) / timedelta(microseconds=1))
_KEPT_LINES = 400


class Killed(BaseException):
    """The process of this fiber was killed."""


class Owner(Protocol):
    """The process that a fiber belongs to."""

    alive: bool
    frozen_until: int


class Fiber(greenlet):  # type: ignore[misc]  # greenlet has no types
    """A thread of a simulated process. A running fiber runs alone until it waits."""

    def __init__(
        self, scheduler: Scheduler, body: Callable[[], Any], owner: Owner | None, name: str
    ) -> None:
        super().__init__(parent=scheduler.hub)
        self.owner = owner
        self.name = name
        self.number = scheduler.spawned()
        self.ticket = 0  # counts its waits: a wake-up for an earlier wait has no effect
        self._body = body
        self.started = False

    def run(self) -> None:
        """Run the body; a kill ends it."""
        self.started = True
        with suppress(Killed):
            self._body()


class Trace:
    """All events as a hash; the last lines are kept for display. With `keep` all lines are kept."""

    def __init__(self, *, keep: bool = False) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self.lines: deque[str] = deque(maxlen=None if keep else _KEPT_LINES)
        self.count = 0

    def tell(self, line: str) -> None:
        """Add a line to the trace and its hash."""
        self.count += 1
        self._hash.update(line.encode())
        self._hash.update(b"\n")
        self.lines.append(line)

    def digest(self) -> str:
        """Return the digest that a replay of the seed must repeat."""
        return self._hash.hexdigest()


class Scheduler:
    """Selects the next event. `now` is virtual microseconds since START."""

    def __init__(self, rng: Random, trace: Trace) -> None:
        self.now = 0
        self.rng = rng
        self.trace = trace
        self.hub = getcurrent()
        self.events = 0  # how often a fiber was resumed or an event happened
        self.failure: str | None = None
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self.fibers: set[Fiber] = set()

    # Timed events

    def at(self, when: int, action: Callable[[], None]) -> None:
        """Call a function at a virtual time. The function must not wait."""
        self._count += 1
        heapq.heappush(self._heap, (max(when, self.now), self._count, action))

    def after(self, delay: int, action: Callable[[], None]) -> None:
        """Call a function after so many microseconds."""
        self.at(self.now + delay, action)

    def spawned(self) -> int:
        """Return the number of a new fiber, which orders fibers wherever several are handled."""
        self._count += 1
        return self._count

    def spawn(self, body: Callable[[], Any], owner: Owner | None, name: str) -> Fiber:
        """Start a new fiber as soon as the scheduler selects it."""
        fiber = Fiber(self, body, owner, name)
        self.fibers.add(fiber)
        self.at(self.now, lambda: self._resume(fiber, 0, None))
        return fiber

    def run(self, done: Callable[[], bool], *, until: int, events: int) -> bool:
        """Run events until `done`, a time or a number of events; return whether `done` holds."""
        last = self.events + events
        while self._heap and self.failure is None:
            if done():
                return True
            if self._heap[0][0] > until:
                self.now = until
                return False
            if self.events > last:
                return False
            when, _, action = heapq.heappop(self._heap)
            self.now = when
            action()
        return done()

    def next_time(self) -> int | None:
        """Return the time of the next event."""
        return self._heap[0][0] if self._heap else None

    def end(self) -> None:
        """End the seed: every fiber is ended where it waits."""
        for fiber in sorted(self.fibers, key=lambda one: one.number):
            while fiber.started and not fiber.dead:
                fiber.throw(Killed)
        self.fibers.clear()
        self._heap.clear()

    # Called by fibers

    def sleep(self, delay: int) -> None:
        """Wait so many microseconds."""
        self.park(timeout=max(delay, 0))

    def park(self, timeout: int | None = None) -> bool:
        """Wait to be woken; return False on timeout."""
        fiber = getcurrent()
        assert isinstance(fiber, Fiber), "only fibers wait"
        if fiber.owner is not None and not fiber.owner.alive:
            raise Killed
        fiber.ticket += 1
        if timeout is not None:
            ticket = fiber.ticket
            self.at(self.now + timeout, lambda: self._resume(fiber, ticket, False))
        return bool(self.hub.switch())

    def wake(self, fiber: Fiber) -> None:
        """Let a waiting fiber continue as soon as the scheduler selects it."""
        ticket = fiber.ticket
        self.at(self.now, lambda: self._resume(fiber, ticket, True))

    # Called by the scheduler's own thread

    def kill(self, owner: Owner) -> None:
        """Kill a process: none of its threads runs any more."""
        owner.alive = False
        for fiber in sorted(
            (fiber for fiber in self.fibers if fiber.owner is owner), key=lambda one: one.number
        ):
            ticket = fiber.ticket
            self.at(self.now, lambda fiber=fiber, ticket=ticket: self._resume(fiber, ticket, True))  # type: ignore[misc]

    def fail(self, what: str) -> None:
        """Record a violation: the run ends."""
        if self.failure is None:
            self.failure = what
            self.trace.tell(f"FAILED {what}")

    def _resume(self, fiber: Fiber, ticket: int, value: bool | None) -> None:
        if fiber.dead or fiber.ticket != ticket:
            return
        owner = fiber.owner
        if owner is not None and not owner.alive:
            self.fibers.discard(fiber)
            if fiber.started:
                fiber.throw(Killed)
            return
        if owner is not None and owner.frozen_until > self.now:
            self.at(owner.frozen_until, lambda: self._resume(fiber, ticket, value))
            return
        self.events += 1
        fiber.switch() if value is None else fiber.switch(value)
        if fiber.dead:
            self.fibers.discard(fiber)

    # Time

    def moment(self, skew: int = 0) -> datetime:
        """Return virtual time as a clock shows it."""
        return START + timedelta(microseconds=self.now + skew)

    def seconds(self) -> float:
        """Return virtual seconds since the epoch."""
        return (START_EPOCH_US + self.now) / SECOND
