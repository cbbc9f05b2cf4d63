"""find_orphaned_workflows finds live instances without a live task (I2)."""

from __future__ import annotations

import pytest

from tests.support.builders import (
    a_decision,
    a_next,
    after,
    an_account,
    an_instance,
    begin,
    commit,
    pause,
    stop,
)
from tests.support.databases import TestDatabase
from tests.support.stores import maintenance, running

LOSE = (
    "update scheduled_tasks"
    " set status = 'cancelled', finished_at = clock_timestamp(), lease_expires_at = null,"
    " held_at = null"
)


def test_a_live_instance_without_a_live_task_is_orphaned(database: TestDatabase) -> None:
    """It is found in any live status, whether its task has finished or was deleted (I2)."""
    active, paused, stopping, deleted = (
        an_instance(database, account_id=an_account(database, name)) for name in "abcd"
    )
    pause(database, paused.instance_id)
    begin(database, stopping.task_id)
    stop(database, stopping.instance_id)
    store = maintenance(database)
    assert store.find_orphaned_workflows("", 100) == {
        "checked": 4,
        "last": None,
        "orphaned": 0,
        "ids": [],
    }
    database.rows(
        f"{LOSE} where task_id = any (%s)", ([active.task_id, paused.task_id, stopping.task_id],)
    )
    database.rows("delete from scheduled_tasks where task_id = %s", (deleted.task_id,))
    orphaned = [str(one.instance_id) for one in (active, paused, stopping, deleted)]
    assert store.find_orphaned_workflows("", 100) == {
        "checked": 4,
        "last": None,
        "orphaned": 4,
        "ids": orphaned,
    }


def test_instances_that_have_their_task_or_need_none_are_not(database: TestDatabase) -> None:
    """An instance with a live task is not listed, and a finished one is not read."""
    an_instance(database)
    running(database)
    pause(database, an_instance(database).instance_id)
    stop(database, an_instance(database).instance_id)
    assert maintenance(database).find_orphaned_workflows("", 100) == {
        "checked": 3,
        "last": None,
        "orphaned": 0,
        "ids": [],
    }


def test_it_goes_from_account_to_account(database: TestDatabase) -> None:
    """Batches visit each live instance once, in any order of their starts."""
    for name in ("b", "a", "C", "d", "\u00e4"):
        an_instance(database, account_id=an_account(database, name))
    store, after, seen = maintenance(database), "", []
    while True:
        found = store.find_orphaned_workflows(after, 2)
        seen.append((found["checked"], found["last"]))
        if found["last"] is None:
            break
        after = found["last"]
    assert seen == [(2, "a"), (2, "d"), (1, None)]


def test_it_names_twenty_at_most(database: TestDatabase) -> None:
    """At most twenty orphans are listed, enough to find the cause."""
    for _ in range(22):
        an_instance(database)
    database.rows(LOSE)
    found = maintenance(database).find_orphaned_workflows("", 100)
    assert (found["checked"], found["orphaned"], len(found["ids"])) == (22, 22, 20)


@pytest.mark.race
def test_a_commit_at_work_is_seen_before_or_after_never_between(database: TestDatabase) -> None:
    """The finished task and its successor become visible together."""
    mine = running(database)
    fence = database.value("select fence from scheduled_tasks where task_id = %s", (mine.task_id,))
    other, store = database.session(), maintenance(database)
    other.begin()
    assert commit(other, (mine.task_id, fence, a_decision(next_task=a_next(at=after(hours=1)))))
    assert store.find_orphaned_workflows("", 10)["orphaned"] == 0
    other.commit()
    assert store.find_orphaned_workflows("", 10) == {
        "checked": 1,
        "last": None,
        "orphaned": 0,
        "ids": [],
    }
