"""One delivery of messages: when each of their tasks is begun, and on which thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from flamebot.domain.errors import FlamebotError, StoreUnavailable
from flamebot.domain.message import TaskPointer
from flamebot.domain.outcome import Defer
from flamebot.ports.clock import Clock
from flamebot.ports.locks import LockAnswer, Verdict
from flamebot.ports.store import Begun, TaskStore
from flamebot.ports.telemetry import Telemetry
from flamebot.services.account_lock import AccountLock
from flamebot.services.engine_time import EngineTime
from flamebot.services.invocation import Invocation
from flamebot.services.run_chain import RunChain

LONGEST_WAIT_SECONDS = 2.0  # what is due later than this is sent on; a message's delay leaves less than a second
_LOCK_PATIENCE = timedelta(seconds=15)  # real; a holder is done in seconds, or dead, and then its lock lapses
_LEAST_LOCK_PATIENCE = timedelta(seconds=1)
_MARGIN_SECONDS = 0.001  # two machines' clocks do not agree on the last fraction of a second


@dataclass(frozen=True, slots=True, eq=False)  # each is itself: comparing field by field cost a tenth of an invocation
class Delivered:
    """A pointer that came in a message, and its claim to the account's lock."""

    pointer: TaskPointer
    lock: AccountLock

    @property
    def sequence(self) -> int:
        """The task's place in its instance."""
        return int(self.pointer.task_id.rpartition(":")[2])


def _due(delivered: Delivered) -> datetime:
    return delivered.pointer.due


