"""An invocation over ports in memory: a store that begins, an executor that counts its calls."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

from flamebot.domain.begun import Begun, Early
from flamebot.domain.committed import Committed
from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.domain.errors import StoreUnavailable
from flamebot.domain.message import TaskPointer, decode
from flamebot.domain.outcome import Defer, Done
from flamebot.domain.task import Phase
from flamebot.ports.queue import Message
from flamebot.services.schedule_time import ScheduleTime
from flamebot.services.stepping.account_lock import AccountLock
from flamebot.services.stepping.call_pool import CallPool
from flamebot.services.stepping.commit import Committer
from flamebot.services.stepping.delivery import Delivery
from flamebot.services.stepping.execute import Planned
from flamebot.services.stepping.loop import InvocationLoop, Result
from flamebot.services.stepping.phases.run import Executed
from flamebot.services.stepping.sender import Sender
from flamebot.services.time_budget import TimeBudget
from tests.unit.services.stand_ins import (
    CommitStore,
    HandClock,
    ListTelemetry,
    ScriptedLocks,
    begun,
    pointer,
    task,
)

THREADS = 2


@dataclass
class BeginStore:
    """Begins every task, unless it is unavailable, the task is early, or another delivery's."""

    clock: HandClock
    fails: list[Exception] = field(default_factory=list)
    slow_by: float = 0.0  # its clock is behind ours
    not_ours: set[str] = field(default_factory=set)
    waves: list[list[str]] = field(default_factory=list)

    def begin_tasks(self, pointers: Sequence[TaskPointer], delivery_id: str) -> list[Early | Begun]:
        self.waves.append([p.task_id for p in pointers])
        assert len(self.waves) < 1000, "begin is called again and again"
        if self.fails:
            raise self.fails.pop(0)
        now = self.clock.wall() - timedelta(seconds=self.slow_by)
        results: list[Early | Begun] = []
        for p in pointers:
            if p.task_id in self.not_ours:
                continue
            if p.due > now:
                results.append(Early(task_id=p.task_id, now=now))
            else:
                results.append(begun(task(p.phase, task_id=p.task_id, scheduled_for=p.due)))
        return results


class OneWaveStore(BeginStore):
    """Begins one wave; after it the database is unavailable."""

    def begin_tasks(self, pointers: Sequence[TaskPointer], delivery_id: str) -> list[Early | Begun]:
        if self.waves:
            raise StoreUnavailable
        return super().begin_tasks(pointers, delivery_id)


class CountingExecutor:
    """Decides nothing, but counts how many calls run at once. `ended`: of its writes."""

    def __init__(self, error: BaseException | None = None, *, ended: bool = True) -> None:
        self.error = error
        self.ended_writes = ended
        self.ran: list[str] = []
        self.deferrals: list[Defer] = []
        self.most = 0
        self.ended = 0
        self.seconds: dict[str, float] = {}
        self.until: dict[str, threading.Event] = {}
        self.longer: set[str] = set()  # tasks that have a successor
        self._at_work = 0
        self._guard = threading.Lock()

    def execute_and_plan(self, of: Begun, lock: AccountLock, deferral: Defer | None) -> Planned:
        with self._guard:
            self.deferrals += [deferral] if deferral else []
            self._at_work += 1
            self.most = max(self.most, self._at_work)
            self.ran.append(of.task_id)
        if of.task_id in self.until:
            assert self.until[of.task_id].wait(5)
        threading.Event().wait(self.seconds.get(of.task_id, 0.005))
        with self._guard:
            self._at_work -= 1
            self.ended += 1
        if self.error:
            raise self.error
        decision = Decision(task=None, instance=InstanceWrite(current_step=0))
        return Planned(of, Executed(outcome=Done(), ended=self.ended_writes), decision)

    def after_commit(self, planned: Planned, committed: Committed | None) -> Begun | None:
        if planned.begun.task_id in self.longer:
            self.longer.discard(planned.begun.task_id)
            return planned.begun
        return None


class World:
    """An invocation with 60 seconds, in which calls take up to 30. It is also the queue."""

    def __init__(
        self,
        *,
        store: BeginStore | None = None,
        locks: ScriptedLocks | None = None,
        executor: CountingExecutor | None = None,
    ) -> None:
        self.clock = store.clock if store else HandClock()
        self.store = store or BeginStore(self.clock)
        self.commits = CommitStore()
        self.locks = locks or ScriptedLocks()
        self.executor = executor or CountingExecutor()
        self.telemetry = ListTelemetry()
        self.sent: list[TaskPointer] = []
        self.released_when_sent: list[str] = []
        self.total = 60.0
        self.threads = THREADS
        self.ended_with = 0
        self.released_with: list[str] = []
        self.sent_with: list[TaskPointer] = []
        self.pool: type[CallPool[Delivery, Result]] = CallPool
        self._delivery_ids = map(str, itertools.count())

    def run(self, *pointers: TaskPointer) -> None:
        """Run one delivery per pointer."""
        budget = TimeBudget(lambda: self.total - self.clock.elapsed, timedelta(seconds=30))
        with ThreadPoolExecutor(self.threads) as threads:
            time = ScheduleTime(self.clock)
            pool = self.pool(threads, self.clock)
            loop = InvocationLoop(
                store=self.store,  # type: ignore[arg-type]  # as much of it as is called
                executor=self.executor,  # type: ignore[arg-type]  # likewise
                committer=Committer(self.commits, self.clock, self.telemetry, budget=budget),
                sender=Sender(pool, self, clock=self.clock, time=time, telemetry=self.telemetry),
                pool=pool,
                threads=self.threads,
                clock=self.clock,
                time=time,
                telemetry=self.telemetry,
                budget=budget,
                delivery_id="n",
            )
            try:
                loop.run([Delivery(p, self._lock(p)) for p in pointers])
            finally:
                self.ended_with = self.executor.ended
                self.released_with = list(self.locks.released)
                self.sent_with = list(self.sent)

    def send(self, messages: Sequence[Message]) -> int:
        """Accept and record every message."""
        self.sent += [p for message in messages for p in decode(message.body)]
        self.released_when_sent = list(self.locks.released)
        return len(messages)

    def _lock(self, p: TaskPointer) -> AccountLock:
        return AccountLock(
            self.locks,
            self.telemetry,
            account_id=p.account_id,
            instance_id=begun(task(p.phase)).instance.instance_id,
            delivery_id=next(self._delivery_ids),
        )


def several(count: int, phase: Phase = Phase.TIMER) -> list[TaskPointer]:
    """Return so many pointers whose tasks are due."""
    return [pointer(number, phase=phase) for number in range(1, count + 1)]
