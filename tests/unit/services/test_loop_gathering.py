"""What is begun and committed together, and what the loop waits for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import pytest

from flamebot.domain.begun import Begun, Early
from flamebot.domain.committed import CommitItem, Committed
from flamebot.domain.message import TaskPointer
from flamebot.domain.task import Phase
from flamebot.ports.locks import Holder, LockAnswer
from flamebot.ports.queue import Message
from flamebot.services.stepping import call_pool
from flamebot.services.stepping.call_pool import CallPool
from flamebot.services.stepping.delivery import Delivery
from flamebot.services.stepping.loop import Result
from tests.unit.services.deliveries import BeginStore, World, several
from tests.unit.services.stand_ins import NOON, CommitStore, HandClock, ScriptedLocks, pointer


def test_a_successor_runs_after_its_commit() -> None:
    """It is executed here without a begin, and committed on its own."""
    world = World()
    world.executor.longer = {pointer(1).task_id}
    world.run(*several(1))
    assert (len(world.executor.ran), len(world.store.waves), len(world.commits.batches)) == (
        2,
        1,
        2,
    )


def test_results_within_a_moment_are_committed_together() -> None:
    """Tasks that end at about the same time are one statement."""
    world = World()
    world.threads = 3
    world.run(*several(3))
    assert [sorted(batch) for batch in world.commits.batches] == [[p.task_id for p in several(3)]]


def test_a_blocked_call_delays_no_commit() -> None:
    """Planned decisions are committed while another task's call lasts."""
    world = World()
    hangs, ended = pointer(1), pointer(2)
    world.executor.until[hangs.task_id] = threading.Event()

    def rule(items: Sequence[CommitItem]) -> list[Committed]:
        world.executor.until[hangs.task_id].set()
        return [Committed(task_id=item.task_id, accepted=True) for item in items]

    world.commits = CommitStore(rule)
    world.run(hangs, ended)
    assert world.commits.batches == [[ended.task_id], [hangs.task_id]]


def test_a_lock_table_that_hangs_delays_no_commit() -> None:
    """Planned decisions are committed while another task's lock is acquired."""
    committed = threading.Event()

    class Hanging(ScriptedLocks):
        def acquire(self, account_id: str, holder: Holder) -> LockAnswer:
            assert committed.wait(5)
            return super().acquire(account_id, holder)

    def rule(items: Sequence[CommitItem]) -> list[Committed]:
        committed.set()
        return [Committed(task_id=item.task_id, accepted=True) for item in items]

    world = World(locks=Hanging())
    world.commits = CommitStore(rule)
    world.run(pointer(1), pointer(2, phase=Phase.SUBMIT))
    assert world.commits.batches == [[pointer(1).task_id], [pointer(2).task_id]]


@pytest.mark.parametrize("phase", [Phase.TIMER, Phase.SUBMIT])
def test_a_lone_task_waits_for_nothing(monkeypatch: pytest.MonkeyPatch, phase: Phase) -> None:
    """Group commit never waits to fill: neither its begin nor its commit waits."""
    monkeypatch.setattr(call_pool, "QUIET_SECONDS", 3.0)
    world, began = World(), time.monotonic()
    world.run(*several(1, phase))
    assert len(world.commits.batches) == 1
    assert time.monotonic() - began < 2


def test_gathering_ends_although_results_keep_arriving(monkeypatch: pytest.MonkeyPatch) -> None:
    """A result in every moment must not delay a commit without end."""
    assert call_pool.QUIET_SECONDS <= 0.005 < call_pool.GATHERING_SECONDS <= 0.05
    monkeypatch.setattr(call_pool, "GATHERING_SECONDS", 0.0)
    world = World()
    world.threads = 3
    world.run(*several(3))
    assert len(world.commits.batches) == 3


