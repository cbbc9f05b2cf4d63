"""free_queue_capacity returns how many more tasks may be queued."""

from __future__ import annotations

from tests.support.builders import a_next, a_running_task, after, an_instance, claim, pause, stop
from tests.support.databases import TestDatabase


def free(database: TestDatabase, most: int) -> int:
    """Call free_queue_capacity."""
    return int(database.value("select free_queue_capacity(%s)", (most,)))


def test_only_queued_and_running_tasks_take_capacity(database: TestDatabase) -> None:
    """Pending, held and finished tasks take no capacity."""
    assert free(database, 10) == 10
    an_instance(database)  # queued
    a_running_task(database)
    waiting, held = (an_instance(database, a_next(at=after(minutes=10))) for _ in range(2))
    pause(database, held.instance_id)
    stop(database, an_instance(database).instance_id)
    assert free(database, 10) == 8
    assert [row["task_id"] for row in claim(database, now=after(minutes=10))] == [waiting.task_id]
    assert free(database, 10) == 7


def test_free_capacity_is_never_negative(database: TestDatabase) -> None:
    """Steps and operators may queue tasks beyond the capacity.

    The free capacity is then 0, not negative.
    """
    for _ in range(3):
        an_instance(database)
    assert (free(database, 3), free(database, 2)) == (0, 0)
