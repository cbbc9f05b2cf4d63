"""The event loop of one invocation of the step function (docs/adr/0015).

One thread decides: it admits, begins and commits. Everything that waits for another machine runs
on worker threads, and every result arrives at one place of the loop. What arrives within a moment
is begun in one statement and committed in one statement. A lone task waits for no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial

from flamebot.domain.begun import Begun, Early
from flamebot.domain.errors import FlamebotError, StoreUnavailable
from flamebot.domain.outcome import Defer
from flamebot.domain.service_call import counted
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import EngineStore
from flamebot.ports.locks import LockAnswer, Verdict
from flamebot.ports.telemetry import Telemetry
from flamebot.services.schedule_time import ScheduleTime
from flamebot.services.stepping.call_pool import CallPool
from flamebot.services.stepping.commit import Committer
from flamebot.services.stepping.delivery import Deliveries, Delivery, State
from flamebot.services.stepping.execute import Executor, Planned
from flamebot.services.stepping.sender import Sender
from flamebot.services.time_budget import TimeBudget

Result = LockAnswer | Planned | None  # of acquiring a lock, of a task, of releasing a lock

# A task due later than this is requeued. A message's delay leaves less than a second to wait.
LONGEST_WAIT_SECONDS = 2.0
# Wall clock. A holder is done within seconds or is dead; a dead holder's lock expires later.
_LONGEST_DEFERRAL = timedelta(seconds=15)
_SHORTEST_DEFERRAL = timedelta(seconds=1)
# Added to each wait: a begin that is too early costs a statement. If two machines' clocks differ
# by more, the response to an early begin says by how much.
_MARGIN_SECONDS = 0.0002


class InvocationLoop:
    """Runs deliveries until all are done: begins those that are due, commits their decisions.

    No more tasks run than there are threads. A task that cannot be begun in time stays queued and
    is sent again; one that no invocation begins is sent again by the tick after its lease.
    """

    def __init__(
        self,
        *,
        store: EngineStore,
        executor: Executor,
        committer: Committer,
        sender: Sender,
        pool: CallPool[Delivery, Result],
        threads: int,
        clock: Clock,
        time: ScheduleTime,
        telemetry: Telemetry,
        budget: TimeBudget,
        delivery_id: str,
    ) -> None:
        """Take the invocation's objects; `delivery_id` makes `begin_tasks` repeatable."""
        self._store = store
        self._executor = executor
        self._committer = committer
        self._sender = sender
        self._pool = pool
        self._threads = threads
        self._clock = clock
        self._time = time
        self._telemetry = telemetry
        self._budget = budget
        self._delivery_id = delivery_id
        self._deliveries = Deliveries(())
        self._any_begun = False
        self._stopped = False  # nothing more is begun; what runs is still carried to its commit

    def run(self, deliveries: Iterable[Delivery]) -> None:
        """Run deliveries as far as the time allows.

        Raises:
            StoreUnavailable: The database is unavailable and nothing was begun.
        """
        self._deliveries = Deliveries(deliveries)
        waiting = self._deliveries.in_state(State.WAITING)
        late = [d for d in waiting if self._time.seconds_until(d.due) > LONGEST_WAIT_SECONDS]
        self._requeue(late)  # guard: much-later-is-requeued
        try:
            self._loop()
        except Exception:
            # A worker thread that outlives its invocation is frozen with the process and acts on
            # the account when the process is thawed, long after its lease.
            self._stop_beginning()
            self._loop()  # guard: error-drains-threads
            raise

    def _loop(self) -> None:
        while self._deliveries.open or self._pool.open:  # guard: ends-with-its-last-call
            if not self._budget.may_begin:  # guard: begin-only-with-time
                self._requeue(self._deliveries.in_state(State.WAITING))
            self._admit()
            for delivery, result in self._pool.completed(self._wait_seconds()):
                self._advance(delivery, result)
            self._commit()
            self._begin()

    @property
    def _free_threads(self) -> int:
        """How many tasks may be admitted so that each finds a thread when it is begun.

        Every open call has a thread, also a message that is being sent and a lock that is being
        released. Ready and planned deliveries have none, but are about to need one.
        """
        reserved = self._deliveries.count(State.READY) + self._deliveries.count(State.PLANNED)
        return max(self._threads - self._pool.open - reserved, 0)  # guard: begun-has-a-thread

    def _wait_seconds(self) -> float | None:
        """Return how long the loop may wait for a result; None if for as long as it takes."""
        if self._deliveries.count(State.READY):
            return 0.0
        due = self._deliveries.next_due
        # Without a free thread a due task has to wait for a result anyway: no spinning.
        if due is None or not self._free_threads:  # guard: due-is-begun-beside-a-call
            return None
        return max(self._time.seconds_until(due), 0.0) + _MARGIN_SECONDS

    def _admit(self) -> None:
        """WAITING -> LOCKING or READY, as far as tasks are due and threads are free."""
        for d in self._deliveries.due(self._is_due, self._free_threads):
            if d.pointer.phase.writes:  # guard: lock-for-writers-only
                self._deliveries.move(d, State.LOCKING)
                self._pool.submit(d, d.acquire_lock)
            else:
                self._deliveries.move(d, State.READY)

    def _is_due(self, due: datetime) -> bool:
        return self._time.seconds_until(due) <= 0

    def _advance(self, d: Delivery, result: Result | Exception) -> None:
        """Apply a result: LOCKING -> READY or DONE, RUNNING -> PLANNED, RELEASING -> DONE."""
        if isinstance(result, Exception):
            self._on_error(d, result)
        elif isinstance(result, Planned):
            d.planned = result
            self._deliveries.move(d, State.PLANNED)
        elif isinstance(result, LockAnswer):
            self._on_lock(d, result)
        else:
            self._deliveries.move(d, State.DONE)

    def _on_lock(self, d: Delivery, lock: LockAnswer) -> None:
        if lock.verdict is Verdict.DUPLICATE:
            # Another delivery of the same task and fence holds the lock and runs the task.
            self._deliveries.move(d, State.DONE)  # guard: duplicate-does-nothing
            return
        if lock.verdict is Verdict.HELD:
            # Begun all the same, to be deferred: only the planner knows how long a step may be.
            after = self._deferral(lock) * self._clock.rate
            reason = "locked: another holder has the account's lock"
            d.deferral = Defer(after=after, reason=reason)  # guard: held-is-deferred
        self._deliveries.move(d, State.READY)

    def _deferral(self, lock: LockAnswer) -> timedelta:
        """Return how long to wait for the lock's holder. Its expiry only bounds that."""
        if lock.held_until is None:
            return _LONGEST_DEFERRAL
        left = lock.held_until - self._clock.wall()
        return min(max(left, _SHORTEST_DEFERRAL), _LONGEST_DEFERRAL)  # guard: deferral-has-bounds

    def _commit(self) -> None:
        """PLANNED -> RUNNING with a successor, else RELEASING or DONE: all in one statement."""
        planned = [(d, d.planned) for d in self._deliveries.in_state(State.PLANNED) if d.planned]
        try:
            commit = self._committer.commit(
                [p.item for _, p in planned], counted(p.call for _, p in planned if p.call)
            )
        except Exception:
            self._finish(d for d, _ in planned)  # whether they are committed is not known
            raise
        self._sender.send(commit.to_send)  # guard: commit-sends-what-it-queued
        for (d, p), committed in zip(planned, commit.results, strict=True):
            # A call or a commit whose end is not known may still act under this lock (I4).
            # guard: call-has-ended, commit-is-known
            known = p.executed.ended and committed is not None
            d.lock_releasable = d.lock_releasable and known
            try:
                successor = self._executor.after_commit(p, committed)
            except Exception as error:  # noqa: BLE001  # the other deliveries go on
                self._on_error(d, error)
                continue
            if successor is not None:
                self._run(d, successor)
            elif d.lock_releasable:  # guard: released-when-all-is-known
                self._release([d])
            else:
                self._finish([d])

    def _begin(self) -> None:
        """READY -> RUNNING, or WAITING if it is early: all in one statement."""
        ready = self._deliveries.in_state(State.READY)
        if not ready:
            return
        if self._stopped:  # guard: nothing-begun-after-a-failure
            self._release(ready)
            return
        # The commit before this may have waited for its database.
        if not self._budget.may_begin:  # guard: long-commit-leaves-no-time
            self._requeue(ready)
            return
        try:
            begun = self._store.begin_tasks([d.pointer for d in ready], self._delivery_id)
        except FlamebotError as error:
            self._release(ready)  # guard: failed-begin-releases
            self._on_begin_error(error)
            return
        except Exception:
            self._finish(ready)  # whether they are begun is not known
            raise
        by_task = {result.task_id: result for result in begun}
        for d in ready:
            self._on_begin(d, by_task.get(d.pointer.task_id))

    def _on_begin(self, d: Delivery, result: Begun | Early | None) -> None:
        if result is None:  # a newer fence exists, or the task is held, begun or over
            self._telemetry.info("not_begun", task=d.pointer.task_id, fence=d.pointer.fence)
            self._release([d])  # guard: stale-pointer-keeps-no-lock
            return
        self._time.synchronize(result.now)
        if isinstance(result, Early):
            # The database's clock is behind. The lock is kept, and renewed at the next admission.
            d.deferral = None
            self._deliveries.move(d, State.WAITING)  # guard: early-waits-again
            return
        self._any_begun = True
        late = (result.now - result.task.scheduled_for).total_seconds() / self._clock.rate
        self._telemetry.seconds("DueLateness", max(late, 0.0), action=result.task.action)
        self._run(d, result)

    def _on_begin_error(self, error: FlamebotError) -> None:
        """Without the database nothing more is begun: the rest is left to its lease.

        If nothing was begun, the messages can come again instead, which is sooner.
        """
        # guard: failed-batch-comes-again, begun-batch-is-acknowledged
        if isinstance(error, StoreUnavailable) and not self._any_begun:
            raise error
        left = self._deliveries.count(State.WAITING)
        self._telemetry.warn(
            "begin_failed", error=type(error).__name__, detail=error.detail, left=left
        )
        self._stop_beginning()

    def _stop_beginning(self) -> None:
        self._stopped = True
        # An early task waits with its lock held.
        self._release(self._deliveries.in_state(State.WAITING))  # guard: early-releases-too

    def _run(self, d: Delivery, begun: Begun) -> None:
        d.begun = begun
        deferral, d.deferral = d.deferral, None  # a successor is executed
        self._deliveries.move(d, State.RUNNING)
        self._pool.submit(d, partial(self._executor.execute_and_plan, begun, d.lock, deferral))

    def _on_error(self, d: Delivery, error: Exception) -> None:
        """One task's defect ends no other's: it is left to its lease, and its lock expires."""
        self._deliveries.move(d, State.DONE)  # guard: failed-delivery-is-done
        self._telemetry.warn(
            "delivery_failed",
            task=d.task_id,
            error=type(error).__name__,
            code=getattr(error, "code", None),
        )

    def _finish(self, deliveries: Iterable[Delivery]) -> None:
        for d in deliveries:
            self._deliveries.move(d, State.DONE)

    def _release(self, deliveries: Iterable[Delivery]) -> None:
        for d in deliveries:
            if d.lock.held:  # guard: release-what-is-held
                self._deliveries.move(d, State.RELEASING)
                self._pool.submit(d, d.lock.release, expected=False)
            else:
                self._deliveries.move(d, State.DONE)

    def _requeue(self, deliveries: Sequence[Delivery]) -> None:
        """Send pointers back to the queue, after their locks are released."""
        locks = [d.lock for d in deliveries if d.lock.held]
        self._sender.requeue([d.pointer for d in deliveries], locks)
        self._finish(deliveries)