def test_a_begin_waits_for_no_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing depends on a release: the next task is begun while it is still in progress."""
    monkeypatch.setattr(call_pool, "QUIET_SECONDS", 3.0)
    second = threading.Event()

    class Beginning(BeginStore):
        def begin_tasks(
            self, pointers: Sequence[TaskPointer], delivery_id: str
        ) -> list[Early | Begun]:
            if self.waves:
                second.set()
            return super().begin_tasks(pointers, delivery_id)

    class SlowToRelease(ScriptedLocks):
        def release(self, account_id: str, delivery_id: str) -> bool:
            assert second.wait(5)
            return super().release(account_id, delivery_id)

    world, began = World(store=Beginning(HandClock()), locks=SlowToRelease()), time.monotonic()
    world.run(pointer(1, phase=Phase.SUBMIT), *several(4)[1:])
    assert (len(world.executor.ran), world.locks.released) == (4, ["0"])
    assert time.monotonic() - began < 2


def test_a_task_is_begun_only_with_a_thread_to_run_on() -> None:
    """A slow release holds a thread: no lease runs while its task waits for that one."""
    world = World()
    begun_meanwhile: list[int] = []

    class SlowToRelease(ScriptedLocks):
        def release(self, account_id: str, delivery_id: str) -> bool:
            threading.Event().wait(0.1)
            begun_meanwhile.append(len(world.store.waves))
            return super().release(account_id, delivery_id)

    world.locks, world.threads = SlowToRelease(), 1
    world.run(pointer(1, phase=Phase.SUBMIT), pointer(2))
    assert (begun_meanwhile, len(world.executor.ran)) == ([1], 2)


def test_the_invocation_ends_when_the_last_lock_is_released() -> None:
    """A thread that is frozen with its invocation would release the lock much later."""

    class SlowToRelease(ScriptedLocks):
        def release(self, account_id: str, delivery_id: str) -> bool:
            threading.Event().wait(0.1)
            return super().release(account_id, delivery_id)

    world = World(locks=SlowToRelease())
    world.run(*several(1, Phase.SUBMIT))
    assert world.released_with == ["0"]


def test_writers_that_have_their_locks_are_begun_together() -> None:
    """One statement begins all tasks whose locks were acquired within a moment."""
    world = World()
    world.threads = 3
    world.run(*several(3, Phase.SUBMIT))
    assert len(world.store.waves) == 1


def test_what_falls_due_is_begun_beside_a_call_that_lasts() -> None:
    """I6: a call may last 30 seconds; another task that falls due does not wait for it."""
    started = time.monotonic()

    class Moving(HandClock):
        def monotonic(self) -> float:
            return time.monotonic() - started

        def wall(self) -> datetime:
            return NOON + timedelta(seconds=self.monotonic())

    class Beginning(BeginStore):
        def begin_tasks(
            self, pointers: Sequence[TaskPointer], delivery_id: str
        ) -> list[Early | Begun]:
            if self.waves:
                ends.set()
            return super().begin_tasks(pointers, delivery_id)

    ends, first = threading.Event(), pointer(1)
    world = World(store=Beginning(Moving()))
    world.executor.until[first.task_id] = ends
    world.run(first, pointer(2, due=NOON + timedelta(seconds=0.1)))
    assert world.executor.ran == [first.task_id, pointer(2).task_id]
    assert world.telemetry.events() == []


def test_while_all_threads_are_taken_nothing_spins() -> None:
    """A due task waits for a free thread without polling for it."""
    waits: list[float | None] = []

    class Counting(CallPool[Delivery, Result]):
        def completed(self, wait: float | None) -> Iterator[tuple[Delivery, Result | Exception]]:
            waits.append(wait)
            return super().completed(wait)

    world = World()
    world.pool, world.threads = Counting, 1
    world.executor.seconds[pointer(1).task_id] = 0.5
    world.run(*several(2))
    assert (len(world.executor.ran), len(waits) < 20) == (2, True)


class SlowQueue(World):
    """A queue that takes a tenth of a second to accept messages."""

    def send(self, messages: Sequence[Message]) -> int:
        threading.Event().wait(0.1)
        return super().send(messages)


def test_the_invocation_ends_when_the_last_message_is_sent() -> None:
    """A message that is still being sent when the process is frozen would arrive much later."""
    world = SlowQueue()
    world.total = 44
    world.run(*several(1))
    assert world.sent_with == several(1)


def test_what_a_commit_queues_is_sent() -> None:
    """I6: the tasks that a commit queued are sent before the invocation ends."""
    queued = pointer(9)

    def rule(items: Sequence[CommitItem]) -> list[Committed]:
        return [Committed(task_id=item.task_id, accepted=True, send=queued) for item in items]

    world = SlowQueue()
    world.commits = CommitStore(rule)
    world.run(*several(1))
    assert world.sent_with == [queued]
