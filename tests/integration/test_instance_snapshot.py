"""instance_snapshot returns, of one moment, what planning an operator's action needs."""

from __future__ import annotations

import pytest

from flamebot.domain.errors import NotFound
from flamebot.domain.instance import InstanceStatus
from flamebot.domain.task import Phase
from tests.support.builders import NOON, a_decision, a_next, after, an_instance, begin, commit
from tests.support.databases import TestDatabase
from tests.support.stores import ALICE, REQUEST, control, failed


def test_instance_and_live_task_are_read(database: TestDatabase) -> None:
    """The snapshot has the instance, its live task, schedule time and the pauses' length."""
    started = an_instance(database, a_next(at=after(hours=1)))
    control(database).pause_all(ALICE)
    control(database, after(seconds=2)).resume_all(ALICE)
    snapshot = control(database, after(minutes=1)).instance_snapshot(started.instance_id)
    assert (
        snapshot.instance.instance_id,
        snapshot.instance.status,
        snapshot.instance.revision,
    ) == (
        started.instance_id,
        InstanceStatus.ACTIVE,
        0,
    )
    assert snapshot.instance.account.account_id == started.account_id
    assert snapshot.task is not None
    assert (snapshot.task.task_id, snapshot.task.phase, snapshot.task.scheduled_for) == (
        started.task_id,
        Phase.TIMER,
        after(hours=1),
    )
    assert (snapshot.task_status, snapshot.now, snapshot.global_paused_ms) == (
        "pending",
        after(minutes=1),
        2000,
    )


def test_the_last_task_of_a_failed_instance_is_read(database: TestDatabase) -> None:
    """The last task has its payload, so that a generated text is used again."""
    snapshot = control(database).instance_snapshot(failed(database, unknown=True).instance_id)
    assert snapshot.task is not None
    assert (snapshot.task_status, snapshot.task.outcome_unknown, snapshot.task.payload.request) == (
        "failed",
        True,
        REQUEST,
    )


def test_the_last_task_is_the_one_of_the_highest_sequence(database: TestDatabase) -> None:
    """Sequences are compared as numbers: the tenth task comes after the ninth."""
    started = an_instance(database)
    an_instance(database)
    for number in range(1, 10):
        task_id = f"{started.instance_id}:{number}"
        (begun,) = begin(database, task_id)
        commit(database, (task_id, begun["fence"], a_decision(next_task=a_next(at=NOON))))
    snapshot = control(database).instance_snapshot(started.instance_id)
    assert snapshot.task is not None
    assert snapshot.task.sequence == 10


def test_an_instance_may_have_no_task_left(database: TestDatabase) -> None:
    """A completed instance whose tasks are deleted has a snapshot without a task."""
    started = an_instance(database)
    (begun,) = begin(database, started.task_id)
    commit(database, (started.task_id, begun["fence"], a_decision(status="completed")))
    database.value("select delete_finished_tasks(%s, 100)", (after(days=8),))
    snapshot = control(database).instance_snapshot(started.instance_id)
    assert (snapshot.task, snapshot.task_status) == (None, None)


@pytest.mark.parametrize("instance_id", ["00000000-0000-4000-8000-000000000000", "nonsense"])
def test_an_unknown_workflow_is_not_found(database: TestDatabase, instance_id: str) -> None:
    """An unknown id raises NotFound."""
    with pytest.raises(NotFound):
        control(database).instance_snapshot(instance_id)
