"""Deliveries that are about to be begun when the database or the time is gone."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import pytest

from flamebot.domain.begun import Begun, Early
from flamebot.domain.committed import CommitItem, Committed
from flamebot.domain.errors import StoreUnavailable
from flamebot.domain.message import TaskPointer
from flamebot.domain.task import Phase
from flamebot.ports.locks import Holder, LockAnswer
from tests.unit.services.deliveries import BeginStore, OneWaveStore, World, several
from tests.unit.services.stand_ins import NOON, CommitStore, HandClock, ScriptedLocks, pointer


@pytest.mark.parametrize("error", [StoreUnavailable(), RuntimeError()])
def test_a_lock_acquired_after_begin_failed_is_released(error: Exception) -> None:
    """Nothing more is begun: the task is left to its lease or its message."""
    one_begun, failed = threading.Event(), threading.Event()

    class Failing(BeginStore):
        def begin_tasks(
            self, pointers: Sequence[TaskPointer], delivery_id: str
        ) -> list[Early | Begun]:
            answers = super().begin_tasks(pointers, delivery_id)
            if len(self.waves) == 1:
                one_begun.set()
                return answers
            failed.set()
            raise error

    class InTurn(ScriptedLocks):
        def acquire(self, account_id: str, holder: Holder) -> LockAnswer:
            assert {2: one_begun, 3: failed}[holder.sequence].wait(5)
            return super().acquire(account_id, holder)

    world = World(store=Failing(HandClock()), locks=InTurn())
    world.threads = 3
    with suppress(RuntimeError):
        world.run(pointer(1), pointer(2, phase=Phase.SUBMIT), pointer(3, phase=Phase.SUBMIT))
    assert world.store.waves == [[pointer(1).task_id], [pointer(2).task_id]]
    assert "2" in world.released_with
    assert len(world.commits.batches) == 1


def test_an_early_task_releases_its_lock_when_begin_fails() -> None:
    """The next receiver of its message must not take itself for a duplicate."""
    clock = HandClock()
    world = World(store=OneWaveStore(clock, slow_by=0.5))
    world.threads = 3
    earlier = [
        pointer(number, due=NOON - timedelta(seconds=left)) for number, left in [(1, 9), (3, 0.3)]
    ]
    world.run(earlier[0], pointer(2, phase=Phase.SUBMIT), earlier[1])
    assert [len(wave) for wave in world.store.waves] == [3]
    assert world.released_with == ["1"]


def test_a_lock_is_released_before_its_task_is_requeued() -> None:
    """I6: a receiver that finds the lock held takes itself for a duplicate."""

    class SlowToRelease(ScriptedLocks):
        def release(self, account_id: str, delivery_id: str) -> bool:
            threading.Event().wait(0.05)
            return super().release(account_id, delivery_id)

    world = World(store=BeginStore(HandClock(), slow_by=20), locks=SlowToRelease())
    world.run(*several(1, Phase.SUBMIT))
    assert (world.sent, world.released_when_sent) == (several(1, Phase.SUBMIT), ["0"])


def test_after_a_long_commit_nothing_is_begun_without_time() -> None:
    """A commit that waited for its database leaves too little time: ready tasks are requeued."""
    clock, committing = HandClock(), threading.Event()

    def rule(items: Sequence[CommitItem]) -> list[Committed]:
        committing.set()
        clock.elapsed += 30
        return [Committed(task_id=item.task_id, accepted=True) for item in items]

    class Late(ScriptedLocks):
        def acquire(self, account_id: str, holder: Holder) -> LockAnswer:
            assert committing.wait(5)
            return super().acquire(account_id, holder)

    world = World(store=BeginStore(clock), locks=Late())
    world.commits = CommitStore(rule)
    last = pointer(2, phase=Phase.SUBMIT)
    world.run(pointer(1), last)
    assert (world.store.waves, world.sent) == ([[pointer(1).task_id]], [last])
    assert world.released_when_sent == ["1"]
