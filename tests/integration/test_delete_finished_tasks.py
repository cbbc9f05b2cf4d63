"""delete_finished_tasks deletes old finished tasks, but none that a retry needs (I12)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flamebot.adapters.postgres.rows import decision_json, to_json
from flamebot.domain.decision import Decision, InstanceWrite
from tests.support.builders import (
    HORIZON,
    LEASE,
    NOON,
    a_decision,
    a_next,
    a_submit,
    after,
    an_instance,
    begin,
    commit,
    instance,
    live_tasks,
)
from tests.support.databases import TestDatabase, start
from tests.support.stores import ALICE, control, failed, last_task, maintenance

WEEK = timedelta(days=7)


def looped(database: TestDatabase, times: int, *, end: bool = False) -> str:
    """Return an instance with finished tasks, one a minute. It has a live one unless it ended."""
    started = an_instance(database)
    for number in range(1, times + 1):
        task_id, now = f"{started.instance_id}:{number}", after(minutes=number)
        (begun,) = begin(database, task_id, now=now)
        last = end and number == times
        decision = (
            a_decision(status="completed")
            if last
            else a_decision(next_task=a_next(at=after(minutes=number + 1)))
        )
        assert commit(database, (task_id, begun["fence"], decision), now=now)
    return started.instance_id


def sequences(database: TestDatabase, instance_id: str) -> list[int]:
    """Return the sequences of an instance's remaining tasks."""
    rows = database.rows(
        "select sequence from scheduled_tasks where workflow_instance_id = %s order by sequence",
        (instance_id,),
    )
    return [row["sequence"] for row in rows]


def test_finished_rows_of_finished_age_go(database: TestDatabase) -> None:
    """Tasks that finished before the limit are deleted, to the microsecond.

    A live task stays at any age.
    """
    instance_id = looped(database, 3)
    assert maintenance(database, after(days=7, minutes=2)).delete_finished_tasks(WEEK, 100) == 1
    assert sequences(database, instance_id) == [2, 3, 4]
    assert maintenance(database, after(days=700)).delete_finished_tasks(WEEK, 100) == 2
    assert sequences(database, instance_id) == [4]
    assert instance(database, instance_id)["status"] == "active"


def test_a_completed_instance_keeps_none(database: TestDatabase) -> None:
    """A completed instance keeps no task; its history shows what it did."""
    instance_id = looped(database, 3, end=True)
    assert maintenance(database, after(days=8)).delete_finished_tasks(WEEK, 100) == 3
    assert sequences(database, instance_id) == []


def test_the_last_task_of_a_failed_instance_stays(database: TestDatabase) -> None:
    """The last task of a failed instance stays at any age, and a retry continues from it."""
    started = failed(database)
    control(database).retry_workflow(
        started.instance_id,
        1,
        Decision(task=None, instance=InstanceWrite(current_step=2), next=a_submit(NOON)),
        ALICE,
    )
    again = last_task(database, started.instance_id)
    (begun,) = begin(database, again["task_id"])
    commit(database, (again["task_id"], begun["fence"], a_decision("failed", status="failed")))
    assert maintenance(database, after(days=8)).delete_finished_tasks(WEEK, 100) == 1
    assert sequences(database, started.instance_id) == [2]
    revision = instance(database, started.instance_id)["revision"]
    new = Decision(task=None, instance=InstanceWrite(current_step=2), next=a_submit(after(days=8)))
    control(database, after(days=8)).retry_workflow(started.instance_id, revision, new, ALICE)
    assert sequences(database, started.instance_id) == [2, 3]


def test_a_batch_is_no_larger_than_requested(database: TestDatabase) -> None:
    """Each call deletes the oldest tasks up to its limit, until none is left."""
    instance_id = looped(database, 5)
    store = maintenance(database, after(days=8))
    assert [store.delete_finished_tasks(WEEK, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert sequences(database, instance_id) == [6]


@pytest.mark.race
def test_a_locked_row_is_left_and_leaves_no_gap(database: TestDatabase) -> None:
    """Cleanup skips a locked task without waiting, and the tasks after it stay too (I3)."""
    instance_id = looped(database, 4)
    holder = database.session()
    holder.begin()
    holder.rows(
        "select 1 from scheduled_tasks where task_id = %s for no key update", (f"{instance_id}:2",)
    )
    database.db.call("set lock_timeout = '2s'")
    assert maintenance(database, after(days=8)).delete_finished_tasks(WEEK, 100) == 1
    assert sequences(database, instance_id) == [2, 3, 4, 5]
    holder.commit()
    assert maintenance(database, after(days=8)).delete_finished_tasks(WEEK, 100) == 3


@pytest.mark.race
@pytest.mark.parametrize("unknown", [False, True])
def test_cleanup_beside_a_retry_takes_nothing_from_it(
    database: TestDatabase, unknown: bool
) -> None:
    """A retry that has not committed keeps its task, and the instance goes on."""
    started = failed(database, unknown=unknown)
    retrier = database.session()
    retrier.begin()
    new = Decision(task=None, instance=InstanceWrite(current_step=2), next=a_submit(after(days=8)))
    params = (started.instance_id, to_json(decision_json(new)), after(days=8), HORIZON, LEASE)
    retrier.rows("select retry_workflow(%s, 1, %s, %s, %s, %s, 1, 'a', null)", params)
    assert maintenance(database, after(days=8)).delete_finished_tasks(WEEK, 100) == 0
    retrier.commit()
    assert live_tasks(database, started.instance_id) == ["queued"]
    assert maintenance(database, after(days=8)).delete_finished_tasks(WEEK, 100) == (
        0 if unknown else 1
    )
    assert live_tasks(database, started.instance_id) == ["queued"]


@pytest.mark.race
def test_a_retry_beside_a_cleanup_finds_its_task(database: TestDatabase) -> None:
    """A retry beside an uncommitted cleanup finds its task: cleanup deletes older tasks only."""
    started = failed(database)
    cleaner, retrier = database.session(), database.session()
    cleaner.begin()
    cleaner.rows("select delete_finished_tasks(%s, 100)", (after(days=1),))
    new = Decision(task=None, instance=InstanceWrite(current_step=2), next=a_submit(after(days=8)))
    params = (started.instance_id, to_json(decision_json(new)), after(days=8), HORIZON, LEASE)
    waiting = start(
        lambda: retrier.rows("select retry_workflow(%s, 1, %s, %s, %s, %s, 1, 'a', null)", params)
    )
    waiting.result()
    cleaner.commit()
    assert sequences(database, started.instance_id) == [1, 2]


@pytest.mark.race
def test_two_cleanups_share_the_work(database: TestDatabase) -> None:
    """Two cleanups at once do not wait for each other and delete each task once."""
    instance_ids = [looped(database, 2) for _ in range(3)]
    one = database.session()
    one.begin()
    first = one.value("select delete_finished_tasks(%s, 2)", (after(days=1),))
    database.rows("set lock_timeout = '2s'")
    second = database.value("select delete_finished_tasks(%s, 100)", (after(days=1),))
    one.commit()
    third = database.value("select delete_finished_tasks(%s, 100)", (after(days=1),))
    assert first + second + third == 6
    assert [sequences(database, one_id) for one_id in instance_ids] == [[3], [3], [3]]
