"""A delivery: one pointer of one message on its way through an invocation.

    WAITING --> LOCKING --> READY --> RUNNING <--> PLANNED --> RELEASING --> DONE
       |                      ^
       +----------------------+  a task that writes nothing needs no lock

State      Entered                                Left
WAITING    at the start; early by the database    due, and a worker thread is free
LOCKING    the task writes: acquiring the lock    acquired or held: READY; duplicate: DONE
READY      may be begun                           begun: RUNNING; early: WAITING; otherwise the
                                                  lock is released
RUNNING    a worker thread executes and plans     PLANNED
PLANNED    its decision may be committed          the successor runs here: RUNNING; otherwise the
                                                  lock is released, if the ends of all calls and
                                                  commits are known, or left to expire
RELEASING  a worker thread releases the lock      DONE
DONE       nothing is left to do here

An unexpected error leads from any state to DONE: the task is left to its lease, and its lock
expires. LOCKING, RUNNING and RELEASING have exactly one open call in the pool; READY and PLANNED
have none, but keep a worker thread reserved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from itertools import islice, takewhile

from flamebot.domain.begun import Begun
from flamebot.domain.ids import TaskId, sequence_of
from flamebot.domain.message import TaskPointer
from flamebot.domain.outcome import Defer
from flamebot.ports.locks import LockAnswer
from flamebot.services.stepping.account_lock import AccountLock
from flamebot.services.stepping.execute import Planned


class State(Enum):
    """Where a delivery is; see the module's table."""

    WAITING = auto()
    LOCKING = auto()
    READY = auto()
    RUNNING = auto()
    PLANNED = auto()
    RELEASING = auto()
    DONE = auto()


# Equality is identity: comparing field by field took a tenth of an invocation (docs/adr/0015).
@dataclass(slots=True, eq=False)
class Delivery:
    """A pointer and everything that this invocation knows about its task.

    Attributes:
        pointer: The task, as the message names it.
        lock: The claim to the account's lock.
        state: Changed by `Deliveries.move` only.
        deferral: The outcome of a task whose lock another holder has; it is not executed.
        begun: The running task: the pointer's, later a successor in its chain.
        planned: What the running task came to.
        lock_releasable: Whether the ends of all calls and commits so far are known.
    """

    pointer: TaskPointer
    lock: AccountLock
    state: State = State.WAITING
    deferral: Defer | None = None
    begun: Begun | None = None
    planned: Planned | None = None
    lock_releasable: bool = True

    @property
    def due(self) -> datetime:
        """When the task is due. Schedule time."""
        return self.pointer.due

    @property
    def task_id(self) -> TaskId:
        """The task that this delivery is about now."""
        return self.begun.task_id if self.begun else self.pointer.task_id

    def acquire_lock(self) -> LockAnswer:
        """Acquire or renew the account's lock for the pointer's task."""
        return self.lock.acquire(sequence_of(self.pointer.task_id), self.pointer.fence)


class Deliveries:
    """The deliveries of one invocation, by state. Used by the loop's thread only."""

    def __init__(self, deliveries: Iterable[Delivery]) -> None:
        """Take deliveries that wait, in any order."""
        self._by_state: dict[State, dict[Delivery, None]] = {state: {} for state in State}
        self._by_state[State.WAITING] = _by_due(deliveries)
        self._count = self.count(State.WAITING)

    @property
    def open(self) -> bool:
        """Whether any delivery is not done."""
        return self.count(State.DONE) < self._count

    @property
    def next_due(self) -> datetime | None:
        """When the first waiting task is due; None if none waits."""
        first = next(iter(self._by_state[State.WAITING]), None)
        return first.due if first else None

    def count(self, state: State) -> int:
        """Return how many deliveries are in a state."""
        return len(self._by_state[state])

    def in_state(self, state: State) -> list[Delivery]:
        """Return the deliveries in a state; those that wait by due time, earliest first."""
        return list(self._by_state[state])

    def due(self, is_due: Callable[[datetime], bool], limit: int) -> list[Delivery]:
        """Return at most `limit` waiting deliveries whose task is due, earliest first."""
        # guard: begin-only-when-due
        waiting = takewhile(lambda d: is_due(d.due), self._by_state[State.WAITING])
        return list(islice(waiting, limit))  # guard: begin-only-with-a-free-thread

    def move(self, delivery: Delivery, state: State) -> None:
        """Change a delivery's state."""
        # Dictionaries keep the order of insertion, so deliveries of a state are handled first come,
        # first served; only WAITING is kept sorted, by due time.
        del self._by_state[delivery.state][delivery]
        delivery.state = state
        self._by_state[state][delivery] = None
        if state is State.WAITING:
            self._by_state[state] = _by_due(self._by_state[state])


def _by_due(deliveries: Iterable[Delivery]) -> dict[Delivery, None]:
    return dict.fromkeys(sorted(deliveries, key=lambda d: d.due))
