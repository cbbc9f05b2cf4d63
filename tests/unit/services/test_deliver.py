"""When tasks are begun, and what becomes of those that are not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from flamebot.domain.errors import FlamebotError, LocksUnavailable, StoreUnavailable
from flamebot.domain.message import TaskPointer
from flamebot.domain.task import Phase
from flamebot.domain.begun import Begun
from flamebot.domain.committed import Committed
from flamebot.ports.locks import Holder, LockAnswer, Verdict
from flamebot.services.stepping.run_chain import Chain, Decided
from tests.unit.services.deliveries import THREADS, BeginStore, CountingChain, World, several
from tests.unit.services.stand_ins import NOON, HandClock, ScriptedLocks, pointer


def test_waves_are_no_larger_than_the_free_threads() -> None:
    """What was begun runs at once: a lease never runs while a task waits for a thread."""
    world = World()
    world.run(*several(7))
    assert sorted(world.chain.ran) == sorted(p.task_id for p in several(7))
    assert max(map(len, world.store.waves)) <= THREADS
    assert world.chain.most <= THREADS


def test_only_writers_take_the_lock() -> None:
    """A wake-up, a text and a poll write nothing."""
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
    assert world.chain.ran[0] == pointer(1).task_id
    assert world.chain.ran[1] == pointer(2).task_id
    assert world.clock.elapsed >= 0.7


def test_what_is_due_much_later_is_sent_on() -> None:
    """A queue's delay has a limit; a function does not wait for what is beyond it."""
    world, later = World(), pointer(1, due=NOON + timedelta(seconds=30))
    world.run(later)
    assert (world.sent, world.store.waves, world.clock.elapsed) == ([later], [], 0.0)


def test_a_slower_clock_at_the_database_is_waited_for() -> None:
    """Early is no failure: the task is begun when the database too says that it is due."""
    clock = HandClock()
    world = World(store=BeginStore(clock, slow_by=0.3))
    world.run(pointer(1))
    assert world.chain.ran == [pointer(1).task_id]
    assert len(world.store.waves) > 1
    assert clock.elapsed >= 0.3


def test_tasks_that_came_early_are_each_begun_once() -> None:
    """Two come early, and a third ends between their times: none is begun twice, none is forgotten."""
    clock = HandClock()

    class Lasting(CountingChain):
        def decide(self, chain: Chain) -> Decided:
            decided = super().decide(chain)
            clock.elapsed += 0.2
            return decided

    world = World(store=BeginStore(clock, slow_by=0.5), chain=Lasting())
    world.threads = 3
    early = [
        pointer(number, due=NOON - timedelta(seconds=left)) for number, left in [(2, 0.4), (3, 0.1)]
    ]
    world.run(pointer(1, due=NOON - timedelta(seconds=9)), *early)
    assert sorted(world.chain.ran) == [p.task_id for p in several(3)]


def test_what_does_not_fit_is_handed_back() -> None:
    """With less than a call and 15 seconds left nothing is begun; the message is sent again, the row stays as it is."""
    world = World()
    world.total = 44
    world.run(*several(3, Phase.SUBMIT))
    assert (world.store.waves, world.sent) == ([], several(3, Phase.SUBMIT))
    assert world.locks.taken == []


def test_a_held_lock_puts_off() -> None:
    """Another holder: the task is begun only for the planner to put it off, in schedule time; it is not executed."""
    clock = HandClock(rate=2)
    held = ScriptedLocks(LockAnswer(verdict=Verdict.HELD, held_until=NOON + timedelta(seconds=5)))
    world = World(store=BeginStore(clock), locks=held)
    world.run(*several(1, Phase.SUBMIT))
    assert [d.after for d in world.chain.put_off] == [timedelta(seconds=10)]
    assert world.telemetry.counts == {"LockContended": 1}
    assert world.locks.released == []


@pytest.mark.parametrize("until", [timedelta(minutes=5), timedelta(seconds=-5), None])
def test_a_deferral_is_neither_long_nor_a_spin(until: timedelta | None) -> None:
    """A lock's expiry is no measure of when its holder is done; a lock table that is down gives none."""
    answer = (
        LockAnswer(verdict=Verdict.HELD, held_until=NOON + until) if until else LocksUnavailable()
    )
    world = World(locks=ScriptedLocks(answer))
    world.run(*several(1, Phase.CANCEL))
    assert timedelta(seconds=1) <= world.chain.put_off[0].after <= timedelta(seconds=15)


def test_a_duplicate_touches_nothing() -> None:
    """Another delivery of the same task holds the lock: whatever this one did would be undone twice."""
    world = World(locks=ScriptedLocks(LockAnswer(verdict=Verdict.DUPLICATE)))
    world.run(*several(1, Phase.SUBMIT))
    assert (world.store.waves, world.chain.ran, world.sent, world.locks.released) == (
        [],
        [],
        [],
        [],
    )


