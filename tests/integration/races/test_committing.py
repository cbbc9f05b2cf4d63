"""Races of commits with operators: an operation that waited for a commit finds its result."""

from __future__ import annotations

import pytest

from tests.integration.races.calls import clean_up, erase, hurry, retry, skip
from tests.support.builders import (
    Running,
    a_decision,
    a_next,
    a_running_task,
    a_submit,
    after,
    begin,
    commit,
    instance,
    live_tasks,
    pause,
    resume,
    stop,
    task,
)
from tests.support.databases import TestDatabase
from tests.support.race import Call, or_refusal, race

pytestmark = pytest.mark.race


def committing(running: Running, **decision: object) -> Call:
    """Return the commit of a running task, by default followed by a submit that is due now."""
    made = a_decision(**{"next_task": None if "status" in decision else a_submit(), **decision})  # type: ignore[arg-type]
    return lambda session: commit(session, (running.task_id, running.fence, made))


def test_commit_then_resume(database: TestDatabase) -> None:
    """A resume that waited for the commit releases the task that the commit held (I2).

    An active instance has no held task.
    """
    running = a_running_task(database)
    pause(database, running.instance_id)
    committed, resumed = race(
        database, committing(running), lambda s: resume(s, running.instance_id)
    )
    assert committed[0]["next_status"] == "held"
    assert [pointer["task_id"] for pointer in resumed["answer"]["send"]] == [
        f"{running.instance_id}:2"
    ]
    assert live_tasks(database, running.instance_id) == ["queued"]


def test_resume_then_commit(database: TestDatabase) -> None:
    """The successor is queued, not held: the commit finds the resume that it waited for."""
    running = a_running_task(database)
    pause(database, running.instance_id)
    _, committed = race(database, lambda s: resume(s, running.instance_id), committing(running))
    assert (committed[0]["instance_status"], committed[0]["next_status"]) == ("active", "queued")


def test_commit_then_skip(database: TestDatabase) -> None:
    """A skip that was planned for the committed task is refused and planned anew (I3)."""
    running = a_running_task(database)
    _, answer = race(database, committing(running), or_refusal(skip(running.instance_id)))
    assert answer == "FB005"
    assert live_tasks(database, running.instance_id) == ["queued"]


def test_commit_then_run_now(database: TestDatabase) -> None:
    """A run-now request for the old task does not shorten the new task's wait."""
    running = a_running_task(database)
    _, answer = race(
        database,
        committing(running, next_task=a_next(at=after(hours=1))),
        or_refusal(hurry(running.instance_id)),
    )
    assert answer == "FB005"
    assert task(database, f"{running.instance_id}:2")["scheduled_for"] == after(hours=1)


def test_a_commit_that_fails_then_retry(database: TestDatabase) -> None:
    """A retry waits for the failure and continues with a new task."""
    running = a_running_task(database, a_submit())
    _, answer = race(
        database,
        committing(running, to="failed", status="failed"),
        or_refusal(retry(running.instance_id)),
    )
    assert answer["workflow"]["status"] == "active"
    assert live_tasks(database, running.instance_id) == ["queued"]
    assert task(database, f"{running.instance_id}:2")["status"] == "queued"


def test_a_commit_that_ends_then_stop(database: TestDatabase) -> None:
    """A stop that waited for the end of the workflow is refused."""
    running = a_running_task(database)
    _, answer = race(
        database,
        committing(running, status="completed"),
        or_refusal(lambda s: stop(s, running.instance_id)),
    )
    assert answer == "FB003"
    assert instance(database, running.instance_id)["status"] == "completed"


def test_a_commit_that_ends_then_pause(database: TestDatabase) -> None:
    """A pause that waited for the end of the workflow is refused."""
    running = a_running_task(database)
    _, answer = race(
        database,
        committing(running, status="completed"),
        or_refusal(lambda s: pause(s, running.instance_id)),
    )
    assert answer == "FB003"
    assert instance(database, running.instance_id)["status"] == "completed"


def test_a_commit_that_ends_then_erasure(database: TestDatabase) -> None:
    """Erasing waits for the end of the workflow and then erases it."""
    running = a_running_task(database)
    ended = committing(running, status="completed", task={"result": {"text": "personal"}})
    race(database, ended, erase(running.account_id))
    assert task(database, running.task_id)["result"] is None
    assert database.value("select count(*) from accounts") == 0


def test_commit_then_cleanup(database: TestDatabase) -> None:
    """Cleanup skips a row that a commit is finishing, whatever its age (I12)."""
    running = a_running_task(database)
    _, deleted = race(database, committing(running), clean_up, waits=False)
    assert deleted == 0
    assert task(database, running.task_id)["status"] == "completed"


def test_commits_of_two_tasks_in_opposite_order(database: TestDatabase) -> None:
    """Rows are locked by id, whatever the order of the items.

    One commit waits for the other, and both succeed.
    """
    first, second = a_running_task(database), a_running_task(database)
    items = [(one.task_id, one.fence, a_decision()) for one in (first, second)]
    one, two = race(database, lambda s: commit(s, *items), lambda s: commit(s, *reversed(items)))
    assert (
        {row["task_id"] for row in one}
        == {row["task_id"] for row in two}
        == {first.task_id, second.task_id}
    )
    assert begin(database, first.task_id, second.task_id) == []
