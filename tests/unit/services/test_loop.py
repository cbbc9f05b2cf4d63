"""The loop: when tasks are begun, and what happens to those that are not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from flamebot.domain.begun import Begun, Early
from flamebot.domain.committed import CommitItem, Committed
from flamebot.domain.errors import FlamebotError, LocksUnavailable, StoreUnavailable
from flamebot.domain.message import TaskPointer
from flamebot.domain.outcome import Defer
from flamebot.domain.task import Phase
from flamebot.ports.locks import Holder, LockAnswer, Verdict
from flamebot.services.stepping.account_lock import AccountLock
from flamebot.services.stepping.execute import Planned
from tests.unit.services.deliveries import (
    THREADS,
    BeginStore,
    CountingExecutor,
    OneWaveStore,
    World,
    several,
)
from tests.unit.services.stand_ins import NOON, CommitStore, HandClock, ScriptedLocks, pointer


def test_no_more_is_begun_than_threads_are_free() -> None:
    """A begun task runs at once: no lease runs while its task waits for a thread."""
    world = World()
    world.run(*several(7))
    assert sorted(world.executor.ran) == sorted(p.task_id for p in several(7))
    assert max(map(len, world.store.waves)) <= THREADS
    assert world.executor.most <= THREADS


def test_only_writers_take_the_lock() -> None:
    """Timer, generate and poll write nothing."""
    world = World()
    world.run(
        pointer(1),
        pointer(2, phase=Phase.POLL),
        pointer(3, phase=Phase.GENERATE),
        pointer(4, phase=Phase.SUBMIT, fence=8),
    )
    assert [(holder.sequence, holder.fence) for holder in world.locks.taken] == [(4, 8)]


def test_the_rest_of_the_second_is_waited_out() -> None:
    """I6: nothing begins before it is due, and what is due meanwhile does not wait for it."""
    world = World()
    world.run(pointer(2, due=NOON + timedelta(seconds=0.7)), pointer(1))
    assert world.executor.ran[0] == pointer(1).task_id
    assert world.executor.ran[1] == pointer(2).task_id
    assert world.clock.elapsed >= 0.7


def test_what_is_due_much_later_is_requeued() -> None:
    """A queue's delay has a limit; a function does not wait beyond it."""
    world, later = World(), pointer(1, due=NOON + timedelta(seconds=30))
    world.run(later)
    assert (world.sent, world.store.waves, world.clock.elapsed) == ([later], [], 0.0)


def test_a_slower_clock_at_the_database_is_waited_for() -> None:
    """Early is no failure: the task is begun when it is due by the database's clock too."""
    clock = HandClock()
    world = World(store=BeginStore(clock, slow_by=0.3))
    world.run(pointer(1))
    assert world.executor.ran == [pointer(1).task_id]
    assert len(world.store.waves) > 1
    assert clock.elapsed >= 0.3


def test_tasks_that_came_early_are_each_begun_once() -> None:
    """Two come early, and a third ends between their times.

    None is begun twice, none is forgotten.
    """
    clock = HandClock()

    class Lasting(CountingExecutor):
        def execute_and_plan(self, of: Begun, lock: AccountLock, deferral: Defer | None) -> Planned:
            planned = super().execute_and_plan(of, lock, deferral)
            clock.elapsed += 0.2
            return planned

    world = World(store=BeginStore(clock, slow_by=0.5), executor=Lasting())
    world.threads = 3
    early = [
        pointer(number, due=NOON - timedelta(seconds=left)) for number, left in [(2, 0.4), (3, 0.1)]
    ]
    world.run(pointer(1, due=NOON - timedelta(seconds=9)), *early)
    assert sorted(world.executor.ran) == [p.task_id for p in several(3)]


def test_what_does_not_fit_is_requeued() -> None:
    """With less than a call and 15 seconds left nothing is begun.

    The message is sent again, the row stays as it is.
    """
    world = World()
    world.total = 44
    world.run(*several(3, Phase.SUBMIT))
    assert (world.store.waves, world.sent) == ([], several(3, Phase.SUBMIT))
    assert world.locks.taken == []


def test_a_held_lock_defers() -> None:
    """The task is begun only so that the planner defers it; it is not executed."""
    clock = HandClock(rate=2)
    held = ScriptedLocks(LockAnswer(verdict=Verdict.HELD, held_until=NOON + timedelta(seconds=5)))
    world = World(store=BeginStore(clock), locks=held)
    world.run(*several(1, Phase.SUBMIT))
    assert [d.after for d in world.executor.deferrals] == [timedelta(seconds=10)]
    assert world.telemetry.counts == {"LockContended": 1}
    assert world.locks.released == []


@pytest.mark.parametrize("until", [timedelta(minutes=5), timedelta(seconds=-5), None])
def test_a_deferral_is_neither_long_nor_a_spin(until: timedelta | None) -> None:
    """A lock's expiry does not say when its holder is done; an unavailable table gives none."""
    answer = (
        LockAnswer(verdict=Verdict.HELD, held_until=NOON + until) if until else LocksUnavailable()
    )
    world = World(locks=ScriptedLocks(answer))
    world.run(*several(1, Phase.CANCEL))
    assert timedelta(seconds=1) <= world.executor.deferrals[0].after <= timedelta(seconds=15)