class Deliver:
    """Begins tasks in waves: those that are due, at most as many as threads are free, and only while there is time.

    What cannot be begun in time is left queued and sent on; a task that nobody begins is sent again after its lease.
    """

    def __init__(
        self,
        *,
        store: TaskStore,
        chain: RunChain,
        pool: ThreadPoolExecutor,
        threads: int,
        send: Callable[[Sequence[TaskPointer]], object],
        clock: Clock,
        time: EngineTime,
        telemetry: Telemetry,
        invocation: Invocation,
        nonce: str,
    ) -> None:
        """Take the invocation's shared parts; `nonce` makes begin repeatable."""
        self._store = store
        self._chain = chain
        self._pool = pool
        self._threads = threads
        self._send = send
        self._clock = clock
        self._time = time
        self._telemetry = telemetry
        self._invocation = invocation
        self._nonce = nonce
        self._waiting: list[Delivered] = []
        self._running: set[Future[None]] = set()
        self._begun = False

    def run(self, delivered: Sequence[Delivered]) -> None:
        """Run them all, as far as time allows. Raises `StoreUnavailable` only when nothing was begun."""
        self._waiting = sorted(delivered, key=_due)
        self._send_on([d for d in self._waiting if self._time.seconds_until(d.pointer.due) > LONGEST_WAIT_SECONDS])
        try:
            self._begin_waves()
        except Exception:
            wait(self._running)  # a thread that outlives its invocation is frozen, and would act long after its lease
            raise
        self._send_on(self._waiting)
        while self._running:
            self._collect(timeout=None, until=FIRST_EXCEPTION)

    def _begin_waves(self) -> None:
        while self._waiting and self._invocation.may_begin:
            self._collect(timeout=0.0)
            free = self._threads - len(self._running)
            wave = [d for d in self._waiting[:free] if self._time.seconds_until(d.pointer.due) <= 0]
            if wave:
                taken = set(wave)
                self._waiting = [d for d in self._waiting if d not in taken]
                self._begin(*self._admitted(wave))
            elif not free:
                self._collect(timeout=None)
            else:
                self._wait_until_due(self._waiting[0])

    def _wait_until_due(self, first: Delivered) -> None:
        left = max(self._time.seconds_until(first.pointer.due), 0.0) + _MARGIN_SECONDS
        if self._running:
            self._collect(timeout=left)
        else:
            self._clock.sleep(left)

    def _collect(self, timeout: float | None, until: str = FIRST_COMPLETED) -> None:
        """See who is done; an invocation that is killed inside a thread is killed here."""
        done, self._running = wait(self._running, timeout, until) if self._running else (set(), set())
        for future in done:
            future.result()

    def _admitted(self, wave: Sequence[Delivered]) -> tuple[list[Delivered], dict[str, Defer]]:
        """Those to begin, and by task id those that can only be put off, because somebody else has the account's lock.

        These are begun too: how long a step may be put off is the planner's to say. A duplicate's task is somebody else's.
        """
        writers = [d for d in wave if d.pointer.phase.writes]
        answers = list(self._pool.map(lambda d: d.lock.take(d.sequence, d.pointer.fence), writers))
        verdicts = {d.pointer.task_id: answer for d, answer in zip(writers, answers, strict=True)}
        put_off = {
            task_id: Defer(after=self._lock_patience(answer) * self._clock.rate, reason="locked: the account's lock was not to be had")
            for task_id, answer in verdicts.items()
            if answer.verdict is Verdict.HELD
        }
        duplicates = {task_id for task_id, answer in verdicts.items() if answer.verdict is Verdict.DUPLICATE}
        return [d for d in wave if d.pointer.task_id not in duplicates], put_off

    def _lock_patience(self, answer: LockAnswer) -> timedelta:
        if answer.held_until is None:
            return _LOCK_PATIENCE
        return min(max(answer.held_until - self._clock.wall(), _LEAST_LOCK_PATIENCE), _LOCK_PATIENCE)

    def _begin(self, wave: Sequence[Delivered], put_off: Mapping[str, Defer]) -> None:
        if not wave:
            return
        try:
            answers = {begun.task_id: begun for begun in self._store.begin_tasks([d.pointer for d in wave], self._nonce)}
        except FlamebotError as error:
            for d in wave:
                d.lock.give_back()  # no call was made, and none will be
            self._give_up(error)
            return
        for d in wave:
            begun = answers.get(d.pointer.task_id)
            if begun is None:
                self._telemetry.info("not_begun", task=d.pointer.task_id, fence=d.pointer.fence)
                d.lock.give_back()
                continue
            self._time.seen(begun.now)
            if begun.early:
                self._waiting = sorted([*self._waiting, d], key=_due)  # its lock is renewed by the next wave
                continue
            self._begun = True
            self._chain.expect()
            self._running.add(self._pool.submit(self._run, begun, d, put_off.get(begun.task_id)))

    def _give_up(self, error: FlamebotError) -> None:
        """Without the database nothing more is begun: it is left to its lease, or to the message if that is all there is."""
        if isinstance(error, StoreUnavailable) and not self._begun:
            raise error
        self._telemetry.warn("begin_failed", error=type(error).__name__, detail=error.detail, left=len(self._waiting))
        self._waiting = []

    def _run(self, begun: Begun, delivered: Delivered, put_off: Defer | None) -> None:
        if begun.task is not None:
            late = (begun.now - begun.task.scheduled_for).total_seconds() / self._clock.rate
            self._telemetry.seconds("DueLateness", max(late, 0.0), action=begun.task.action)
        try:
            self._chain.run(begun, delivered.lock, put_off)
        except Exception as error:  # noqa: BLE001  # the siblings go on; this task is left to its lease, and its lock too
            self._telemetry.warn("chain_broke", task=begun.task_id, error=type(error).__name__, code=getattr(error, "code", None))

    def _send_on(self, delivered: Sequence[Delivered]) -> None:
        """Hand pointers back to the queue: the rows stay as they are, and a doubled message does nothing."""
        gone = list(delivered)
        leaving = set(gone)
        self._waiting = [d for d in self._waiting if d not in leaving]
        for d in gone:
            d.lock.give_back()
        if gone:
            self._send([d.pointer for d in gone])
