"""Races of fences: of two holders of a task the older one loses, whichever comes first."""

from __future__ import annotations

import pytest

from tests.integration.races.calls import EXPIRE, lock
from tests.support.builders import (
    Running,
    a_decision,
    a_running_task,
    a_submit,
    an_instance,
    begin,
    commit,
    instance,
    pause,
    reclaim,
    resume,
    task,
)
from tests.support.databases import TestDatabase
from tests.support.race import Call, race

pytestmark = pytest.mark.race


def two_holders(database: TestDatabase) -> tuple[Running, Call, Call]:
    """Return a reclaimed task with the commits of its former and its present holder."""
    running = a_running_task(database)
    database.rows(EXPIRE)
    (taken,) = reclaim(database)
    old = (running.task_id, running.fence, a_decision(next_task=a_submit()))
    new = (running.task_id, taken["fence"], a_decision("pending"))
    return running, lambda s: commit(s, old), lambda s: commit(s, new)


def test_the_newer_commit_then_the_older(database: TestDatabase) -> None:
    """The older commit waits and changes nothing (I4)."""
    running, old, new = two_holders(database)
    kept, stale = race(database, new, old)
    assert (len(kept), stale) == (1, [])
    assert task(database, running.task_id)["status"] == "queued"
    assert instance(database, running.instance_id)["revision"] == 1


def test_the_older_commit_then_the_newer(database: TestDatabase) -> None:
    """The older commit is refused, and the newer one succeeds after it (I4)."""
    running, old, new = two_holders(database)
    stale, kept = race(database, old, new)
    assert (stale, len(kept)) == ([], 1)
    assert task(database, running.task_id)["status"] == "queued"
    assert instance(database, running.instance_id)["revision"] == 1


def two_messages(database: TestDatabase) -> tuple[str, Call, Call]:
    """Return a task with a message from before a pause and one from after it."""
    started = an_instance(database)
    old = task(database, started.task_id)["fence"]
    pause(database, started.instance_id)
    resume(database, started.instance_id)
    new = task(database, started.task_id)["fence"]
    return started.task_id, *(
        lambda s, f=fence: begin(s, started.task_id, fences=[f]) for fence in (old, new)
    )  # type: ignore[return-value]


def test_the_newer_message_then_the_older(database: TestDatabase) -> None:
    """The older message waits and begins nothing."""
    task_id, old, new = two_messages(database)
    begun, none = race(database, new, old)
    assert (len(begun), none) == (1, [])
    assert task(database, task_id)["fence"] == begun[0]["fence"]


def test_the_older_message_then_the_newer(database: TestDatabase) -> None:
    """The older message begins nothing. The newer one only waits for it."""
    task_id, old, new = two_messages(database)
    none, begun = race(database, old, new)
    assert (none, len(begun)) == ([], 1)
    assert task(database, task_id)["status"] == "running"


def test_a_renewal_then_a_newer_fence_at_the_lock(database: TestDatabase) -> None:
    """A later task of the same instance acquires the account's lock (I4).

    The delivery that renewed it has lost its task.
    """
    lock("n1")(database.main)
    renewed, taken = race(database, lock("n1"), lock("n2", fence=8))
    assert (renewed, taken) == ("acquired", "acquired")
    assert database.value("select locked_by from workflow_locks") == "n2"


def test_a_newer_fence_then_a_renewal_at_the_lock(database: TestDatabase) -> None:
    """A renewal waits and then finds that another delivery has the lock (I4)."""
    lock("n1")(database.main)
    taken, refused = race(database, lock("n2", fence=8), lock("n1"))
    assert (taken, refused) == ("acquired", "held")
    assert database.value("select locked_by from workflow_locks") == "n2"