def test_what_is_not_begun_gives_its_lock_back() -> None:
    """A stale pointer must not hold the account of the task that is alive."""
    world = World(store=BeginStore(HandClock(), not_ours={pointer(1).task_id}))
    world.run(*several(1, Phase.SUBMIT))
    assert (world.chain.ran, world.locks.released) == ([], ["0"])


def test_a_dead_database_fails_the_delivery_only_if_nothing_was_begun() -> None:
    """Nothing is lost by it: the messages come again."""
    world = World(store=BeginStore(HandClock(), fails=[StoreUnavailable()]))
    with pytest.raises(StoreUnavailable):
        world.run(*several(1, Phase.SUBMIT))
    assert world.locks.released == ["0"]


def test_a_database_that_dies_later_leaves_the_rest_to_its_lease() -> None:
    """What was begun must be acknowledged, and with it the message."""

    class Dying(BeginStore):
        def begin_tasks(self, pointers: Sequence[TaskPointer], delivery_id: str) -> list[Begun]:
            if self.waves:
                raise StoreUnavailable
            return super().begin_tasks(pointers, delivery_id)

    world = World(store=Dying(HandClock()))
    world.run(*several(5))
    assert sorted(world.chain.ran) == [p.task_id for p in several(2)]
    assert world.sent == []


def test_a_statement_that_is_refused_is_no_outage() -> None:
    """The rows are left to their lease; failing the messages would only bring them back sooner, and for ever."""
    world = World(store=BeginStore(HandClock(), fails=[FlamebotError("out of range")]))
    world.run(*several(1))
    assert world.telemetry.events() == ["begin_failed"]


def test_a_chain_that_breaks_takes_no_sibling() -> None:
    """The siblings run to their end; what broke is told by its type."""
    world = World(chain=CountingChain(RuntimeError("planted-hunter2")))
    world.run(*several(3))
    assert len(world.chain.ran) == 3
    assert world.telemetry.events() == ["chain_broke"] * 3
    assert "hunter2" not in repr(world.telemetry.lines)


def test_a_lock_that_breaks_takes_no_sibling() -> None:
    """A defect in asking for a lock is one task's: it is not begun, and the invocation ends."""

    class Breaking(ScriptedLocks):
        def acquire(self, account_id: str, holder: Holder) -> LockAnswer:
            if holder.sequence == 1:
                raise RuntimeError
            return super().acquire(account_id, holder)

    world = World(locks=Breaking())
    world.run(*several(2, Phase.SUBMIT))
    assert world.chain.ran == [pointer(2).task_id]
    assert world.telemetry.events() == ["chain_broke"]


def test_a_conclusion_that_breaks_takes_no_sibling() -> None:
    """What follows a commit is each task's own; the lock of the one that broke is left to lapse."""

    class Breaking(CountingChain):
        def conclude(self, chain: Chain, decided: Decided, committed: Committed | None) -> bool:
            if decided.task.task_id == pointer(1).task_id:
                raise RuntimeError
            return super().conclude(chain, decided, committed)

    world = World(chain=Breaking())
    world.run(*several(2, Phase.SUBMIT))
    assert (len(world.chain.ran), world.locks.released) == (2, ["1"])


def test_a_defect_waits_for_what_runs() -> None:
    """A thread that outlived its invocation would be frozen, and act on an account long after its lease."""

    class Defective(BeginStore):
        def begin_tasks(self, pointers: Sequence[TaskPointer], delivery_id: str) -> list[Begun]:
            if self.waves:
                raise RuntimeError
            return super().begin_tasks(pointers, delivery_id)

    world = World(store=Defective(HandClock()))
    world.chain.seconds[pointer(2).task_id] = 0.2
    with pytest.raises(RuntimeError):
        world.run(*several(3))
    assert world.ended_with == 2


def test_a_kill_in_a_thread_is_a_kill() -> None:
    """What ends the process is not turned into an outcome."""

    class Killed(BaseException):
        pass

    with pytest.raises(Killed):
        World(chain=CountingChain(Killed())).run(*several(1))


def test_lateness_is_real() -> None:
    """Three engine seconds late at three times the speed is one second."""
    clock = HandClock(rate=3)
    world = World(store=BeginStore(clock))
    world.run(pointer(1, due=NOON - timedelta(seconds=3)))
    assert world.telemetry.durations == {"DueLateness": [1.0]}


def test_the_invocation_ends_with_its_last_task() -> None:
    """A thread that is still at work when the handler returns would be frozen with it (I4)."""
    world = World()
    world.chain.seconds[pointer(1).task_id] = 0.2
    world.run(*several(2))
    assert world.ended_with == 2


def test_the_lock_is_given_back_when_all_is_known() -> None:
    """I4: the ends of all calls and commits; otherwise it is left to lapse."""
    for settled, released in [(True, ["0"]), (False, [])]:
        world = World(chain=CountingChain(settled=settled))
        world.run(*several(1, Phase.SUBMIT))
        assert world.locks.released == released
