"""defer_tasks: not now, and no fault of the step."""

from __future__ import annotations

import json

from tests.builders import HORIZON, LEASE, NOON, a_cancel, after, an_instance, begin, instance, pause_all, task
from tests.databases import Row, TestDatabase


def defer(database: TestDatabase, task_id: str, fence: int, seconds: float) -> list[Row]:
    """Call defer_tasks for one task."""
    items = json.dumps([{"task_id": task_id, "fence": fence, "after_ms": round(seconds * 1000)}])
    return database.rows("select * from defer_tasks(%s::jsonb, %s, %s, %s, 1)", (items, NOON, HORIZON, LEASE))


def test_deferred_task_is_due_later_and_comes_back_to_be_sent(database: TestDatabase) -> None:
    """Within the horizon it stays queued, under a new fence: the message in hand is void, attempts untouched."""
    started = an_instance(database)
    fence = task(database, started.task_id)["fence"]
    (row,) = defer(database, started.task_id, fence, 7.5)
    assert (row["task_id"], row["due"]) == (started.task_id, after(seconds=7.5))
    assert row["fence"] > fence
    assert task(database, started.task_id)["attempts"] == 0
    assert instance(database, started.instance_id)["next_action_at"] == after(seconds=7.5)
    assert begin(database, started.task_id, fences=[fence], now=after(minutes=1)) == []
    assert len(begin(database, started.task_id, now=after(minutes=1))) == 1


def test_deferred_beyond_the_horizon_is_pending(database: TestDatabase) -> None:
    """A later tick claims it."""
    started = an_instance(database)
    assert defer(database, started.task_id, task(database, started.task_id)["fence"], 300) == []
    deferred = task(database, started.task_id)
    assert (deferred["status"], deferred["scheduled_for"], deferred["lease_expires_at"]) == ("pending", after(seconds=300), None)


def test_stale_and_running_tasks_are_not_deferred(database: TestDatabase) -> None:
    """Only the message that could begin the task can put it off; a duplicate cannot push the owner's away (I4)."""
    started = an_instance(database)
    fence = task(database, started.task_id)["fence"]
    assert defer(database, started.task_id, fence - 1, 5) == []
    begin(database, started.task_id)
    assert defer(database, started.task_id, fence, 5) == []
    assert task(database, started.task_id)["status"] == "running"


def test_global_pause_gives_back_what_is_deferred(database: TestDatabase) -> None:
    """Under a global pause it is pending; a cancel is sent again."""
    started, cancelling = an_instance(database), an_instance(database, a_cancel())
    pause_all(database)
    assert defer(database, started.task_id, task(database, started.task_id)["fence"], 5) == []
    assert task(database, started.task_id)["status"] == "pending"
    assert len(defer(database, cancelling.task_id, task(database, cancelling.task_id)["fence"], 5)) == 1