def test_a_duplicate_does_nothing() -> None:
    """Another delivery of the same task holds the lock and runs the task."""
    world = World(locks=ScriptedLocks(LockAnswer(verdict=Verdict.DUPLICATE)))
    world.run(*several(1, Phase.SUBMIT))
    assert (world.store.waves, world.executor.ran, world.sent, world.locks.released) == (
        [],
        [],
        [],
        [],
    )


def test_what_is_not_begun_releases_its_lock() -> None:
    """A stale pointer must not lock the account of the live task."""
    world = World(store=BeginStore(HandClock(), not_ours={pointer(1).task_id}))
    world.run(*several(1, Phase.SUBMIT))
    assert (world.executor.ran, world.locks.released) == ([], ["0"])


def test_a_dead_database_fails_the_delivery_only_if_nothing_was_begun() -> None:
    """Nothing is lost: the messages come again."""
    world = World(store=BeginStore(HandClock(), fails=[StoreUnavailable()]))
    with pytest.raises(StoreUnavailable):
        world.run(*several(1, Phase.SUBMIT))
    assert world.locks.released == ["0"]


def test_a_database_that_fails_later_leaves_the_rest_to_its_lease() -> None:
    """What was begun must be acknowledged, and with it the message."""
    world = World(store=OneWaveStore(HandClock()))
    world.run(*several(5))
    assert sorted(world.executor.ran) == [p.task_id for p in several(2)]
    assert world.sent == []


def test_a_statement_that_is_refused_is_no_outage() -> None:
    """The tasks are left to their lease; failed messages would come again without end."""
    world = World(store=BeginStore(HandClock(), fails=[FlamebotError("out of range")]))
    world.run(*several(1))
    assert world.telemetry.events() == ["begin_failed"]


def test_a_task_that_fails_ends_no_other() -> None:
    """The others run to their end; the error is reported by its type alone."""
    world = World(executor=CountingExecutor(RuntimeError("planted-hunter2")))
    world.run(*several(3))
    assert len(world.executor.ran) == 3
    assert world.telemetry.events() == ["delivery_failed"] * 3
    assert "hunter2" not in repr(world.telemetry.lines)


def test_a_lock_that_fails_ends_no_other() -> None:
    """A defect in acquiring a lock concerns one task: it is not begun, and the invocation ends."""

    class Breaking(ScriptedLocks):
        def acquire(self, account_id: str, holder: Holder) -> LockAnswer:
            if holder.sequence == 1:
                raise RuntimeError
            return super().acquire(account_id, holder)

    world = World(locks=Breaking())
    world.run(*several(2, Phase.SUBMIT))
    assert world.executor.ran == [pointer(2).task_id]
    assert world.telemetry.events() == ["delivery_failed"]


def test_a_failure_after_the_commit_ends_no_other() -> None:
    """The lock of the failed task is left to expire."""

    class Breaking(CountingExecutor):
        def after_commit(self, planned: Planned, committed: Committed | None) -> Begun | None:
            if planned.begun.task_id == pointer(1).task_id:
                raise RuntimeError
            return super().after_commit(planned, committed)

    world = World(executor=Breaking())
    world.run(*several(2, Phase.SUBMIT))
    assert (len(world.executor.ran), world.locks.released) == (2, ["1"])


def test_a_defect_drains_running_threads() -> None:
    """A thread that outlives its invocation is frozen, and acts long after its lease."""

    class Defective(BeginStore):
        def begin_tasks(
            self, pointers: Sequence[TaskPointer], delivery_id: str
        ) -> list[Early | Begun]:
            if self.waves:
                raise RuntimeError
            return super().begin_tasks(pointers, delivery_id)

    world = World(store=Defective(HandClock()))
    world.executor.seconds[pointer(2).task_id] = 0.2
    with pytest.raises(RuntimeError):
        world.run(*several(3))
    assert world.ended_with == 2


def test_a_kill_in_a_thread_is_a_kill() -> None:
    """An error that ends the process is not turned into an outcome."""

    class Killed(BaseException):
        pass

    with pytest.raises(Killed):
        World(executor=CountingExecutor(Killed())).run(*several(1))


def test_lateness_is_real() -> None:
    """Three schedule seconds late at three times the rate is one second."""
    clock = HandClock(rate=3)
    world = World(store=BeginStore(clock))
    world.run(pointer(1, due=NOON - timedelta(seconds=3)))
    assert world.telemetry.durations == {"DueLateness": [1.0]}


def test_the_invocation_ends_with_its_last_task() -> None:
    """A thread that still runs when the handler returns would be frozen with it (I4)."""
    world = World()
    world.executor.seconds[pointer(1).task_id] = 0.2
    world.run(*several(2))
    assert world.ended_with == 2


def test_the_lock_is_released_when_all_is_known() -> None:
    """I4: the ends of all calls and commits; otherwise it is left to expire."""
    for ended, released in [(True, ["0"]), (False, [])]:
        world = World(executor=CountingExecutor(ended=ended))
        world.run(*several(1, Phase.SUBMIT))
        assert world.locks.released == released


def test_an_unknown_commit_leaves_the_lock_to_expire() -> None:
    """I4: a commit without a reply may still arrive, so its lock is not released."""

    def rule(_: Sequence[CommitItem]) -> list[Committed]:
        raise StoreUnavailable

    world = World()
    world.commits = CommitStore(rule)
    world.run(*several(1, Phase.SUBMIT))
    assert world.locks.released == []
