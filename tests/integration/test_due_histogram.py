"""due_histogram counts the tasks that fall due in each of the next minutes."""

from __future__ import annotations

from tests.support.builders import a_next, after, an_instance, begin
from tests.support.databases import TestDatabase
from tests.support.stores import reads


def test_waiting_tasks_are_counted_by_minute(database: TestDatabase) -> None:
    """Pending and queued tasks count, and empty minutes are listed."""
    for seconds in (60, 119, 180, 600):
        an_instance(database, a_next(at=after(seconds=seconds)))
    histogram = reads(database, after(seconds=20)).due_histogram(4)
    assert [(row["minute"], row["tasks"]) for row in histogram] == [
        (after(minutes=n), tasks) for n, tasks in enumerate((0, 2, 0, 1))
    ]


def test_what_is_overdue_counts_in_the_first_minute(database: TestDatabase) -> None:
    """Overdue tasks count in the first minute; running tasks do not count."""
    an_instance(database, a_next(at=after(hours=1)))
    begin(database, an_instance(database).task_id)
    histogram = reads(database, after(hours=3, seconds=5)).due_histogram(2)
    assert [(row["minute"], row["tasks"]) for row in histogram] == [
        (after(hours=3), 1),
        (after(hours=3, minutes=1), 0),
    ]
