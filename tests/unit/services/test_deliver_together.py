"""What is committed together, and who is waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from flamebot.domain.message import TaskPointer
from flamebot.domain.task import Phase
from flamebot.domain.begun import Begun
from flamebot.domain.committed import CommitItem, Committed
from flamebot.ports.locks import Holder, LockAnswer
from flamebot.services.stepping import deliver
from flamebot.services.stepping.outside import Outside
from tests.unit.services import deliveries
from tests.unit.services.deliveries import BeginStore, World, several
from tests.unit.services.stand_ins import NOON, CommitStore, HandClock, ScriptedLocks, pointer


def test_a_chain_goes_on_after_its_commit() -> None:
    """Its next task is executed here, without being begun, and committed by itself."""
    world = World()
    world.chain.longer = {pointer(1).task_id}
    world.run(*several(1))
    assert (len(world.chain.ran), len(world.store.waves), len(world.commits.batches)) == (2, 1, 2)


def test_who_is_heard_within_a_moment_is_committed_together() -> None:
    """Siblings that end at about the same time are one statement."""
    world = World()
    world.threads = 3
    world.run(*several(3))
    assert [sorted(batch) for batch in world.commits.batches] == [[p.task_id for p in several(3)]]


def test_who_waits_for_the_outside_holds_nobody_up() -> None:
    """A sibling's call may last as long as it wants: what was decided is committed meanwhile."""
    world = World()
    hangs, ended = pointer(1), pointer(2)
    world.chain.until[hangs.task_id] = threading.Event()

    def rule(items: Sequence[CommitItem]) -> list[Committed]:
        world.chain.until[hangs.task_id].set()
        return [Committed(task_id=item.task_id, accepted=True) for item in items]

    world.commits = CommitStore(rule)
    world.run(hangs, ended)
    assert world.commits.batches == [[ended.task_id], [hangs.task_id]]


def test_a_lock_table_that_hangs_holds_up_no_commit() -> None:
    """What was decided is committed while another task's lock is asked for."""
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
def test_a_lone_task_waits_for_nobody(monkeypatch: pytest.MonkeyPatch, phase: Phase) -> None:
    """Batching never waits to fill: neither its begin nor its commit waits for company."""
    monkeypatch.setattr(deliver, "_QUIET_SECONDS", 3.0)
    world, began = World(), time.monotonic()
    world.run(*several(1, phase))
    assert len(world.commits.batches) == 1
    assert time.monotonic() - began < 2


def test_who_comes_again_and_again_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody is heard in every moment the gathering ends all the same."""
    assert deliver._QUIET_SECONDS <= 0.005 < deliver._GATHERING_SECONDS <= 0.05
    monkeypatch.setattr(deliver, "_GATHERING_SECONDS", 0.0)
    world = World()
    world.threads = 3
    world.run(*several(3))
    assert len(world.commits.batches) == 3


def test_a_begin_waits_for_no_lock_that_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing follows from a lock's release: the next task is begun while it is still under way."""
    monkeypatch.setattr(deliver, "_QUIET_SECONDS", 3.0)
    second = threading.Event()

    class Beginning(BeginStore):
        def begin_tasks(self, pointers: Sequence[TaskPointer], delivery_id: str) -> list[Begun]:
            if self.waves:
                second.set()
            return super().begin_tasks(pointers, delivery_id)

    class SlowToRelease(ScriptedLocks):
        def release(self, account_id: str, delivery_id: str) -> bool:
            assert second.wait(5)
            return super().release(account_id, delivery_id)

    world, began = World(store=Beginning(HandClock()), locks=SlowToRelease()), time.monotonic()
    world.run(pointer(1, phase=Phase.SUBMIT), *several(4)[1:])
    assert (len(world.chain.ran), world.locks.released) == (4, ["0"])
    assert time.monotonic() - began < 2


def test_a_task_is_begun_only_with_a_thread_to_run_on() -> None:
    """A lock that is slowly given back has a thread: no lease runs while its task waits for that one."""
    world = World()
    begun_meanwhile: list[int] = []

    class SlowToRelease(ScriptedLocks):
        def release(self, account_id: str, delivery_id: str) -> bool:
            threading.Event().wait(0.1)
            begun_meanwhile.append(len(world.store.waves))
            return super().release(account_id, delivery_id)

    world.locks, world.threads = SlowToRelease(), 1
    world.run(pointer(1, phase=Phase.SUBMIT), pointer(2))
    assert (begun_meanwhile, len(world.chain.ran)) == ([1], 2)


def test_the_invocation_ends_when_the_last_lock_is_given_back() -> None:
    """A thread that is frozen with its invocation would release somebody's lock much later."""

    class SlowToRelease(ScriptedLocks):
        def release(self, account_id: str, delivery_id: str) -> bool:
            threading.Event().wait(0.1)
            return super().release(account_id, delivery_id)

    world = World(locks=SlowToRelease())
    world.run(*several(1, Phase.SUBMIT))
    assert world.released_with == ["0"]


def test_writers_that_have_their_locks_are_begun_together() -> None:
    """One statement begins all whose answers were heard within a moment."""
    world = World()
    world.threads = 3
    world.run(*several(3, Phase.SUBMIT))
    assert len(world.store.waves) == 1


def test_what_falls_due_is_begun_beside_a_call_that_lasts() -> None:
    """I6: a sibling's call may last 30 seconds; whose time has come does not wait for it."""
    started = time.monotonic()

    class Moving(HandClock):
        def monotonic(self) -> float:
            return time.monotonic() - started

        def wall(self) -> datetime:
            return NOON + timedelta(seconds=self.monotonic())

    class Beginning(BeginStore):
        def begin_tasks(self, pointers: Sequence[TaskPointer], delivery_id: str) -> list[Begun]:
            if self.waves:
                ends.set()
            return super().begin_tasks(pointers, delivery_id)

    ends, first = threading.Event(), pointer(1)
    world = World(store=Beginning(Moving()))
    world.chain.until[first.task_id] = ends
    world.run(first, pointer(2, due=NOON + timedelta(seconds=0.1)))
    assert world.chain.ran == [first.task_id, pointer(2).task_id]
    assert world.telemetry.events() == []


def test_while_all_threads_are_taken_nothing_spins(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is due waits for a thread without asking for one again and again."""
    listened: list[float | None] = []

    class Counting(Outside):
        def hear(self, seconds: float | None) -> bool:
            listened.append(seconds)
            return super().hear(seconds)

    monkeypatch.setattr(deliveries, "Outside", Counting)
    world = World()
    world.threads = 1
    world.chain.seconds[pointer(1).task_id] = 0.5
    world.run(*several(2))
    assert (len(world.chain.ran), len(listened) < 20) == (2, True)
