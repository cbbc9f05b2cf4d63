"""A delivery of messages over ports in memory: a store that begins, chains that decide nothing but count."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.domain.message import TaskPointer
from flamebot.domain.outcome import Defer, Done
from flamebot.domain.task import Phase
from flamebot.domain.begun import Begun
from flamebot.domain.committed import Committed
from flamebot.services.schedule_time import ScheduleTime
from flamebot.services.stepping.account_lock import AccountLock
from flamebot.services.stepping.commit_group import CommitGroup
from flamebot.services.stepping.deliver import Deliver, Delivered
from flamebot.services.stepping.outside import Outside
from flamebot.services.stepping.phases.run import Executed
from flamebot.services.stepping.run_chain import Chain, Decided
from flamebot.services.time_budget import Invocation
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
    """Begins whatever is asked for, unless it is down, asked too early, or told not to."""

    clock: HandClock
    fails: list[Exception] = field(default_factory=list)
    slow_by: float = 0.0  # its clock is behind ours
    not_ours: set[str] = field(default_factory=set)
    waves: list[list[str]] = field(default_factory=list)

    def begin_tasks(self, pointers: Sequence[TaskPointer], delivery_id: str) -> list[Begun]:
        self.waves.append([p.task_id for p in pointers])
        assert len(self.waves) < 1000, "begin is asked again and again"
        if self.fails:
            raise self.fails.pop(0)
        now = self.clock.wall() - timedelta(seconds=self.slow_by)
        answers = []
        for p in pointers:
            if p.task_id in self.not_ours:
                continue
            if p.due > now:
                answers.append(Begun(task_id=p.task_id, now=now, early=True))
            else:
                answers.append(begun(task(p.phase, task_id=p.task_id, scheduled_for=p.due)))
        return answers


class CountingChain:
    """Decides nothing, but counts how many do so at once. `settled`: whether the ends of its calls are known."""

    def __init__(self, error: BaseException | None = None, *, settled: bool = True) -> None:
        self.error = error
        self.settled = settled
        self.ran: list[str] = []
        self.put_off: list[Defer] = []
        self.most = 0
        self.ended = 0
        self.seconds: dict[str, float] = {}
        self.until: dict[str, threading.Event] = {}
        self.longer: set[str] = set()  # chains that go on for one more task
        self._at_work = 0
        self._guard = threading.Lock()

    def decide(self, chain: Chain) -> Decided:
        of = chain.begun
        with self._guard:
            self.put_off += [chain.put_off] if chain.put_off else []
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
        assert of.task is not None
        assert of.instance is not None
        decision = Decision(task=None, instance=InstanceWrite(current_step=0))
        return Decided(of.task, of.instance, Executed(outcome=Done()), decision)

    def conclude(self, chain: Chain, decided: Decided, committed: Committed | None) -> bool:
        chain.settled = self.settled
        goes_on = decided.task.task_id in self.longer
        self.longer.discard(decided.task.task_id)
        return goes_on


class World:
    """An invocation with 60 seconds, in which calls take up to 30."""

    def __init__(
        self,
        *,
        store: BeginStore | None = None,
        locks: ScriptedLocks | None = None,
        chain: CountingChain | None = None,
    ) -> None:
        self.clock = store.clock if store else HandClock()
        self.store = store or BeginStore(self.clock)
        self.commits = CommitStore()
        self.locks = locks or ScriptedLocks()
        self.chain = chain or CountingChain()
        self.telemetry = ListTelemetry()
        self.sent: list[TaskPointer] = []
        self.released_when_sent: list[str] = []
        self.total = 60.0
        self.threads = THREADS
        self.ended_with = 0
        self.released_with: list[str] = []
        self._delivery_ids = map(str, itertools.count())

    def run(self, *pointers: TaskPointer) -> None:
        """Deliver pointers."""
        remaining = lambda: self.total - self.clock.elapsed  # noqa: E731
        with ThreadPoolExecutor(self.threads) as pool:
            deliver = Deliver(
                store=self.store,  # type: ignore[arg-type]  # as much of it as is called
                chain=self.chain,  # type: ignore[arg-type]  # likewise
                group=CommitGroup(
                    self.commits,  # type: ignore[arg-type]  # likewise
                    self.clock,
                    self.telemetry,
                    committed=lambda _: None,
                    remaining=remaining,
                ),
                outside=Outside(pool),
                threads=self.threads,
                send=self._send,
                clock=self.clock,
                time=ScheduleTime(self.clock),
                telemetry=self.telemetry,
                invocation=Invocation(remaining, timedelta(seconds=30)),
                delivery_id="n",
            )
            try:
                deliver.run([Delivered(p, self._lock(p)) for p in pointers])
            finally:
                self.ended_with = self.chain.ended
                self.released_with = list(self.locks.released)

    def _send(self, pointers: Sequence[TaskPointer]) -> None:
        self.sent += pointers
        self.released_when_sent = list(self.locks.released)

    def _lock(self, p: TaskPointer) -> AccountLock:
        return AccountLock(
            self.locks,
            self.telemetry,
            account_id=p.account_id,
            instance_id="i",
            delivery_id=next(self._delivery_ids),
        )


def several(count: int, phase: Phase = Phase.TIMER) -> list[TaskPointer]:
    """So many pointers that are due."""
    return [pointer(number, phase=phase) for number in range(1, count + 1)]
