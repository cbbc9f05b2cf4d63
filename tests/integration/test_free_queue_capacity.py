"""free_queue_capacity: how many tasks may still be queued."""

from __future__ import annotations

from tests.support.builders import a_next, a_running_task, after, an_instance, claim, pause, stop
from tests.support.databases import TestDatabase


def room(database: TestDatabase, most: int) -> int:
    """Call free_queue_capacity."""
    return int(database.value("select free_queue_capacity(%s)", (most,)))


def test_what_is_queued_or_running_takes_room_and_nothing_else(database: TestDatabase) -> None:
    """A task that waits for its time, one that is held and one that is over are not in flight."""
    assert room(database, 10) == 10
    an_instance(database)  # born queued
    a_running_task(database)
    waiting, held = (an_instance(database, a_next(at=after(minutes=10))) for _ in range(2))
    pause(database, held.instance_id)
    stop(database, an_instance(database).instance_id)
    assert room(database, 10) == 8
    assert [row["task_id"] for row in claim(database, now=after(minutes=10))] == [waiting.task_id]
    assert room(database, 10) == 7


def test_a_system_that_is_more_than_full_has_no_room(database: TestDatabase) -> None:
    """Steps and people queue tasks without asking for capacity.

    The free capacity is then 0, not negative.
    """
    for _ in range(3):
        an_instance(database)
    assert (room(database, 3), room(database, 2)) == (0, 0)
